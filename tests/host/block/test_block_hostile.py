"""Damaged and hostile images: a clear line that says what is wrong, before any harm. The fuzzer does the rest."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from playhead.base.errors import FormatError, PlayheadError, UnsupportedError
from playhead.host.block import create_qcow2, open_image
from tools.fuzz import image as fuzz_image

SIZE, CLUSTER = 1 << 20, 512
COPIED, COMPRESSED = 1 << 63, 1 << 62


@pytest.fixture
def disk(tmp_path):
    """The file's path and its bytes: an image of small clusters with some data and a snapshot."""
    path = tmp_path / "disk.qcow2"
    create_qcow2(str(path), SIZE, cluster_bits=9)
    with open_image(str(path)) as image:
        image.write(0, b"data" * 1000)
        image.create_snapshot("snapshot", b"state" * 100)
        image.write(0, b"new!" * 500)
    return path, bytearray(path.read_bytes())


def number(data, at, size=8):
    return int.from_bytes(data[at : at + size], "big")


def refused(path, data, match, error=FormatError, **how):
    path.write_bytes(data)
    with pytest.raises(error, match=match) as caught:
        open_image(str(path), **how).close()
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("at, form, value, match", [
    (4, ">I", 4, "version 4"), (4, ">I", 1, "version 1"), (20, ">I", 8, r"2\^8"), (20, ">I", 0xFFFFFFFF, "clusters of"),
    (24, ">Q", 1 << 63, "a disk of"), (24, ">Q", 1 << 40, "needs"), (32, ">I", 1, "encrypted"),
    (36, ">I", 0xFFFFFFFF, "L1 table of 4294967295"), (36, ">I", 1 << 22, "outside the file"),
    (40, ">Q", 513, "no cluster's start"), (40, ">Q", 1 << 50, "outside the file"),
    (48, ">Q", 0, "no refcount table"), (48, ">Q", 1 << 50, "outside the file"), (48, ">Q", 700, "no cluster's start"),
    (56, ">I", 0xFFFFFFFF, "refcount table of"), (60, ">I", 1 << 20, "1048576 snapshots"),
    (60, ">I", 60000, "outside the file"), (64, ">Q", 0, "no cluster's start"), (72, ">Q", 1 << 2, "external data"),
    (72, ">Q", 1 << 4, "extended L2"), (72, ">Q", 1 << 9 | 1 << 63, "unknown feature 9, unknown feature 63"),
    (72, ">Q", 1 << 3, "contradicts"), (96, ">I", 7, r"2\^7"), (100, ">I", 8, "header of 8"),
    (100, ">I", 0xFFFFFFF8, "header of"), (8, ">QI", (1 << 40, 5), "backing"), (8, ">QI", (300, 2000), "2000 bytes"),
    (8, ">QI", (4, 5), "not after the header"), (8, ">QI", (500, 100), "not after"),
    (112, ">II", (5, 1 << 31), "does not fit"),
], ids=str)  # fmt: skip
def test_headers(disk, at, form, value, match):
    path, data = disk
    struct.pack_into(form, data, at, *(value if isinstance(value, tuple) else (value,)))
    refused(path, data, match, PlayheadError)


def test_unknown_features_are_named_by_the_image(tmp_path):
    path = tmp_path / "disk.qcow2"
    create_qcow2(str(path), SIZE)
    data = bytearray(path.read_bytes())
    at = data.index(b"extended L2 entries")
    data[at - 1] = 17
    data[at : at + 46] = b"telepathy\n\x1b".ljust(46, b"\0")
    struct.pack_into(">Q", data, 72, 1 << 17)
    refused(path, data, r"do not have: telepathy\?\?", UnsupportedError)


def test_no_image_at_all(tmp_path):
    path = tmp_path / "disk.qcow2"
    for data in (b"", b"QFI\xfb", b"x" * 1000, b"QFI\xfb\0\0\0\3" + bytes(72)):
        refused(path, data, "disk.qcow2", format="qcow2")


