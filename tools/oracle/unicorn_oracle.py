"""UnicornOracle: QEMU's translator, packaged by Unicorn, runs the cases; at level 0 too (`Case.cpl = 0`).

Known deviations from a CPU, which a comparison must allow for:
- Segment limits, expand-down and read-only or execute-only segments are not checked; bases, the D/B bit, absent
  descriptors and the checks of a segment load are.
- There is no paging (CR0.PG = 0): windows are mapped as they are, and a page fault is Unicorn's memory hook told in the
  CPU's terms. A read-modify-write says that its read failed (W = 0). A store that crosses into a bad page has written
  its first part, and other instructions with several accesses may have done some of them (pusha, enter, far calls).
- Error codes of vectors other than 14 are 0 (the hook is not told), but for `int n`, which is #GP(8 n + 2) as on the
  host. CR2 is only in the result.
- A jump or a straight line into a bad page can fault at the start of its block, with the block not run.
- `in` and `out` at level 3 do not fault. Alignment (#AC), #MF at the next x87 instruction, debug registers: not
  modelled. `int1` is #UD; `sysenter` and `syscall` need MSRs.
- x87: the last bit of transcendentals is QEMU's, FIP, FDP and FOP are not kept, exceptions are incomplete (no PE).
- A level-0 case runs with selectors 08h (cs) and 10h (others, not 2Bh), and ends as HALT at `hlt`.
- A case ends as TIMEOUT after COUNT instructions. Ours live at SYSTEM_BASE, and level 3 can touch them.
"""

import ctypes
import mmap
import struct
from collections.abc import Iterable
from typing import Any

import unicorn
from tools.oracle import case as model
from tools.oracle import layout
from tools.oracle.case import Case, Result
from unicorn import x86_const as x86

COUNT = 100_000

# A page of our own: GDT, LDT, a few instructions, an iret frame, an FXSAVE image.
SYSTEM_BASE = 0x7F5A_0000
GDT, LDT, IRET, FXRSTOR, FXSAVE, FRAME, IMAGE = 0x000, 0x100, 0x200, 0x210, 0x220, 0x300, 0x400
KERNEL_CODE, KERNEL_DATA, LDT_SELECTOR = 0x08, 0x10, 0x30
FLAT = (KERNEL_CODE, 0x9B), (KERNEL_DATA, 0x93), (layout.CODE_SELECTOR & ~7, 0xFB), (layout.DATA_SELECTOR & ~7, 0xF3)

SEGMENT_IDS = tuple(getattr(x86, f"UC_X86_REG_{name.upper()}") for name in layout.SEGMENT_NAMES)
REG_IDS = tuple(getattr(x86, f"UC_X86_REG_{name}") for name in "EAX ECX EDX EBX ESP EBP ESI EDI".split())
STATE_IDS = (*REG_IDS, x86.UC_X86_REG_EIP, x86.UC_X86_REG_EFLAGS, *SEGMENT_IDS)
CASE_IDS = (*REG_IDS, x86.UC_X86_REG_EFLAGS)
WRITES = (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT)


class RegisterBatch:
    """Several registers at once, through arrays made once: the public calls spend most of a case's time on types."""

    def __init__(self, uc: Any, registers: tuple[int, ...]) -> None:
        self._uc = uc
        self._values = (ctypes.c_uint64 * len(registers))()
        start = ctypes.addressof(self._values)
        self._ids = (ctypes.c_int * len(registers))(*registers)
        self._pointers = (ctypes.c_void_p * len(registers))(*(start + 8 * i for i in range(len(registers))))

    def read(self) -> tuple[int, ...]:
        self._values[:] = [0] * len(self._values)
        status = self._uc._do_reg_read_batch(self._ids, self._pointers, ctypes.c_int(len(self._values)))
        assert status == unicorn.UC_ERR_OK
        return tuple(self._values)

    def write(self, *values: int) -> None:
        self._values[:] = list(values)
        status = self._uc._do_reg_write_batch(self._ids, self._pointers, ctypes.c_int(len(self._values)))
        assert status == unicorn.UC_ERR_OK


