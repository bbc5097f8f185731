"""Somebody who types: runs `playhead record`, logs in on its serial line, types at random real times, logs out.

Not a program of its own: `./dev fuzz replay --typed` and the tests use it. What is typed follows from the seed; when,
from the host as well, which is the point: each recording is another one, and each has to replay.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import re
import select
import subprocess
import termios
import threading
import time

from tools.guests.debian import LOGIN, PASSWORD

PROMPT, ASK_CURSOR = b"playhead# ", b"\x1b[6n"
BOOT_S, ANSWER_S = 300, 120
PAUSE_S = 0.005, 0.2  # between two keys
LINES = (  # what is typed: control characters are keys
    "echo hello",
    "date",
    "cat /proc/interrupts",
    "head -c 16 /dev/urandom | md5sum",
    "ls /proc | wc -l",
    "echo $RANDOM",
    "uname -a",
    "i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; echo $i",
    "echo wromg\x7f\x7fng",
    "not a command\x15pwd",
    "sleep 0.2",
    "cat /proc/uptime",
    "free",
    "sleep 100\r\x03",
    "cat\rline\r\x04",
    "dmesg | tail -n 3",
    "stty -a",
    "ps | head -n 5",
    "sleep 1 & wait",
    "ec\t\x15echo tab",
)


class TypistError(Exception):
    """The session did not go as it should; one line."""


class Typist:
    """One recording that is typed at. `seen` is what the guest printed, `heard` what the program said."""

    def __init__(self, command: list[str], seed: int, stdio: bool):
        self._random = random.Random(seed)
        self.seen, self.heard = bytearray(), bytearray()
        self._line, self._spare = -1, -1  # the serial line; the other end of a terminal of ours
        if stdio:
            self._line, self._spare = pty.openpty()
            mode = termios.tcgetattr(self._spare)
            mode[1] &= ~termios.ONLCR  # what is printed is seen as it is
            termios.tcsetattr(self._spare, termios.TCSANOW, mode)
            self.process = subprocess.Popen(command, stdin=self._spare, stdout=self._spare, stderr=subprocess.PIPE,
                                            env={**os.environ, "TERM": "xterm"}, preexec_fn=_own_terminal)  # fmt: skip
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        if not stdio:
            self._line = os.open(self._pty_name(), os.O_RDWR | os.O_NOCTTY)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.heard += line

    def _pty_name(self) -> str:
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end and self.process.poll() is None:
            if match := re.search(rb"serial0 is (\S+)", self.heard):
                return match[1].decode()
            time.sleep(0.02)
        self.close()
        raise TypistError(f"no pty was announced: {self.heard.decode(errors='replace').strip()}")

    def session(self, commands: int) -> int:
        """Log in, type, log out, wait for the end; the exit status."""
        self._until(b"login: ", BOOT_S)
        self._type(LOGIN + "\r")
        self._until(b"Password: ")
        self._type(PASSWORD + "\r")
        self._await_prompt()
        for number in range(commands):
            lines = LINES if number >= len(LINES) else LINES[number:]
            line = self._random.choice(lines[:8])
            ends = line[-1] < " "  # with a key that ends a program, so that this has to be the one that runs
            if ends:
                self._catch_up(number)
            self._type(line if ends else line + "\r", 0.3 if ends else 0)
            if ends or self._random.random() < 0.8:
                self._await_prompt()  # else type ahead
        self._catch_up(commands)
        self._type("exit\r")
        self._until(b"GUEST-DONE")
        return self._end()

    def _type(self, keys: str, at_return_s: float = 0.0) -> None:
        low, high = PAUSE_S
        mark = len(self.seen)
        for key in keys:
            # mostly quick, sometimes slow: spread evenly over orders of magnitude
            self._listen_for(low * (high / low) ** self._random.random())
            if key == "\x04":
                self._until(b"ne\r\n", count=2, since=mark)  # the echo, and what `cat` made of it
            os.write(self._line, key.encode())
            if key == "\r":
                self._listen_for(at_return_s)  # until what was called reads the keys

    def _await_prompt(self) -> None:
        """Until the shell seems to be ready. It may print its prompt more than once, so this is not proof."""
        end = time.monotonic() + ANSWER_S
        while not bytes(self.seen[-20:]).removesuffix(ASK_CURSOR).endswith(PROMPT):
            if time.monotonic() > end or self.process.poll() is not None:
                self._until(b"a prompt", 0)
            self._read(0.1)

    def _catch_up(self, number: int) -> None:
        """Until everything that was typed has been done: the answer to this is in no echo."""
        self._type(f"echo $((1000000+{number}))\r")
        self._until(b"\r\n%d\r\n" % (1000000 + number))
        self._await_prompt()

    def _listen_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)

    def _until(self, text: bytes, seconds: float = ANSWER_S, count: int = 1, since: int = 0) -> None:
        end = time.monotonic() + seconds
        while self.seen.count(text, since) < count:
            if time.monotonic() > end:
                last = bytes(self.seen[-200:])
                raise TypistError(f"{text!r} did not come within {seconds:.0f} s; the last was {last!r}")
            if self.process.poll() is not None and not self._read(0):
                said = self.heard.decode(errors="replace").strip()
                raise TypistError(f"the recording ended before {text!r} came: {said}")
            self._read(0.1)

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self._line], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self._line, 4096)
        except OSError:  # the other end is closed, and that is all there was
            time.sleep(min(timeout_s, 0.01))
            return False
        self.seen += data
        return bool(data)

    def _end(self) -> int:
        end = time.monotonic() + ANSWER_S
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise TypistError("the guest does not power off")
            self._read(0.1)
        while self._read(0):
            pass
        self._listener.join()
        return self.process.returncode

    def close(self) -> None:
        """Whatever happened: nothing is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._listener.join()
        for fd in (self._line, self._spare):
            with contextlib.suppress(OSError):
                os.close(fd)


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
