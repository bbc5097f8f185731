"""Every declared event, whatever its kind, survives being stored, and nothing else is taken for one."""

import json

import pytest
from event_values import any_record
from hypothesis import given

from playhead.base.errors import FormatError
from playhead.log import events as E
from playhead.log.causes import CAUSES
from playhead.log.event_names import CHECKPOINTS
from playhead.log.events import KINDS, CharRead, ClockHost, End, fields_of, from_row, text_of, to_row
from playhead.replay.checkpoints import Checkpoint

QEMU = {  # version 0xe0200c of its log; 10 and 30 stand for a range
    0: "INSTRUCTION", 1: "INTERRUPT", 2: "EXCEPTION", 3: "ASYNC_BH", 4: "ASYNC_BH_ONESHOT", 5: "ASYNC_INPUT",
    6: "ASYNC_INPUT_SYNC", 7: "ASYNC_CHAR_READ", 8: "ASYNC_BLOCK", 9: "ASYNC_NET", 10: "SHUTDOWN", 22: "CHAR_WRITE",
    23: "CHAR_READ_ALL", 24: "CHAR_READ_ALL_ERROR", 25: "AUDIO_OUT", 26: "AUDIO_IN", 27: "RANDOM", 28: "CLOCK_HOST",
    29: "CLOCK_VIRTUAL_RT", 30: "CHECKPOINT", 39: "END",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_stored_and_read_back(kind):
    @given(any_record(kind.cls))
    def check(event):
        tag, args, payload = to_row(event)
        assert from_row(tag, args, payload) == event
        assert kind.name in text_of(event) and "\n" not in text_of(event)
        assert json.loads(json.dumps(dict(fields_of(event)))) == dict(fields_of(event))

    check()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_a_wrong_length_is_refused(kind):
    tag, args, payload = to_row(kind.cls())
    if kind.arguments():
        with pytest.raises(FormatError):
            from_row(tag, (args or b"")[:-1], payload)
    with pytest.raises(FormatError):
        from_row(tag, (args or b"") + b"\0", payload)
    if kind.payload is None:
        with pytest.raises(FormatError):
            from_row(tag, args, b"x")


def test_an_unknown_kind_is_refused():
    with pytest.raises(FormatError, match="unknown kind 63"):
        from_row(63, None, None)


STORED = [  # what format 1 has in its files, byte for byte
    (E.BottomHalf(id=258), 3, "0201000000000000", None),
    (E.BottomHalfOneshot(id=1), 4, "0100000000000000", None),
    (CharRead(port=2, data=bytearray(b"ls")), 7, "02", b"ls"),
    (E.BlockDone(id=1), 8, "0100000000000000", None),
    (E.Shutdown(cause=4), 10, "04", None),
    (ClockHost(ns=-2), 28, "feffffffffffffff", None),
    (E.ClockVirtualRt(ns=1), 29, "0100000000000000", None),
    (E.ResetRequested(cause=5), 32, "05", None),
    (End(cause=6, status=33, root=bytearray(b"r" * 16), checks=bytearray(b"c")), 39,
     "06" "21000000" + "72" * 16 + "01000000" "63", None),
    (E.ClockRate(shift=7), 64, "07", None),
    (E.Interrupt(vector=32), 1, "2000", None),
    (E.ExceptionTaken(vector=None), 2, "ffff", None),
    (E.Input(what=E.KeyCode(key=50, down=True)), 5, "01" "32000000" "01", None),
    (E.Input(what=E.MovedTo(axis=1, value=-1)), 5, "04" "01000000" "ffffffffffffffff", None),
    (E.NetPacket(net=1, flags=2, data=bytearray(b"x")), 9, "01" "02000000" "0000000000000080", b"x"),
    (E.NetPacket(net=1, host_ns=3, data=bytearray(b"x")), 9, "01" "00000000" "0300000000000000", b"x"),
]  # fmt: skip


@pytest.mark.parametrize("event, tag, args, payload", STORED, ids=lambda v: type(v).__name__)
def test_the_stored_form_stays(event, tag, args, payload):
    assert to_row(event) == (tag, bytes.fromhex(args), payload)


def test_arguments_out_of_range_are_refused():
    for tag, args in ((1, "0001"), (5, "06"), (5, ""), (5, "013200000002"), (26, "00" * 8 + "ffffffff")):
        with pytest.raises(FormatError):
            from_row(tag, bytes.fromhex(args), None)


def test_tags_are_qemus_where_qemu_has_the_event():
    assert {tag: kind.name for tag, kind in KINDS.items() if kind.qemu} == QEMU
    ours = {"RESET_REQUESTED", "CLOCK_RATE", "SNAPSHOT_LOADED", "BLOCK_FAILED", "MEDIUM_CHANGED"}
    ours |= {"POWER_BUTTON", "WAKE_UP", "NMI", "LINK_CHANGED"}
    assert {kind.name for kind in KINDS.values() if not kind.qemu} == ours
    assert CAUSES.index("host-signal") == 4 and CAUSES.index("guest-reset") == 7 and len(CAUSES) == 11
    assert CHECKPOINTS == tuple(c.name for c in Checkpoint)


def test_every_event_says_what_it_is():
    for kind in KINDS.values():
        assert len(kind.doc) > 30, kind.name


def test_how_each_gets_into_a_replay():
    how = {}
    for kind in KINDS.values():
        how.setdefault(kind.how, set()).add(kind.cls)
    assert set(how) == {"delivered", "pulled", "checked", "foreign"}
    assert how["pulled"] == {ClockHost, E.AudioIn} and how["checked"] == {E.Interrupt, E.ExceptionTaken}
    assert {k.cls for k in KINDS.values() if k.pulled} == how["pulled"] | how["checked"]


def test_text():
    assert text_of(CharRead(port=1, data=bytearray(b"ls\n"))) == "ASYNC_CHAR_READ port=1 data='ls\\n'"
    assert text_of(End(cause=6, status=33)).startswith("END cause=guest-shutdown status=33 root=0000")
    assert text_of(E.Input(what=E.KeyCode(key=50, down=True))) == "ASYNC_INPUT what=key key=x down=True"
    assert text_of(E.Input(what=E.MouseButton(button=99))) == "ASYNC_INPUT what=button button=button-99 down=False"
    assert text_of(E.CheckpointPassed(id=1)) == "CHECKPOINT id=CLOCK_WARP_ACCOUNT"
    assert text_of(E.Interrupt()) == "INTERRUPT" and text_of(E.Interrupt(vector=8)) == "INTERRUPT vector=8"
    assert text_of(E.NetPacket(data=bytearray(b"\xff\x00"))) == "ASYNC_NET net=0 flags=0 data=<2 bytes>"
    assert text_of(E.AudioIn(data=bytearray(b"\1\0\2\0"))) == "AUDIO_IN wpos=0 bits=16 data=<4 bytes>"
