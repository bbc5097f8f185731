"""Arguments and results of system calls as text: what strace would show, and nothing that hostile memory can break."""

import random

import pytest

from playhead.linux.syscall_args import FLAGS, argument_text, quoted, result_text
from playhead.linux.syscall_table import CALLS, NUMBERS, signature

TEXTS = {0x1000: b"/etc/passwd\0", 0x2FF8: b"across--", 0x3000: b"pages\0", 0x4000: b"\x00\x10\0\0\x00\x30\0\0\0\0\0\0",
         0x5000: bytes(range(64)), 0x7000: b"x" * 4096 + b"y" * 4096}  # fmt: skip


KNOWN = "d f at u mode path str argv in out sig x whence how fcntl ioctl".split()


def read(address: int, length: int) -> bytes:
    """Memory in which pages 1 to 5, 7 and 8 are there."""
    memory = bytearray(0x9000)
    for at, data in TEXTS.items():
        memory[at : at + len(data)] = data
    end = 0x6000 if address < 0x6000 else 0x9000 if 0x7000 <= address else 0
    return bytes(memory[address : min(address + length, end)]) if 0x1000 <= address < end else b""


@pytest.mark.parametrize(("kind", "args", "shown"), [
    ("d", [0xFFFFFFFF], "-1"), ("u", [0xFFFFFFFF], "4294967295"), ("x", [0], "NULL"), ("x", [0xBF00], "0xbf00"),
    ("f", [3], "3"), ("at", [0xFFFFFF9C], "AT_FDCWD"), ("at", [5], "5"), ("mode", [0o644], "0644"),
    ("path", [0x1000], '"/etc/passwd"'), ("path", [0x2FF8], '"across--pages"'), ("path", [0], "NULL"),
    ("path", [0x6000], "0x6000"), ("str", [0xFFFFFFFF], "0xffffffff"), ("argv", [0x4000], '["/etc/passwd", "pages"]'),
    ("argv", [0x6000], "0x6000"), ("in:1", [0x3000, 5], '"pages"'), ("in:1", [0x6000, 5], "0x6000"),
    ("sig", [17], "SIGCHLD"), ("sig", [99], "99"), ("whence", [2], "SEEK_END"), ("whence", [9], "9"),
    ("oflags", [0], "O_RDONLY"), ("oflags", [0o100001 | 0o100], "O_WRONLY|O_CREAT|O_LARGEFILE"),
    ("oflags", [0o2000000], "O_CLOEXEC"), ("oflags", [0o20200002], "O_RDWR|O_TMPFILE"),
    ("prot", [0], "PROT_NONE"), ("prot", [3], "PROT_READ|PROT_WRITE"), ("map", [0x22], "MAP_PRIVATE|MAP_ANONYMOUS"),
    ("clone", [0x1200011], "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD"), ("prot", [0x81], "PROT_READ|0x80"),
    ("fcntl", [1030], "F_DUPFD_CLOEXEC"), ("ioctl", [0x5401], "TCGETS"), ("ioctl", [0x1234], "0x1234"),
])  # fmt: skip
def test_an_argument_as_text(kind, args, shown):
    assert argument_text(kind, args, 0, read) == shown


def test_long_texts_and_bytes_are_cut():
    assert argument_text("path", [0x7000], 0, read) == '"' + "x" * 4096 + '"...'
    assert argument_text("in:1", [0x7000, 4096], 0, read) == '"' + "x" * 32 + '"...'
    assert quoted(b'\0\x001\n"\\\xff') == '"\\0\\0001\\n\\"\\\\\\377"'


@pytest.mark.parametrize(("name", "value", "shown"), [
    ("read", 5, "5"), ("read", 0xFFFFFFFE, "-1 ENOENT"), ("mmap2", 0xB7F00000, "0xb7f00000"),
    ("brk", 0x8000000, "0x8000000"), ("mmap2", 0xFFFFFFF4, "-1 ENOMEM"), ("wait4", 0xFFFFFE00, "? ERESTARTSYS"),
    ("x", (-4095) & 0xFFFFFFFF, "-1 error 4095"), ("x", (-95) & 0xFFFFFFFF, "-1 EOPNOTSUPP"),
    ("x", (-133) & 0xFFFFFFFF, "-1 EHWPOISON"), ("x", (-35) & 0xFFFFFFFF, "-1 EDEADLK"),
])  # fmt: skip
def test_a_result_as_text(name, value, shown):
    assert result_text(name, value) == shown


def test_every_call_has_arguments_that_can_be_shown():
    rng = random.Random(6)
    assert len(CALLS) == len(NUMBERS) > 440 and signature(100_000).name == "syscall_100000"
    for number, call in CALLS.items():
        assert len(call.kinds or ()) <= 6 and signature(number) is call
        for _ in range(3):
            args = [rng.choice((0, 1, 0x1000, 0x2FF8, 0x6000, rng.getrandbits(32))) for _ in range(6)]
            for n, kind in enumerate(call.kinds or ()):
                head = kind.partition(":")[0]
                assert argument_text(kind, args, n, read).isprintable()
                assert head in FLAGS or head in KNOWN


def test_numbers_are_those_of_i386():
    wanted = {"exit": 1, "read": 3, "open": 5, "execve": 11, "getpid": 20, "mmap2": 192, "exit_group": 252,
              "openat": 295, "socket": 359, "statx": 383, "clock_gettime64": 403, "clone3": 435}  # fmt: skip
    assert {name: NUMBERS[name] for name in wanted} == wanted
