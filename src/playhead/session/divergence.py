"""The error that a replay ends with when it is not its recording: what is said, and what a diagnosis starts from."""

from collections.abc import Sequence

from playhead.base.errors import DivergenceError
from playhead.log.moment import Moment


class Divergence(DivergenceError):
    """`moment`: where the replay stood when it noticed. `equal_at`: the last instruction with equal digests, if any.
    `parts`: in which parts of the machine the digests differ.
    """

    def __init__(self, what: str, moment: Moment, equal_at: int | None, parts: Sequence[str] = ()):
        good = "" if equal_at is None else f"; the digests were equal up to instruction {equal_at}"
        super().__init__(f"replay diverged {what}{good}")
        self.moment, self.equal_at, self.parts = moment, equal_at, tuple(parts)
