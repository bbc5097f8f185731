"""Images that QEMU made: we read the same, and what we write into them QEMU reads, and finds whole."""

import json
import random

import pytest

from playhead.host.block import open_image

SIZE = (3 << 20) + 512 * 37
MANY = [
    {},
    {"compat": "0.10"},
    {"compat": "0.10", "cluster_size": 512},
    {"cluster_size": 512, "refcount_bits": 1},
    {"cluster_size": 512, "refcount_bits": 64},
    {"cluster_size": 1024, "refcount_bits": 2, "preallocation": "metadata"},
    {"cluster_size": 4096, "refcount_bits": 4, "lazy_refcounts": "on"},
    {"cluster_size": 65536, "refcount_bits": 8, "preallocation": "metadata"},
    {"cluster_size": 65536, "refcount_bits": 32, "preallocation": "falloc"},
    {"cluster_size": 262144, "preallocation": "full"},
    {"cluster_size": 1048576, "refcount_bits": 1},
    {"cluster_size": 2097152, "lazy_refcounts": "on"},
    {"compression_type": "zstd", "cluster_size": 8192},
    {"compat": "0.10", "preallocation": "metadata", "cluster_size": 2048},
]  # fmt: skip


@pytest.mark.parametrize("options", MANY, ids=lambda o: "-".join(map(str, o.values())) or "default")
def test_read_and_written_right(judge, tmp_path, options):
    path = tmp_path / "disk.qcow2"
    judge.create(path, SIZE, **options)
    judge.io(path, *judge.scribble(SIZE, seed=len(str(options))))
    expected = bytearray(judge.content(path))
    with open_image(str(path)) as image:
        assert image.size == SIZE and image.read(0, SIZE) == expected
        write_into(image, expected, random.Random(5))
        assert image.read(0, SIZE) == expected
    judge.check(path)
    judge.compare(path, bytes(expected))


def write_into(image, expected, rng, count=40):
    """Random writes and zeros, on the image and its twin."""
    for _ in range(count):
        at = rng.randrange(image.size)
        length = min(image.size - at, rng.choice([1, 511, 512, 4096, 70_000, 300_000]))
        if rng.random() < 0.7:
            data = rng.randbytes(length)
            image.write(at, data)
        else:
            data = bytes(length)
            image.write_zeroes(at, length, unmap=rng.random() < 0.5)
        expected[at : at + length] = data
        if rng.random() < 0.1:
            image.flush()


@pytest.mark.parametrize("compression", ["zlib", "zstd"])
@pytest.mark.parametrize("cluster", [512, 4096, 65536, 2097152])
def test_compressed(judge, tmp_path, cluster, compression):
    rng = random.Random(cluster)
    raw, path = tmp_path / "disk.raw", tmp_path / "disk.qcow2"
    words = [b"playhead", b"\0" * 100, rng.randbytes(40), b"qcow2" * 30]
    raw.write_bytes(b"".join(rng.choice(words) for _ in range(40_000))[: SIZE - 512].ljust(SIZE, b"\1"))
    options = f"cluster_size={cluster},compression_type={compression}"
    judge.run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, path)
    expected = bytearray(raw.read_bytes())
    with open_image(str(path)) as image:
        assert any(image.block_status(at, 1).compressed for at in range(0, SIZE, cluster))
        assert image.read(0, SIZE) == expected
        write_into(image, expected, rng)
        assert image.read(0, SIZE) == expected
    judge.check(path)
    judge.compare(path, bytes(expected))


@pytest.mark.parametrize("compat", ["0.10", "1.1"])
def test_chain(judge, tmp_path, compat):
    """raw <- qcow2 <- qcow2, each of another size, the names relative to the overlay's folder."""
    (tmp_path / "below").mkdir()
    raw = tmp_path / "below" / "base.raw"
    raw.write_bytes(random.Random(1).randbytes(SIZE - 70_000))
    middle, top = tmp_path / "below" / "middle.qcow2", tmp_path / "top.qcow2"
    judge.create(middle, SIZE + (1 << 20), b="base.raw", F="raw", cluster_size=1024)
    judge.io(middle, *judge.scribble(SIZE, 3, zero=compat != "0.10"))
    judge.create(top, SIZE, b="below/middle.qcow2", F="qcow2", compat=compat)
    judge.io(top, *judge.scribble(SIZE, 4, zero=compat != "0.10"))
    expected = bytearray(judge.content(top))
    below = raw.read_bytes(), middle.read_bytes()
    with open_image(str(top)) as image:
        assert image.read(0, SIZE) == expected
        write_into(image, expected, random.Random(6))
        image.discard(0, SIZE)
        assert compat == "0.10" or image.read(0, SIZE) == bytes(SIZE)
        if compat != "0.10":
            expected = bytearray(SIZE)
    assert (raw.read_bytes(), middle.read_bytes()) == below
    judge.check(top)
    judge.compare(top, bytes(expected))


