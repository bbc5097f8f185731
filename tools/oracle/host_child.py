"""The process in which the host oracle runs cases: fixed memory, signal handlers, a seccomp filter, a loop over pipes.

`main` runs in it. First line on stdout: `ok`, or why not. Then for each request (u32 number of
cases, u32 size, packed cases) an answer (u32 size, packed results). The formats are in `host_wire`.

The filter is there because a case may hold `int 80h`, `syscall` or a far jump to 64-bit code: whatever is not a
64-bit call on the short list becomes a signal, so that it ends the case, or an error.
"""

import ctypes
import mmap
import os
import platform
import signal
import struct
import sys

from tools.oracle import layout
from tools.oracle.case import FX_INITIAL, OracleUnavailable

TICK_S = 0.01  # a case that is still running at its second tick of user time has not ended
OUTPUT_SIZE = 8 << 20
STACK_SIZE = 1 << 16

PROT_EXEC = 4
MAP_FIXED_NOREPLACE = 0x100000
MAP_POPULATE = 0x8000
SA_SIGINFO, SA_ONSTACK = 4, 0x0800_0000
SIGNALS = ("SIGILL", "SIGTRAP", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGVTALRM", "SIGSYS")
SYS_MODIFY_LDT = 154
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
AUDIT_ARCH_X86_64 = 0xC000_003E
SECCOMP_ALLOW, SECCOMP_TRAP, SECCOMP_EPERM = 0x7FFF_0000, 0x0003_0000, 0x0005_0001
# read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn mremap madvise getpid
# setitimer exit modify_ldt sigaltstack arch_prctl gettid futex clock_gettime exit_group tgkill getrandom
ALLOWED_CALLS = (
    *(0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 25, 28, 39),
    *(38, 60, 154, 131, 158, 186, 202, 228, 231, 234, 318),
)


class SigAction(ctypes.Structure):
    _fields_ = [
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    ]


class AltStack(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


class FilterProgram(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def check_platform() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        here = f"{sys.platform} on {platform.machine()}"
        raise OracleUnavailable(f"the host oracle needs Linux on x86-64; this is {here}")


class Child:
    def __init__(self) -> None:
        check_platform()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.mmap.restype = ctypes.c_void_p
        self.libc.syscall.restype = ctypes.c_long
        self.keep: list[object] = []  # memory that native code points to
        self._check_ldt()
        from tools.oracle.host_native import NativeCode  # llvmlite, on x86-64 Linux only

        self.native = NativeCode()
        self._map_windows()
        self._make_control()
        self._install_handlers()
        self._restrict_calls()

    def _failed(self, what: str) -> OracleUnavailable:
        return OracleUnavailable(f"the host does not permit {what}: {os.strerror(ctypes.get_errno())}")

    def _check_ldt(self) -> None:
        entry = struct.pack("<4I", layout.LDT_SLOTS - 1, 0, 0xFFF, 0)  # 16-bit data
        if self.libc.syscall(SYS_MODIFY_LDT, 0x11, entry, len(entry)) != 0:
            raise self._failed("LDT descriptors (modify_ldt)")
        empty = struct.pack("<4I", layout.LDT_SLOTS - 1, 0, 0, 0x28)
        self.libc.syscall(SYS_MODIFY_LDT, 0x11, empty, len(empty))

    def _map_windows(self) -> None:
        """The windows at their addresses, and all of them writable in a row elsewhere, as one shared file."""
        file = os.memfd_create("playhead-oracle")
        os.ftruncate(file, layout.IMAGE_SIZE)
        self.live = mmap.mmap(file, layout.IMAGE_SIZE)
        self.live[:] = layout.background()
        for window in layout.WINDOWS:
            rights = mmap.PROT_READ | PROT_EXEC | (mmap.PROT_WRITE if window.writable else 0)
            flags = mmap.MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE
            args = map(ctypes.c_long, (window.size, rights, flags, file, window.offset))
            if self.libc.mmap(ctypes.c_void_p(window.base), *args) != window.base:
                raise self._failed(f"memory at {window.base:#x}")
        os.close(file)
        self._check_low_memory()

    def _check_low_memory(self) -> None:
        """Everything else below 4 GiB must fault, and hold nothing of ours that a case could overwrite."""
        with open("/proc/self/maps") as maps:
            for line in maps:
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                if start >> 32 == 0 and not any(w.base <= start and end <= w.end for w in layout.WINDOWS):
                    raise OracleUnavailable(f"this Python occupies memory below 4 GiB: {line.strip()}")

    def _buffer(self, size: int, content: bytes = b"") -> int:
        memory = mmap.mmap(-1, size)
        memory[: len(content)] = content
        self.keep.append(memory)
        return ctypes.addressof(ctypes.c_char.from_buffer(memory))

    def _make_control(self) -> None:
        from tools.oracle import host_native

        address = self._buffer(host_native.CONTROL_SIZE)
        self.fields = {name: ctypes.c_int64.from_address(address + 8 * i) for i, name in enumerate(host_native.CONTROL)}
        self.output = self._buffer(OUTPUT_SIZE)
        self.fields["output_end"].value = self.output + OUTPUT_SIZE
        self.fields["live"].value = ctypes.addressof(ctypes.c_char.from_buffer(self.live))
        self.fields["initial"].value = self._buffer(layout.IMAGE_SIZE, layout.background())
        self.fields["pristine"].value = self._buffer(layout.IMAGE_SIZE, layout.background())
        self.fields["fx_initial"].value = self._buffer(4096, FX_INITIAL)
        ctypes.c_int64.from_address(self.native.control).value = address
        self.run_batch = ctypes.CFUNCTYPE(None)(self.native.run_batch)

    def _install_handlers(self) -> None:
        stack = AltStack(self._buffer(STACK_SIZE), 0, STACK_SIZE)
        if self.libc.sigaltstack(ctypes.byref(stack), None) != 0:
            raise self._failed("an alternate signal stack")
        action = SigAction(self.native.on_signal, flags=SA_SIGINFO | SA_ONSTACK)
        action.mask[0] = (1 << 64) - 1  # a fault of the handler itself ends the process
        for name in SIGNALS:
            if self.libc.sigaction(int(getattr(signal, name)), ctypes.byref(action), None) != 0:
                raise self._failed(f"a handler of {name}")

    def _restrict_calls(self) -> None:
        load, jump_if_equal, give = 0x20, 0x15, 0x06
        calls = len(ALLOWED_CALLS)
        program = [(load, 0, 0, 4), (jump_if_equal, 1, 0, AUDIT_ARCH_X86_64), (give, 0, 0, SECCOMP_TRAP)]
        program.append((load, 0, 0, 0))
        program += [(jump_if_equal, calls - i, 0, number) for i, number in enumerate(ALLOWED_CALLS)]
        program += [(give, 0, 0, SECCOMP_EPERM), (give, 0, 0, SECCOMP_ALLOW)]
        filters = FilterProgram(len(program), b"".join(struct.pack("<HBBI", *row) for row in program))
        prctl = self.libc.prctl
        if prctl(PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))) != 0 or (
            prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(filters)) != 0
        ):
            raise self._failed("a seccomp filter")

    def run(self, count: int, cases: bytes) -> bytes:
        """Run packed cases; the native loop returns early when its output buffer is full."""
        fields, results = self.fields, []
        memory = ctypes.create_string_buffer(cases, len(cases))
        fields["input"].value = ctypes.addressof(memory)
        fields["remaining"].value = count
        signal.setitimer(signal.ITIMER_VIRTUAL, TICK_S, TICK_S)
        while fields["remaining"].value:
            fields["output"].value, fields["index"].value, fields["ticked"].value = self.output, 0, -1
            self.run_batch()
            results.append(ctypes.string_at(self.output, fields["output"].value - self.output))
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return b"".join(results)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's affair
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        child = Child()
    except OracleUnavailable as error:
        answers.write(f"{error}\n".encode())
        return
    answers.write(b"ok\n")
    answers.flush()
    while header := requests.read(8):
        count, size = struct.unpack("<2I", header)
        packed = child.run(count, requests.read(size))
        answers.write(struct.pack("<I", len(packed)) + packed)
        answers.flush()
