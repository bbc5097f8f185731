"""Starts QEMU or Playhead for a case, and says in a word what came of it.

Each is started paused, with a QMP socket of its own, in a folder that has the files of `cases.py`. A command line
starts (the socket greets), refuses (it ends, with a line), or prints (it ends well). What a monitor says is brought to
its shape: texts without numbers, JSON as keys and types.
"""

import json
import re
import shlex
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

QEMU = ("qemu-system-i386",)
PATIENCE_S = 60
NETWORK = "-netdev user,id=n -device e1000,netdev=n,id=card,romfile="
SESSION = f"-m 16 {NETWORK} -vga none -serial null -drive file=session.qcow2,if=ide,index=0 -icount shift=7"
CD = "-device ide-cd,id=cd,bus=ide.1,unit=0"
# What the human monitor says instead of carrying a command out: it has no status.
REFUSED = re.compile(
    r"Error:|unknown|invalid|Unable|no |.*\b(not found|only in play mode|must be enabled|no register|is no log item"
    r"|not enabled|not in use|there is no|gdb cannot)\b|Log items"
)
FLOPPY, DISK = 1440 << 10, 4 << 20


class Found(NamedTuple):
    """`word`: starts, refuses, prints; answers, refuses. `text`: one line of what was said; `shape`: to be compared."""

    word: str
    text: str = ""
    shape: Any = None


def furnish(folder: Path) -> None:
    """The files that the cases name."""
    (folder / "base.raw").write_bytes(bytes(DISK))
    (folder / "floppy.img").write_bytes(bytes(FLOPPY))
    (folder / "cd.iso").write_bytes(bytes(1 << 20))
    for words in ("disk.qcow2 4M", "empty.qcow2 4M", "session.qcow2 4M", "-F raw -b base.raw disk.ovl"):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *words.split()], cwd=folder, check=True)


class Started:
    """A program with its socket; `greeted` is false if it has ended instead, with `status` and `said`."""

    def __init__(self, program: tuple[str, ...], words: str, folder: Path):
        self._socket_path = folder / "qmp.sock"
        self._socket_path.unlink(missing_ok=True)
        extra = ["-display", "none", "-S", "-qmp", f"unix:{self._socket_path},server=on,wait=off"]
        self._output = open(folder / "output", "w+b")
        self._process = subprocess.Popen(
            [*program, *shlex.split(words), *extra], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=self._output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._buffer = b""
        self.greeted = self._connect()
        self.status = self._process.poll()

    def _connect(self) -> bool:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                return False
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(PATIENCE_S)
            try:
                self._socket.connect(str(self._socket_path))
                assert "QMP" in self._receive()
                self._ask('{"execute":"qmp_capabilities"}')
                return True
            except OSError:
                self._socket.close()
                time.sleep(0.01)
        raise AssertionError(f"no QMP in {PATIENCE_S} s")

    def _receive(self) -> Any:
        while b"\n" not in self._buffer:
            more = self._socket.recv(1 << 16)
            if not more:
                raise ConnectionResetError
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def _ask(self, line: str) -> Any:
        """The answer; events are passed over."""
        self._socket.sendall(line.encode() + b"\n")
        while True:
            answer = self._receive()
            if "event" not in answer:
                return answer

    @property
    def said(self) -> str:
        self._output.seek(0)
        return self._output.read().decode(errors="replace")

    def qmp(self, line: str) -> Found:
        answer = self._ask(line)
        if "error" in answer:
            return Found("refuses", answer["error"]["desc"], [answer["error"]["class"], "id" in answer])
        return Found("answers", json.dumps(answer["return"])[:60], [types_of(answer["return"]), "id" in answer])

    def hmp(self, line: str) -> Found:
        command = {"execute": "human-monitor-command", "arguments": {"command-line": line}}
        answer = self._ask(json.dumps(command))
        text = answer["return"] if "return" in answer else answer["error"]["desc"]
        first = next((row for row in text.splitlines() if row.strip()), "")
        if REFUSED.match(first):
            return Found("refuses", first[:60])
        key = shape_of(re.split("[:=(,]", first)[0])  # what follows it may be anything
        return Found("answers" if first else "is silent", key, key)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()
        if self.greeted:
            self._socket.close()


def types_of(value: Any) -> Any:
    """JSON as keys and types; the members of a list as one, with all their keys."""
    if isinstance(value, dict):
        return {key: types_of(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        all_types = [types_of(one) for one in value]
        if all_types and all(isinstance(one, dict) for one in all_types):
            return [{key: one[key] for one in reversed(all_types) for key in sorted(one)}]
        return all_types[:1]
    return type(value).__name__


def shape_of(text: str) -> str:
    """A line without its numbers and the width of its gaps."""
    text = re.sub(r"#block\d+", "#block0", text)
    return re.sub(r"\s+", " ", re.sub(r"\b(0x)?[0-9a-fA-F]*[0-9][0-9a-fA-F]*\b", "0", text)).strip()


def line(program: tuple[str, ...], words: str, folder: Path) -> Found:
    for log in folder.glob("*.bin"):  # of the other program
        log.unlink()
    started = Started(program, words, folder)
    try:
        if started.greeted:
            return Found("starts")
        said = started.said.replace(f"{folder}/", "")  # its name is another one each time
        rows = [row for row in said.splitlines() if row.strip()]
        return Found("prints" if started.status == 0 else "refuses", rows[0][:100] if rows else "")
    finally:
        started.close()
