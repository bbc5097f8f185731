"""How to unwind the kernel's stack, told to gdb as DWARF call frame information (`.debug_frame`).

Debian's 32-bit kernels keep frame pointers: nearly each function has `push ebp`, soon `mov ebp, esp`, and ends with
`pop ebp; ret` or `leave; ret`. In between, the caller's frame is found through EBP, elsewhere through ESP. Some come to
`push ebp` only on one of two ways: on the other one nothing is on the stack.

The assembly of the entries has no frames: where it calls C with the user's registers on the stack (`mov eax, esp;
call`), these are found there, so that gdb goes on into the program; elsewhere in it a backtrace ends.

Functions with neither have no information here: gdb then looks at their code by itself.

Sources: DWARF 5, section 6.4 (call frame information); System V ABI for i386 (register numbers); Linux's
arch/x86/include/asm/ptrace.h (pt_regs).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from playhead.linux.symbol_table import Symbol
from playhead.x86.disasm import Disassembler

EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI, EIP = range(9)  # DWARF's numbers
NOPS = (b"\x3e\x8d\x74\x26\x00", b"\x0f\x1f\x44\x00\x00", b"\x66\x66\x66\x66\x90")  # where ftrace's call may be
CALL = b"\xe8"  # and which is there if functions are traced
PUSH_EBP, MOV_EBP_ESP = b"\x55", b"\x89\xe5"
PUSHES = {0x53: EBX, 0x56: ESI, 0x57: EDI}
MOVES = (0x89, 0x8B, 0x31, 0x85)  # with a ModRM byte: what compilers mix with the pushes, between registers
EPILOGUE = re.compile(rb"[\x5d\xc9](?=\xc3|\xc2|\xe9)")  # pop ebp or leave, right before a ret or a jump
RETURNS = {0xC3: 1, 0xC2: 3, 0xE9: 5}
WITH_REGISTERS = re.compile(rb"\x89\xe0(?=\xe8....|\xff\xd7|\xff\xd3)", re.DOTALL)  # mov eax, esp before a call
CALL_BYTES = 5
PT_REGS = {EBX: 0, ECX: 4, EDX: 8, ESI: 12, EDI: 16, EBP: 20, EAX: 24, EIP: 48, ESP: 60}
ENTRY = re.compile(r"entry_|asm_|ret_from_|handle_exception|secondary_startup|startup_|rewind_stack|restore_all|"
                   r"irq_entries_start|spurious_entries_start|ret_to_user")  # fmt: skip
FAR, LATE = 48, 24  # bytes from push to mov; instructions up to push
SHORT = 32  # instructions of a way without a frame

ADVANCE, ADVANCE_1, ADVANCE_2, ADVANCE_4, OFFSET, RESTORE = 0x40, 0x02, 0x03, 0x04, 0x80, 0xC0
UNDEFINED, REMEMBER, FORGET, DEF_CFA, OFFSET_SF = 0x07, 0x0A, 0x0B, 0x0C, 0x11


def debug_frame(functions: Iterable[Symbol], code: dict[int, bytes]) -> bytes:
    """The section's content. `code`: of each function by its address; one that has none is left out."""
    out, decoder = bytearray(_cie()), Disassembler()
    for function in functions:
        data = code.get(function.address, b"")
        program = _entry(data) if ENTRY.match(function.name) else _framed(data, decoder)
        if program is not None:
            out += _record(struct.pack("<III", 0, function.address, len(data)) + program)
    return bytes(out)


