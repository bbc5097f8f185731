"""QEMU's log format: known bytes of each kind and version, everything there and back, damage told in one line."""

import random
import struct
import time
import tracemalloc

import pytest
from event_values import any_record
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.base.errors import FormatError
from playhead.log import events as E
from playhead.log.qemu_codec import encode, header
from playhead.log.qemu_format import ASYNC, LAYOUTS, sniff
from playhead.log.qemu_reader import QemuLog, is_qemu_log

V5, V6, V7, V12, V13 = 0xE02005, 0xE02006, 0xE02007, 0xE0200C, 0xE0200D

# What each kind looks like after its number, and its number in each version (`A` + n: the asynchronous kind n).
A = 1000
GOLDEN = [
    (E.Instruction(count=340), "00000154", {V5: 0, V6: 0, V7: 0, V12: 0, V13: 0}),
    (E.Interrupt(), "", {V5: 1, V6: 1, V7: 1, V12: 1, V13: 1}),
    (E.ExceptionTaken(), "", {V5: 2, V6: 2, V7: 2, V12: 2, V13: 2}),
    (E.BottomHalf(id=258), "0000000000000102", {V5: A + 0, V6: A + 0, V7: A + 0, V12: 3, V13: 3}),
    (E.BottomHalfOneshot(id=1), "0000000000000001", {V12: 4, V13: 4}),
    (E.Input(what=E.KeyNumber(number=30, down=True)), "00000000" "00000000" "000000000000001e" "01",
     {V5: A + 1, V6: A + 1, V7: A + 1, V12: 5, V13: 5}),
    (E.Input(what=E.KeyCode(key=50, down=True)), "00000000" "00000001" "00000032" "01",
     {V5: A + 1, V6: A + 1, V7: A + 1, V12: 5, V13: 5}),
    (E.Input(what=E.MouseButton(button=0, down=True)), "00000001" "00000000" "01",
     {V5: A + 1, V6: A + 1, V7: A + 1, V12: 5, V13: 5}),
    (E.Input(what=E.Moved(axis=0, value=5)), "00000002" "00000000" "0000000000000005",
     {V5: A + 1, V6: A + 1, V7: A + 1, V12: 5, V13: 5}),
    (E.Input(what=E.MovedTo(axis=1, value=-1)), "00000003" "00000001" "ffffffffffffffff",
     {V5: A + 1, V6: A + 1, V7: A + 1, V12: 5, V13: 5}),
    (E.Input(what=E.Touch(phase=1, slot=2, tracking=-1, axis=1, value=7)),
     "00000004" "00000001" "0000000000000002" "ffffffffffffffff" "00000001" "0000000000000007", {V12: 5, V13: 5}),
    (E.InputSync(), "", {V5: A + 2, V6: A + 2, V7: A + 2, V12: 6, V13: 6}),
    (E.CharRead(port=1, data=bytearray(b"ab")), "01" "00000002" "6162",
     {V5: A + 3, V6: A + 3, V7: A + 3, V12: 7, V13: 7}),
    (E.BlockDone(id=3), "0000000000000003", {V5: A + 4, V6: A + 4, V7: A + 4, V12: 8, V13: 8}),
    (E.NetPacket(net=2, flags=1, data=bytearray(b"pkt")), "02" "00000001" "00000003" "706b74",
     {V5: A + 5, V6: A + 5, V7: A + 5, V12: 9, V13: 9}),
    (E.Shutdown(cause=0), "", {V5: 4, V6: 4, V7: 4, V12: 10, V13: 10}),
    (E.Shutdown(cause=1), "", {V7: 5, V12: 11, V13: 11}),
    (E.Shutdown(cause=3), "", {V12: 13, V13: 13}),
    (E.Shutdown(cause=4), "", {V7: 7, V12: 14, V13: 14}),
    (E.Shutdown(cause=6), "", {V7: 9, V12: 16, V13: 16}),
    (E.Shutdown(cause=8), "", {V7: 11, V12: 18, V13: 18}),
    (E.Shutdown(cause=10), "", {V12: 20, V13: 20}),
    (E.Shutdown(cause=11), "", {V7: 12, V12: 21, V13: 21}),
    (E.CharWrite(result=1, offset=-1), "00000001" "ffffffff", {V5: 5, V6: 5, V7: 13, V12: 22, V13: 22}),
    (E.CharReadAll(data=bytearray(b"x")), "00000001" "78", {V5: 6, V6: 6, V7: 14, V12: 23, V13: 23}),
    (E.CharReadAllError(result=-11), "fffffff5", {V5: 7, V6: 7, V7: 15, V12: 24, V13: 24}),
    (E.AudioOut(played=512), "0000000000000200", {V6: 8, V7: 16, V12: 25, V13: 25}),
    (E.AudioIn(wpos=9, bits=64, data=bytearray.fromhex("0100000000000000 0200000000000000")),
     "0000000000000001" "0000000000000009" "0000000000000001" "0000000000000002", {V6: 9, V7: 17, V12: 26}),
    (E.AudioIn(data=bytearray.fromhex("0100 feff")),
     "0000000000000001" "0000000000010000" "fffffffffffe0000", {V13: 26}),
    (E.AudioIn(bits=64, data=bytearray.fromhex("0000000000000000 0000008000000000")),
     "0000000000000001" "0000000000000000" "0000000080000000", {V13: 26}),
    (E.Random(result=0, data=bytearray(b"\x07")), "00000000" "00000001" "07", {V12: 27, V13: 27}),
    (E.ClockHost(ns=0x0102030405060708), "0102030405060708", {V5: 8, V6: 10, V7: 18, V12: 28, V13: 28}),
    (E.ClockVirtualRt(ns=-1), "ffffffffffffffff", {V5: 9, V6: 11, V7: 19, V12: 29, V13: 29}),
    (E.CheckpointPassed(id=0), "", {V5: 10, V6: 12, V7: 20, V12: 30, V13: 30}),
    (E.CheckpointPassed(id=2), "", {V5: 12, V6: 14, V7: 22, V12: 32, V13: 32}),
    (E.CheckpointPassed(id=8), "", {V5: 18, V6: 20, V7: 28, V12: 38, V13: 38}),
    (E.End(), "", {V5: 19, V6: 21, V7: 29, V12: 39, V13: 39}),
]  # fmt: skip


