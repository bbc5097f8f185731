"""A kernel's own symbols out of its memory: both word sizes, both layouts, and what no kernel can have."""

import random
import struct

import pytest
from made_kernel import BASE_32, BASE_64, Made, with_kallsyms

from playhead.base.errors import UnknownKernel, UnknownSymbol
from playhead.linux import kallsyms
from playhead.linux.exports import exported
from playhead.linux.modules import module_symbols
from playhead.linux.symbol_table import Symbol, SymbolTable

LONG = "t" + "n" * 300  # of more than 127 tokens


def functions(base: int) -> list[tuple[int, str]]:
    names = ["T_text", "T_stext", "tschedule", LONG, "Wweak", "T_etext"]
    return [(base + 0x100000 + 0x40 * n, name) for n, name in enumerate(names)]


@pytest.mark.parametrize("made", [Made(4), Made(4, pae=True), Made(8)], ids=["32", "pae", "64"])
def test_names_and_addresses(made):
    some = functions(made.base)
    found = kallsyms.symbols(with_kallsyms(made.map(), some).memory())
    assert found == [(address, name[0], name[1:]) for address, name in some]


def test_absolute_symbols_of_a_64_bit_kernel():
    some = [(0, "A__per_cpu_start"), (0x1F000, "Acurrent_task"), *functions(BASE_64)]
    found = kallsyms.symbols(with_kallsyms(Made(8).map(), some, absolute=True).memory())
    text = (BASE_64 + 0x100000, "T", "_text")
    assert found[:3] == [(0, "A", "__per_cpu_start"), (0x1F000, "A", "current_task"), text]


@pytest.mark.parametrize(("spoil", "reason"), [
    (lambda made: made.symbols.pop("kallsyms_names"), "kallsyms_names is missing"),
    (lambda made: made.put(0x20000, b"\xff" * 4), "num_syms is 4294967295"),
    (lambda made: made.put(0x20000, bytes(4)), "num_syms is 0"),
    (lambda made: made.symbols.update(_stext=BASE_32 + 0x123), "_stext at 0xc0100040"),
    (lambda made: made.put(0x40000, bytes(64)), "name 0 of 6"),
    (lambda made: made.put(0x30000, b"x" * 65536), "tokens"),
    (lambda made: made.symbols.update(kallsyms_offsets=0x1000), "kallsyms_offsets (at 0x1000) is not in memory"),
    (lambda made: made.put(0x10000, bytes(8192)), "swapper_pg_dir"),
    (lambda made: made.symbols.pop("swapper_pg_dir"), "swapper_pg_dir"),
])  # fmt: skip
def test_what_is_missing_is_said_in_a_line(spoil, reason):
    made = with_kallsyms(Made(4).map(), functions(BASE_32))
    spoil(made)
    with pytest.raises(UnknownKernel) as e:
        kallsyms.symbols(made.memory())
    assert reason in str(e.value) and "\n" not in str(e.value)


def test_a_damaged_kernel_never_does_worse_than_being_refused():
    rng = random.Random(15)
    for _ in range(60):
        made = with_kallsyms(Made(4).map(), functions(BASE_32))
        for _ in range(rng.choice((1, 3, 200))):
            at = rng.choice((0x10000, 0x20000, 0x30000, 0x32000, 0x40000)) + rng.randrange(0x800)
            made.put(at, rng.randbytes(rng.choice((1, 4))))
        try:
            memory = made.memory()
            found = kallsyms.symbols(memory)
        except UnknownKernel:
            continue
        by_name = {name: address for address, _, name in found}
        exported(memory)
        module_symbols(memory, by_name)


