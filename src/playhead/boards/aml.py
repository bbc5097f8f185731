"""A small assembler for AML, the byte code of ACPI tables, from nested Python calls that read like ASL.

    Device("LNKA", Name("_HID", eisaid("PNP0C0F")), Method("_DIS", 0, Store(Or("PRQ0", 0x80), "PRQ0")))

A term is bytes that are already encoded; a Python int is an integer constant, a str in an operand's place is a name
path. Only what our own tables use is here.

Source: Advanced Configuration and Power Interface Specification 1.0b, chapter 16 (AML encoding) and section 6.4
(resource descriptors).
"""

import struct

Term = bytes
Operand = bytes | int | str

ZERO, ONE = b"\x00", b"\x01"
REGION_MEMORY, REGION_IO, REGION_PCI = 0, 1, 2
ACCESS_BYTE, ACCESS_DWORD, LOCKED = 1, 3, 0x10


def integer(value: int) -> Term:
    """The shortest encoding of a constant."""
    if value in (0, 1):
        return ONE if value else ZERO
    for prefix, code in ((0x0A, "<B"), (0x0B, "<H"), (0x0C, "<I")):
        if value < 1 << 8 * struct.calcsize(code):
            return bytes((prefix,)) + struct.pack(code, value)
    raise AssertionError(f"{value:#x} is more than 32 bits, which an ACPI 1.0 integer has not")


def segment(name: str) -> bytes:
    assert 1 <= len(name) <= 4 and name.replace("_", "A").isalnum() and not name[0].isdigit(), name
    return name.ljust(4, "_").encode("ascii")


def path(name: str) -> Term:
    r"""A name path: `\` is the root, `^` the parent, dots between segments."""
    prefix = name[: len(name) - len(name.lstrip("\\^"))]
    parts = [segment(p) for p in name[len(prefix) :].split(".") if p]
    head = {0: b"\0", 1: b"", 2: b"\x2e"}.get(len(parts), b"\x2f" + bytes((len(parts),)))
    return prefix.encode("ascii") + head + b"".join(parts)


def operand(value: Operand) -> Term:
    if isinstance(value, bytes):
        return value
    return integer(value) if isinstance(value, int) else path(value)


def package_length(length: int) -> bytes:
    """PkgLength of something whose rest is `length` bytes; it counts its own bytes too."""
    if length + 1 < 0x40:
        return bytes((length + 1,))
    for extra in (1, 2, 3):
        total = length + 1 + extra
        if total < 1 << (4 + 8 * extra):
            return bytes((extra << 6 | total & 0xF,)) + (total >> 4).to_bytes(extra, "little")
    raise AssertionError(f"an AML package of {length} bytes is too long")


def _sized(opcode: bytes, *parts: bytes) -> Term:
    body = b"".join(parts)
    return opcode + package_length(len(body)) + body


def Scope(name: str, *terms: Term) -> Term:
    return _sized(b"\x10", path(name), *terms)


def Device(name: str, *terms: Term) -> Term:
    return _sized(b"\x5b\x82", path(name), *terms)


def Method(name: str, arguments: int, *terms: Term, serialized: bool = False) -> Term:
    """One that creates names has to be serialized, or two calls at once would create them twice."""
    return _sized(b"\x14", path(name), bytes((arguments | (8 if serialized else 0),)), *terms)


def Name(name: str, value: Operand) -> Term:
    return b"\x08" + path(name) + operand(value)


def Package(*elements: Operand) -> Term:
    return _sized(b"\x12", bytes((len(elements),)), *(operand(e) for e in elements))


def Buffer(data: bytes) -> Term:
    return _sized(b"\x11", integer(len(data)), data)


def OperationRegion(name: str, space: int, offset: int, length: int) -> Term:
    return b"\x5b\x80" + path(name) + bytes((space,)) + integer(offset) + integer(length)


def Field(region: str, access: int, *fields: tuple[str, int]) -> Term:
    """Fields of a region, (name, bits) in order; writes preserve the neighbours. `access` may have LOCKED with it."""
    widths = (segment(name) + field_width(bits) for name, bits in fields)
    return _sized(b"\x5b\x81", path(region), bytes((access,)), *widths)