def number_bytes(number):
    return bytes((3, 1, number - A)) if number >= A else bytes((number,))


@pytest.fixture
def log(tmp_path):
    """Write a log and read it: [(entry, bytes of it)], and what is to be said about it."""

    def read(version, body, end=None):
        data = header(version) + body + (encode(LAYOUTS[version], E.End()) if end else b"")
        (tmp_path / "replay.bin").write_bytes(data)
        with QemuLog(str(tmp_path / "replay.bin")) as qemu:
            items = list(qemu.items())
            assert qemu.unfinished or sum(i.size for i in items) == len(data) - 12
            return [(i.entry, data[i.offset : i.offset + i.size]) for i in items], qemu

    return read


def test_each_number_has_its_bytes(log):
    """Every number of every version is in the table (causes and checkpoints: some of them)."""
    for version, layout in LAYOUTS.items():
        numbers = {n[version] for _, _, n in GOLDEN if version in n}
        for number, slot in enumerate(layout.slots):
            in_table = number in numbers or (slot.preset and slot.preset[1] not in (0, 8))
            assert in_table or slot.cls is ASYNC, (hex(version), number)
        assert {n - A for n in numbers if n >= A} == set(range(len(layout.kinds)))


@pytest.mark.parametrize("version", LAYOUTS, ids=hex)
def test_golden(log, version):
    for event, tail, numbers in GOLDEN:
        if version not in numbers:
            continue
        data = number_bytes(numbers[version]) + bytes.fromhex(tail)
        assert encode(LAYOUTS[version], event, checkpoint=1) == data
        if isinstance(event, E.End):
            continue
        (entry, raw), (end, _) = log(version, data, end=True)[0]
        assert entry.event == event and raw == data
        assert entry.checkpoint == (1 if numbers[version] >= A else None)
        assert entry.moment.icount == (340 if isinstance(event, E.Instruction) else 0)
        assert E.text_of(end.event) == "END" and end.id == 2


def test_a_known_beginning_and_end(log):
    """The first and last bytes of a log of QEMU 7.2."""
    stamp = "18ea8c0c87795d10"
    body = bytes.fromhex(f"1c{stamp} 25 1c{stamp} 26 00 00000154 02 00 00000001 16 00000001 00000000 0e 27")
    items, _ = log(V12, body)
    assert [E.text_of(e.event).split(" ns=")[0] for e, _ in items] == [
        "CLOCK_HOST", "CHECKPOINT id=INIT", "CLOCK_HOST", "CHECKPOINT id=RESET", "INSTRUCTION count=340", "EXCEPTION",
        "INSTRUCTION count=1", "CHAR_WRITE result=1 offset=0", "SHUTDOWN cause=host-signal", "END",
    ]  # fmt: skip
    assert [e.moment.icount for e, _ in items] == [0, 0, 0, 0, 340, 340, 341, 341, 341, 341]


# -- anything there and back


def recorded(cls, **fixed):
    """An event as QEMU's log can have it."""
    return any_record(cls, **fixed, **({"host_ns": None} if cls is E.NetPacket else {}))


