"""The error of a replay that differs from its recording: a message, and the facts from which a diagnosis starts."""

from collections.abc import Sequence

from playhead.base.errors import DivergenceError
from playhead.log.moment import Moment


class Divergence(DivergenceError):
    """`moment`: where the divergence was detected. `equal_at`: the last instruction with equal digests, if any.
    `parts`: the parts of the machine whose digests differ.
    """

    def __init__(self, what: str, moment: Moment, equal_at: int | None, parts: Sequence[str] = ()):
        good = "" if equal_at is None else f"; the digests were equal up to instruction {equal_at}"
        super().__init__(f"replay diverged {what}{good}")
        self.moment, self.equal_at, self.parts = moment, equal_at, tuple(parts)
