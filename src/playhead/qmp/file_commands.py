"""Commands that write memory into files, by name and with the user's rights, as QEMU's do. No file that this run uses,
and no recording, is replaced.
"""

from typing import Any

from playhead.monitor import elf_core, memory
from playhead.qmp.declared import command, event
from playhead.qmp.errors import QmpError
from playhead.qmp.service import Qmp
from playhead.qmp.types import BOOL, INT, STR, Enum, Struct

MOST = 1 << 32  # bytes of an address space
FORMAT = Enum("DumpGuestMemoryFormat", "elf")
DUMP_STATUS = Enum("DumpStatus", "none", "completed", "failed")
DUMP = Struct("DumpQueryResult", {"status": DUMP_STATUS, "completed": INT, "total": INT})

event("DUMP_COMPLETED", {"result": DUMP, "*error": STR}, "a dump has been written")


@command("memsave", {"val": INT, "size": INT, "filename": STR, "*cpu-index": INT},
         about="write memory from a linear address on into a file")  # fmt: skip
def memsave(qmp: Qmp, val: int, size: int, filename: str, cpu_index: int = 0) -> None:
    if cpu_index != 0:
        raise QmpError("Parameter 'cpu-index' expects a CPU number")
    _save(qmp, val, size, filename, physical=False)


@command("pmemsave", {"val": INT, "size": INT, "filename": STR},
         about="write memory from a physical address on into a file")  # fmt: skip
def pmemsave(qmp: Qmp, val: int, size: int, filename: str) -> None:
    _save(qmp, val, size, filename, physical=True)


def _save(qmp: Qmp, address: int, size: int, filename: str, physical: bool) -> None:
    if not (0 <= address < MOST and 0 <= size <= MOST):
        raise QmpError(f"Invalid addr {address:#018x}/size {size} specified")
    memory.save(qmp.target, address, size, filename, physical)


@command("dump-guest-memory", {"paging": BOOL, "protocol": STR, "*detach": BOOL, "*begin": INT, "*length": INT,
         "*format": FORMAT}, about="write the machine's memory as an ELF core file, to `file:PATH`; `paging`: at "
         "linear addresses")  # fmt: skip
def dump_guest_memory(
    qmp: Qmp, paging: bool, protocol: str, detach: bool = False, begin: int | None = None, length: int | None = None,
    format: str = "elf",
) -> None:  # fmt: skip
    kind, _, path = protocol.partition(":")
    if kind != "file" or not path:
        raise QmpError(f"the protocol of a dump is file:PATH, not '{protocol}'")
    if detach:
        raise QmpError("a dump is complete when its command returns: detach is not supported")
    if (begin is None) != (length is None):
        raise QmpError(f"Parameter '{'begin' if begin is None else 'length'}' is missing")
    if begin is not None and paging:
        raise QmpError("Parameters 'begin' and 'length' are physical addresses: not with paging")
    elf_core.dump_memory(qmp.target, path, paging, None if begin is None or length is None else (begin, length))
    size = qmp.dumped(path)
    qmp.tell("DUMP_COMPLETED", {"result": {"total": size, "status": "completed", "completed": size}})


@command("query-dump", returns=DUMP, about="how the last dump went")
def query_dump(qmp: Qmp) -> dict[str, Any]:
    done = qmp.dump_size
    return {"total": done or 0, "status": "none" if done is None else "completed", "completed": done or 0}