SAMPLES = st.integers(-(2**15), 2**15 - 1).map(lambda n: n << 16) | st.integers(-(2**63), 2**63 - 1)
PAIRS = st.lists(st.tuples(SAMPLES, SAMPLES))


def audio_in(wpos, pairs):
    """As it is read: 16 bits where they are enough."""
    flat = [sample for pair in pairs for sample in pair]
    narrow = all(sample % (1 << 16) == 0 and -(1 << 31) <= sample < 1 << 31 for sample in flat)
    data = b"".join((s >> 16 if narrow else s).to_bytes(2 if narrow else 8, "little", signed=True) for s in flat)
    return E.AudioIn(wpos=wpos, bits=16 if narrow else 64, data=bytearray(data))


def events_of(version):
    """Any event that this version has, with the checkpoint that it is written with."""
    choices = []
    for slot in LAYOUTS[version].slots:
        if slot.cls is ASYNC:
            choices += [st.tuples(recorded(cls), st.integers(0, 8)) for cls in LAYOUTS[version].kinds]
        elif slot.cls is E.Instruction:
            choices.append(st.tuples(st.integers(1, 2**31 - 1).map(lambda n: E.Instruction(count=n)), st.none()))
        elif slot.cls is not E.End:
            fixed = {"vector": None} if slot.cls in (E.Interrupt, E.ExceptionTaken) else dict([slot.preset or ("", 0)])
            if slot.cls is E.AudioIn:
                wpos = st.integers(0, 9 * LAYOUTS[version].wpos)
                choices.append(st.tuples(st.builds(audio_in, wpos, PAIRS), st.none()))
                continue
            choices.append(st.tuples(recorded(slot.cls, **fixed), st.none()))
    return st.one_of(choices)


@pytest.mark.parametrize("version", LAYOUTS, ids=hex)
def test_there_and_back(tmp_path_factory, version):
    path = tmp_path_factory.mktemp("log") / "replay.bin"

    @settings(max_examples=150)
    @given(st.lists(events_of(version), max_size=20), st.booleans())
    def check(events, killed):
        data = [encode(LAYOUTS[version], event, checkpoint or 0) for event, checkpoint in events]
        end = encode(LAYOUTS[version], E.End())
        path.write_bytes(header(version) + b"".join(data) + end)
        with QemuLog(str(path)) as qemu:
            items = list(qemu.items())
        assert [(i.entry.event, i.entry.checkpoint) for i in items[:-1]] == events
        assert [i.size for i in items] == [*map(len, data), 1]
        assert qemu.instructions == sum(e.count for e, _ in events if isinstance(e, E.Instruction))

    check()


# -- without a version


@pytest.mark.parametrize("version", [V5, V6, V7, V12], ids=hex)
def test_a_killed_log_tells_its_version_by_what_is_in_it(log, version):
    rng = random.Random(version)
    layout = LAYOUTS[version]
    stamp = E.ClockHost(ns=1_795_401_345_054_532_000)
    events = [stamp, E.CheckpointPassed(id=7), stamp, stamp, E.CheckpointPassed(id=8)]
    for _ in range(300):
        events += [E.Instruction(count=rng.randrange(1, 100_000)), rng.choice([
            E.CheckpointPassed(id=1), E.Interrupt(), E.ExceptionTaken(), stamp, E.CharWrite(result=1, offset=0),
            E.ClockVirtualRt(ns=rng.randrange(10**10)), E.BottomHalf(id=rng.randrange(10**7)),
            E.Input(what=E.KeyCode(key=5, down=True)), E.InputSync(),
        ])]  # fmt: skip
    body = b"".join(encode(layout, e, 1) for e in events)
    for cut in range(20):
        (log_path_items, qemu) = read_killed(log, body[: len(body) - cut])
        assert qemu.version == version and qemu.unfinished
        kept = len(log_path_items)
        assert [e.event for e, _ in log_path_items] == events[:kept] and kept > len(events) - 20
        assert qemu.left_over == len(body) - cut - sum(len(raw) for _, raw in log_path_items)
        assert "was killed, or is still running" in qemu.note() and hex(version) in qemu.note()
        assert ("cut off" in qemu.note()) == bool(qemu.left_over)


def read_killed(log, body):
    LAYOUTS[0] = LAYOUTS[V12]  # so that the fixture writes a header of zeros
    try:
        return log(0, body)
    finally:
        del LAYOUTS[0]