def test_short_files(disk):
    """Cut anywhere: an error, or the data that is there."""
    path, data = disk
    with open_image(str(path), read_only=True) as image:
        expected = image.read(0, 8192)
    for length in range(72, len(data), 97):
        path.write_bytes(data[:length])
        try:
            with open_image(str(path), format="qcow2") as image:
                assert image.read(0, 8192) == expected or length > len(data) - 512
                image.write(100_000, b"x")
        except PlayheadError as error:
            assert str(error).startswith(f"{path}: ")


def test_entries(disk):
    path, data = disk
    l1 = number(data, 40)
    l2 = number(data, l1) & ~COPIED
    for at, value, match in [
        (l1, 1 << 60, "makes no sense"), (l1, l2 + 8, "makes no sense"), (l1, 1 << 50, "outside the file"),
        (l2, 1 << 50, "outside the file"), (l2, 1 << 57 | 512, "reserved bits"), (l2, COPIED, "cluster's start"),
        (l2, COMPRESSED | 1 << 50, "outside the file"), (l2, COMPRESSED | 512, "damaged|not a cluster"),
    ]:  # fmt: skip
        changed = bytearray(data)
        struct.pack_into(">Q", changed, at, value)
        path.write_bytes(changed)
        with open_image(str(path), read_only=True) as image, pytest.raises(FormatError, match=match):
            image.read(0, 512)


def overlap(disk, entry, match, write=True):
    """With this as the first L2 entry, a write is refused and the image marked; reading stays possible."""
    path, data = disk
    l2 = number(data, number(data, 40)) & ~COPIED
    struct.pack_into(">Q", data, l2, entry)
    path.write_bytes(data)
    with open_image(str(path)) as image:
        for _ in range(2):
            with pytest.raises(FormatError, match=match if _ == 0 else "corrupt"):
                image.write(0, b"evil")
        with pytest.raises(FormatError, match="corrupt"):
            image.flush()
    after = bytearray(path.read_bytes())
    assert after[79] == 2
    after[79] = data[79]
    assert after == data
    refused(path, path.read_bytes(), "marked as corrupt")
    open_image(str(path), read_only=True).close()


@pytest.mark.parametrize("field, what", [(40, "L1 table"), (48, "refcount table"), (64, "snapshot table")])
def test_data_on_metadata(disk, field, what):
    overlap(disk, number(disk[1], field) | COPIED, what)


def test_data_on_other_metadata(disk):
    _, data = disk
    overlap((disk[0], bytearray(data)), number(data, number(data, 48)) | COPIED, "refcount block")
    overlap((disk[0], bytearray(data)), number(data, number(data, 40)) | COPIED, "L2 table")
    overlap((disk[0], bytearray(data)), number(data, number(data, 64)) | COPIED, "snapshot's L1 table")


