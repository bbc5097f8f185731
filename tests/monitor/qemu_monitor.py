"""QEMU's own human monitor, asked through QMP, where QEMU is installed."""

import json
import shutil
import subprocess

import pytest

QEMU = "qemu-system-i386"
needs_qemu = pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"no {QEMU} on this host")


class QemuMonitor:
    """`with QemuMonitor("-S") as ask: ask("info status")` gives the lines of the answer."""

    def __init__(self, *words):
        self._words = words

    def __enter__(self):
        self._process = subprocess.Popen([QEMU, "-display", "none", "-net", "none", "-qmp", "stdio", *self._words],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        self._process.stdout.readline()
        self._call("qmp_capabilities")
        return self.ask

    def __exit__(self, *exc):
        self._process.kill()
        self._process.communicate()

    def _call(self, name, **arguments):
        self._process.stdin.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            assert "error" not in answer, answer
        raise AssertionError("QEMU has ended")

    def ask(self, line):
        return self._call("human-monitor-command", **{"command-line": line}).replace("\r", "").rstrip("\n").split("\n")
