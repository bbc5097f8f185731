"""Functions over shared records, compiled to native code, compared with the same in Python."""

import ctypes
import random

import pytest

from playhead.base.record import I64, U8, U32, Array, Bool, Nested
from playhead.base.shared_record import Bytes, SharedRecord, Table
from playhead.engine.llvm.compile import compile_part
from playhead.engine.llvm.device_code import module_text
from playhead.engine.llvm.loading import load
from playhead.hw.memory import PAGE, Memory
from playhead.hw.native import DECLINED, NUMBERS, native, symbol
from playhead.hw.vram import Vram


class Inner(SharedRecord):
    a = U8()
    b = I64(-3)


class Outer(SharedRecord):
    x = U8(7)
    flag = Bool()
    words = Array(U32(), 8)
    inner = Nested(Inner)
    many = Array(Inner, 3)
    queue = Bytes(16)
    table = Table(128)


DIVISORS = (2, 4, 8, 16, 32, 64, 128, 1)
HZ = 1_193_182


@native
def ticks(now_ns: int) -> int:
    return now_ns // 1_000_000_000 * HZ + now_ns % 1_000_000_000 * HZ // 1_000_000_000


@native
def highest(s: Outer) -> int:
    for i in range(7, -1, -1):
        if s.words[i]:
            return 32 * i + s.words[i].bit_length() - 1
    return -1


@native
def read(s: Outer, inner: Inner, offset: int, now_ns: int) -> int:
    """Something of everything that the subset has."""
    if offset == 0:
        return s.x
    elif offset == 1:
        return 1 if s.flag and (s.x & 1) else 2
    elif offset == 2:
        return ticks(now_ns)
    elif offset == 3:
        return highest(s) & 0xFFFF
    elif offset in (4, 5):
        c = s.many[offset - 4]
        c.b = c.b * 2 - 1
        return (c.b % 7) * 100 + (-c.b // 5) & 0xFF
    elif offset == 6:
        if not s.queue:
            return DECLINED
        v = s.queue[0]
        s.x, s.flag = v, not s.flag
        return v + DIVISORS[v & 7] + len(s.queue)
    elif 7 <= offset < 9 and not (s.flag or s.x > 0x80):
        s.inner.b -= offset
        s.words[offset - 7] ^= ~s.x & 0xFF
        return s.inner.b & 0xFFFF
    t = 0
    for k in range(10):
        if k == 3:
            continue
        if k == 8:
            break
        t += k
    while t > 20:
        t -= 3
    return t + inner.a + s.table[offset] + (max(t, 5) if not s.flag else min(t, 5))


Entry = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * len(NUMBERS))


def compiled(function):
    name = symbol(function)
    return Entry(load([compile_part(module_text([function]))], [name])[name])


def test_native_code_does_what_python_does():
    entry, chance = compiled(read), random.Random(1)
    seen = set()
    for _ in range(4000):
        outer, inner = Outer(x=chance.randrange(256), flag=chance.random() < 0.5), Inner(a=chance.randrange(256))
        for k in range(8):
            outer.words[k] = chance.choice((0, 0, chance.getrandbits(32)))
        for one in outer.many:
            one.b = chance.randrange(-(2**40), 2**40)
        for _ in range(chance.randrange(16)):
            outer.queue.append(chance.randrange(256))
        for k in range(128):
            outer.table[k] = chance.randrange(256)
        twin = outer.copy()
        states = (ctypes.c_uint64 * 8)(outer.address(), inner.address())
        offset, now_ns = chance.randrange(12), chance.randrange(2**60)
        there = entry(ctypes.addressof(states), offset, 1, 0, now_ns, 5)
        here = read(twin, inner, offset, now_ns)
        assert (there, outer) == (here, twin), f"offset {offset} at {now_ns}: {there} {here}"
        seen.add((offset, here == DECLINED))
    assert len(seen) == 13  # each register, and one that declines


@native
def has_a_list(s: Outer) -> int:
    return [1, 2][s.x]


@native
def has_no_field(s: Outer) -> int:
    return s.y  # type: ignore[attr-defined]


@native
def adds_a_choice(s: Outer) -> int:
    return 1 + (s.x or s.flag)


