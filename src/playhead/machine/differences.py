"""Two machines at one moment, compared to the last bit: what differs, named as a person would name it.

For the diagnosis of a divergence. Nothing here changes a machine: no accessed bit is set, no register of a device read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from playhead.base.record import Record
from playhead.hw.memory import OFFSET_MASK, PAGE, READ
from playhead.log.pages import is_block, place_of
from playhead.machine.checkpoint import page_of, save_parts
from playhead.machine.machine import Machine
from playhead.machine.parts import MachineState
from playhead.machine.storage import BLOCK
from playhead.x86 import state as S
from playhead.x86.system.paging import HALF

ROM_PAGES = range(0xFF000, 0x100000)  # below 4 GiB, where firmware is
FLAGS = ("CF", "", "PF", "", "AF", "", "ZF", "SF", "TF", "IF", "DF", "OF", "IOPL", "IOPL", "NT", "", "RF", "VM", "AC",
         "VIF", "VIP", "ID")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """`part` as in the digests; `where` within it; values as text."""

    part: str
    where: str
    expected: str
    found: str
    page: int = -1  # of the backing area, and where in it, for memory
    at: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A machine's state at a moment, apart from memory: the parts as a checkpoint has them."""

    parts: dict[str, bytes]


def picture(machine: Machine) -> Picture:
    return Picture(save_parts(machine))


def differing_pages(a: Machine, b: Machine, pages: Iterable[int] | None = None) -> list[int]:
    """Pages of the backing area, then blocks of disks, with different contents, among `pages` or all."""
    if pages is None:
        blocks = {block for m in (a, b) if m.storage is not None for block in m.storage.overlay}
        return _differing_memory(a, b, None) + _differing_blocks(a, b, blocks)
    wanted = list(pages)
    memory = _differing_memory(a, b, [page for page in wanted if not is_block(page)])
    return memory + _differing_blocks(a, b, [page for page in wanted if is_block(page)])


def _differing_blocks(a: Machine, b: Machine, blocks: Iterable[int]) -> list[int]:
    return [block for block in sorted(blocks) if page_of(a, block) != page_of(b, block)]