def test_map(judge, tmp_path):
    """block_status says what `qemu-img map` says."""
    path = tmp_path / "disk.qcow2"
    judge.create(path, SIZE, cluster_size=4096)
    judge.io(path, *judge.scribble(SIZE, 8, count=60))
    for entry in json.loads(judge.run("qemu-img", "map", "--output=json", path)):
        at, end = entry["start"], entry["start"] + entry["length"]
        with open_image(str(path), read_only=True) as image:
            while at < end:
                extent = image.block_status(at, end - at)
                reads_zero = extent.zero or not extent.allocated
                assert (reads_zero, extent.host_offset is not None) == (entry["zero"], entry["data"])
                if extent.host_offset is not None:
                    assert extent.host_offset == entry["offset"] + at - entry["start"]
                at += extent.length


def test_snapshots(judge, tmp_path):
    path = tmp_path / "disk.qcow2"
    judge.create(path, SIZE, cluster_size=2048)
    states = {}
    for name in ("one", "two", "three"):
        judge.io(path, *judge.scribble(SIZE, len(states)))
        judge.run("qemu-img", "snapshot", "-c", name, path)
        states[name] = judge.content(path)
    judge.run("qemu-img", "snapshot", "-d", "two", path)
    with open_image(str(path)) as image:
        shown = [(info.id, info.name, info.vm_state_size, info.disk_size) for info in image.snapshots()]
        assert shown == [("1", "one", 0, SIZE), ("3", "three", 0, SIZE)]
        image.apply_snapshot("one")
        expected = bytearray(states["one"])
        assert image.read(0, SIZE) == expected
        write_into(image, expected, random.Random(9))
    judge.check(path)
    judge.compare(path, bytes(expected))
    judge.run("qemu-img", "snapshot", "-a", "three", path)
    with open_image(str(path)) as image:
        assert image.read(0, SIZE) == states["three"]
        image.delete_snapshot("three")
        image.apply_snapshot("1")
        assert image.read(0, SIZE) == states["one"]
    judge.check(path)


def test_lazy_refcounts_are_repaired(judge, tmp_path):
    """An image that QEMU was killed with: its refcounts were in memory only."""
    path = tmp_path / "disk.qcow2"
    judge.create(path, SIZE, cluster_size=1024, lazy_refcounts="on")
    commands = [*judge.scribble(SIZE, 11), "flush", "sigraise 9"]
    parts = [part for command in commands for part in ("-c", command)]
    judge.run("qemu-io", "-f", "qcow2", *parts, path, ok=(-9,))
    assert path.read_bytes()[79] & 1, "QEMU leaves the image dirty"
    with open_image(str(path), read_only=True) as image:
        expected = image.read(0, SIZE)
    assert path.read_bytes()[79] & 1
    with open_image(str(path)) as image:
        assert image.read(0, SIZE) == expected
    assert not path.read_bytes()[79] & 1
    judge.check(path)
    judge.compare(path, expected)


def test_bitmaps_are_no_longer_believed_once_we_write(judge, tmp_path):
    path = tmp_path / "disk.qcow2"
    judge.create(path, SIZE)
    judge.run("qemu-img", "bitmap", "--add", path, "b0")
    with open_image(str(path)) as image:
        image.read(0, 512)
    assert path.read_bytes()[95] == 1
    with open_image(str(path)) as image:
        image.write(0, b"x")
    assert path.read_bytes()[95] == 0
    judge.check(path, leaks=True)


def test_what_we_cannot_read_is_refused_by_name(judge, tmp_path):
    from playhead.base.errors import UnsupportedError

    path = tmp_path / "disk.qcow2"
    for options, word in [({"extended_l2": "on"}, "extended L2"), ({"data_file": tmp_path / "data"}, "external data")]:
        judge.create(path, SIZE, **options)
        with pytest.raises(UnsupportedError, match=word):
            open_image(str(path))
    secret = ["--object", "secret,id=s,data=abc"]
    luks = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"
    judge.run("qemu-img", "create", "-q", "-f", "qcow2", *secret, "-o", luks, path, "1M")
    with pytest.raises(UnsupportedError, match="encrypted"):
        open_image(str(path))
    for format in ("vmdk", "vdi", "vhdx", "vpc", "qed", "parallels"):
        judge.run("qemu-img", "create", "-q", "-f", format, path, "64M")
        with pytest.raises(UnsupportedError, match="cannot read"):
            open_image(str(path), read_only=True)


@pytest.mark.long
def test_many_more_images(judge, tmp_path):
    rng = random.Random(2026)
    for number in range(150):
        path = tmp_path / f"{number}.qcow2"
        options = {"cluster_size": 1 << rng.randrange(9, 22), "refcount_bits": 1 << rng.randrange(7)}
        options["preallocation"] = rng.choice(["off", "metadata", "falloc"])
        options["lazy_refcounts"] = rng.choice(["on", "off"])
        options["compression_type"] = rng.choice(["zlib", "zstd"])
        judge.create(path, SIZE, **options)
        judge.io(path, *judge.scribble(SIZE, number))
        expected = bytearray(judge.content(path))
        with open_image(str(path)) as image:
            assert image.read(0, SIZE) == expected, options
            write_into(image, expected, rng)
        judge.check(path)
        judge.compare(path, bytes(expected))
        for file in tmp_path.iterdir():
            file.unlink()
