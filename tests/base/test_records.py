"""Records: the two kinds have one encoding; shared ones keep their address, and native code sees their fields."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.base.errors import FormatError
from playhead.base.record import I64, U8, U16, U32, U64, Array, Blob, Bool, Nested, Queue, Record
from playhead.base.shared_record import Bytes, SharedRecord, Table

DEFAULT = b"\xff\x01"


class PlainPart(Record):
    level = U8(3)
    on = Bool(True)
    fifo = Blob()


class Plain(Record):
    wide = U32(7)
    part = Nested(PlainPart)
    parts = Array(PlainPart, 2)
    words = Array(U16(5), 3)
    pins = Array(Bool(), 4)
    table = Blob(DEFAULT, 8)
    signed = I64(-1)
    fifo = Blob()
    last = U64()


class Part(SharedRecord):
    level = U8(3)
    on = Bool(True)
    fifo = Bytes(6)


class Begun(SharedRecord):
    wide = U32(7)
    part = Nested(Part)
    parts = Array(Part, 2)


class Shared(Begun):
    words = Array(U16(5), 3)
    pins = Array(Bool(), 4)
    table = Table(8, DEFAULT)
    signed = I64(-1)
    fifo = Bytes(9)
    last = U64()


class Fixed(SharedRecord):
    a = U8(1)
    b = U64(2)
    on = Bool()


PART = st.fixed_dictionaries({"level": st.integers(0, 255), "on": st.booleans(), "fifo": st.binary(max_size=6)})
WHOLE = st.fixed_dictionaries({
    "wide": st.integers(0, 2**32 - 1), "part": PART, "parts": st.lists(PART, min_size=2, max_size=2),
    "words": st.lists(st.integers(0, 65535), min_size=3, max_size=3), "fifo": st.binary(max_size=9),
    "pins": st.lists(st.booleans(), min_size=4, max_size=4), "table": st.binary(min_size=8, max_size=8),
    "signed": st.integers(-(2**63), 2**63 - 1), "last": st.integers(0, 2**64 - 1),
})  # fmt: skip


def filled(cls, part, values):
    made = {"part": part(**values["part"]), "parts": [part(**v) for v in values["parts"]]}
    return cls(**(values | made))


@given(WHOLE)
def test_both_kinds_have_one_encoding(values):
    plain, shared = filled(Plain, PlainPart, values), filled(Shared, Part, values)
    data = shared.encode()
    assert data == plain.encode()
    shown = repr(Shared.decode(data)).replace("Shared(", "Plain(").replace("Part(", "PlainPart(")
    assert shown == repr(Plain.decode(data))
    again, kept = Shared.decode(data), Shared()
    kept.decode_into(data)
    assert again == kept == shared and Plain.decode(data) == plain
    kept.reset()
    assert kept == Shared() and Shared().encode() == Plain().encode()
    kept.assign(shared)
    assert kept == shared == shared.copy()


@given(WHOLE, st.data())
def test_damaged_bytes_are_refused_by_both_alike(values, data):
    encoded = bytearray(filled(Shared, Part, values).encode())
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    encoded = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    state = Shared(wide=5)
    try:
        expected = Plain.decode(encoded).encode()
    except FormatError as e:
        with pytest.raises(FormatError) as refused:
            state.decode_into(encoded)
        assert str(refused.value).replace("Shared", "Plain") == str(e) or "fit" in str(refused.value)
        assert state == Shared(wide=5)
    else:
        try:
            state.decode_into(encoded)
        except FormatError as e:
            assert "fit" in str(e)
        else:
            assert state.encode() == expected


def test_the_address_stays_and_native_code_sees_the_fields():
    s = Shared()
    address, parts = s.address(), [p.address() for p in s.parts]
    s.parts[1].fifo.extend(b"abc")
    place = Shared.PLACES["parts"]
    assert parts == [address + place.offset, address + place.offset + place.bits // 8]
    fifo = Part.PLACES["fifo"]
    assert ctypes.string_at(parts[1] + fifo.offset, 4 + 3) == b"\3\0\0\0abc"
    for name, value in (("wide", 0x12345678), ("signed", -2), ("last", 1 << 63)):
        setattr(s, name, value)
        p = Shared.PLACES[name]
        assert p.kind == ("signed" if name == "signed" else "unsigned") and p.bits == (32 if name == "wide" else 64)
        assert int.from_bytes(ctypes.string_at(address + p.offset, p.size), "little", signed=value < 0) == value
    ctypes.memset(address + Shared.PLACES["words"].offset + 2, 0xAA, 2)  # as native code would
    assert list(s.words) == [5, 0xAAAA, 5]
    s.decode_into(Shared().encode())
    s.reset()
    s.parts, s.part = [Part(level=1), Part(level=2)], Part(level=9)
    assert s.address() == address and [p.address() for p in s.parts] == parts
    assert [p.level for p in (*s.parts, s.part)] == [1, 2, 9]


def test_a_nested_record_keeps_the_memory_alive():
    part = Shared(part=Part(level=77)).part
    [Shared() for _ in range(100)]
    assert part.level == 77


def test_without_bytes_the_memory_is_the_encoding():
    f = Fixed(a=4, on=True)
    assert ctypes.string_at(f.address(), Fixed.SIZE) == f.encode() == b"\4\2\0\0\0\0\0\0\0\1"
    f.a = 0x1FF  # the register has its width
    assert f.a == 0xFF


@given(st.lists(st.tuples(st.sampled_from(["append", "extend", "pop", "pop0", "clear", "set", "slice", "cut"]),
                          st.binary(min_size=1, max_size=4)), max_size=30))  # fmt: skip
def test_bytes_do_as_a_bytearray_does(steps):
    fifo, model = Shared().fifo, bytearray()
    for what, data in steps:
        for one in (fifo, model):
            if what in ("append", "extend") and len(one) + len(data) <= 9:
                one.append(data[0]) if what == "append" else one.extend(data)
            elif what in ("pop", "pop0") and one:
                assert one.pop(0 if what == "pop0" else -1) in range(256)
            elif what == "clear":
                one.clear()
            elif what == "set" and one:
                one[-1] = data[0]
            elif what == "slice":
                one[1 : 1 + len(data)] = data[: max(len(one) - 1, 0)]
            elif what == "cut":
                one[1:3] = b""
        assert fifo == model and bytes(fifo) == bytes(model) and list(fifo) == list(model)
        assert (len(fifo), bool(fifo), fifo[1:4], repr(fifo)) == (len(model), bool(model), model[1:4], repr(model))


def test_what_does_not_fit_is_an_error():
    s = Shared()
    for change in (lambda: s.fifo.extend(bytes(10)), lambda: setattr(s, "fifo", bytes(10))):
        with pytest.raises(AssertionError, match="10 bytes where 9 fit"):
            change()
    for name, value in (("table", b"1"), ("words", [1]), ("parts", [])):
        with pytest.raises(ValueError):
            setattr(s, name, value)
    with pytest.raises(AttributeError):
        s.wied = 1
    with pytest.raises(TypeError, match=r"Fixed has no field 'c'; it has a, b, on"):
        Fixed(c=1)
    with pytest.raises(TypeError, match="Queue"):
        type(SharedRecord)("Bad", (SharedRecord,), {"items": Queue(U8())})
    with pytest.raises(AssertionError, match="copy"):
        type(Record)("Bad", (Record,), {"copy": U8()})