def field_width(bits: int) -> bytes:
    """A field's width is encoded like a PkgLength that does not count itself."""
    return bytes((bits,)) if bits < 0x40 else bytes((0x40 | bits & 0xF, bits >> 4))


def CreateDWordField(buffer: Operand, index: int, name: str) -> Term:
    return b"\x8a" + operand(buffer) + integer(index) + path(name)


def Store(source: Operand, target: Operand) -> Term:
    return b"\x70" + operand(source) + operand(target)


def And(a: Operand, b: Operand) -> Term:
    return b"\x7b" + operand(a) + operand(b) + ZERO


def Or(a: Operand, b: Operand) -> Term:
    return b"\x7d" + operand(a) + operand(b) + ZERO


def ShiftRight(value: Operand, bits: Operand, target: Operand) -> Term:
    return b"\x7a" + operand(value) + operand(bits) + operand(target)


def LOr(a: Operand, b: Operand) -> Term:
    return b"\x91" + operand(a) + operand(b)


def LEqual(a: Operand, b: Operand) -> Term:
    return b"\x93" + operand(a) + operand(b)


def LGreater(a: Operand, b: Operand) -> Term:
    return b"\x94" + operand(a) + operand(b)


def LLess(a: Operand, b: Operand) -> Term:
    return b"\x95" + operand(a) + operand(b)


def If(condition: Term, *terms: Term) -> Term:
    return _sized(b"\xa0", condition, *terms)


def Return(value: Operand) -> Term:
    return b"\xa4" + operand(value)


def Call(name: str, *arguments: Operand) -> Term:
    return path(name) + b"".join(operand(a) for a in arguments)


def Local(index: int) -> Term:
    return bytes((0x60 + index,))


def Arg(index: int) -> Term:
    return bytes((0x68 + index,))


def eisaid(text: str) -> Term:
    """A compressed EISA identifier (PNP0A03): three letters of five bits, four hex digits, in big-endian order."""
    a, b, c = (ord(ch) - 0x40 for ch in text[:3])
    number = a << 26 | b << 21 | c << 16 | int(text[3:], 16)
    return b"\x0c" + struct.pack(">I", number)


# -- resource descriptors


def ResourceTemplate(*descriptors: bytes) -> Term:
    data = b"".join(descriptors) + b"\x79"  # end tag; its checksum of zero means "not computed"
    return Buffer(data + b"\0")


def IO(first: int, last: int, alignment: int, length: int) -> bytes:
    return struct.pack("<BBHHBB", 0x47, 1, first, last, alignment, length)


def IRQ(number: int) -> bytes:
    """Edge-triggered, active high, exclusive: an ISA interrupt."""
    return struct.pack("<BH", 0x22, 1 << number)


def Memory32Fixed(base: int, length: int) -> bytes:
    """A range of memory that the device has for itself, read only."""
    return struct.pack("<BHBII", 0x86, 9, 0, base, length)


def Interrupt(*numbers: int) -> bytes:
    """A level-triggered, active-high, shared interrupt; several numbers are the choice."""
    body = struct.pack("<BB", 0x09, len(numbers)) + b"".join(struct.pack("<I", n) for n in numbers)
    return struct.pack("<BH", 0x89, len(body)) + body


def WordBusNumber(first: int, last: int) -> bytes:
    return struct.pack("<BHBBBHHHHH", 0x88, 13, 2, 0x0C, 0, 0, first, last, 0, last - first + 1)


def WordIO(first: int, last: int) -> bytes:
    """A range that the bridge produces, with fixed ends, for the whole ISA and non-ISA space."""
    return struct.pack("<BHBBBHHHHH", 0x88, 13, 1, 0x0C, 3, 0, first, last, 0, last - first + 1)


def DWordMemory(first: int, last: int) -> bytes:
    """A range that the bridge produces, with fixed ends, not cacheable, read and write."""
    return struct.pack("<BHBBBIIIII", 0x87, 23, 0, 0x0C, 1, 0, first, last, 0, (last - first + 1) & 0xFFFFFFFF)
