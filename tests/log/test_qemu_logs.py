"""Logs that QEMU 7.2 records here and now: every byte has its event, nothing is unknown, what was done is in them."""

from collections import Counter
from itertools import pairwise

import pytest
from qemu_machine import Recording, enumerations

from playhead.log import events as E
from playhead.log.causes import CAUSES
from playhead.log.event_names import AXES, BUTTONS, KEYS
from playhead.log.qemu_codec import encode
from playhead.log.qemu_reader import QemuLog
from playhead.replay.checkpoints import Checkpoint
from tools import guest

HALTS = b"\xfa\xf4\xeb\xfd".ljust(510, b"\0") + b"\x55\xaa"  # a boot sector: cli; hlt; again


def read(path):
    """Every event of a log, after what holds for each log: written again it is the same bytes, without a gap."""
    data = path.read_bytes()
    with QemuLog(str(path)) as log:
        items = list(log.items())
        at, total = 12, 0
        for n, item in enumerate(items):
            entry = item.entry
            assert item.offset == at and entry.id == n + 1
            assert encode(log.layout, entry.event) == data[at : at + item.size]
            at += item.size
            total += entry.event.count if isinstance(entry.event, E.Instruction) else 0
            assert entry.moment == (total, 0)
        assert at == len(data) - log.left_over and log.instructions == total > 0
        assert log.version == 0xE0200C
        return [i.entry for i in items], log


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    """SeaBIOS from power-on, with a network card that asks for an address, a disk, keys, a mouse, a serial port."""
    folder = tmp_path_factory.mktemp("q")
    (folder / "disk").write_bytes(HALTS.ljust(1 << 20, b"\0"))
    with Recording(
        folder, "-serial", f"unix:{folder / 'serial'},server=on,wait=off",
        "-netdev", "user,id=n", "-device", "e1000,netdev=n", "-object", "filter-replay,id=r,netdev=n",
        "-drive", f"file={folder / 'disk'},if=none,snapshot=on,format=raw,id=i",
        "-drive", "driver=blkreplay,if=none,image=i,id=b", "-device", "ide-hd,drive=b", "-boot", "n", "-vga", "std",
    ) as qemu:  # fmt: skip
        serial = qemu.connect(qemu.serial)
        serial.sendall(b"hello")
        qemu.wait_for_size(45_000)  # the firmware is at work
        qemu.monitor("sendkey x", "sendkey shift-a", "sendkey ret", "sendkey kp_add",
                     "mouse_move 5 -3", "mouse_button 1", "mouse_button 0")  # fmt: skip
        qemu.wait_for_events({E.BlockDone: 1, E.NetPacket: 1, E.Input: 14})  # keys are pressed one after the other
        qemu.monitor("quit")
        qemu.wait()
        serial.close()
    return read(qemu.path)


def test_the_log_of_a_firmware_is_whole(firmware):
    entries, log = firmware
    assert not log.unfinished and log.note() == "" and log.left_over == 0
    assert [E.text_of(e.event) for e in entries[-2:]] == ["SHUTDOWN cause=host-signal", "END"]
    assert E.Shutdown(cause=CAUSES.index("host-qmp-quit")) in [e.event for e in entries[-20:]]
    shape = [type(e.event) for e in entries[:3]]
    assert shape == [E.ClockHost, E.CheckpointPassed, E.ClockHost] and entries[1].event.id == 7
    assert 1_000_000 < log.instructions


def test_what_was_typed_is_in_it(firmware):
    inputs = [e.event.what for e in firmware[0] if isinstance(e.event, E.Input)]
    keys = [(KEYS[w.key], w.down) for w in inputs if isinstance(w, E.KeyCode)]
    pressed = [k for k, down in keys if down]
    assert pressed == ["x", "shift", "a", "ret", "kp_add"]
    assert Counter(k for k, down in keys if not down) == Counter(pressed)
    assert [(w.axis, w.value) for w in inputs if isinstance(w, E.Moved)] == [(0, 5), (1, -3)]
    assert [(w.button, w.down) for w in inputs if isinstance(w, E.MouseButton)] == [(0, True), (0, False)]
    assert len([e for e in firmware[0] if isinstance(e.event, E.InputSync)]) >= 5


def test_what_came_from_serial_port_network_and_disk_is_in_it(firmware):
    entries, _ = firmware
    typed = b"".join(bytes(e.event.data) for e in entries if isinstance(e.event, E.CharRead))
    assert typed and b"hello".startswith(typed)
    packets = [bytes(e.event.data) for e in entries if isinstance(e.event, E.NetPacket)]
    assert packets and all(len(p) >= 42 for p in packets)
    assert {(e.event.net, e.event.flags, e.event.host_ns) for e in entries if isinstance(e.event, E.NetPacket)} == {
        (0, 0, None)
    }
    after = [b.event for a, b in pairwise(entries) if isinstance(a.event, E.NetPacket)]
    assert all(isinstance(e, E.NetPacket) or e == E.CheckpointPassed(id=Checkpoint.CLOCK_WARP_ACCOUNT) for e in after)
    assert any(isinstance(e.event, E.BlockDone) for e in entries)
    counts = Counter(type(e.event) for e in entries)
    assert min(counts[k] for k in (E.Interrupt, E.ExceptionTaken, E.ClockHost, E.ClockVirtualRt, E.Instruction)) > 3


@pytest.mark.guest
def test_a_killed_linux(tmp_path):
    """Debian's kernel prints; QEMU is killed in the middle. The log has no version; it is read up to its last event."""
    kernel, initrd = guest.debian("boot")
    with Recording(
        tmp_path, "-m", "128", "-serial", f"file:{tmp_path / 'console'}", "-kernel", str(kernel),
        "-initrd", str(initrd), "-append", "console=ttyS0 lpj=1000000 noapic", shift=1,
    ) as qemu:  # fmt: skip
        qemu.wait_for_size(400_000)
        while not (tmp_path / "console").exists() or (tmp_path / "console").stat().st_size < 3000:
            qemu.wait_for_size(qemu.path.stat().st_size + 1)
        qemu.wait_for_size(qemu.path.stat().st_size + 50_000)
    entries, log = read(qemu.path)
    assert log.unfinished and log.left_over < 64
    assert "no version number: its QEMU was killed" in log.note()
    assert not any(isinstance(e.event, E.End) for e in entries)
    written = sum(e.event.result for e in entries if isinstance(e.event, E.CharWrite))
    assert 1000 < written <= (tmp_path / "console").stat().st_size
    assert log.instructions > 100_000_000


def test_names_are_qemus_in_its_order():
    known = enumerations()
    assert list(KEYS) in known and list(AXES) in known and list(BUTTONS[:9]) in known and list(CAUSES) in known