class UnicornOracle:
    """`UnicornOracle().run(cases)`; the same interface as HostOracle."""

    def __init__(self) -> None:
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        self._memory = mmap.mmap(-1, layout.IMAGE_SIZE)
        self._memory[:] = layout.background()
        self._system = mmap.mmap(-1, layout.PAGE)
        self._state = RegisterBatch(self._uc, STATE_IDS)
        self._start = RegisterBatch(self._uc, CASE_IDS)
        self._map()
        self._hook()
        self._prepare_levels()

    def __enter__(self) -> "UnicornOracle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to give back; for symmetry with HostOracle."""

    def run(self, cases: Iterable[Case]) -> list[Result]:
        """A result per case, in order. ValueError for a case that cannot be set up."""
        return [self._run(case) for case in cases]

    # -- once

    def _map(self) -> None:
        memory = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for window in layout.WINDOWS:
            rights = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC | (unicorn.UC_PROT_WRITE if window.writable else 0)
            self._uc.mem_map_ptr(window.base, window.size, rights, memory + window.offset)
        system = ctypes.addressof(ctypes.c_char.from_buffer(self._system))
        self._uc.mem_map_ptr(SYSTEM_BASE, layout.PAGE, unicorn.UC_PROT_ALL, system)
        for selector, access in FLAT:
            self._put(GDT + selector, struct.pack("<HHBBBB", 0xFFFF, 0, 0, access, 0xCF, 0))
        self._put(IRET, b"\xcf")
        self._put(FXRSTOR, b"\x0f\xae\x0d" + struct.pack("<I", SYSTEM_BASE + IMAGE))
        self._put(FXSAVE, b"\x0f\xae\x05" + struct.pack("<I", SYSTEM_BASE + IMAGE))

    def _put(self, offset: int, content: bytes) -> None:
        self._system[offset : offset + len(content)] = content

    def _hook(self) -> None:
        self._stop: tuple[int, int, int] | None = None  # trap, as far as the hook knows
        self._interrupted = False
        self._executed_data = False
        self._uc.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)
        self._uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_bad_memory)
        for window in layout.WINDOWS:
            if window.name != "code":
                self._uc.hook_add(unicorn.UC_HOOK_BLOCK, self._on_data_block, begin=window.base, end=window.end - 1)

    def _on_interrupt(self, uc: unicorn.Uc, vector: int, _: Any) -> None:
        if self._stop is None:
            self._stop, self._interrupted = (vector, 0, 0), True
        uc.emu_stop()

    def _on_bad_memory(self, _uc: unicorn.Uc, access: int, address: int, size: int, _value: int, _: Any) -> bool:
        if self._stop is None:
            write = access in WRITES
            address &= 0xFFFF_FFFF
            if self._accessible(address, write) and address // layout.PAGE != (address + size - 1) // layout.PAGE:
                address = (address + size - 1) // layout.PAGE * layout.PAGE & 0xFFFF_FFFF
            present = layout.window_at(address) is not None
            self._stop = (model.PAGE_FAULT, present | write << 1 | (self._cpl == 3) << 2, address)
        return False

    @staticmethod
    def _accessible(address: int, write: bool) -> bool:
        window = layout.window_at(address)
        return window is not None and (window.writable or not write)

    def _on_data_block(self, *_: object) -> None:
        self._executed_data = True

    def _prepare_levels(self) -> None:
        """The CPU's state at each level, so that a case starts by restoring one."""
        uc = self._uc
        uc.reg_write(x86.UC_X86_REG_GDTR, (0, SYSTEM_BASE + GDT, LDT - GDT - 1, 0))
        uc.reg_write(x86.UC_X86_REG_LDTR, (LDT_SELECTOR, SYSTEM_BASE + LDT, 8 * layout.LDT_SLOTS - 1, 0x8200))
        uc.reg_write(x86.UC_X86_REG_CR4, uc.reg_read(x86.UC_X86_REG_CR4) | 0x200)  # OSFXSR
        self._load_fpu(model.FX_INITIAL)
        for segment in SEGMENT_IDS:
            uc.reg_write(segment, KERNEL_CODE if segment == x86.UC_X86_REG_CS else KERNEL_DATA)
        self._cpl = 0
        self._kernel = uc.context_save()
        for segment in SEGMENT_IDS:
            if segment not in (x86.UC_X86_REG_CS, x86.UC_X86_REG_SS):
                uc.reg_write(segment, layout.DATA_SELECTOR)
        self._kernel_for_user = uc.context_save()
        self._enter(layout.CODE_BASE, layout.CODE_SELECTOR, layout.DATA_SELECTOR)
        self._user = uc.context_save()
        uc.ctl_flush_tb()  # the iret has looked ahead into the code window

    def _enter(self, eip: int, code: int, stack: int) -> None:
        """To level 3 by one `iret`; only that loads cs and ss for another level."""
        self._put(FRAME, struct.pack("<5I", eip, code, model.FIXED_FLAGS, 0, stack))
        self._uc.reg_write(x86.UC_X86_REG_ESP, SYSTEM_BASE + FRAME)
        self._uc.emu_start(SYSTEM_BASE + IRET, 0xFFFF_FFFF, 0, 1)

    # -- each case

    def _run(self, case: Case) -> Result:
        case.check()
        if case.cpl == 0 and case.segments:
            raise ValueError("a level-0 case cannot have LDT segments: they are of level 3")
        initial = self._load_memory(case)
        self._stop, self._interrupted, self._executed_data, self._cpl = None, False, False, case.cpl
        start = self._load_state(case)
        undefined = False
        try:
            self._uc.emu_start(start, 0xFFFF_FFFF, 0, COUNT)
        except unicorn.UcError:
            undefined = self._stop is None
        result = self._result(case, undefined)
        final = self._memory[:]
        if final != initial:
            result.data = layout.changed_words(initial, final)
        self._restore_memory(case, bool(result.data))
        return result

    def _load_memory(self, case: Case) -> bytes:
        for offset, content in case.pieces():
            self._memory[offset : offset + len(content)] = content
        return self._memory[:]

    def _restore_memory(self, case: Case, changed: bool) -> None:
        """The background again; written without Unicorn's knowledge, so its translations are dropped."""
        if changed:
            self._memory[:] = layout.background()
        else:
            for offset, content in case.pieces():
                self._memory[offset : offset + len(content)] = layout.background()[offset : offset + len(content)]
        if self._executed_data:
            self._uc.ctl_flush_tb()
        else:
            self._uc.ctl_remove_cache(layout.CODE_BASE, layout.CODE_BASE + layout.CODE_SIZE)

    def _load_state(self, case: Case) -> int:
        """Registers; gives the address to start at."""
        uc = self._uc
        uc.context_restore(self._context_for(case))
        if case.fx is not None:
            self._load_fpu(case.fx)
        eip = layout.CODE_BASE + case.origin
        if case.segments:
            selectors = self._load_segments(case)
            eip = eip - case.base_of(selectors[1]) & 0xFFFF_FFFF
            self._enter(eip, selectors[1], selectors[2])
        self._start.write(*case.regs, case.eflags | model.FIXED_FLAGS)
        return eip

    def _load_fpu(self, image: bytes) -> None:
        self._put(IMAGE, image)
        self._uc.emu_start(SYSTEM_BASE + FXRSTOR, SYSTEM_BASE + FXRSTOR + 7)

    def _context_for(self, case: Case) -> Any:
        if case.cpl == 0:
            return self._kernel
        return self._kernel_for_user if case.segments else self._user

    def _load_segments(self, case: Case) -> tuple[int, ...]:
        self._put(LDT, bytes(8 * layout.LDT_SLOTS))
        for name, segment in (case.segments or {}).items():
            self._put(LDT + 8 * model.slot_of(name), segment.descriptor())
        selectors = case.selectors()
        for register, selector in zip(SEGMENT_IDS, selectors, strict=True):
            if selector & 4 and register not in (x86.UC_X86_REG_CS, x86.UC_X86_REG_SS):
                self._uc.reg_write(register, selector)
        return selectors

    def _result(self, case: Case, undefined: bool) -> Result:
        state = self._state.read()
        regs, eip, eflags, selectors = state[:8], state[8], state[9], state[10:]
        linear = eip + (case.base_of(selectors[1]) if case.segments else 0) & 0xFFFF_FFFF
        fx = self._fx(selectors) if case.fx is not None else None
        eip, trap = self._trap(case, linear, undefined)
        return Result(regs, eip, eflags & model.USER_FLAGS, (), fx, trap, selectors)

    def _fx(self, selectors: tuple[int, ...]) -> bytes | None:
        """The FPU, by an fxsave of ours; None if the case left flat code, where ours cannot run."""
        if selectors[1] not in (layout.CODE_SELECTOR, KERNEL_CODE):
            return None
        flat = KERNEL_DATA if selectors[1] == KERNEL_CODE else layout.DATA_SELECTOR
        self._uc.reg_write(x86.UC_X86_REG_DS, flat)
        stop = self._stop
        self._uc.emu_start(SYSTEM_BASE + FXSAVE, SYSTEM_BASE + FXSAVE + 7)
        assert self._stop == stop, "fxsave trapped"
        raw = self._system[IMAGE : IMAGE + model.FX_SIZE]
        return raw[:12] + bytes(4) + raw[16:20] + bytes(4) + raw[24:]

    def _trap(self, case: Case, linear: int, undefined: bool) -> tuple[int, tuple[int, int, int] | None]:
        start = layout.CODE_BASE + case.origin
        eip = linear - start & 0xFFFF_FFFF
        if undefined:
            return eip, (6, 0, 0)
        if self._stop is None:
            halted = case.cpl == 0 and self._before(linear, 1) == b"\xf4"
            return eip, (model.HALT if halted else model.TIMEOUT, 0, 0)
        if not self._interrupted:
            return eip, self._stop
        vector = self._stop[0]
        if vector == 3 and eip == len(case.code) + 1:
            return eip - 1, None
        software = self._before(linear, 2) == bytes((0xCD, vector))
        if software and case.cpl == 3 and vector not in layout.GATES_FOR_USERS:
            return eip - 2, (13, 8 * vector + 2, 0)
        return eip, self._stop

    def _before(self, linear: int, size: int) -> bytes | None:
        """The bytes just before an address, where a window has them."""
        window = layout.window_at(linear - size)
        if window is None or linear > window.end:
            return None
        offset = window.offset + linear - window.base
        return self._memory[offset - size : offset]
