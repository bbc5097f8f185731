"""The kernel that has left its note in memory, and the distance to the symbols of a file: nothing odd gets through."""

import struct
from pathlib import Path

import pytest

from playhead.base.errors import UsageError
from playhead.cli import main
from playhead.cli.linux_kernel import find
from playhead.linux.elf import facts_of
from playhead.linux.kernels import at_moment, kernels
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer

KEPT = Path(__file__).parents[1] / "recordings" / "pc-5"
META = {"config": {"ram_bytes": 1}, "session": {}, "parts": ["cpu"], "digest_period": 1000}
BANNER = b"Linux version 6.1.0-9-686 (who@where) (gcc) #1 SMP Debian\n\0"


def note(text: str) -> bytes:
    description = text.encode()
    return (struct.pack("<3I", 11, len(description), 0) + b"VMCOREINFO\0\0" + description).ljust(4096, b"\0")


def fields(release: str, stext: int, build_id: str = "abcd") -> str:
    return f"OSRELEASE={release}\nBUILD-ID={build_id}\nPAGESIZE=4096\nSYMBOL(_stext)={stext:x}\nOFFSET(page.flags)=0\n"


def recorded(path, pages: list[dict[int, bytes]]) -> Reader:
    with Writer(str(path), True) as writer:
        writer.begin(META)
        for n, some in enumerate(pages, 1):
            writer.checkpoint(Moment(1000 * n), 8000 * n, {"cpu": b"state"}, some)
            writer.flush(Moment(1000 * n), 8000 * n, 0, wait=True)
    return Reader(str(path))


def elf(path, symbols: dict[str, int], build_id: bytes = b"", base: int = 0xC1000000, size: int = 1 << 24):
    """A file with symbols in a .text that is not there."""
    names, table = b"\0", bytes(16)
    for name, value in symbols.items():
        table += struct.pack("<IIIBBH", len(names), value, 4, 0x12, 0, 1)
        names += name.encode() + b"\0"
    own = b"\0.text\0.symtab\0.strtab\0.note.gnu.build-id\0"
    notes = struct.pack("<3I", 4, len(build_id), 3) + b"GNU\0" + build_id if build_id else b""
    contents = table, names, own, notes
    at, places = 52, []
    for one in contents:
        places.append(at)
        at += len(one)
    sections = [
        (0,) * 10, (1, 8, 6, base, 52, size, 0, 0, 16, 0), (7, 2, 0, 0, places[0], len(table), 3, 1, 4, 16),
        (15, 3, 0, 0, places[1], len(names), 0, 0, 1, 0), (15, 3, 0, 0, places[2], len(own), 0, 0, 1, 0),
        (23, 7, 2, 0, places[3], len(notes), 0, 0, 4, 0),
    ]  # fmt: skip
    head = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base, 0, at, 0, 52, 32, 0, 40, len(sections), 4)
    path.write_bytes(head + b"".join(contents) + b"".join(struct.pack("<10I", *section) for section in sections))
    return path


def test_a_kernel_that_nobody_gave_is_found(tmp_path):
    pages = [{5: b"x" * 4096}, {7: note(fields("6.1.0-9-686", 0xC9000000)), 9: bytes(100) + BANNER.ljust(3996, b"\0")},
             {9: b"y" * 4096}]  # fmt: skip
    with recorded(tmp_path / "r.ph", pages) as reader:
        (one,) = kernels(reader)
        assert (one.moment, one.stext, one.build_id) == (Moment(2000), 0xC9000000, "abcd")
        assert one.banner == "6.1.0-9-686 (who@where) (gcc) #1 SMP Debian"
        kernel = find(reader)
        assert kernel.offset == 0x8000000 and kernel.stext == 0xC9000000 and kernel.version == one.banner


@pytest.mark.parametrize("verb", ["symbols", "processes", "dmesg"])
def test_a_moment_behind_the_end_is_none(verb, capfd):
    path = str(KEPT / "inputs.ph")
    assert main([verb, path, "--at", "99999999"]) == 2
    assert capfd.readouterr().err == f"playhead: --at 99999999: {path} ends at instruction 25294\n"


def test_where_there_is_no_initramfs_there_are_no_programs(capfd):
    assert main(["symbols", str(KEPT / "inputs.ph"), "--programs"]) == 0
    assert "no ELF files: they are looked for in the initramfs" in capfd.readouterr().err


def test_of_several_boots_the_one_that_runs_at_the_moment(tmp_path):
    pages = [{1: b"x" * 4096}, {7: note(fields("1", 0xC2000000))}, {}, {8: note(fields("2", 0xC3000000))}]
    with recorded(tmp_path / "r.ph", pages) as reader:
        found = kernels(reader)
    releases = [at_moment(found, Moment(at)).release for at in (0, 1999, 2000, 3999, 4000, 1 << 40)]
    assert releases == ["1", "1", "1", "1", "2", "2"] and at_moment([], Moment(5)) is None


@pytest.mark.parametrize("page", [
    note("OSRELEASE=6.1\n"), note("OSRELEASE=6.1\nSYMBOL(_stext)=none\n"), note(fields("6.1", 1 << 40)),
    b"\0" * 13 + note(fields("6.1", 5))[:4083], note("OSRELEASE=" + "\xff" * 600),
])  # fmt: skip
def test_what_is_no_note(tmp_path, page):
    with recorded(tmp_path / "r.ph", [{3: page[:4096]}]) as reader:
        assert kernels(reader) == [] and find(reader) is None


def test_symbols_of_a_file(tmp_path):
    path = elf(tmp_path / "vmlinux", {"before": 1, "_stext": 0xC1000000, "do_it": 0xC1000123}, b"\xab\xcd")
    found = facts_of(str(path))
    assert (found.stext, found.build_id) == (0xC1000000, "abcd")
    assert facts_of(str(elf(tmp_path / "other", {"main": 5, "x_stext": 7}))).stext is None
    data = path.read_bytes()
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        with pytest.raises(UsageError, match="--symbols"):
            facts_of(str(path))
    for odd in (b"#!/bin/sh\n", b"\x7fELF\x02\x01" + bytes(100)):
        path.write_bytes(odd)
        with pytest.raises(UsageError, match="not a 32-bit ELF"):
            facts_of(str(path))
    with pytest.raises(UsageError, match="No such file"):
        facts_of(str(tmp_path / "none"))
