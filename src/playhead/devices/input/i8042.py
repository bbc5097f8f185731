"""Intel 8042, the PC's keyboard controller: that of now, or that of machines before pc-3, which take no input."""

from collections.abc import Mapping
from typing import Any, Self

from playhead.devices.input.i8042_kbc import I8042
from playhead.hw.surroundings import Surroundings


class EitherI8042(I8042):
    """What the registry has: it builds one of the two."""

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        if p["input"]:
            return super().build(name, at, p)
        from playhead.devices.input.i8042_before import I8042Before  # here: only old machines have it

        return I8042Before.build(name, at, p)  # type: ignore[return-value]
