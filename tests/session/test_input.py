"""Keys, movements and buttons of somebody outside: they enter as events, wait while there is no room, and replay."""

from itertools import pairwise

import pytest
from quiet_host import QuietHost

from playhead.base.errors import UsageError
from playhead.base.keyboard.typed_text import keys_of_text
from playhead.boards import pc_devices
from playhead.boards.config import PcConfig
from playhead.log.event_names import KEYS
from playhead.log.events import Input, InputSync, KeyCode
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session import input_words
from playhead.session.outcome import Options
from playhead.session.record import RecordSession
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.run import RunSession
from playhead.session.sources import InputSource
from playhead.session.target import closed_door
from tools import guest

MS = 1_000_000

# It switches the mouse on, says `ready` and then prints what the keyboard controller has for it, the mouse's bytes with
# an m, until the space bar is released. `{wait}` is empty, or waits for interrupt 1 or 12.
ECHO = """
        .include "pc.inc"
        .text
main:   call    pic_init
        gate    0x21, came
        gate    0x2C, came_2
        outport 0x21, 0xF9
        outport 0xA1, 0xEF
        outport 0x64, 0x60
        outport 0x60, {command}
        outport 0x64, 0xD4
        outport 0x60, 0xF4
2:      inb     $0x64, %al
        testb   $1, %al
        jz      2b
        inb     $0x60, %al
        print   "ready"
1:      {wait}
        inb     $0x64, %al
        testb   $1, %al
        jz      1b
        movb    $' ', %bl
        testb   $0x20, %al
        jz      2f
        movb    $'m', %bl
2:      inb     $0x60, %al
        movb    %al, %bh
        movb    %bl, %al
        call    putc
        movb    %bh, %al
        call    put_byte
        cmpb    $0xB9, %al
        jne     1b
        print   "\\n"
        jmp     pass
came_2: pushl   %eax
        movb    $0x20, %al
        outb    %al, $0xA0
        jmp     1f
came:   pushl   %eax
1:      movb    $0x20, %al
        outb    %al, $0x20
        popl    %eax
        iretl
"""
HALTING = {"command": 0x43, "wait": "sti\nhlt\ncli"}
POLLING = {"command": 0x40, "wait": ""}
DEAF = {"command": 0x43, "wait": "cli\nhlt"}


class Asking(QuietHost):
    """At the n-th turn, somebody asks for something."""

    def __init__(self, asks, **more):
        super().__init__(**more)
        self.asks, self.turns, self.printed = list(asks), 0, self.serial[0].written

    @property
    def input_possible(self):
        return self.serial[0].live or bool(self.asks)

    def ask(self, session):
        if b"ready" in self.printed:
            self.turns += 1
            while self.asks and self.asks[0][0] <= self.turns:
                self.asks.pop(0)[1](session.sources[InputSource])


def machine(door, way, tmp_path, **more):
    image = guest.firmware(ECHO.format(**way), tmp_path)
    config = PcConfig(bios=image, ram_bytes=1 << 20, **pc_devices.parts(**more))
    return Machine(config, door)


def record(tmp_path, way, asks, **options):
    """(the session, what was printed after `ready`, its entries) of a recording in which somebody asks for this."""
    host = Asking(asks, live=options.pop("live", True))

    def build(door):
        return machine(door, way, tmp_path)

    with Writer(str(tmp_path / "r.ph"), True) as writer:
        session = RecordSession(build, host, Options(meta={"config": {}}, **options), writer)

        def drive():
            host.ask(session)
            session.turn()

        session.drive = drive
        session.run()
    with Reader(str(tmp_path / "r.ph")) as reader:
        entries = list(reader.entries())
    return session, host.serial[0].written.partition(b"ready")[2].split(b"\r")[0].decode(), entries


def replayed(tmp_path, way, split=None):
    host = QuietHost()
    with Reader(str(tmp_path / "r.ph")) as reader:
        ReplaySession(lambda door: machine(door, way, tmp_path), host, reader, ReplayOptions(split)).run()
    return host.serial[0].written.partition(b"ready")[2].split(b"\r")[0].decode()


def sendkey(text, hold_ms=None):
    return lambda source: source.send_keys(input_words.keys_of(text), hold_ms)


def mouse(*events):
    return lambda source: source.send([one for group in events for one in group])


