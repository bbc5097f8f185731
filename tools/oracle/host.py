"""HostOracle: the host's own CPU runs the cases, in 32-bit compatibility mode at privilege level 3.

This is the parent's half: packing, unpacking, and looking after the child process (`host_child`, `host_native`).

What it cannot do, or does as Linux and not as a bare CPU:
- Level 0 and virtual-8086 mode; call gates, task gates, TSSs; a conforming code segment; debug registers.
- `sgdt sidt sldt str smsw`: with UMIP the kernel emulates them. `lar lsl verr verw` and loads of a GDT selector see
  Linux's GDT: use LDT selectors. `rdtsc`, `cpuid` are the host's. `sysenter` and `syscall` (not to be generated) are
  #UD, or end the case as SYSCALL or in any way, by vendor and kernel.
- The host's vendor shows: flags that the manual leaves undefined; FIP, FDP and FOP (some AMD hosts keep them only for
  a pending exception); whether a segment limit is checked before or after alignment. A locked access across cache
  lines may be slowed by the kernel (split lock detection) on Intel.
- FXSAVE images are the 64-bit form: no selectors (they are zero here).
- Vectors come from the kernel's record of the trap; error codes of page faults are cut to P, W, U, RSVD.
"""

import os
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.oracle import case as model
from tools.oracle import layout
from tools.oracle.case import Case, OracleUnavailable, Result
from tools.oracle.host_child import check_platform
from tools.oracle.host_wire import CASE, DESCRIPTOR, PATCH, RESULT, WORD

SIGTRAP, SIGVTALRM, SIGSYS = 5, 26, 31
EMPTY_DESCRIPTOR = (0, 0, 0x28)
BATCH = 4096
INT_80H = b"\xcd\x80"


class ChildDied(Exception):
    pass


