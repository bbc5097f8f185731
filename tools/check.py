"""check: lint and type-check the package, the development programs and the tests.

ruff for all, mypy for `src` and `tools` (the tests are typed where they like). Every part runs, so that one round shows
all that is wrong; the exit status is 1 if any part complained.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    linted = [name for name in ("src", "tools", "bench", "tests", "dev") if (ROOT / name).exists()]
    parts = {
        "ruff": ["ruff", "check", "--quiet", *linted],
        "mypy, the package": ["mypy", "--no-error-summary"],
        "mypy, tools": ["mypy", "--no-error-summary", "-p", "tools"],
    }
    wrong = []
    for name, command in parts.items():
        environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
        if subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment).returncode != 0:
            wrong.append(name)
    print(f"check: {', '.join(wrong)} complained" if wrong else "check: nothing to complain about")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