TYPED = [
    (1, sendkey("ctrl-alt-delete", 5)), (1, sendkey("a")), (1, mouse(input_words.moves(3, -4))),
    (3, mouse(input_words.buttons(1, 0))), (4, mouse(input_words.moves(-1000, 0))), (5, sendkey("0x1e-spc", 1)),
]  # fmt: skip
KEYED = "1D 38 E0 53 E0 D3 B8 9D 1E 9E 1E 39 B9".split()
MOVED = "08 03 04 09 00 00" + " 19 81 00" * 7 + " 19 91 00"


@pytest.mark.parametrize("way", [HALTING, POLLING], ids=["halting", "polling"])
def test_keys_and_movements_enter_in_order_and_replay(tmp_path, way):
    """With the 8042's translation; the long movement is more than the mouse has room for."""
    _, printed, entries = record(tmp_path, way, TYPED)
    words = printed.replace("m", " m").split()
    assert [word for word in words if word[0] != "m"] == KEYED
    assert " ".join(word[1:] for word in words if word[0] == "m") == MOVED
    assert any(isinstance(entry.event, Input) for entry in entries)
    assert replayed(tmp_path, way) == printed
    assert replayed(tmp_path, way, split=7) == printed


@pytest.mark.parametrize("options", [{"live": False}, {}, {"sleep": False}], ids=["jumping", "sleeping", "hurrying"])
@pytest.mark.parametrize("way", [HALTING, POLLING], ids=["halting", "polling"])
def test_a_key_is_held_in_virtual_time(tmp_path, way, options):
    """Between any two steps of a key, whether the processor runs or is halted in between."""
    session, printed, entries = record(tmp_path, way, [(1, sendkey("shift-spc", 20))], **options)
    assert printed == " 2A 39 B9"
    times = session_times(session, entries)
    assert [event.what.down for _, event in times] == [True, True, False]
    gaps = [after - before for (before, _), (after, _) in pairwise(times)]
    assert all(20 * MS <= gap < 20 * MS + 10_000 for gap in gaps), gaps
    assert replayed(tmp_path, way) == printed


def session_times(session, entries):
    """(virtual time, event) of each key. (Counted from the log: `shift` ns an instruction, and what halts added.)"""
    found, extra = [], 0
    for entry in entries:
        now = (entry.moment.icount << session.machine.shift) + extra
        if entry.event.KIND.name == "CLOCK_VIRTUAL_RT":
            extra += entry.event.ns - now
        elif isinstance(entry.event, Input):
            found.append((now, entry.event))
    return found


def test_keys_wait_while_the_keyboard_is_full(tmp_path):
    """The guest has not enabled its keyboard's interrupt and reads at its leisure: none of 200 keys is lost."""
    asks = [(1, lambda source: [source.send([key(name, down)]) for name in "qwert" * 20 for down in (True, False)])]
    _, printed, entries = record(tmp_path, POLLING, [*asks, (2, sendkey("spc"))])
    assert printed.split()[:10] == "10 90 11 91 12 92 13 93 14 94".split() and len(printed.split()) == 202
    assert sum(isinstance(entry.event, InputSync) for entry in entries) == 202
    assert replayed(tmp_path, POLLING) == printed


def typed(text, *times):
    return lambda source: source.send_text(keys_of_text(text), *times)