@native
def replaces_a_record(s: Outer) -> None:
    s.inner = s.many[0]


@pytest.mark.parametrize(
    "function, what",
    [
        (adds_a_choice, "'s.x or s.flag' as a number"),
        (has_a_list, "'[1, 2]'"),
        (has_no_field, "a field y"),
        (replaces_a_record, "a whole record"),
    ],
)
def test_what_the_subset_has_not_is_refused_with_its_line(function, what):
    with pytest.raises(TypeError, match=r"test_device_code.py:\d+: a @native function cannot have") as refused:
        module_text([function])
    assert what in str(refused.value)


@native
def damaged(s: Outer, offset: int, size: int, value: int) -> int:
    s.table[offset] = 1
    s.queue[offset] = 2
    s.words[offset] = 3
    s.many[offset].b = 4
    return value // s.x + value % s.x + (DIVISORS[offset] << size & 0)


def test_native_code_stays_in_its_states_and_does_not_trap():
    outer, guards = Outer(x=0), [bytearray(b"\x55" * Outer.SIZE) for _ in range(2)]
    memory = memoryview(bytearray(guards[0] + bytes(Outer.SIZE) + guards[1]))
    outer = Outer.over(memory[Outer.SIZE : 2 * Outer.SIZE])
    entry = compiled(damaged)
    states = (ctypes.c_uint64 * 8)(outer.address())
    for offset in (200, 1 << 40, -1, -(1 << 62)):
        entry(ctypes.addressof(states), offset, 70, 1 << 40, 0, 0)
    assert memory[: Outer.SIZE] == guards[0] and memory[2 * Outer.SIZE :] == guards[1]
    assert (outer.table[127], outer.words[7], outer.many[2].b) == (1, 3, 4)


@native
def move(v: Vram, source: int, target: int) -> int:
    """A byte; returns what was there."""
    old = v[target]
    v[target] = v[source] + 1
    return old


@native
def planar(s: Outer, v: Vram, offset: int, size: int, value: int) -> int:
    """Latch a cell, write some of its planes."""
    s.words[0] = v.cells[offset]
    if size == 4:
        v.cells[offset] ^= value
    elif size == 2:
        v.cells[offset + 1] = s.words[0] & ~0xFF00 | value & 0xFF00
    else:
        return move(v, 4 * offset + 1, value)
    return s.words[0]


def test_video_memory_is_read_and_written_and_noted_as_in_python():
    """Wherever an index leads: it wraps at the end of the piece, and no note is made for another page."""
    size, chance = 4 * PAGE, random.Random(2)
    sides = []
    for _ in range(2):
        memory = Memory(3 * size)
        memory.share(size, size)
        memory.area[:] = bytes(random.Random(3).randrange(256) for _ in range(3 * size))
        sides.append((Outer(), Vram(memory, size, size)))
    entry, (s, v), (other, twin) = compiled(planar), *sides
    states = (ctypes.c_uint64 * 8)(s.address(), v.address())
    for n in range(2000):
        offset = chance.choice((chance.randrange(size // 4), chance.randrange(-(1 << 62), 1 << 62)))
        numbers = offset, chance.choice((1, 2, 4)), chance.choice((chance.getrandbits(32), 4 * PAGE - 1, -1))
        there, here = entry(ctypes.addressof(states), *numbers, 0, 0), planar(other, twin, *numbers)
        assert (there, s.words[0]) == (here, other.words[0]), (n, numbers)
        if n % 50 == 0:
            a, b = v.memory, twin.memory
            assert (a.area[:], a.dirty[:], a.unhashed[:]) == (b.area[:], b.dirty[:], b.unhashed[:]), n
            a.dirty[:16] = b.dirty[:16] = a.unhashed[:16] = b.unhashed[:16] = bytes(16)
    assert v.memory.area[:size] == twin.memory.area[:size]


@native
def keeps_video_memory(s: Outer, v: Vram) -> None:
    s.x = v.cells  # type: ignore[assignment]


def test_video_memory_is_no_number():
    with pytest.raises(TypeError, match="an assignment of a whole record or array"):
        module_text([keeps_video_memory])