def test_data_that_nothing_counts(disk):
    overlap(disk, (len(disk[1]) - 512) // 512 * 512 + 512 * 50 | COPIED, "refcount of 0|outside")


def test_free_clusters_that_are_metadata(disk):
    """Refcounts that say all is free: nothing is allocated over the tables."""
    path, data = disk
    block = number(data, number(data, 48))
    data[block : block + 512] = bytes(512)
    path.write_bytes(data)
    with open_image(str(path)) as image, pytest.raises(FormatError, match=r"header|L1|refcount"):
        image.write(500_000, b"x")
    assert path.read_bytes()[79] == 2


def test_tables_on_each_other(disk):
    path, data = disk
    for at, value in [(48, number(data, 40)), (64, number(data, 40)), (40, number(data, 48))]:
        changed = bytearray(data)
        struct.pack_into(">Q", changed, at, value)
        path.write_bytes(changed)
        with pytest.raises(FormatError):
            open_image(str(path)).close()


def test_the_copied_flag_alone_is_not_believed(disk):
    """Else a write would change what the snapshot holds."""
    path, data = disk
    l1 = number(data, 40)
    with open_image(str(path)) as image:
        image.apply_snapshot("snapshot")
    data = bytearray(path.read_bytes())
    l1 = number(data, 40)
    l2 = number(data, l1) & ~COPIED
    data[l1] |= 0x80
    data[l2] |= 0x80
    path.write_bytes(data)
    with open_image(str(path)) as image:
        image.write(0, b"changed")
        image.apply_snapshot("snapshot")
        assert image.read(0, 8) == b"datadata"


def test_snapshot_tables(disk):
    path, data = disk
    at = number(data, 64)
    for offset, form, value, match in [
        (8, ">I", 1 << 23, "entries"), (36, ">I", 5000, "extra data"), (36, ">I", 8, "version 3"),
        (0, ">Q", 513, "no cluster's start"), (12, ">H", 0xFFFF, "ends inside"), (0, ">Q", 1 << 50, "outside"),
    ]:  # fmt: skip
        changed = bytearray(data)
        struct.pack_into(form, changed, at + offset, value)
        refused(path, changed, match)
    struct.pack_into(">Q", data, at + 40, 1 << 40)
    path.write_bytes(data)
    with open_image(str(path), read_only=True) as image, pytest.raises(FormatError, match="more than the file"):
        image.read_vm_state("snapshot")


def test_bombs(judge, tmp_path):
    """A zstd cluster that unpacks to far more than a cluster, and one that wants a huge window."""
    import zstandard

    path = tmp_path / "disk.qcow2"
    create_qcow2(str(path), SIZE, compression_type="zstd")
    with open_image(str(path)) as image:
        image.write_compressed(0, b"\1" * 65536)
    data = bytearray(path.read_bytes())
    l2 = number(data, number(data, 40)) & ~COPIED
    at = (len(data) + 511) // 512 * 512
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 30))
    data[l2 : l2 + 8] = (COMPRESSED | len(bomb) // 512 << 54 | at).to_bytes(8, "big")
    path.write_bytes(data.ljust(at, b"\0") + bomb)
    with open_image(str(path), read_only=True) as image:
        assert image.read(0, 512) == bytes(512)  # its first cluster, as in QEMU
    wide = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    with open(path, "r+b") as file:
        file.seek(at)
        stream = zstandard.ZstdCompressor(compression_params=wide).compressobj()
        file.write(stream.compress(b"a" * 65536) + stream.flush())
    with open_image(str(path), read_only=True) as image, pytest.raises(FormatError, match="damaged"):
        image.read(0, 512)


def test_other_snapshot_data_is_kept(disk):
    """Extra data that we do not know survives a rewritten table."""
    path, data = disk
    at = number(data, 64)
    entry = data[at : at + 64]
    struct.pack_into(">I", entry, 36, 24 + 8)
    names = data[at + 64 : at + 64 + 9]
    data[at : at + 64 + 8 + 9] = entry + b"LATERON!" + names
    path.write_bytes(data)
    with open_image(str(path)) as image:
        image.create_snapshot("second")
        assert [info.name for info in image.snapshots()] == ["snapshot", "second"]
    assert b"LATERON!1snapshot" in path.read_bytes()


def test_a_date_that_is_none_can_be_written_back(disk):
    path, data = disk
    struct.pack_into(">II", data, number(data, 64) + 16, 0xFFFFFFFF, 0xFFFFFFFF)
    path.write_bytes(data)
    with open_image(str(path)) as image:
        image.create_snapshot("second")
        assert image.snapshots()[0].date_ns == 0xFFFFFFFF * 10**9 + 999_999_999


def test_the_fuzzer_finds_nothing():
    said = []
    assert fuzz_image.fuzz(1000, 3, say=said.append) == [], "\n".join(said)


@pytest.mark.long
def test_the_fuzzer_finds_nothing_for_long():
    said = []
    assert fuzz_image.fuzz(20_000, 4, say=said.append) == [], "\n".join(said)


def test_the_fuzzer_would_find_something(tmp_path):
    """Its worker, with a reader that is wrong once in a while."""
    wrong = (
        "from playhead.host.block import reading\n_run = reading.Reader._run\n"
        "reading.Reader._run = lambda self, entries, i, last: _run(self, entries, i, last) + (i % 7 == 3)\n\n\n"
    )
    text = Path(fuzz_image.__file__).read_text().replace("def work(", wrong + "def work(", 1)
    (tmp_path / "wrong_image.py").write_text(text)
    (tmp_path / "images").mkdir()
    command = [sys.executable, "wrong_image.py", "--work", "images", "1", "0", "40"]
    environment = {**os.environ, "PYTHONPATH": str(Path(fuzz_image.__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "finding" in done.stdout or done.returncode