class HostOracle:
    """`with HostOracle() as oracle: results = oracle.run(cases)`; OracleUnavailable if the host cannot do it."""

    def __init__(self) -> None:
        check_platform()
        self._child: subprocess.Popen[bytes] | None = None
        self._start()

    def __enter__(self) -> "HostOracle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            assert child.stdin and child.stdout
            try:
                child.stdin.close()
            except BrokenPipeError:
                pass
            child.wait()
            child.stdout.close()

    def run(self, cases: Iterable[Case]) -> list[Result]:
        """A result per case, in order. ValueError for a case that cannot be set up."""
        cases = list(cases)
        if self._interrupted:
            self.close()
            self._start()
        results: list[Result] = []
        for start in range(0, len(cases), BATCH):
            results += self._run_batch(cases[start : start + BATCH])
        return results

    # -- the child

    def _start(self) -> None:
        root = Path(__file__).resolve().parents[2]
        path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
        self._child = subprocess.Popen(
            [sys.executable, "-c", "from tools.oracle.host_child import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._interrupted = False
        self._descriptors: dict[int, tuple[int, ...]] = {}  # what the child's LDT holds
        assert self._child.stdout
        answer = self._child.stdout.readline().decode().strip()
        if answer != "ok":
            self.close()
            raise OracleUnavailable(answer or "the host oracle's process ended while starting")

    def _exchange(self, count: int, packed: bytes) -> bytes:
        """A request and its answer; if that is interrupted (Ctrl-C), the child is of no use any more."""
        if self._child is None:
            raise ValueError("this oracle is closed")
        try:
            return self._converse(self._child, count, packed)
        except ChildDied:
            raise
        except BaseException:
            self._child.kill()
            self._interrupted = True
            raise

    @staticmethod
    def _converse(child: "subprocess.Popen[bytes]", count: int, packed: bytes) -> bytes:
        assert child.stdin and child.stdout
        try:
            child.stdin.write(struct.pack("<2I", count, len(packed)) + packed)
            child.stdin.flush()
        except BrokenPipeError:
            raise ChildDied from None
        header = child.stdout.read(4)
        if len(header) != 4:
            raise ChildDied
        size = int.from_bytes(header, "little")
        answer = child.stdout.read(size)
        if len(answer) != size:
            raise ChildDied
        return answer

    def _run_batch(self, cases: list[Case]) -> list[Result]:
        for case in cases:
            case.check()
            if case.cpl != 3:
                raise ValueError("the host oracle runs at privilege level 3 only")
        packed = b"".join(map(self._pack, cases))
        try:
            answer = self._exchange(len(cases), packed)
        except ChildDied:
            self.close()
            self._start()
            if len(cases) == 1:
                return [Result((0,) * 8, 0, 0, (), None, (model.CRASH, 0, 0), (0,) * 6)]
            half = len(cases) // 2
            return self._run_batch(cases[:half]) + self._run_batch(cases[half:])
        return self._unpack(cases, answer)

    # -- packing

    def _pack(self, case: Case) -> bytes:
        pieces = case.pieces()
        changes = self._descriptor_changes(case)
        selectors = case.selectors()
        eip = layout.CODE_BASE + case.origin - case.base_of(selectors[1]) & 0xFFFF_FFFF
        counts = len(pieces), len(changes), case.fx is not None
        parts = [CASE.pack(*counts, eip, case.eflags | model.FIXED_FLAGS, *case.regs, *selectors, 0)]
        for offset, content in pieces:
            parts += PATCH.pack(offset, len(content)), content, bytes(-len(content) % 8)
        for change in changes:
            parts.append(DESCRIPTOR.pack(*change))
        if case.fx is not None:
            parts.append(case.fx[:12] + bytes(4) + case.fx[16:20] + bytes(4) + case.fx[24:])
        return b"".join(parts)

    def _descriptor_changes(self, case: Case) -> list[tuple[int, ...]]:
        if not case.segments and not self._descriptors:
            return []
        wanted = {}
        for name, segment in (case.segments or {}).items():
            slot, *fields = segment.user_desc(model.slot_of(name))
            wanted[slot] = tuple(fields)
        before, self._descriptors = self._descriptors, wanted
        changes = [(slot, *EMPTY_DESCRIPTOR) for slot in before if slot not in wanted]
        return changes + [(slot, *fields) for slot, fields in wanted.items() if before.get(slot) != fields]

    def _unpack(self, cases: list[Case], packed: bytes) -> list[Result]:
        results, at, view = [], 0, memoryview(packed)
        for case in cases:
            words, signal, trapno, error, cr2, eip, eflags, *state = RESULT.unpack_from(packed, at)
            at += RESULT.size
            regs, selectors = tuple(state[:8]), tuple(state[8:14])
            fx = None
            if case.fx is not None:
                raw = packed[at : at + model.FX_SIZE]
                fx = raw[:12] + bytes(4) + raw[16:20] + bytes(4) + raw[24:]
                at += model.FX_SIZE
            data = tuple(WORD.iter_unpack(view[at : at + words * WORD.size])) if words else ()
            at += words * WORD.size
            if case.segments:
                eip += case.base_of(selectors[1])
            eip = eip - layout.CODE_BASE - case.origin & 0xFFFF_FFFF
            eip, trap = self._trap(case, signal, trapno, error, cr2, eip)
            results.append(Result(regs, eip, eflags & model.USER_FLAGS, data, fx, trap, selectors))
        assert at == len(packed)
        return results

    @staticmethod
    def _trap(case: Case, signal: int, trapno: int, error: int, cr2: int, eip: int) -> tuple[int, tuple | None]:
        if signal == SIGTRAP and trapno == 3:
            at_end = eip == len(case.code) + 1
            return (eip - 1, None) if at_end else (eip, (3, 0, 0))
        if signal == SIGVTALRM:
            return eip, (model.TIMEOUT, 0, 0)
        if signal == SIGSYS:
            start = eip - len(INT_80H)
            if case.code[max(start, 0) : eip] == INT_80H:
                return start, (13, 0x80 * 8 + 2, 0)
            return eip, (model.SYSCALL, 0, 0)
        if trapno == model.PAGE_FAULT:
            return eip, (trapno, error & model.PAGE_FAULT_BITS, cr2)
        return eip, (trapno, error if trapno in model.HAS_ERROR_CODE else 0, 0)
