"""Sources of input: their order at one moment, back-pressure, and what a new one takes."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from fake_machine import FakeMachine, Program
from planted import entries
from quiet_host import QuietHost

from playhead.base.errors import DivergenceError
from playhead.boards.config import PcConfig
from playhead.host.chardev.device import INBOX
from playhead.log.events import (
    CharRead, ClockRate, NmiRaised, PowerButtonPressed, ResetRequested, Shutdown, WokenUp,
)  # fmt: skip
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.sources import (
    ClockRateSource, NmiSource, PowerButtonSource, ResetSource, SerialSource, WakeUpSource,
)  # fmt: skip
from playhead.session.sources.source import Refused
from playhead.session.target import closed_door
from tools import guest

PERIOD = 1000


def record(path, build, host, prepare=lambda session: None, **meta):
    blobs, meta = meta.pop("blobs", ()), {"config": {}, **meta}
    with Writer(str(path), True) as writer:
        session = RecordSession(build, host, Options(digest_period=PERIOD, meta=meta, blobs=blobs), writer)
        prepare(session)
        return session, session.run()


def replay(path, build, host, split=None):
    with Reader(str(path)) as reader:
        session = ReplaySession(build, host, reader, ReplayOptions(split))
        return session, session.run()


def test_the_order_of_what_enters_at_one_moment(tmp_path):
    host = QuietHost([(1, 1, b"b"), (1, 0, b"a")])

    def all_at_once():
        session.drive = session.turn
        session.sources[ClockRateSource]._wanted = 5
        for button in (ResetSource, WakeUpSource, NmiSource, PowerButtonSource):
            session.sources[button].press()
        host.request_quit("the test")
        session.turn()

    def prepare(made):
        nonlocal session
        session, made.drive = made, all_at_once

    session = None
    record(tmp_path / "r.ph", lambda door: FakeMachine(door, Program(halt=0)), host, prepare)
    found = [e for e in entries(tmp_path / "r.ph") if not e.kind.pulled]
    order = [ClockRate, CharRead, CharRead, NmiRaised, PowerButtonPressed, WokenUp, ResetRequested, Shutdown]
    assert [type(e.event) for e in found[:8]] == order
    assert [e.event.port for e in found[1:3]] == [0, 1]
    assert len({e.moment for e in found[:7]}) == 1


def test_each_press_of_a_button_is_an_input(tmp_path):
    """Presses that come before one took effect are one; a machine without the button refuses the event."""
    buttons = (NmiSource, PowerButtonSource, WakeUpSource)
    turns = 0

    def press_now_and_then():
        nonlocal turns
        turns += 1
        for button in buttons[: turns // 5 % 4] if turns % 5 == 0 else ():
            session.sources[button].press()
            session.sources[button].press()
        session.turn()

    def prepare(made):
        nonlocal session
        session, made.drive = made, press_now_and_then

    session, machines = None, []

    def build(door):
        machines.append(FakeMachine(door, Program()))
        return machines[-1]

    record(tmp_path / "r.ph", build, QuietHost(), prepare)
    pressed = [e.event for e in entries(tmp_path / "r.ph") if type(e.event) in (NmiRaised, PowerButtonPressed, WokenUp)]
    assert len(pressed) > 20 and {type(e) for e in pressed} == {NmiRaised, PowerButtonPressed, WokenUp}
    power = machines[0].devices["pm"].pressed
    assert 0 < power.count("wake") < power.count("power") < len(machines[0].devices["lapic"].pressed)
    for split in (None, 3):
        assert replay(tmp_path / "r.ph", build, QuietHost(), split)[1].complete
        for name in ("pm", "lapic"):
            assert machines[-1].devices[name].pressed == machines[0].devices[name].pressed

    def without(door):
        machine = build(door)
        del machine.devices["lapic"]
        return machine

    with pytest.raises(DivergenceError, match="NMI here, and this machine has nothing that takes it"):
        replay(tmp_path / "r.ph", without, QuietHost())


BUTTONS = """
        .include "pc.inc"
        .section .bss
        .balign 4
nmis:   .skip   4
        .text
main:   gate    2, on_nmi
        movl    $0x400, 0xFEE00360              # LINT1 is NMI
        pci_write 0x80000B40, 0x601             # the power management block
        movl    $0xCF8, %edx
        movl    $0x80000B80, %eax
        outl    %eax, %dx
        outport 0xCFC, 1
        print   "ready\\n"
1:      hlt                                     # IF is clear: only an NMI ends this
        movl    nmis, %eax
        call    put_dec
        cmpl    $3, nmis
        jne     1b
        movl    $0x602, %edx                    # now the button is to be seen
        movw    $0x100, %ax
        outw    %ax, %dx
        print   " asked\\n"
2:      movl    $0x600, %edx
        inw     %dx, %ax
        testw   $0x100, %ax
        jz      2b
        jmp     pass
on_nmi: incl    nmis
        iretl