def test_what_is_a_log_of_qemus(tmp_path):
    path = tmp_path / "f"
    for data, is_one in (
        (header(V12), True), (header(0xE02008) + b"x", True), (header(0) + b"\x1c", True), (header(0), False),
        (bytes(4096), False), (b"", False), (header(V12)[:11], False), (b"SQLite format 3\0" + bytes(200), False),
        (bytes(12) + b"\xff" * 50, False),
    ):  # fmt: skip
        path.write_bytes(data)
        assert is_qemu_log(str(path)) is is_one and (sniff(data[:76]) is not None) is is_one, data[:20]
    assert not is_qemu_log(str(tmp_path)) and not is_qemu_log(str(tmp_path / "none")) and not is_qemu_log("/dev/zero")


# -- damage


def refused(path, data):
    """The error's line; None if the log is fine. It must come soon and name the byte."""
    path.write_bytes(data)
    began = time.process_time()
    try:
        with QemuLog(str(path)) as qemu:
            for item in qemu.items():
                E.text_of(item.entry.event)
    except FormatError as e:
        assert "\n" not in str(e) and str(path) in str(e)
        return str(e)
    finally:
        assert time.process_time() - began < 20
    return None


def a_log(version):
    return header(version) + b"".join(
        encode(LAYOUTS[version], event, 1)
        for event, _, numbers in GOLDEN
        if version in numbers and not isinstance(event, E.End)
    ) + encode(LAYOUTS[version], E.End())  # fmt: skip


@pytest.mark.parametrize("version", LAYOUTS, ids=hex)
def test_cut_anywhere(tmp_path, version):
    data = a_log(version)
    assert refused(tmp_path / "f", data) is None
    for n in range(12, len(data)):
        assert "at byte" in refused(tmp_path / "f", data[:n])
    assert f"at byte {len(data)}: 3 bytes follow its END" in refused(tmp_path / "f", data + b"\0\0\0")


@pytest.mark.parametrize("version", LAYOUTS, ids=hex)
def test_any_byte_changed(tmp_path, version):
    data, path = a_log(version), tmp_path / "f"
    for at in range(len(data)):
        for value in {0, 0xFF, data[at] ^ 1, data[at] ^ 0x80}:
            line = refused(path, data[:at] + bytes((value,)) + data[at + 1 :])
            assert line is None or "at byte" in line or "version" in line or at < 12, line


SAID = [
    ("c8", "at byte 12: event 1, event of unknown kind 200"),
    ("25 28", "at byte 13: event 2, event of unknown kind 40"),
    ("00 00000000", "at byte 12: event 1, INSTRUCTION: a count of 0 instructions"),
    ("00 80000000", "a count of 2147483648 instructions"),
    ("05 00000005", "ASYNC_INPUT: input of unknown type 5"),
    ("05 00000000 00000002", "ASYNC_INPUT: input of unknown type 0.2"),
    ("05 00000001 00000000 02", "ASYNC_INPUT: 2 where only 0 and 1 can be"),
    ("07 00 ffffffff 61", "ASYNC_CHAR_READ: it claims 4294967295 bytes"),
    ("07 00 00001000 61", "ASYNC_CHAR_READ: the file ends inside it"),
    ("1a ffffffffffffffff 0000000000000000", "AUDIO_IN: it claims 18446744073709551615 samples"),
    ("25", "at byte 13: it ends without END"),
    ("27 25", "at byte 13: 1 bytes follow its END"),
]  # fmt: skip


@pytest.mark.parametrize("body, message", SAID)
def test_each_kind_of_damage_is_told(tmp_path, body, message):
    assert message in refused(tmp_path / "f", header(V12) + bytes.fromhex(body))


def test_other_versions_are_told_by_their_number(tmp_path):
    for version in (0xE02004, 0xE02008, 0xE0200B, 0xE0200E, 0xE020FF):
        line = refused(tmp_path / "f", header(version) + b"\x27")
        assert f"version {version:#x}" in line and "0xe0200c" in line
    assert "reserved" in refused(tmp_path / "f", struct.pack(">IQ", V12, 1) + b"\x27")


def test_random_bytes_end_soon_and_small(tmp_path):
    rng = random.Random(5)
    tracemalloc.start()
    for n in range(300):
        body = rng.randbytes(rng.randrange(1, 3000))
        if n % 2:
            body = bytes(b % 41 for b in body)
        refused(tmp_path / "f", header(rng.choice([0, *LAYOUTS])) + body)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_length_costs_no_memory(tmp_path):
    """16 MB are the most that an event may claim, and they are only read if they are there."""
    tracemalloc.start()
    assert refused(tmp_path / "f", header(V12) + bytes.fromhex("09 00 00000000 01000000") + bytes(1000))
    assert refused(tmp_path / "f", header(V12) + bytes.fromhex("1a 0000000000100000 0000000000000000") + bytes(1000))
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()
