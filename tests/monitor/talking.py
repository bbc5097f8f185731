"""Playhead in a separate process, and a conversation with its monitor."""

import os
import re
import select
import socket
import subprocess
import sys
import time

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
PROMPT = b"(qemu) "
PATIENCE_S = 240  # on a host that is busy with other things


def wait_for(truth):
    end = time.monotonic() + PATIENCE_S
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.02)


class Running:
    """`playhead run` or `record` in a separate process, or another `program`."""

    def __init__(self, *words, program=PLAYHEAD, **more):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        self.process = subprocess.Popen([*program, *words], **pipes)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()

    def told(self, pattern):
        """What a line on standard error says."""
        line = self.process.stderr.readline().decode()
        found = re.search(pattern, line)
        assert found, line
        return found[1]

    def monitor(self):
        return self.talk(self.process.stderr.readline().decode())

    def talk(self, line):
        """With the monitor that this line on standard error names."""
        found = re.search(r"monitor is at [0-9.]+:(\d+)", line)
        assert found, line
        return talk_at(int(found[1]))


class Talk:
    """A conversation at a prompt."""

    def __init__(self, file):
        self.file, self.seen = file, b""
        self.until(PROMPT)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()

    def until(self, text):
        end = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            assert select.select([self.file], [], [], max(end - time.monotonic(), 0))[0], self.seen
            data = os.read(self.file.fileno(), 4096)
            assert data, self.seen
            self.seen += data
        said, _, self.seen = self.seen.partition(text)
        return said.decode().replace("\r\n", "\n").strip()

    def ask(self, line):
        """The answer, without the line that a monitor sends back in front of it."""
        self.file.write(line.encode() + b"\n")
        echo, _, said = self.until(PROMPT).partition("\n")
        assert echo == line, (line, echo)
        return said.strip()


def talk_at(port):
    with socket.create_connection(("127.0.0.1", port)) as client:  # the file has it open still
        return Talk(client.makefile("rwb", 0))
