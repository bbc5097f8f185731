"""The description of a recording's machine; errors begin with the recording's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playhead.base.errors import FormatError, UnsupportedError
from playhead.boards.config import PcConfig

if TYPE_CHECKING:
    from playhead.log.reader import Reader


def config_of(reader: Reader) -> PcConfig:
    """Raises UnsupportedError for a machine version that cannot be run here, as those of Playhead 0.1.0."""
    try:
        return PcConfig.from_json(reader.meta["config"], reader.blob)
    except (FormatError, UnsupportedError) as e:
        raise type(e)(f"{reader.path}: {str(e).removeprefix(f'{reader.path}: ')}") from None
