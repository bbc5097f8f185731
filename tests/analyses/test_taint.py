"""Taint through a small guest whose answers are known, and through ports, packets and disks of kept recordings."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from shared import recorded

import playhead
from playhead.analyses.origins import parse_origin
from playhead.analyses.taint import backwards, forwards, graph
from playhead.api.recording import Recording
from playhead.cli import main
from playhead.log.events import BlockDone, CharRead, Input, NetPacket, SnapshotLoaded
from playhead.log.moment import Moment
from playhead.timeline.writers import last_writes
from tools import guest

KEPT = Path(__file__).parents[1] / "recordings" / "pc-5"
SOURCE, RESULT, LINE, MARK = 0x1000, 0x2000, 0x10, 0x3000

# (instructions, result byte -> the source's bytes that it is made of); $S and $R are the addresses of the case's bytes.
CASES: list[tuple[str, dict[int, set[int]]]] = [
    ("movb S, %al; movb %al, R", {0: {0}}),
    ("movl S, %eax; movl %eax, R", {n: {n} for n in range(4)}),
    ("movl $S, %esi; movl $R, %edi; movl $5, %ecx; rep movsb", {n: {n} for n in range(5)}),
    ("movl $S, %esi; movl $R, %edi; movl $2, %ecx; rep movsl", {n: {n} for n in range(8)}),
    ("movl $table, %ebx; movb S, %al; xlatb; movb %al, R", {}),
    ("movl S, %eax; xorl %eax, %eax; movl %eax, R", {}),
    ("movl S, %eax; subl %eax, %eax; setz %al; movl %eax, R", {}),
    ("movl S, %eax; shll $8, %eax; movl %eax, R", {1: {0}, 2: {1}, 3: {2}}),
    ("movl S, %eax; sarl $16, %eax; movl %eax, R", {0: {2}, 1: {3}, 2: {3}, 3: {3}}),
    ("pushl S; popl R", {n: {n} for n in range(4)}),
    ("movl S, %eax; bswap %eax; movl %eax, R", {n: {3 - n} for n in range(4)}),
    ("movsbl S, %eax; movl %eax, R", {n: {0} for n in range(4)}),
    ("movl S, %eax; andl $0x00FF00FF, %eax; movl %eax, R", {0: {0}, 2: {2}}),
    ("movzbl S, %eax; addl $0x100, %eax; movl %eax, R", {0: {0}}),
    ("movl S, %eax; addl S + 4, %eax; movl %eax, R", {n: {*range(n + 1), *range(4, 5 + n)} for n in range(4)}),
    ("movl S, %eax; xorl S + 4, %eax; movl %eax, R", {n: {n, n + 4} for n in range(4)}),
    ("cmpb $0, S; jne 9f; movb $1, R; 9: nop", {}),
    ("movb S, %ah; movb S + 1, %al; movw %ax, R", {0: {1}, 1: {0}}),
    ("movl $4, %edx; cmpb $7, S; cmovnel S + 4, %edx; movl %edx, R", {n: {0, 4 + n} for n in range(4)}),
    ("cmpb $7, S; seta %al; movb %al, R", {0: {0}}),
    ("movl S, %eax; xchgb %al, %ah; movw %ax, R", {0: {1}, 1: {0}}),
    ("movl S, %eax; movl S + 4, %edx; shrdl $8, %edx, %eax; movl %eax, R", {0: {1}, 1: {2}, 2: {3}, 3: {4}}),
    ("movl S, %eax; leal 1(, %eax, 4), %eax; movl %eax, R", {0: {0}, 1: {0, 1}, 2: {1, 2}, 3: {2, 3}}),
    ("movb S, %al; movb %al, R; movb $1, R", {}),
    ("movl S, %eax; mull S + 4; movl %eax, R", {n: {*range(n + 1), *range(4, 5 + n)} for n in range(4)}),
]
POINTED = 4  # the case with XLAT


def _program() -> str:
    end = SOURCE + LINE * len(CASES)
    lines = f"""\
        .include "pc.inc"
        .text
main:   movl ${SOURCE}, %edi
1:      movl %edi, %eax
        imull $29, %eax, %eax
        movb %al, (%edi)
        incl %edi
        cmpl ${end}, %edi
        jne 1b
        movl $1, {MARK}
