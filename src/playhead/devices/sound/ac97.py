"""Intel 82801AA AC97, QEMU's `AC97`: a sound controller on PCI with a codec behind it.

This is the card: where its registers are, its interrupt, its codec, and what goes between memory and the audiodev. The
DMA engines are in ac97_stream.py; the registers, and what native code does with them, in ac97_registers.py.

The subsystem is QEMU's: by it Linux knows a virtual machine, and does not measure the codec's clock. A driver that does
measure finds 48,000, as the position moves smoothly (`Differs`).

Sources: Intel 82801AA (ICH) data sheet, chapter 13; AC '97 Component Specification 2.1; QEMU 7.2 where `DIFFERS` says.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from playhead.devices.pci.ring_memory import RingMemory
from playhead.devices.pci.bus import COMMAND, Bar, Reg, addr, identity
from playhead.devices.pci.expansion_rom import ROM_PROPERTIES, PciCard
from playhead.devices.sound.ac97_registers import (
    BDBAR, CR, CR_IOCE, CR_LVBIE, EXTENDED, FRONT_RATE, GLOB_CNT, IN_RATE, LVI, MIC_IN, MIC_RATE, NABM_LENGTH,
    NAM_LENGTH, NAM_REGISTERS, NAM_RESET, NAM_WRITABLE, RESET, SR, SR_BCIS, SR_LVBCI, STA_INTERRUPT, STA_INTERRUPTS,
    VARIABLE_MIC_RATE, VARIABLE_RATE, Ac97State, StreamState, capture_volume, playback_volume, read_nabm, read_nam,
    word, write_nabm,
)  # fmt: skip
from playhead.devices.sound.ac97_stream import Stream
from playhead.base.sound import FRAME, Piece, scaled
from playhead.hw.audio import AudioPort
from playhead.hw.clock import NEVER, VirtualClock
from playhead.hw.declared import Declared, Property
from playhead.hw.device import Differs
from playhead.hw.inputs import AUDIO
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.native import DECLINED, Registers
from playhead.hw.space import Range, Space
from playhead.hw.surroundings import Surroundings

COMMAND_NO_INTX, STATUS, STATUS_INTX = 0x0400, 0x06, 0x08  # of PCI's COMMAND and STATUS, since PCI 2.3
RATES = (IN_RATE, FRONT_RATE, MIC_RATE)  # of each engine
RATE_ENABLES = {FRONT_RATE: VARIABLE_RATE, IN_RATE: VARIABLE_RATE, MIC_RATE: VARIABLE_MIC_RATE}
NAMES = ("pi", "po", "mc")  # of QEMU's voices


class Ac97(PciCard[Ac97State]):
    State = Ac97State
    part = "ac97"
    INPUT = AUDIO
    QEMU = Declared(
        "AC97", "PCI", "Intel 82801AA AC97 Audio",
        (addr(), Property("audiodev", "audiodev"), *ROM_PROPERTIES), aliases=("ac97",), wires=("intA",), most=0,
        creatable=True, category="Sound",
    )  # fmt: skip
    DIFFERS = (
        Differs("CIV, PICB and SR while DMA runs", "move with each frame", "move every 10 ms (audiodev's timer-period)",
                False),
        Differs("volumes", "in steps of 1.5 dB; 0 dB of PCM out is 08h", "linear in the register; 00h is unchanged",
                True),
        Differs("record gain 0", "0 dB", "silence; 0Fh is unchanged", True),
        Differs("extended audio status after a reset", "variable rates are off", "0009h: they are on", True),
        Differs("a rate that the codec does not have", "the nearest one is stored", "is stored, and used", True),
        Differs("GLOB_CNT with a reset of the link (bits 1, 2)", "resets it", "is ignored as a whole", True),
        Differs("codec access semaphore", "set by a codec access under way", "set by its read, cleared by a codec "
                "access", True),
        Differs("registers in other widths than their own", "the bytes of the register", "ones, not written", True),
        Differs("PCM out with 4 or 6 channels, S/PDIF, modem", "of later ICH", "not there", True),
        Differs("the bus master switched off in PCI's command register", "no DMA", "DMA goes on", True),
        Differs("an engine that runs is told to run", "nothing", "goes on to the next buffer", False),
        Differs("an engine that was paused goes on", "where it was", "with the next buffer", False),
        Differs("an empty buffer", "ends at once", "ends after 10 ms, without its interrupt", False),
        Differs("a buffer with half a frame at its end", "is none", "is never passed", False),
        Differs("microphone buffers", "have one channel", "have two", False),
        Differs("an interrupt that is enabled after its cause", "is raised", "is not", False),
        Differs("one engine's interrupt is cleared, another's is pending", "the line stays high", "falls", False),
        Differs("reserved bits of SR", "0", "read back", False),
        Differs("an underrun with BUP set", "repeats the last sample", "the same, in the host's output only; here "
                "silence", False),
    )  # fmt: skip
    CONFIG = (
        *identity(0x8086, 0x2415, 0x01, 0x040100),
        Reg(COMMAND, 2, 0x0000, 0x0507, name="PCICMD"),
        Reg(STATUS, 2, 0x0280, w1c=0xF900, name="PCISTS"),
        Reg(0x3C, 1, 0x00, 0xFF, name="INTLN"),
        Reg(0x3D, 1, 0x01, name="INTPN"),
    )
    BARS = (Bar(0, NAM_LENGTH, io=True), Bar(1, NABM_LENGTH, io=True))

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.memory, at.clock, at.pci_line(p["addr"], name), at.audiodev(p["audiodev"]))

    def __init__(self, name: str, io: Space, memory: Memory, clock: VirtualClock, line: Line, port: AudioPort):
        super().__init__(name)
        self._io, self._line, self.port = io, line, port
        self._ranges: dict[int, Range] = {}
        self._memory = RingMemory(memory, name)
        self._nam = Registers(self.state, read=read_nam)
        self._nabm = Registers(self.state, read=read_nabm, write=write_nabm, clock=clock)
        moves = (self._record, self._play, self._record)
        self._streams = [
            Stream(f"{name}.{NAMES[n]}", self.state.streams[n], clock, self._memory, 1 if n == MIC_IN else 2,
                   partial(word, self.state, RATES[n]), moves[n], self._drive)
            for n in range(3)
        ]  # fmt: skip
        self._reset_codec()

    def reset(self) -> None:
        self._line.set(False)
        for stream in self._streams:
            stream.before_reset()
        super().reset()
        self._reset_codec()

    def _reset_codec(self) -> None:
        for n in range(NAM_REGISTERS):
            self.state.mixer[n] = NAM_RESET.get(2 * n, 0)

    # -- where the registers are

    def loaded(self) -> None:
        for x in self.state.streams:
            if not x.rate:
                x.due_ns = NEVER  # whatever a damaged state says
        self._map()
        self._line.restore(self._level())

    def config_changed(self, offset: int, size: int) -> None:
        self._map()
        if offset < COMMAND + 2 and offset + size > COMMAND:
            self._line.set(self._level())

    def _map(self) -> None:
        for bar, what, read, write, registers in (
            (self.BARS[0], "nam", self._read_nam, self._write_nam, self._nam),
            (self.BARS[1], "nabm", self._read_nabm, self._write_nabm, self._nabm),
        ):
            base, known = self.bar(bar.index), self._ranges.get(bar.index)
            if base == (known.base if known else None):
                continue
            if known is not None:
                self._io.unmap(self._ranges.pop(bar.index))
            if base is not None:
                self._ranges[bar.index] = self._io.map(base, bar.length, read, write, max_size=4, moves=True,
                                                       name=f"{self.name}.{what}", registers=registers)  # fmt: skip

    # -- the interrupt

    def _level(self) -> bool:
        return bool(self.state.glob_sta & STA_INTERRUPTS) and not self.word(COMMAND) & COMMAND_NO_INTX

    def _drive(self) -> None:
        """An engine's status or enables have changed."""
        s = self.state
        for x, bit in zip(s.streams, STA_INTERRUPT, strict=True):
            raised = (x.sr & SR_LVBCI and x.cr & CR_LVBIE) or (x.sr & SR_BCIS and x.cr & CR_IOCE)
            s.glob_sta = s.glob_sta & ~bit | (bit if raised else 0)
        s.config[STATUS] = s.config[STATUS] & ~STATUS_INTX | (STATUS_INTX if s.glob_sta & STA_INTERRUPTS else 0)
        self._line.set(self._level())

    # -- the codec

    def _read_nam(self, address: int, size: int) -> int:
        raise AssertionError("every read is declared")

    def _write_nam(self, address: int, size: int, value: int) -> None:
        s, register = self.state, address - self._ranges[0].base
        s.cas = False
        if size != 2 or register & 1 or register >= 2 * NAM_REGISTERS:
            return
        self._look()  # what was due is of the old volumes and rates
        if register == RESET:
            self._reset_codec()
        elif not (needs := RATE_ENABLES.get(register, 0)) or word(s, EXTENDED) & needs:
            mask = NAM_WRITABLE.get(register, 0xFFFF)
            s.mixer[register >> 1] = word(s, register) & ~mask | value & mask
        for stream, rate in zip(self._streams, RATES, strict=True):
            if stream.x.rate != word(s, rate):
                stream.rate_changed()

    # -- the bus master

    def _look(self) -> None:
        for stream in self._streams:
            stream.look()

    def _read_nabm(self, address: int, size: int) -> int:
        """Something is due first."""
        offset = address - self._ranges[1].base
        if offset < GLOB_CNT:
            self._streams[offset >> 4].look()
        else:
            self._look()
        value = self._nabm.answer(offset, size)
        assert value != DECLINED
        return value

    def _write_nabm(self, address: int, size: int, value: int) -> None:
        offset = address - self._ranges[1].base
        if offset >= GLOB_CNT:
            return  # what there is, is declared
        stream = self._streams[offset >> 4]
        stream.look()
        writes = {(BDBAR, 4): stream.set_bdbar, (LVI, 1): stream.set_lvi, (SR, 1): stream.set_sr,
                  (SR, 2): stream.set_sr, (CR, 1): stream.set_cr}  # fmt: skip
        if (write := writes.get((offset & 15, size))) is not None:
            write(value)

    # -- the sound

    def _play(self, x: StreamState, address: int, samples: int, frames: int) -> None:
        left, right = playback_volume(self.state)
        data = self._memory.read(address, 2 * samples).ljust(FRAME * frames, b"\0")
        self.port.play(Piece(f"{self.name}.po", x.since_ns, x.moved, x.rate, data, left, right))

    def _record(self, x: StreamState, address: int, samples: int, frames: int) -> None:
        data = self.port.capture(frames, x.rate)
        if x is self._streams[MIC_IN].x:
            data = b"".join(data[at : at + 2] for at in range(0, len(data), FRAME))  # the left channel
        else:
            data = scaled(data, *capture_volume(self.state))
        self._memory.write(address, data[: 2 * samples])
