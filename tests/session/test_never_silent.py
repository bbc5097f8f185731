"""Never an endless run, never a silent success: a changed recording is refused, or the first mismatch is reported.

The hash chain is computed anew over the changes, since it would notice all of them otherwise. (Other disk contents are
in test_disks.py.)
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import planted
import pytest
from planted import drop, move, rewrite

from playhead.boards.config import digest
from playhead.boards.pc_devices import parts
from playhead.log.events import CharRead, ClockHost, ClockVirtualRt, End, Entry
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from tools import guest

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
LIMIT_S = 240
Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.ph"
    planted.record(path, first=10)  # a key comes while the guest is at work
    return path


def replayed(path: Path, *more: str) -> tuple[int, str]:
    """Exit status and standard error, within the time."""
    command = [*PLAYHEAD, "replay", str(path), *more]
    done = subprocess.run(command, capture_output=True, encoding="latin-1", timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    print(done.stderr)
    assert "Traceback" not in done.stderr and "this is a bug" not in done.stderr
    assert all(line.startswith("playhead: ") for line in done.stderr.splitlines())
    return done.returncode, done.stderr


def machine(**values: object) -> Damage:
    """Another machine in the description."""
    return lambda path: rewrite(path, config=lambda config: {**config, **values})


def ports(*words: str) -> Damage:
    """Other serial ports."""
    lists = parts(serial=words)
    return machine(**{name: [part.to_json() for part in lists[name]] for name in lists})


def devices(change: Callable[[list[dict[str, Any]]], object]) -> Damage:
    """Another list of devices."""

    def changed(config: dict[str, Any]) -> dict[str, Any]:
        listed = [dict(item) for item in config["devices"]]
        change(listed)
        return {**config, "devices": listed}

    return lambda path: rewrite(path, config=changed)


def meta(**values: object) -> Damage:
    return lambda path: rewrite(path, **{key: lambda old, new=new: new for key, new in values.items()})


def events(change: planted.Change) -> Damage:
    return lambda path: rewrite(path, change)


def edit(kind: type, n: int, how: Callable[[object], None], at: int = 0) -> Damage:
    """Change the n-th event of a kind, or move it by `at` instructions."""

    def change(found: list[Entry]) -> list[Entry]:
        i = planted.place(found, kind, n)
        how(found[i].event)
        moment = found[i].moment
        if at:
            found[i] = found[i]._replace(moment=Moment(moment.icount + at, 0))
        return found

    return events(change)


def add(name: str, amount: int) -> Callable[[object], None]:
    return lambda event: setattr(event, name, getattr(event, name) + amount)


def other_byte(event: object) -> None:
    event.data[0] ^= 1


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def delete_row(path: Path) -> None:
    """An event goes, and the chain is left as it was."""
    db = sqlite3.connect(path)
    db.execute("DELETE FROM event WHERE id = 5")
    db.commit()
    db.close()


def unknown_kind(path: Path) -> None:
    flush = Writer.flush

    def with_one(self: Writer, *args) -> None:
        _, _, cpu, _, _, _ = self._events[4]
        self._events[4] = (*self._events[4][:2], cpu, 200, b"", b"")
        flush(self, *args)

    Writer.flush = with_one
    try:
        rewrite(path)
    finally:
        Writer.flush = flush


def other_firmware(image: bytes) -> Damage:
    """The description says another firmware, and the recording holds it."""

    def damage(path: Path) -> None:
        blobs, begin = [image], Writer.begin
        Writer.begin = lambda self, described, kept=(): begin(self, described, [*kept, *blobs])
        try:
            rewrite(path, config=lambda config: {**config, "bios": digest(image)})
        finally:
            Writer.begin = begin

    return damage


TABLE: dict[str, tuple[Damage, int, str]] = {
    # the machine
    "less memory": (machine(ram_bytes=4 << 20), 1, "before the first instruction"),
    "more memory": (machine(ram_bytes=64 << 20), 1, "before the first instruction"),
    "another processor": (machine(cpu="486"), 1, "before the first instruction: digests differ in cpu"),
    "an unknown processor": (machine(cpu="387"), 2, "a processor that is not known here: '387'"),
    "a feature that no processor has": (machine(cpu="pentium2,+sse"), 2, "not known here: 'pentium2,+sse'"),
    "a processor written otherwise": (machine(cpu="pentium2,+pae"), 2, "not known here: 'pentium2,+pae'"),
    "a serial port missing": (ports(), 1, "has other parts than the recording's: serial0"),
    "a serial port more": (ports("stdio", "null"), 1, "has other parts than the recording's: serial1"),
    "a device missing": (
        devices(lambda d: d.remove({"driver": "port92", "id": "port92"})),
        2,
        "the machine lacks port92",
    ),
    "a device unknown": (devices(lambda d: d.append({"driver": "nvme", "id": "n"})), 2, "'nvme' is not known here"),
    "a device of another name": (devices(lambda d: d[6].update(id="b")), 1, "has other parts than the recording's: b,"),
    "a device elsewhere": (devices(lambda d: d.insert(-2, d.pop())), 1, "has other parts than the recording's: their"),
    "another clock": (machine(rtc_clock="vm"), 1, "at "),
    "another rate": (meta(shift=4), 1, "digests differ in"),
    "another firmware": (other_firmware(guest.image("smc").read_bytes()), 1, "replay diverged"),
    "a firmware that only faults": (other_firmware(planted.only_faults()), 1, "replay diverged"),
    # the inputs
    "a clock value": (edit(ClockHost, 0, add("ns", 3_600_000_000_000)), 1, "digests differ in"),
    "a moment, one later": (edit(CharRead, 0, lambda e: None, 1), 1, "digests differ in"),
    "a moment, one earlier": (edit(CharRead, 0, lambda e: None, -1), 1, "digests differ in"),
    "the moment of a clock read": (edit(ClockHost, 0, lambda e: None, 1), 1, "it read the host clock"),
    "a sleep": (edit(ClockVirtualRt, 0, add("ns", 1)), 1, ""),
    "a long sleep": (edit(ClockVirtualRt, 0, add("ns", 1 << 40)), 1, "moves virtual time to"),
    "another key": (edit(CharRead, 2, other_byte), 1, ""),
    "an impossible port": (edit(CharRead, 0, add("port", 3)), 1, "serial port 3 took 1 bytes in the recording"),
    "an input lost": (events(drop(CharRead, 3)), 1, ""),
    "a clock read lost": (events(drop(ClockHost)), 1, "it read the host clock, the recording did not"),
    "a sleep lost": (events(drop(ClockVirtualRt)), 1, ""),
    "an input moved": (events(move(CharRead, 0, 100)), 1, "digests differ in"),
    # the end
    "an earlier end": (edit(End, 0, lambda e: None, -1), 1, "digests differ in"),
    "a later end": (edit(End, 0, lambda e: None, 1000), 1, "the guest ended"),
    "another status": (edit(End, 0, add("status", 1)), 1, "the recording ends by guest-shutdown with status 1"),
    "another cause": (edit(End, 0, add("cause", 1)), 1, "the recording ends by guest-reset"),
    # the file
    "a kind that is unknown": (unknown_kind, 2, "unknown kind 200"),
    "an event deleted": (delete_row, 2, "is not what its hash says"),
    "a file cut short": (cut, 2, "is damaged"),
    "an empty file": (lambda path: path.write_bytes(b""), 2, "is not a recording"),
    "another period": (meta(digest_period=50_000), 1, "digests differ in"),
}


@pytest.mark.parametrize("row", TABLE)
def test_is_told(row: str, demo: Path, tmp_path: Path) -> None:
    damage, status, message = TABLE[row]
    path = tmp_path / "r.ph"
    shutil.copyfile(demo, path)
    damage(path)
    found, said = replayed(path)
    assert found == status and message in said
    if status == 1 and "has other parts" not in said:
        assert re.search(r"diverged.* \d+|before the first instruction", said) and "playhead: diagnosis: " in said
        assert replayed(path, "--no-diagnose") == (1, said[: said.index("playhead: diagnosis: ")])


def test_a_replay_on_the_other_engine_says_the_same(demo: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    shutil.copyfile(demo, path)
    events(drop(ClockHost))(path)
    native = replayed(path, "--no-diagnose")
    assert replayed(path, "--no-diagnose", "--engine", "reference") == native and native[0] == 1


def test_the_end_lost_is_a_recording_that_was_cut_off(demo: Path, tmp_path: Path) -> None:
    """Which is no failure: so look those of killed recorders."""
    path = tmp_path / "r.ph"
    shutil.copyfile(demo, path)
    events(drop(End))(path)
    status, said = replayed(path)
    assert status == 0 and "the recording ends here" in said and "cut off" in said


def test_a_recording_that_resets_where_it_may_not(tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    planted.record(path, "faults", keys=b"")
    rewrite(path, session=lambda session: {**session, "no_reboot": True})
    status, said = replayed(path)
    assert status == 1 and "the guest ended (guest-reset), but the recording goes on" in said


def test_what_cannot_be_taken_is_named_with_its_moment(demo: Path, tmp_path: Path) -> None:
    """Which event, where, and what was expected."""
    path = tmp_path / "r.ph"
    shutil.copyfile(demo, path)
    with Reader(str(path)) as reader:
        lost = next(e for e in reader.entries() if isinstance(e.event, ClockHost))
    events(drop(ClockHost))(path)
    _, said = replayed(path)
    assert f"replay diverged at {lost.moment}: it read the host clock, the recording did not (its next event is" in said