""".splitlines()
    for n, (code, _) in enumerate(CASES):
        for word in code.split("; "):
            word = re.sub(r"\bS\b", str(SOURCE + LINE * n), word)
            lines.append("        " + re.sub(r"\bR\b", str(RESULT + LINE * n), word))
    lines += ["        jmp pass", "table:"]
    lines += [f"        .byte {n}" for n in range(256)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def rec(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("taint")
    (folder / "image.bin").write_bytes(guest.firmware(_program(), folder))
    path = folder / "r.ph"
    assert main(["record", "-o", str(path), "-bios", str(folder / "image.bin"), "-m", "8", "-serial", "null"]) == 0
    return playhead.open(str(path))


@pytest.fixture(scope="module")
def marked(rec: Recording) -> Moment:
    """Behind the filling of the source."""
    line = rec.timeline()
    line.seek(rec.end)
    return next(last_writes(line, MARK, 4, physical=True)).moment


def reached(rec: Recording, marked: Moment, pointers: bool = False) -> dict[int, set[int]]:
    """The source's bytes that are in each byte of the result."""
    size = LINE * len(CASES)
    place = parse_origin(rec, f"physical:{RESULT}:{size}@end")
    one = forwards(rec, f"physical:{SOURCE}:{size}@{marked}", at=place, pointers=pointers)
    assert list(one.rows()) and not one.ended
    out: dict[int, set[int]] = {}
    for held in one.there:
        at = re.fullmatch(r"memory (0x[0-9a-f]+):1", held.place)
        assert at is not None
        found = out.setdefault(int(at[1], 16) - RESULT, set())
        for text in held.origins:
            span = re.search(r"\[(\d+)(?::(\d+))?\]$", text)
            assert span is not None
            found.update(range(int(span[1]), int(span[2] or int(span[1]) + 1)))
    return out