def test_exported_data():
    made = with_kallsyms(Made(4).map(), functions(BASE_32))
    strings = b"\0zero\0init_task\0jiffies\0" + bytes(64)
    names = made.put(0x34000, strings)
    entries = b""
    for n, (name, value) in enumerate((("zero", 0x100), ("init_task", 0x200), ("jiffies", 0x300))):
        at = BASE_32 + 0x33000 + 12 * n
        entries += struct.pack("<3i", value - 12 * n, names + strings.index(name.encode()) - at - 4, 0)
    made.put(0x33000, entries)
    place = BASE_32 + 0x33000
    wanted = [(place + 0x100, "zero"), (place + 0x200, "init_task"), (place + 0x300, "jiffies")]
    assert exported(made.memory()) == wanted


def module(made: Made, at: int, name: bytes, following: int, before: int, symbols: list[tuple[bytes, int, int]]):
    """A struct module with its list at `at`, and its symbols."""
    names, table = b"\0", bytes(16)
    for text, value, info in symbols:
        table += struct.pack("<IIIBBH", len(names), value, 8, info, 0, 1)
        names += text + b"\0"
    here = made.base + at
    described = made.put(at + 0x400, struct.pack("<3I", here + 0x500, len(symbols) + 1, here + 0x900))
    made.put(at + 0x500, table)
    made.put(at + 0x900, names)
    made.put(at - 4, struct.pack("<3I", 0, following, before) + name)
    made.put(at + 0x100, struct.pack("<I", described))


def test_modules_are_found_by_the_code_that_walks_their_list():
    made = with_kallsyms(Made(4).map(), [*functions(BASE_32)[:4], (BASE_32 + 0x100200, "tprint_modules")])
    head, one, two = (BASE_32 + at for at in (0x110000, 0x120000, 0x130000))
    made.put(0x110000, struct.pack("<2I", one, two))
    made.put(0x100200, b"\x55\x89\xe5\xa1" + struct.pack("<I", BASE_32 + 0x140000) + b"\xbb" + struct.pack("<I", head))
    made.put(0x140000, struct.pack("<2I", 5, 6))  # another address in the code, which is no list
    some = [(b"work", 0xC8001000, 0x12), (b"file.c", 0, 4), (b"own", 0xC8001010, 2)]
    module(made, 0x120000, b"first\0", two, head, some)
    module(made, 0x130000, b"second\0", head, one, [(b"data", 0xC8002000, 0x11)])
    found, without = module_symbols(made.memory(), {"print_modules": BASE_32 + 0x100200})
    assert found == [Symbol(0xC8001000, 8, "work", "first", "T"), Symbol(0xC8001010, 8, "own", "first", "t"),
                     Symbol(0xC8002000, 8, "data", "second", "D")] and not without  # fmt: skip
    made.put(0x130100, bytes(4))  # the second one's table is not there
    found, without = module_symbols(made.memory(), {"print_modules": BASE_32 + 0x100200})
    assert {symbol.module for symbol in found} == {"first"} and without == ["second"]


def test_a_table_finds_names_and_addresses():
    table = SymbolTable([Symbol(0x1000, 0x20, "start"), Symbol(0x1020, 0, "twin", kind="t"), Symbol(0x1020, 0, "other"),
                         Symbol(0x5000, 0x10, "start", "module"), Symbol(0x10, 0, "per_cpu", kind="A")])  # fmt: skip
    assert table.address("start") == 0x1000 and table.address("module:start") == 0x5000
    assert table.name(0x101F) == ("start", 0x1F) and table.name(0x1024) == ("twin", 4)
    assert table.name(0xFFF) is None and table.name(0x5010) is None and table.address("per_cpu") == 0x10
    with pytest.raises(UnknownSymbol, match="no 'stort'; there are start"):
        table.address("stort")


def test_a_function_without_a_size_does_not_reach_as_far_as_another_program() -> None:
    table = SymbolTable(
        [Symbol(0x08048000, 0, "program"), Symbol(0xC1000000, 0, "kernel"), Symbol(0xC1003000, 0, "next")]
    )
    assert table.name(0x08048010) == ("program", 0x10) and table.name(0xC1002FFF) == ("kernel", 0x2FFF)
    assert table.name(0xB7F00000) is None and table.name(0xC1F00000) is None
