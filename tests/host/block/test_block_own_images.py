"""Images by hand: creation, raw ones, overlays, chains, locks, compressed clusters, speed."""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from playhead.base.errors import FormatError, HostError, PlayheadError, UnsupportedError, UsageError
from playhead.host.block import create_qcow2, create_raw, open_image, temporary_overlay

SIZE = 1 << 20


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "disk.qcow2")
    create_qcow2(path, SIZE, cluster_bits=12)
    return path


# raw


def test_raw(tmp_path):
    path = str(tmp_path / "disk.raw")
    create_raw(path, 1000)
    with open_image(path, format="raw") as image:
        image.write(990, b"0123456789")
        image.write_zeroes(992, 2)
        assert image.size == 1000 and image.read(988, 12) == b"\0\0" + b"01\0\0" + b"456789"
        image.discard(0, 1000)
        image.flush()
        assert image.read(0, 1000) == bytes(1000)
        assert image.block_status(0, 1000).length == 1000 and image.snapshots() == []
        with pytest.raises(UnsupportedError, match="no snapshots"):
            image.create_snapshot("x")


def test_a_probed_raw_image_does_not_become_another_format(tmp_path):
    path = str(tmp_path / "disk.raw")
    create_raw(path, 4096)
    with open_image(path) as image:
        assert image.format == "raw"
        with pytest.raises(UsageError, match="look like qcow2"):
            image.write(0, b"QFI\xfb")
        image.write(0, b"QF")
        with pytest.raises(UsageError, match="look like qcow2"):
            image.write(2, b"I\xfb")
    with open_image(path, format="raw") as image:
        image.write(0, b"QFI\xfb")


def test_bounds_and_states(path):
    with open_image(path, read_only=True) as image:
        for offset, length in [(-1, 1), (0, SIZE + 1), (SIZE, 1), (0, -1), (1 << 70, 0)]:
            with pytest.raises(UsageError):
                image.read(offset, length)
        for change in (lambda: image.write(0, b"x"), lambda: image.create_snapshot("x"), lambda: image.discard(0, 1)):
            with pytest.raises(UsageError, match="reading only"):
                change()
        assert image.read(SIZE, 0) == b""
    image.close()
    with pytest.raises(UsageError, match="closed"):
        image.read(0, 1)


@pytest.mark.parametrize("options", [
    {"cluster_bits": 8}, {"cluster_bits": 22}, {"version": 1}, {"version": 4}, {"refcount_bits": 3},
    {"version": 2, "refcount_bits": 8}, {"version": 2, "lazy_refcounts": True}, {"compression_type": "lzma"},
    {"version": 2, "compression_type": "zstd"}, {"preallocation": "full"}, {"size": -512}, {"size": 1 << 60},
    {"backing": "x"}, {"backing_format": "raw"}, {"backing": "x" * 2000, "backing_format": "raw"},
    {"backing": "x" * 500, "backing_format": "raw", "cluster_bits": 9}, {"backing": "x", "backing_format": "vmdk"},
], ids=str)  # fmt: skip
def test_what_cannot_be_created(tmp_path, options):
    path = tmp_path / "disk.qcow2"
    with pytest.raises(UsageError, match="cannot create"):
        create_qcow2(str(path), **{"size": SIZE, **options})
    assert not path.exists()