"""


def test_buttons_and_a_real_guest(tmp_path):
    """An NMI ends HLT; the power button is seen once the guest has asked for it, and a wake-up not at all."""
    config = PcConfig(bios=guest.firmware(BUTTONS, tmp_path), ram_bytes=1 << 20)
    host = QuietHost(ports=1, live=True)

    def press():
        nonlocal seen
        said = bytes(host.serial[0].written)
        if b"\n" in said and said != seen:  # once behind "ready", behind each number, and behind "asked"
            seen = said
            for button in (WakeUpSource, PowerButtonSource, NmiSource)[: 2 if b"3" in said else 3]:
                session.sources[button].press()
        session.turn()

    def prepare(made):
        nonlocal session
        session, made.drive = made, press

    session, seen = None, b""
    meta = {"config": config.to_json(), "shift": 3, "blobs": tuple(config.blobs().values())}
    _, outcome = record(tmp_path / "r.ph", lambda door: Machine(config, door), host, prepare, **meta)
    assert outcome.cause == "guest-shutdown" and outcome.status == 0
    assert bytes(host.serial[0].written) == b"ready\r\n123 asked\r\nPASS\r\n"
    found = [type(e.event) for e in entries(tmp_path / "r.ph")]
    assert found.count(NmiRaised) == 3 and found.count(PowerButtonPressed) >= 4
    for engine in ("native", "reference"):
        quiet = QuietHost(ports=1)
        assert replay(tmp_path / "r.ph", lambda door, e=engine: Machine(config, door, e), quiet, 5)[1].complete
        assert quiet.serial[0].written == host.serial[0].written


# -- back-pressure

READER = """
        .include "pc.inc"
        .text
main:   outport COM1 + 2, {fcr}
        outport COM1 + 1, {ier}
        xorl    %ebx, %ebx
1:      {before}
        movl    $COM1 + 5, %edx
        inb     %dx, %al
        testb   $1, %al
        jz      1b
        movl    $COM1, %edx
        inb     %dx, %al
        movzbl  %al, %eax
        roll    $5, %ebx
        xorl    %eax, %ebx
        cmpb    $'<', %al
        jne     2f
        xorl    %ebx, %ebx
2:      cmpb    $'>', %al
        jne     1b
        movl    %ebx, %eax
        call    put_hex
        print   "\\n"
        jmp     pass
"""
LOOPBACK = """outport COM1 + 4, 0x1B
        movl    $COM1 + 5, %edx
        inb     %dx, %al
        outport COM1 + 4, 0x0B
"""
TEXT = b"." * 64 + b"<" + b"".join(b"line %d of a paste\n" % n for n in range(300)) + b">"


def hashed(text):
    value = 0
    for byte in text[text.index(b"<") + 1 :]:
        value = (value << 5 | value >> 27) & 0xFFFFFFFF ^ byte
    return b"%08X" % value


@pytest.mark.parametrize(
    "fcr, ier, before, most",
    [(0x00, 0, "", 1), (0x01, 0, "", 16), (0x00, 0, LOOPBACK, 1), (0xC1, 0, LOOPBACK, 16)],
    ids=["no FIFO", "FIFO", "no FIFO, loopback now and then", "FIFO, loopback now and then"],
)
def test_a_paste_is_never_lost_and_never_waits(tmp_path, fcr, ier, before, most):
    """A guest that polls finds the next bytes as soon as it has read those that there were."""
    image = guest.firmware(READER.format(fcr=fcr, ier=ier, before=before), tmp_path)
    config = PcConfig(bios=image, ram_bytes=1 << 20)

    def build(door):
        return Machine(config, door)

    host = QuietHost([(1, 0, TEXT)], ports=1)
    meta = {"config": config.to_json(), "shift": 3, "blobs": tuple(config.blobs().values())}
    _, outcome = record(tmp_path / "r.ph", build, host, **meta)
    assert outcome.cause == "guest-shutdown" and hashed(TEXT) in host.serial[0].written
    sizes = [len(e.event.data) for e in entries(tmp_path / "r.ph") if isinstance(e.event, CharRead)]
    assert sum(sizes) == len(TEXT) and max(sizes[32:]) == most and len(sizes) < len(TEXT) / most + 200
    assert outcome.icount < 60 * len(TEXT)
    for split in (None, 3):
        quiet = QuietHost(ports=1)
        assert replay(tmp_path / "r.ph", build, quiet, split)[1].complete
        assert quiet.serial[0].written == host.serial[0].written


def test_input_for_which_there_is_no_room_stays_outside(tmp_path):
    """More than any inbox holds, to a guest that reads now and then."""
    host = QuietHost([(1, 0, b"x" * 5000), (1, 1, b"y" * 300)])
    record(tmp_path / "r.ph", lambda door: FakeMachine(door, Program(listen=100)), host)
    took = [0, 0]
    for entry in entries(tmp_path / "r.ph"):
        if isinstance(entry.event, CharRead):
            took[entry.event.port] += len(entry.event.data)
    assert 0 < took[0] < 5000 and len(host.serial[0].take(5000)) == 5000 - took[0]
    assert took[1] == 300


def test_ports_are_counted_whatever_their_names_are():
    machine = FakeMachine(closed_door(2), Program())
    first, second = machine.uarts
    machine.devices = {"rtc": object(), "com": first, "serial7": second}
    source = SerialSource(SimpleNamespace(machine=machine, host=None))
    source.apply(CharRead(port=1, data=bytearray(b"xy")))
    assert (first.rx, second.rx) == (b"", b"xy")
    for port, size in ((1, 15), (2, 1), (0, 0)):
        with pytest.raises(Refused, match=f"serial port {port} took {size} bytes"):
            source.apply(CharRead(port=port, data=bytearray(size)))


def test_a_paste_that_no_inbox_holds_arrives_whole(tmp_path):
    """The watcher stops reading when the inbox is full, and the pipe then stops the writer."""
    image = tmp_path / "guest.bin"
    image.write_bytes(guest.firmware(READER.format(fcr=1, ier=0, before=""), tmp_path))
    text = TEXT[:-1] + b"more and more " * 9_600 + b">"
    assert len(text) > INBOX * 4096 + (64 << 10)
    command = [sys.executable, "-m", "playhead.cli", "run", "-m", "1", "-bios", str(image), "-serial", "stdio"]
    done = subprocess.run([*command, "-device", "isa-debug-exit"], input=text, capture_output=True, timeout=300)
    assert hashed(text) in done.stdout, (done.stdout, done.stderr)