def _record(body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("<I", len(body)) + body


def _cie() -> bytes:
    """At a function's first instruction, the return address is on the top of the stack."""
    head = struct.pack("<IB", 0xFFFFFFFF, 1) + b"\0" + bytes((1, 0x7C, EIP))  # code factor 1, data factor -4
    return _record(head + bytes((DEF_CFA, ESP, 4, OFFSET | EIP, 1)))


def _advance(distance: int) -> bytes:
    if distance < 0x40:
        return bytes((ADVANCE | distance,)) if distance else b""
    if distance < 0x100:
        return bytes((ADVANCE_1, distance))
    return struct.pack("<BH", ADVANCE_2, distance) if distance < 1 << 16 else struct.pack("<BI", ADVANCE_4, distance)


def _framed(code: bytes, decoder: Disassembler) -> bytes | None:
    """For a function with a frame pointer: what holds from which offset on."""
    if MOV_EBP_ESP not in code:
        return None
    start = 5 if code.startswith(NOPS) or code[:1] == CALL else 0
    push, targets = (start, []) if code.startswith(PUSH_EBP, start) else _late_push(code, start, decoder)
    move = -1 if push < 0 else code.find(MOV_EBP_ESP, push + 1, push + FAR)
    if move < 0:
        return None
    saved, ready = _saved(code, move + len(MOV_EBP_ESP))
    states = {push + 1: bytes((DEF_CFA, ESP, 8, OFFSET | EBP, 2)), move + 2: bytes((DEF_CFA, EBP, 8))}
    states |= {at: bytes((OFFSET | register, n)) for n, (at, register) in enumerate(saved, 3)}
    registers = [register for _, register in saved]
    bare = bytes((DEF_CFA, ESP, 4, *(RESTORE | one for one in (EBP, *registers))))
    full = bytes((DEF_CFA, EBP, 8, OFFSET | EBP, 2))
    full += b"".join(bytes((OFFSET | register, n)) for n, register in enumerate(registers, 3))
    for found in EPILOGUE.finditer(code, ready):
        end = found.end() + RETURNS[code[found.end()]]
        states[found.end()] = bare
        states[end] = full
    for target in targets:
        if target >= ready:
            states[target] = bare
            states[_way_out(code, target, decoder)] = full
    return _program(states, len(code))


def _program(states: dict[int, bytes], length: int) -> bytes:
    out, now = b"", 0
    for at in sorted(states):
        if at < length:
            out += _advance(at - now) + states[at]
            now = at
    return out


def _saved(code: bytes, at: int) -> tuple[list[tuple[int, int]], int]:
    """Registers that are pushed behind `mov ebp, esp`: (offset behind the push, register); and where that ends."""
    saved = []
    for _ in range(LATE):
        if at >= len(code):
            break
        if code[at] in PUSHES:
            saved.append((at + 1, PUSHES[code[at]]))
            at += 1
        elif code[at] in MOVES and at + 1 < len(code) and code[at + 1] >= 0xC0:
            at += 2
        else:
            break
    return saved, saved[-1][0] if saved else at


def _late_push(code: bytes, at: int, decoder: Disassembler) -> tuple[int, list[int]]:
    """Where `push ebp` is behind other instructions, and where jumps before it lead; -1 if it is not there."""
    targets: list[int] = []
    for _ in range(LATE):
        if code.startswith(PUSH_EBP, at):
            return at, targets
        length = decoder.length(code[at : at + 16])
        if not length or code[at] in RETURNS:
            break
        if code[at] >> 4 == 7:
            targets.append(at + 2 + int.from_bytes(code[at + 1 : at + 2], "little", signed=True))
        elif code[at] == 0x0F and code[at + 1] >> 4 == 8:
            targets.append(at + 6 + int.from_bytes(code[at + 2 : at + 6], "little", signed=True))
        elif 0x50 <= code[at] < 0x58:
            break  # something else is on the stack
        at += length
    return -1, []


def _way_out(code: bytes, at: int, decoder: Disassembler) -> int:
    """The end of a way that has no frame: behind its return or jump."""
    for _ in range(SHORT):
        length = decoder.length(code[at : at + 16])
        if not length or code.startswith(PUSH_EBP, at):
            break
        at += length
        if code[at - length] in (*RETURNS, 0xEB):
            break
    return at


def _entry(code: bytes) -> bytes:
    """For assembly that is entered from elsewhere than a call."""
    out, now = bytes((UNDEFINED, EIP)), 0
    for found in WITH_REGISTERS.finditer(code):
        if found.end() < now:
            continue
        out += _advance(found.end() - now) + bytes((REMEMBER, DEF_CFA, ESP, 0))
        for register, place in PT_REGS.items():
            out += bytes((OFFSET_SF, register, -place // 4 & 0x7F))  # a small negative number of words
        now = found.end() + CALL_BYTES
        out += _advance(CALL_BYTES) + bytes((FORGET,))
    return out
