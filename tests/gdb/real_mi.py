"""A real gdb as front ends drive it: `gdb -i=mi`, one command after another, each waited for as they do."""

import re
import subprocess
import threading
from collections import deque

import real_gdb

RESULT = re.compile(r"\^(done|running|connected|error|exit)")


class Mi:
    """`ask(command)`: the lines of gdb's answer, up to `*stopped` if the command lets the target run."""

    def __init__(self, before: tuple[str, ...] = ()):
        self._gdb = subprocess.Popen(
            [real_gdb.program(), "-nx", "-q", "-i=mi"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._lines: deque[str] = deque()
        self._came = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        for command in before:
            self.ask(command)

    def __enter__(self) -> "Mi":
        return self

    def __exit__(self, *exc: object) -> None:
        self._gdb.kill()
        self._gdb.communicate()

    def ask(self, command: str) -> list[str]:
        assert self._gdb.stdin is not None
        self._gdb.stdin.write(command + "\n")
        self._gdb.stdin.flush()
        answer = self._until(RESULT.match)
        runs = [line[1:8] for line in answer if line.startswith(("^running", "*running", "*stopped"))]
        if runs[-1:] == ["running"]:
            answer += self._until(lambda line: line.startswith(("*stopped", "^error")))
        return answer

    def _until(self, last) -> list[str]:
        found: list[str] = []
        while not found or not last(found[-1]):
            with self._came:
                assert self._came.wait_for(lambda: self._lines, real_gdb.PATIENCE_S), found
                found.append(self._lines.popleft())
        return found

    def _read(self) -> None:
        assert self._gdb.stdout is not None
        for line in self._gdb.stdout:
            with self._came:
                self._lines.append(line.rstrip("\n"))
                self._came.notify()


def console(answer: list[str]) -> str:
    """What a front end shows in its console of an answer."""
    shown = (re.match(r'[~@]"(.*)"$', line) for line in answer)
    return "".join(m[1] for m in shown if m).replace("\\n", "\n").replace("\\t", "\t")
