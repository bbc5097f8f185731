"""Random operations on our own images against a bytearray, of every geometry; QEMU judges what is left."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.host.block import Image, create_qcow2, create_raw, open_image

MAX_SIZE = 400_000
LENGTHS = st.sampled_from([1, 100, 511, 512, 513, 2048, 4096, 10_000, 65_536, 150_000])
OPERATIONS = ["write"] * 6 + ["zero", "unmap", "discard", "read", "flush", "reopen", "compressed", "create", "apply",
                              "delete"]  # fmt: skip


@dataclass(frozen=True)
class Shape:
    size: int
    cluster_bits: int
    version: int
    refcount_bits: int
    lazy: bool
    compression: str
    preallocation: str
    backing: str | None
    backing_size: int


@dataclass
class Twin:
    """What the disk must read as, now and in each snapshot."""

    disk: bytearray
    snapshots: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)  # id -> disk, state


@st.composite
def shapes(draw) -> Shape:
    version = draw(st.sampled_from([2, 3, 3]))
    backing = draw(st.sampled_from([None, None, "raw", "qcow2"]))
    return Shape(
        size=draw(st.integers(0, MAX_SIZE // 512)) * 512,
        cluster_bits=draw(st.sampled_from([9, 9, 10, 12, 16, 21])),
        version=version,
        refcount_bits=draw(st.sampled_from([1, 2, 4, 8, 16, 32, 64])) if version == 3 else 16,
        lazy=version == 3 and draw(st.booleans()),
        compression=draw(st.sampled_from(["zlib", "zstd"])) if version == 3 else "zlib",
        preallocation=draw(st.sampled_from(["off", "metadata"])) if backing is None else "off",
        backing=backing,
        backing_size=draw(st.integers(0, MAX_SIZE // 512)) * 512,
    )


def make(shape: Shape, folder: Path, number: int) -> tuple[Path, bytes]:
    """The image, and what it reads as."""
    path, base = folder / f"{number}.qcow2", folder / f"{number}.base"
    content = bytearray(shape.size)
    if shape.backing:
        if shape.backing == "raw":
            create_raw(str(base), shape.backing_size)
        else:
            create_qcow2(str(base), shape.backing_size, cluster_bits=10)
        data = bytes(i * 7 & 0xFF for i in range(shape.backing_size))
        with open_image(str(base), format=shape.backing) as image:
            image.write(0, data)
        content[: shape.backing_size] = data[: shape.size]
    create_qcow2(
        str(path), shape.size, base.name if shape.backing else None, shape.backing, cluster_bits=shape.cluster_bits,
        version=shape.version, refcount_bits=shape.refcount_bits, lazy_refcounts=shape.lazy,
        preallocation=shape.preallocation, compression_type=shape.compression,
    )  # fmt: skip
    return path, bytes(content)


def whole_clusters(shape: Shape, at: int, end: int) -> tuple[int, int]:
    size = 1 << shape.cluster_bits
    return -(-at // size) * size, end if end == shape.size else end // size * size


def step(name: str, image: Image, twin: Twin, shape: Shape, at: int, length: int, byte: int) -> None:
    """One operation on both."""
    at = min(at, shape.size)
    length = min(length, shape.size - at)
    ids = list(twin.snapshots)
    if name == "write":
        data = bytes((byte + i // 97) & 0xFF for i in range(length))
        image.write(at, data)
        twin.disk[at : at + length] = data
    elif name in ("zero", "unmap"):
        image.write_zeroes(at, length, unmap=name == "unmap")
        twin.disk[at : at + length] = bytes(length)
    elif name == "discard":
        image.discard(at, length)
        if not (shape.version == 2 and shape.backing and shape.backing_size and shape.size):
            start, end = whole_clusters(shape, at, at + length)
            if start < end:
                twin.disk[start:end] = bytes(end - start)
    elif name == "read":
        assert image.read(at, length) == twin.disk[at : at + length]
    elif name == "flush":
        image.flush()
    elif name == "compressed":
        start = at >> shape.cluster_bits << shape.cluster_bits
        data = bytes([byte]) * min(1 << shape.cluster_bits, shape.size - start)
        image.write_compressed(start, data)
        twin.disk[start : start + len(data)] = data
    elif name == "create" and shape.refcount_bits > 2:
        state = bytes([byte]) * length
        info = image.create_snapshot(f"at {at}", state, icount=at or None, vm_clock_ns=length)
        assert (info.icount, info.vm_state_size) == (at or None, length)
        twin.snapshots[info.id] = bytes(twin.disk), state
    elif name == "apply" and ids:
        id = ids[byte % len(ids)]
        image.apply_snapshot(id)
        twin.disk[:] = twin.snapshots[id][0]
        assert image.read_vm_state(id) == twin.snapshots[id][1]
    elif name == "delete" and ids:
        id = ids[byte % len(ids)]
        image.delete_snapshot(id)
        del twin.snapshots[id]


NUMBERS = itertools.count()


def operations(least: int, most: int) -> st.SearchStrategy:
    one = st.tuples(st.sampled_from(OPERATIONS), st.integers(0, MAX_SIZE), LENGTHS, st.integers(0, 255))
    return st.lists(one, min_size=least, max_size=most)


@settings(max_examples=70, derandomize=True, suppress_health_check=list(HealthCheck))
@given(shape=shapes(), steps=operations(5, 40))
def test_an_image_is_its_twin(judge, tmp_path, shape, steps):
    path, content = make(shape, tmp_path, next(NUMBERS))
    twin = Twin(bytearray(content))
    image = open_image(str(path))
    try:
        for name, at, length, byte in steps:
            if name == "reopen":
                image.close()
                image = open_image(str(path))
                assert [info.id for info in image.snapshots()] == list(twin.snapshots)
            else:
                step(name, image, twin, shape, at, length, byte)
        assert image.read(0, shape.size) == twin.disk
    finally:
        image.close()
    judge.check(path)
    judge.compare(path, bytes(twin.disk))
    with open_image(str(path)) as image:
        for id, (disk, state) in twin.snapshots.items():
            assert image.read_vm_state(id) == state
            image.apply_snapshot(id)
            assert image.read(0, shape.size) == disk
            assert image.read_vm_state(id, 0, len(state) // 2) == state[: len(state) // 2]
    judge.check(path)
    for file in tmp_path.iterdir():
        file.unlink()


@settings(max_examples=60, derandomize=True)
@given(width=st.sampled_from([1, 2, 4, 8, 16, 32, 64]), sets=st.lists(st.tuples(st.integers(0, 63), st.integers(0, 3))))
def test_a_refcount_block_is_an_array(width, sets):
    from playhead.host.block.refcount_block import RefcountBlock

    block, twin = RefcountBlock(0, bytearray(8 * width), width), [0] * 64
    for index, value in sets:
        twin[index] = value & (1 << width) - 1
        block.set(index, twin[index])
    assert [block.get(n) for n in range(64)] == twin
    for start in range(64):
        assert block.find_free(start) == next((n for n in range(start, 64) if twin[n] == 0), None)
