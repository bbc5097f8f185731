"""The registers that gdb is shown, declared once: name, width, type and group, in the order of their numbers.

The number of a register in the packets `p` and `P`, its place in `g` and `G`, the target description and the names
that a `Target` is asked for all come from this table. What `org.gnu.gdb.i386.core` must hold is fixed by gdb (manual,
section "i386 Features"); it derives ax, al, mm0 and the like itself. The second feature is ours: what a kernel debugger
wants to see besides, and where in the recording we are.

Values are as in the processor's manual: st0 to st7 are 80 bits wide, counted from the top of the stack; `fstat` holds
TOP, and `ftag` is the full tag word, two bits for each physical register. gdb's mm0 to mm7 are parts of st0 to st7; gdb
13 finds the right ones while TOP is 0, as it is after every MMX instruction.
"""

from dataclasses import dataclass

CORE, SYSTEM = "org.gnu.gdb.i386.core", "org.playhead.system"


@dataclass(frozen=True, slots=True)
class Register:
    """`group` is gdb's: `info registers GROUP` lists them. (On i386 gdb lists all that are plain numbers as general
    ones, too.) Those that are not `saved` are left alone when gdb calls a function of the guest and puts registers
    back."""

    name: str
    bits: int
    type: str
    group: str
    feature: str
    saved: bool = True

    @property
    def size(self) -> int:
        """Bytes in the packets `g` and `p`."""
        return self.bits // 8


def _core(names: str, type: str, bits: int = 32, group: str = "general") -> list[Register]:
    return [Register(name, bits, type, group, CORE) for name in names.split()]


def _system(names: str, type: str = "int", bits: int = 32, group: str = "system") -> list[Register]:
    return [Register(name, bits, type, group, SYSTEM, saved=False) for name in names.split()]


REGISTERS: tuple[Register, ...] = (
    *_core("eax ecx edx ebx", "int"),
    *_core("esp ebp", "data_ptr"),
    *_core("esi edi", "int"),
    *_core("eip", "code_ptr"),
    *_core("eflags", "i386_eflags"),
    *_core("cs ss ds es fs gs", "int"),
    *_core("st0 st1 st2 st3 st4 st5 st6 st7", "i387_ext", 80, "float"),
    *_core("fctrl fstat ftag fiseg fioff foseg fooff fop", "int", group="float"),
    *_system("cs_base ss_base ds_base es_base fs_base gs_base", "uint32"),
    *_system("cr0", "i386_cr0"),
    *_system("cr2 cr3", "uint32"),
    *_system("cr4", "i386_cr4"),
    # The moment: instructions retired, then what happened between two of them. Nobody can write these.
    *_system("icount seq", "uint64", 64, "general"),
    *_system("cs_limit ss_limit ds_limit es_limit fs_limit gs_limit", "uint32"),
    *_system("gdtr_base gdtr_limit idtr_base idtr_limit", "uint32"),
    *_system("ldtr ldtr_base ldtr_limit tr tr_base tr_limit", "uint32"),
    *_system("dr0 dr1 dr2 dr3 dr6 dr7", "uint32"),
)
NUMBER = {register.name: number for number, register in enumerate(REGISTERS)}

# Flag words: field names by bit, or by first and last bit.
FLAGS: dict[str, dict[str, int | tuple[int, int]]] = {
    "i386_eflags": {
        "CF": 0, "": 1, "PF": 2, "AF": 4, "ZF": 6, "SF": 7, "TF": 8, "IF": 9, "DF": 10, "OF": 11, "IOPL": (12, 13),
        "NT": 14, "RF": 16, "VM": 17, "AC": 18, "VIF": 19, "VIP": 20, "ID": 21,
    },
    "i386_cr0": {
        "PE": 0, "MP": 1, "EM": 2, "TS": 3, "ET": 4, "NE": 5, "WP": 16, "AM": 18, "NW": 29, "CD": 30, "PG": 31,
    },
    "i386_cr4": {
        "VME": 0, "PVI": 1, "TSD": 2, "DE": 3, "PSE": 4, "PAE": 5, "MCE": 6, "PGE": 7, "PCE": 8, "OSFXSR": 9,
        "OSXMMEXCPT": 10,
    },
}  # fmt: skip