@pytest.mark.parametrize("way", [HALTING, POLLING], ids=["halting", "polling"])
def test_a_typed_text_enters_key_by_key(tmp_path, way):
    """What comes after it waits for its end, and so does a second text."""
    asks = [(1, typed("aB\n", 5, 3)), (1, sendkey("x", 2)), (1, typed("yz ", 1, 1))]
    session, printed, entries = record(tmp_path, way, asks)
    a_b_return, x, y_z_space = "1E 9E 2A 30 B0 AA 1C 9C", "2D AD", "15 95 2C AC 39 B9"
    assert printed.split() == f"{a_b_return} {x} {y_z_space}".split()
    times = [time for time, _ in session_times(session, entries)]
    gaps = [(after - before) // MS for before, after in pairwise(times)]
    assert gaps[:9] == [5, 3, 0, 5, 0, 3, 5, 3, 2]
    assert replayed(tmp_path, way) == printed and replayed(tmp_path, way, split=7) == printed


def test_a_long_text_waits_outside(tmp_path):
    """It is many times what the queue holds, and what the keyboard does."""
    text = "the quick brown fox\n".replace(" ", "_") * 20
    _, printed, entries = record(tmp_path, HALTING, [(1, typed(text, 1, 1)), (1, sendkey("spc"))], live=False)
    keys = [entry.event.what for entry in entries if isinstance(entry.event, Input)]
    wanted = [name for chord in keys_of_text(text) for name in chord]
    assert [KEYS[one.key] for one in keys if one.down][:-1] == wanted and len(wanted) == 460
    assert printed.endswith("39 B9") and len(printed.split()) == 2 * 461
    assert replayed(tmp_path, HALTING) == printed


def test_no_text_is_too_long_to_be_refused(tmp_path):
    session = RunSession(lambda door: None, QuietHost(), Options())
    session.machine = machine(closed_door(1), DEAF, tmp_path)
    source = session.sources[InputSource]
    source.connect()
    source.send_text(keys_of_text("a" * (1 << 16)))
    with pytest.raises(UsageError, match="nothing is typed: 2 characters and the 65535 that are still to be typed"):
        source.send_text(keys_of_text("ab"))
    with pytest.raises(UsageError, match="held for 1 to 3600000 ms"):
        source.send_text(keys_of_text("a"), 3_600_001)
    source.send_text([])


def key(name, down):
    return KeyCode(key=KEYS.index(name), down=down)


def test_a_guest_that_does_not_listen_ends(tmp_path):
    """What waits for a keyboard that nobody reads is no reason to go on."""
    session, printed, _ = record(tmp_path, DEAF, [(1, sendkey("a-b-c-d-e-f-g-h-i-j"))], live=False)
    assert session.outcome.cause == "none" and printed == ""
    assert replayed(tmp_path, DEAF) == ""


def test_what_cannot_be_sent_is_refused_by_name(tmp_path):
    session = RunSession(lambda door: None, QuietHost(), Options())
    session.machine = machine(closed_door(1), DEAF, tmp_path)
    source = session.sources[InputSource]
    source.connect()
    with pytest.raises(UsageError, match=r"kind move-to.*has a keyboard and a PS/2 mouse"):
        source.send(input_words.qmp_events([{"type": "abs", "data": {"axis": "x", "value": 5}}]))
    for hold in (-1, 3_600_001):
        with pytest.raises(UsageError, match="held for 1 to 3600000 ms"):
            source.send_keys(input_words.keys_of("a"), hold)
    source.send_keys(input_words.keys_of("a") * 170)
    with pytest.raises(UsageError, match="has 1020 inputs waiting"):
        source.send_keys(input_words.keys_of("a"))
    assert source.pending


def test_the_keyboard_of_machines_before_takes_none(tmp_path):
    image = guest.firmware(ECHO.format(**DEAF), tmp_path)
    config = PcConfig(bios=image, ram_bytes=1 << 20, machine="pc-2", **pc_devices.parts("pc-2"))
    session = RunSession(lambda door: None, QuietHost(), Options())
    session.machine = Machine(config, closed_door(1))
    source = session.sources[InputSource]
    source.connect()
    with pytest.raises(UsageError, match="take no input: machine pc-3"):
        source.send_keys(input_words.keys_of("a"))


@pytest.mark.parametrize("text, says", [
    ("foo", "foo: no key has this name"), ("retrun", "did you mean"), ("ctrl-", "parameter: : no key"),
    ("0x1g", "0x1g: a scan code is"), ("0x10000", "between 0 and 0xffff"), ("unmapped", "no key has"),
])  # fmt: skip
def test_names_of_keys(text, says):
    assert [one.key for one in input_words.keys_of("<-a")] == [KEYS.index("less"), KEYS.index("a")]
    with pytest.raises(UsageError, match=says):
        input_words.keys_of(text)


@pytest.mark.parametrize("value", [
    5, {}, {"type": "key", "data": 5}, {"type": "key", "data": {"down": 1, "key": {"type": "qcode", "data": "a"}}},
    {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "zz"}}},
    {"type": "key", "data": {"down": True, "key": {"type": "number", "data": -1}}},
    {"type": "key", "data": {"down": True, "key": {"type": "name", "data": "a"}}},
    {"type": "btn", "data": {"down": True, "button": "touch"}}, {"type": "btn", "data": {"down": True}},
    {"type": "rel", "data": {"axis": "z", "value": 1}}, {"type": "rel", "data": {"axis": "x", "value": 1 << 31}},
    {"type": "rel", "data": {"axis": "x", "value": True}}, {"type": "mtt", "data": {}},
], ids=str)  # fmt: skip
def test_qmp_events_that_are_none(value):
    with pytest.raises(UsageError):
        input_words.qmp_events([value])