def test_forwards_through_each_kind_of_instruction(rec: Recording, marked: Moment) -> None:
    found = reached(rec, marked)
    for n, (code, expected) in enumerate(CASES):
        here = {at - LINE * n: {s - LINE * n for s in sources} for at, sources in found.items() if at // LINE == n}
        assert here == expected, code


def test_a_lookup_is_followed_on_request(rec: Recording, marked: Moment) -> None:
    assert reached(rec, marked, pointers=True)[LINE * POINTED] == {LINE * POINTED}


def found_in_source(rec: Recording, case: int, first: int, length: int) -> set[int]:
    """The bytes of a case's source from which some of its result came."""
    rows = list(backwards(rec, f"physical:{RESULT + LINE * case + first}:{length}@end").rows())
    assert any(row.origins for row in rows)
    found = set()
    for row in rows:
        for text in row.source:
            if at := re.fullmatch(r"memory (0x[0-9a-f]+):(\d+)", text):
                place = int(at[1], 16) - SOURCE - LINE * case
                found |= {s for s in range(place, place + int(at[2])) if 0 <= s < LINE}
    return found


def test_backwards_finds_the_same(rec: Recording) -> None:
    for n, (code, expected) in enumerate(CASES):
        assert found_in_source(rec, n, 0, 8) == set().union(*expected.values()), code


@pytest.mark.parametrize("case", [7, 8, 13, 22])
def test_backwards_is_exact_to_the_byte(rec: Recording, case: int) -> None:
    for byte in range(4):
        assert found_in_source(rec, case, byte, 1) == CASES[case][1].get(byte, set())


def test_the_graph_names_each_step(rec: Recording) -> None:
    rows = list(backwards(rec, f"physical:{RESULT + LINE}@end").rows())
    text = graph(rows)
    assert text.startswith("digraph") and all(f"n{row.number} [" in text for row in rows) and "n1 -> n0" in text


def event(rec: Recording, kind: type, n: int = 0) -> int:
    return [entry.id for entry in rec.reader.entries() if isinstance(entry.event, kind)][n]


def test_a_typed_byte() -> None:
    with playhead.open(str(KEPT / "inputs.ph")) as rec:
        number = event(rec, CharRead)
        rows = list(forwards(rec, f"event:{number}").rows())
        assert rows[0].text.endswith("in al, dx") and rows[0].target == ("al",)
        assert rows[0].origins == (f"event {number} (serial0)[0]",)
        printed = next(row for row in rows if row.text.endswith("out dx, al"))
        back = list(backwards(rec, f"register:al@{printed.moment}").rows())
        assert back[-1].origins == (f"event {number} (serial0)[0]",)


def test_a_packet() -> None:
    with playhead.open(str(KEPT / "network.ph")) as rec:
        number = event(rec, NetPacket)
        rows = list(forwards(rec, "packet:1").rows())
        assert rows[0].by == "card0" and rows[0].origins == ("packet 1[0:64]",)
        again = [row.moment for row in forwards(rec, f"event:{number}").rows()]
        assert again == [row.moment for row in rows] and len(rows) > 100
        loaded = next(row for row in rows if row.target == ("eax",))
        back = list(backwards(rec, f"register:eax@{loaded.moment.icount + 1}").rows())
        assert back[-1].text == "card0 writes into memory"
        names = [text.replace("packet 1", f"event {number} (packet)") for text in loaded.origins]
        assert back[-1].origins == tuple(names)


def test_sectors_of_a_disk(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first request of this guest is read through the data port, the next by the bus master."""
    with playhead.open(str(recorded(tmp_path_factory, "disk"))) as rec:
        for n, way in ((0, "port"), (3, "master")):
            rows = []
            for row in forwards(rec, f"event:{event(rec, BlockDone, n)}").rows():
                rows.append(row)
                if "add eax" in row.text:
                    break
            assert rows[0].by.startswith("ide") == (way == "master")
            assert ("rep insw" in rows[0].text) == (way == "port")
            added = rows[-1]
            sector = re.fullmatch(r"disk 0 sector (\d+)\[0:4\]", added.origins[0])
            assert sector is not None
            if way == "master":
                one = next(forwards(rec, f"disk:0:{sector[1]}", until=added.moment).rows())
                assert one.origins == (f"disk 0 sector {sector[1]}[0:512]",)
            place = next(text for text in added.source if text.startswith("memory"))
            back = list(backwards(rec, f"physical:{place.split()[1]}@{added.moment}").rows())
            origins = {text for row in back for text in row.origins}
            parts = {f"disk 0 sector {sector[1]}[{span}]" for span in ("0:2", "2:4")}
            assert origins == (parts if way == "port" else {added.origins[0]})


def test_the_machine_is_the_same_with_it() -> None:
    """The machines that were used have the digests of others that are put at their moments."""
    path = str(KEPT / "inputs.ph")
    with playhead.open(path) as rec, playhead.open(path) as plain:
        assert list(forwards(rec, "event:15", until="60%").rows())
        assert list(backwards(rec, "register:edx@12000").rows())
        line = plain.timeline()
        for used in (rec.timeline(), rec.timeline()):
            line.seek(used.moment)
            assert used.player.digest() == line.player.digest()


def test_a_loaded_snapshot_is_where_a_way_ends() -> None:
    with playhead.open(str(KEPT / "loadvm.ph")) as rec:
        loaded = next(entry for entry in rec.reader.entries() if isinstance(entry.event, SnapshotLoaded))
        (*_, last) = backwards(rec, f"register:esp@{loaded.moment.icount + 1}").rows()
        assert last.origins == (f"the snapshot that was loaded at {loaded.moment}",)


def test_the_verb(capfd: pytest.CaptureFixture[str]) -> None:
    path = str(KEPT / "inputs.ph")
    assert main(["taint", path, "--source", "event:15", "--count", "2", "--json"]) == 0
    said = capfd.readouterr()
    assert [json.loads(line)["to"] for line in said.out.splitlines()] == [["al"], ["al"]]
    assert "the first 2 steps" in said.err
    assert main(["taint", path, "--of", "register:edx@8935", "--dot"]) == 0
    assert capfd.readouterr().out.startswith("digraph taint {")


@pytest.mark.parametrize("words", [["--source", "event:15", "--count", "9"], ["--of", "register:al@8949"],
                                   ["--source", "event:15", "--of", "memory:0x10a28:4@end"],
                                   ["--source", "event:15", "--of", "memory:0x90000:4@end"]])  # fmt: skip
def test_steps_as_tables(words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arrow = pytest.importorskip("pyarrow.parquet")
    path, db, parquet = str(KEPT / "inputs.ph"), tmp_path / "x.sqlite", tmp_path / "x.parquet"
    status = main(["taint", path, *words, "--json"])
    wanted = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert bool(wanted) != bool(status)
    assert main(["taint", path, *words, "--sqlite", str(db), "--parquet", str(parquet)]) == status
    assert arrow.read_table(parquet).to_pylist() == wanted
    with sqlite3.connect(db) as found:
        found.row_factory = sqlite3.Row
        rows = [dict(row) for row in found.execute("SELECT * FROM step")]
    assert [list(map(plain, row.values())) for row in wanted] == [list(row.values()) for row in rows]
    assert main(["taint", path, *words, "--sqlite", str(db)]) == 2 and "it exists" in capfd.readouterr().err


def plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, list) else value


@pytest.mark.parametrize(("words", "said"), [
    ([], "--source ORIGIN (forwards), or --of PLACE (backwards)"),
    (["--source", "event:1"], "which brings no bytes"),
    (["--source", "event:999999"], "no event 999999"),
    (["--source", "packet:3"], "0 packets from a network, counted from 1: no packet 3"),
    (["--source", "disk:3:0"], "the recorded machine has no drive 3: it has drives 0 to 1"),
    (["--source", "register:foo@end"], "names no register"),
    (["--source", "sector:5"], "is no origin"),
    (["--of", "event:15"], "is an input; where did what come from?"),
    (["--of", "memory:0xE0000000:4@end"], "there is no memory at 0xe0000000"),
    (["--of", "register:eax@99999999999"], "has no moment"),
    (["--source", "event:15", "--until", "100"], "starts at 8913, behind 100, where it is to end"),
    (["--of", "register:eax@5", "--dot", "--json"], "--dot is for --of alone"),
    (["--of", "register:eax@5", "--sqlite", "x.db", "--json"], "--sqlite is written instead of what --json"),
])  # fmt: skip
def test_what_cannot_be_asked(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["taint", str(KEPT / "inputs.ph"), *words]) == 2
    err = capfd.readouterr().err
    assert said in err and len(err.splitlines()) == 1, err


KEYS = """
        .include "pc.inc"
        .text
main:   movb    $0x60, %al              # the controller's command byte: translate, both devices on
        outb    %al, $0x64
        movb    $0x40, %al
        outb    %al, $0x60
        xorl    %esi, %esi
1:      inb     $0x64, %al
        testb   $1, %al
        jz      1b
        inb     $0x60, %al
        movb    %al, 0x2000(%esi)
        incl    %esi
        cmpl    $2, %esi
        jne     1b
        jmp     pass
"""


def test_keys(tmp_path: Path) -> None:
    """A key's codes go through the controller, which translates them."""
    (tmp_path / "image.bin").write_bytes(guest.firmware(KEYS, tmp_path))
    (tmp_path / "commands").write_text("sendkey a\n")
    words = ["-bios", str(tmp_path / "image.bin"), "-m", "8", "-serial", "null", "-monitor", "chardev:in"]
    words += ["-chardev", f"file,id=in,path={tmp_path}/out,input-path={tmp_path}/commands"]
    assert main(["record", "-o", str(tmp_path / "r.ph"), *words]) == 0
    with playhead.open(str(tmp_path / "r.ph")) as rec:
        numbers = [entry.id for entry in rec.reader.entries() if isinstance(entry.event, Input)]
        for n, number in enumerate(numbers):
            rows = list(forwards(rec, f"event:{number}").rows())
            assert rows[0].text.endswith("in al, 0x60") and rows[1].target == (f"memory {0x2000 + n:#x}:1",)
            (*_, last) = backwards(rec, f"physical:{0x2000 + n}@end").rows()
            assert last.origins == (f"event {number} (key)[0]",)
        assert len(numbers) == 2


def test_firmware_is_told_of_where_the_guest_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["taint", str(KEPT / "inputs.ph"), "--of", "physical:0xffffffff@end"]) == 0
    assert "memory 0xffffffff:1 <- the start of the recording" in capsys.readouterr().out
