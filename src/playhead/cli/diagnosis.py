"""Why a replay has diverged, for the verbs that say so."""

import os
from typing import Any


def diagnosis(*what: Any) -> str:
    """The report. Whatever happens meanwhile, the replay has diverged, and that is what the exit status says."""
    from playhead.session.diagnose import diagnose

    try:
        return str(diagnose(*what))
    except Exception as e:
        if os.environ.get("PLAYHEAD_DEBUG"):
            raise
        first = str(e).strip().split("\n")[0]
        return f"the diagnosis failed: {type(e).__name__}: {first} (PLAYHEAD_DEBUG=1 shows where)"