def _differing_memory(a: Machine, b: Machine, pages: Iterable[int] | None) -> list[int]:
    x, y = memoryview(a.memory.area), memoryview(b.memory.area)
    if pages is None:
        step, size = 256 * PAGE, min(len(x), len(y))
        chunks = (at for at in range(0, size, step) if x[at : at + step] != y[at : at + step])
        pages = [at // PAGE + i for at in chunks for i in range(min(step, size - at) // PAGE)]
    return [p for p in pages if x[p * PAGE : (p + 1) * PAGE] != y[p * PAGE : (p + 1) * PAGE]]


def differences(expected: Machine, found: Machine, pages: Iterable[int] | None = None) -> list[Difference]:
    """All that differs. `pages`: those of memory and of disks that may."""
    a, b = picture(expected), picture(found)
    out = part_differences(expected, a, b)
    for page in differing_pages(expected, found, pages):
        out += _block(expected, found, page) if is_block(page) else _page(expected, found, page)
    return out


def part_differences(machine: Machine, a: Picture, b: Picture) -> list[Difference]:
    """What differs apart from memory; `machine` is any of the two, for names."""
    out: list[Difference] = []
    for part in a.parts:
        if a.parts[part] == b.parts[part]:
            continue
        if part == "cpu":
            found = _cpu(a.parts[part], b.parts[part])
        elif part == "tlb":
            found = _tlb(a.parts[part], b.parts[part])
        else:
            cls = MachineState if part == "machine" else type(machine.board.devices[part]).State
            names = [alarm.name for alarm in machine.clock.alarms] if part == "machine" else []
            found = list(_record(cls.decode(a.parts[part]), cls.decode(b.parts[part]), "", names))
        name = "clock" if part == "machine" else part
        out += [Difference(name, *f) for f in found]
    return out


def _cpu(a: bytes, b: bytes) -> list[tuple[str, str, str]]:
    """Register by register, the flags one by one."""
    out = []
    for name, slot in S.FIELDS.items():
        if not slot.arch:
            continue
        size = slot.bits // 8
        for n in range(slot.count):
            at = slot.offset + n * size
            x, y = (int.from_bytes(v[at : at + size], "little") for v in (a, b))
            if x == y or name == "segs":
                continue
            if name == "eflags":
                out += [(f"eflags.{flag}", str(x >> i & 1), str(y >> i & 1)) for i, flag in enumerate(FLAGS)
                        if (x ^ y) >> i & 1]  # fmt: skip
                continue
            label = S.REG32[n] if name == "regs" else f"{name}[{n}]" if slot.count > 1 else name
            plain = name in ("icount", "seq")
            out.append((label, str(x) if plain else f"{x:#x}", str(y) if plain else f"{y:#x}"))
    for segment in S.SEGMENTS:
        for field, (_, bits) in S.SEG_FIELDS.items():
            at = S.seg_offset(segment, field)
            x, y = (int.from_bytes(v[at : at + bits // 8], "little") for v in (a, b))
            if x != y:
                out.append((f"{segment}.{field}", f"{x:#x}", f"{y:#x}"))
    return out


def _translations(data: bytes) -> dict[str, int]:
    """`save_tlb`'s bytes by linear address."""
    out, large = {}, False
    at = 0
    while at < len(data):
        page = int.from_bytes(data[at : at + 4], "little")
        at += 4
        if page == 0xFFFFFFFF and not large:
            large = True
            continue
        entry = int.from_bytes(data[at : at + 4], "little")
        shift = 12 if not large else 21 if entry & HALF else 22
        out[f"{page << shift:#010x}"] = entry
        at += 4
    return out


def _tlb(a: bytes, b: bytes) -> list[tuple[str, str, str]]:
    x, y = _translations(a), _translations(b)

    def text(entry: int | None) -> str:
        return "none" if entry is None else f"{entry:#010x}"

    return [(f"entry of {k}", text(x.get(k)), text(y.get(k))) for k in sorted({*x, *y}) if x.get(k) != y.get(k)]


def _record(a: object, b: object, path: str, names: list[str]) -> Iterator[tuple[str, str, str]]:
    """Fields that differ, in nested records and lists too."""
    if isinstance(a, Record) and type(a) is type(b):
        for name, field in a.FIELDS.items():
            x, y = (field.plain(getattr(one, name)) for one in (a, b))
            yield from _record(x, y, f"{path}.{name}" if path else name, names)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            label = names[i] if path == "deadlines" and i < len(names) else i
            yield from _record(x, y, f"{path}[{label}]", names)
    elif isinstance(a, bytearray) and isinstance(b, bytearray) and len(a) == len(b) > 16 and a != b:
        at = next(i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
        yield f"{path}[{at:#x}:]", _plain(a[at:]), _plain(b[at:])
    elif a != b:
        yield path, _plain(a), _plain(b)


def _plain(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return f"{bytes(value[:16]).hex(' ')}{' ...' if len(value) > 16 else ''}" or "empty"
    return repr(value)


def _page(a: Machine, b: Machine, page: int) -> list[Difference]:
    """Runs of bytes that differ in one page, with their guest-physical address."""
    x, y = (bytes(m.memory.area[page * PAGE : (page + 1) * PAGE]) for m in (a, b))
    base = physical_page(a, page) * PAGE
    out, at = [], 0
    while at < PAGE:
        if x[at] == y[at]:
            at += 1
            continue
        end = at
        while end < min(PAGE, at + 8) and x[end] != y[end]:
            end += 1
        where = f"{base + at:#010x} (page {base // PAGE:#x})"
        out.append(Difference("ram", where, x[at:end].hex(" "), y[at:end].hex(" "), page, at, end - at))
        at = end
    return out


def _block(a: Machine, b: Machine, key: int) -> list[Difference]:
    """The first bytes that differ in one block of a disk."""
    drive, block = place_of(key)
    x, y = page_of(a, key), page_of(b, key)
    if not x or not y:
        here, there = (_plain(content) if content else "not written" for content in (x, y))
        return [Difference("storage", f"drive {drive}, byte {block * BLOCK:#x}", here, there)]
    at = next(i for i in range(BLOCK) if x[i] != y[i])
    return [Difference("storage", f"drive {drive}, byte {block * BLOCK + at:#x}", _plain(x[at:]), _plain(y[at:]))]


def physical_page(machine: Machine, page: int) -> int:
    """The guest page that shows a page of the backing area."""
    page_map = machine.memory.page_map
    for guest_page in (page, *range(0xA0, 0x100), *machine.memory.shown_at(page), *ROM_PAGES):
        if page_map[guest_page] & READ and (page_map[guest_page] & OFFSET_MASK) == page * PAGE:
            return guest_page
    return page
