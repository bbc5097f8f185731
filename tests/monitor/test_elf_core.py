"""An ELF core with paging shows at linear addresses what the page tables show there."""

import random
import struct

import pytest

from playhead.boards.config import PcConfig
from playhead.machine import look, registers
from playhead.machine.machine import Machine
from playhead.monitor import elf_core
from playhead.session.target import closed_door
from tools import guest

PAGING = 1 << 31
LOAD = 1


class Target:
    """As much of a debuggee as a dump needs."""

    def __init__(self, machine):
        self.machine = machine

    def read_register(self, name):
        return registers.reader(name)(self.machine)


@pytest.mark.parametrize("name", ["pae", "smc"])
def test_linear_addresses(name):
    bios = guest.image(name).read_bytes()
    machine = Machine(PcConfig(bios=bios, ram_bytes=8 << 20), closed_door(1))
    while not machine.core.get("cr0") & PAGING:
        assert machine.run(machine.icount + 997).kind == "budget"
    machine.run(machine.icount + 2000)
    core = b"".join(elf_core.pieces(Target(machine), elf_core._linear(machine)))
    assert core[:7] == b"\x7fELF\x01\x01\x01" and struct.unpack_from("<HH", core, 16) == (4, 3)
    at, count = struct.unpack_from("<I", core, 28)[0], struct.unpack_from("<H", core, 44)[0]
    loads = [struct.unpack_from("<IIIIII", core, at + 32 * n) for n in range(count)]
    loads = [(offset, linear, size) for kind, offset, linear, _, size, _ in loads if kind == LOAD]
    assert loads and len(core) == loads[-1][0] + loads[-1][2]
    rng = random.Random(1)
    for _ in range(200):
        offset, linear, size = rng.choice(loads)
        inside = rng.randrange(size // 16) * 16
        assert core[offset + inside : offset + inside + 16] == look.read(machine, linear + inside, 16)
