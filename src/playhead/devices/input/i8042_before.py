"""The keyboard controller of machines before pc-3, whose keyboard and mouse take no input (ps2_before.py).

What a guest sees of it, and its state in digests, are part of the recordings of those machines.
"""

from playhead.base.record import U8, Bool, Nested
from playhead.base.shared_record import Bytes, SharedRecord, Table
from playhead.devices.input import ps2_before
from playhead.devices.input.i8042_kbc import (
    ANSWERS_MAX, COMMAND, CTR_AUX_INT, CTR_KBD_INT, DATA, I8042, OUT_A20, OUT_OPEN, OUT_RESET, read_status,
)  # fmt: skip
from playhead.devices.input.ps2_before import KeyboardBefore, MouseBefore
from playhead.hw.inputs import InputReceiver
from playhead.hw.space import Space


class KbcBefore(SharedRecord):
    ram = Table(32, bytes((CTR_KBD_INT | CTR_AUX_INT,)))
    output_port = U8(OUT_OPEN | OUT_RESET | OUT_A20)
    last_was_command = Bool(True)
    command = U8()
    answers = Bytes(ANSWERS_MAX)
    obf = Bool()
    obf_aux = Bool()
    obuf = U8()
    released = Bool()
    keyboard = Nested(KeyboardBefore)
    mouse = Nested(MouseBefore)


class I8042Before(I8042):
    State = KbcBefore  # type: ignore[assignment]
    INPUT = ""
    state: KbcBefore  # type: ignore[assignment]

    def _receivers(self) -> tuple[InputReceiver, ...]:
        return ()

    def _map(self, io: Space) -> None:
        io.map(DATA, 1, self._data, self._write_data, name=f"{self.name}.data")
        io.map(COMMAND, 1, self._status, self._write_command, name=f"{self.name}.command")

    def _data(self, address: int, size: int) -> int:
        return self._read_data(address, size) if self.state.obf else self.state.obuf

    def _status(self, address: int, size: int) -> int:
        return read_status(self.state)  # type: ignore[arg-type]

    def _keyboard_waits(self) -> bool:
        return bool(self.state.keyboard.queue)

    def _mouse_waits(self) -> bool:
        return bool(self.state.mouse.queue)

    def _fetch_keyboard(self) -> int:
        return ps2_before.fetch(self.state.keyboard)

    def _fetch_mouse(self) -> int:
        return ps2_before.fetch(self.state.mouse)

    def _tell_keyboard(self, byte: int) -> None:
        ps2_before.keyboard_write(self.state.keyboard, byte)

    def _tell_mouse(self, byte: int) -> None:
        ps2_before.mouse_write(self.state.mouse, byte)
