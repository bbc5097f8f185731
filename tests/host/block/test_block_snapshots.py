"""Internal snapshots: what they say of themselves, what they hold, and QEMU's view of both."""

import subprocess
import time

import pytest

from playhead.base.errors import UnsupportedError, UsageError
from playhead.host.block import create_qcow2, open_image

SIZE = 1 << 20


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "disk.qcow2")
    create_qcow2(path, SIZE, cluster_bits=12)
    return path


def test_snapshots_say_what_they_were_given(path):
    with open_image(path) as image:
        image.create_snapshot("größe", b"s" * 5000, date_ns=1_700_000_000_000_000_123, vm_clock_ns=77, icount=1 << 40)
        image.create_snapshot("", id="7")
        image.create_snapshot("third")
        image.create_snapshot("zero", icount=0)
        with pytest.raises(UsageError, match="already"):
            image.create_snapshot("x", id="7")
        with pytest.raises(UsageError, match="no snapshot 'nothing'"):
            image.delete_snapshot("nothing")
    with open_image(path, read_only=True) as image:
        first, second, third, zero = image.snapshots()
        assert (first.id, first.name, first.date_ns, first.vm_clock_ns, first.vm_state_size, first.icount) == (
            "1", "größe", 1_700_000_000_000_000_123, 77, 5000, 1 << 40)  # fmt: skip
        assert first.date.isoformat() == "2023-11-14T22:13:20+00:00"
        assert (second.id, third.id, zero.id, second.icount, zero.icount) == ("7", "8", "9", None, 0)
        assert abs(third.date_ns - time.time_ns()) < 60e9
        assert image.read_vm_state("größe", 10, 20) == b"s" * 20
        with pytest.raises(UsageError, match="machine's state"):
            image.read_vm_state("1", 4999, 2)


def test_refcounts_too_narrow_for_a_snapshot(judge, tmp_path):
    path = tmp_path / "disk.qcow2"
    create_qcow2(str(path), SIZE, refcount_bits=2, cluster_bits=10)
    with open_image(str(path)) as image:
        image.write(0, b"x")
        for n in range(2):
            image.create_snapshot(str(n), b"state")
        with pytest.raises(UnsupportedError, match="no room for 4 users"):
            image.create_snapshot("2", b"state")
        assert len(image.snapshots()) == 2
        image.write(0, b"y")
    judge.check(path)
    create_qcow2(str(path), SIZE, refcount_bits=1)
    with open_image(str(path)) as image, pytest.raises(UnsupportedError, match="one bit"):
        image.create_snapshot("x")


def test_a_machines_state_goes_to_qemu_and_back(judge, tmp_path):
    """QEMU saves its state; we carry it over into an image of ours; QEMU continues from there."""
    qemu = ["qemu-system-i386", "-m", "8", "-nodefaults", "-display", "none", "-S", "-monitor", "stdio"]
    if subprocess.run(["which", qemu[0]], capture_output=True).returncode:
        pytest.skip(f"{qemu[0]} is not installed")
    theirs, ours = tmp_path / "theirs.qcow2", tmp_path / "ours.qcow2"
    judge.create(theirs, SIZE)
    judge.io(theirs, "write -P 7 0 64k")
    drive = "if=ide,format=qcow2,file="
    subprocess.run([*qemu, "-drive", drive + str(theirs)], input="savevm first\nquit\n", text=True,
                   stdout=subprocess.DEVNULL, timeout=300)  # fmt: skip
    with open_image(str(theirs), read_only=True) as image:
        (info,) = image.snapshots()
        state = image.read_vm_state("first")
    assert info.name == "first" and info.icount is None and state[:4] == b"QEVM" and len(state) == info.vm_state_size
    create_qcow2(str(ours), SIZE, cluster_bits=13)
    with open_image(str(ours)) as image:
        image.write(0, b"\7" * 65536)
        image.create_snapshot("first", state, vm_clock_ns=info.vm_clock_ns)
        image.write(0, b"later")
    judge.check(ours)
    done = subprocess.run([*qemu, "-drive", drive + str(ours)], input="loadvm first\ninfo snapshots\nquit\n",
                          text=True, capture_output=True, timeout=300)  # fmt: skip
    assert "rror" not in done.stdout + done.stderr and "first" in done.stdout
    judge.compare(ours, b"\7" * 65536 + bytes(SIZE - 65536))
    judge.check(ours)


def test_icount_is_read_as_qemu_writes_it(judge, tmp_path):
    path = tmp_path / "disk.qcow2"
    create_qcow2(str(path), SIZE)
    with open_image(str(path)) as image:
        image.create_snapshot("counted", b"state", icount=123456789)
        image.create_snapshot("not", b"state")
    listing = judge.run("qemu-img", "snapshot", "-l", path).splitlines()
    assert listing[-2].split()[-1] == "123456789" and "123456789" not in listing[-1]