@pytest.mark.parametrize("size", [0, 1, 512, 513, 1 << 40, 3 << 40])
@pytest.mark.parametrize("bits", [9, 16, 21])
def test_sizes(judge, tmp_path, size, bits):
    path = tmp_path / "disk.qcow2"
    if bits == 9 and size >= 1 << 38:
        with pytest.raises(UsageError):
            create_qcow2(str(path), size, cluster_bits=bits)
        return
    create_qcow2(str(path), size, cluster_bits=bits)
    with open_image(str(path)) as image:
        assert image.size == -(-size // 512) * 512
        if size:
            image.write(image.size - 5, b"tail")
            image.write(0, b"h")
            assert image.read(image.size - 5, 5) == b"tail\0"
    judge.check(path)
    assert f'"virtual-size": {-(-size // 512) * 512}' in judge.run("qemu-img", "info", "--output=json", path)


# chains


def test_a_chain_is_no_circle(tmp_path):
    for name, below in (("a", "b"), ("b", "a")):
        create_qcow2(str(tmp_path / name), SIZE, below, "qcow2")
    with pytest.raises(FormatError, match="its own backing file"):
        open_image(str(tmp_path / "a"))
    create_qcow2(str(tmp_path / "a"), SIZE, "./a", "qcow2")
    with pytest.raises(FormatError, match="its own backing file"):
        open_image(str(tmp_path / "a"), read_only=True)


def test_a_chain_is_not_endless(tmp_path):
    create_qcow2(str(tmp_path / "0"), SIZE)
    for n in range(1, 120):
        create_qcow2(str(tmp_path / str(n)), SIZE, str(n - 1), "qcow2")
    with pytest.raises(FormatError, match="more than 100"):
        open_image(str(tmp_path / "119"))
    with open_image(str(tmp_path / "99")) as image:
        image.write(5, b"deep")
        assert image.read(0, SIZE) == bytes(5) + b"deep" + bytes(SIZE - 9)


@pytest.mark.parametrize("name, match", [
    ("fifo", "neither"), ("/dev/zero", "neither"), (".", "directory|neither"), ("nothing", "No such file"),
    ("/proc/self/mem", "cannot find the end of image /proc/self/mem"),
    ("nbd://host/x", "driver 'nbd'"), ('json:{"driver":"raw"}', "name no file"), ("a\nb\x1b[2J\udcff", "No such file"),
])  # fmt: skip
def test_hostile_backing_files(tmp_path, name, match):
    os.mkfifo(tmp_path / "fifo")
    path = str(tmp_path / "disk.qcow2")
    create_qcow2(path, SIZE, name, "raw")
    with pytest.raises(PlayheadError, match=match) as caught:
        open_image(path)
    assert str(caught.value).isprintable() and str(caught.value).startswith(f"{path}: ")


def test_a_backing_file_without_a_format_is_probed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a path after file: is relative to the working directory, as in QEMU
    create_qcow2(str(tmp_path / "base"), SIZE)
    with open_image(str(tmp_path / "base")) as image:
        image.write(0, b"base")
    create_qcow2(str(tmp_path / "top"), SIZE, "file:base", "qcow2")
    data = bytearray((tmp_path / "top").read_bytes())
    assert data[112:116] == bytes.fromhex("e2792aca")
    data[112:116] = b"????"
    (tmp_path / "top").write_bytes(data)
    with open_image(str(tmp_path / "top")) as image:
        assert image.read(0, 6) == b"base\0\0"


# overlays and locks


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_temporary_overlay(tmp_path, format):
    base = tmp_path / "base"
    create_raw(str(base), 100_001) if format == "raw" else create_qcow2(str(base), 100_352)
    with open_image(str(base), format=format) as image:
        image.write(50_000, b"base")
    before, names = base.read_bytes(), os.listdir(tmp_path)
    with temporary_overlay(open_image(str(base), format=format, read_only=True)) as image:
        assert image.size == (100_001 if format == "raw" else 100_352)
        image.create_snapshot("clean", b"state")
        image.write(49_999, b"overlay")
        image.write(image.size - 3, b"end")
        image.flush()
        assert image.read(49_998, 9) == b"\0overlay\0" and image.read(image.size - 3, 3) == b"end"
        image.apply_snapshot("clean")
        assert image.read(49_998, 9) == b"\0\0base\0\0\0"
        assert os.listdir(tmp_path) == names
    assert base.read_bytes() == before


def test_locks_among_ourselves(path):
    with open_image(path):
        for read_only in (False, True):
            with pytest.raises(HostError, match="elsewhere"):
                open_image(path, read_only=read_only)
        with pytest.raises(HostError, match="elsewhere"):
            create_qcow2(path, SIZE)
    with open_image(path, read_only=True), open_image(path, read_only=True):
        with pytest.raises(HostError, match="elsewhere"):
            open_image(path)


def test_locks_with_qemu(judge, path):
    with open_image(path):
        assert "lock" in subprocess.run(["qemu-io", "-c", "read 0 512", path], capture_output=True, text=True).stderr
    with open_image(path, read_only=True):
        judge.run("qemu-io", "-r", "-c", "read 0 512", path)
        assert "lock" in subprocess.run(["qemu-io", "-c", "read 0 512", path], capture_output=True, text=True).stderr
    qemu = subprocess.Popen(["qemu-io", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    qemu.stdin.write("read 0 512\n")
    qemu.stdin.flush()
    qemu.stdout.readline()
    for read_only in (False, True):
        with pytest.raises(HostError, match="elsewhere, by QEMU"):
            open_image(path, read_only=read_only)
    qemu.communicate("quit\n")
    open_image(path).close()


def test_threads(path):
    """Each thread has its own range, in clusters that they share."""

    def work(number: int) -> None:
        rng = random.Random(number)
        for _ in range(150):
            at = rng.randrange(SIZE // 1024) * 1024 + number * 128
            image.write(at, bytes([number]) * 128)
            assert image.read(at, 128) == bytes([number]) * 128
            if rng.random() < 0.05:
                image.flush()

    with open_image(path) as image:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        image.flush()
        for n in range(1, 8):
            found = {image.read(at + n * 128, 128) for at in range(0, SIZE, 1024)}
            assert found == {bytes(128), bytes([n]) * 128}


# compressed clusters


def test_places_of_compressed_clusters_are_not_taken_for_what_they_were(judge, path):
    """A dropped one's host cluster may hold something else at the next look, and must not be packed further."""
    with open_image(path) as image:
        for round in range(8):
            image.write_compressed(0, bytes([round]) * 4096)
            assert image.read(0, 4096) == bytes([round]) * 4096
            image.discard(0, 4096)
            image.flush()
            image.write((1 + round) * 4096, b"data" * 1024)
            image.write_compressed(500 * 512 // 4096 * 4096, bytes([round + 100]) * 4096)
            assert image.read((1 + round) * 4096, 4096) == b"data" * 1024
            image.discard(500 * 512 // 4096 * 4096, 4096)
        expected = image.read(0, SIZE)
        assert expected[4096 : 9 * 4096] == b"data" * 8192
    judge.check(Path(path))


def test_incompressible_data_is_stored_plainly(path):
    data = random.Random(1).randbytes(4096)
    with open_image(path) as image:
        image.write_compressed(8192, data)
        assert not image.block_status(8192, 1).compressed and image.read(8192, 4096) == data
        with pytest.raises(UsageError, match="whole clusters"):
            image.write_compressed(1, data)


# speed


def test_sequential_reads_are_about_as_fast_as_the_file(tmp_path):
    path, length = str(tmp_path / "disk.qcow2"), 64 << 20
    create_qcow2(path, length)
    with open_image(path) as image:
        for at in range(0, length, 1 << 20):
            image.write(at, b"x" * (1 << 20))
    with open_image(path, read_only=True) as image, open(path, "rb") as file:

        def through(read) -> float:
            start = time.process_time()  # of a host that is busy with other things it says the same
            for at in range(0, length, 1 << 20):
                read(at)
            return time.process_time() - start

        ours = min(through(lambda at: image.read(at, 1 << 20)) for _ in range(3))
        plain = min(through(lambda at: os.pread(file.fileno(), 1 << 20, at)) for _ in range(3))
    print(f"{length / ours / 1e9:.1f} GB/s, the file {length / plain / 1e9:.1f}", file=sys.stderr)
    assert ours < 4 * plain + 0.05
