"""Object files for each kind of processor, linked on whichever this is: what LLVM makes of our text for it, and that
each relocation gives an instruction in which a disassembler reads the target.

`tests/guest/test_other_hosts.py` runs such code (long).
"""

import struct

import capstone
import pytest

from playhead.engine.llvm.build import PART
from playhead.engine.llvm.compile import Host, compile_part
from playhead.engine.llvm.generate import generate
from playhead.engine.llvm.linking import NotLinkable, link
from playhead.engine.llvm.processors import ARM64, PROCESSORS, of_machine
from tests.engine.test_loading import CALLER, OTHER

PLAIN = {"x86-64": "x86-64", "ARM64": "generic"}  # a processor with nothing that not all of its kind have
OUTSIDE = {"memset"}  # what of the C library LLVM may call
HERE, PAGE = 0x40_0124, 0x1000


def plain(processor):
    return Host(processor.triple, PLAIN[processor.name], "")


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda p: p.name)
def test_code_with_each_way_to_refer_links(processor):
    image = link([compile_part(CALLER, plain(processor)), compile_part(OTHER, plain(processor))], processor)
    assert {name for _, name in image.outside} == OUTSIDE
    assert {"choose", "fill", "indirect", "other", "dispatch"} <= image.symbols.keys()


@pytest.fixture(scope="module")
def some_part():
    """Of the native core: handlers that access memory, multiply and divide."""
    parts, index = generate(PART)
    return min((part for part in parts if "sdiv" in part), key=len), set(index["handlers"])


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda p: p.name)
def test_a_part_of_the_core_needs_nothing_but_the_core(processor, some_part):
    """No function of a compiler's runtime library takes the place of an operation."""
    text, _ = some_part
    image = link([compile_part(text, plain(processor))], processor)
    declared = {line.split("@")[1].split("(")[0] for line in text.splitlines() if line.startswith("declare")}
    assert {name for _, name in image.outside} <= declared | OUTSIDE
    assert image.symbols


class Out:
    """An image with one instruction or word at HERE."""

    def __init__(self, content=0, size=4):
        self.code, self.absolute = bytearray(2 * HERE), []
        self.code[HERE : HERE + size] = content.to_bytes(size, "little")

    def store(self, where, size, value):
        self.code[where : where + size] = value.to_bytes(size, "little", signed=True)

    def word(self, name, target):
        return 0x12_3458

    def stub(self, name):
        return 0x12_3460

    def read(self):
        disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        (instruction,) = disassembler.disasm(bytes(self.code[HERE : HERE + 4]), HERE)
        return f"{instruction.mnemonic} {instruction.op_str}"


BL, B, ADRP, ADD = 0x94000000, 0x14000000, 0x90000003, 0x91000063
LOAD8, LOAD16, LOAD32, LOAD64, LOAD128 = 0x39400063, 0x79400063, 0xB9400063, 0xF9400063, 0x3DC00063
TARGET = 0x61_2340


@pytest.mark.parametrize("kind, before, target, after", [
    (ARM64.R_CALL26, BL, TARGET, f"bl #{TARGET:#x}"),
    (ARM64.R_CALL26, BL, 0x100, "bl #0x100"),
    (ARM64.R_CALL26, BL, None, "bl #0x123460"),
    (ARM64.R_JUMP26, B, TARGET, f"b #{TARGET:#x}"),
    (ARM64.R_ADR_PREL_PG_HI21, ADRP, TARGET, "adrp x3, #0x612000"),
    (ARM64.R_ADR_PREL_PG_HI21, ADRP, 0x2FFF, "adrp x3, #0x2000"),
    (ARM64.R_ADR_GOT_PAGE, ADRP, None, "adrp x3, #0x123000"),
    (ARM64.R_LD64_GOT_LO12_NC, LOAD64, None, "ldr x3, [x3, #0x458]"),
    (ARM64.R_ADD_ABS_LO12_NC, ADD, 0x61_2345, "add x3, x3, #0x345"),
    (278, LOAD8, 0x61_2345, "ldrb w3, [x3, #0x345]"),
    (284, LOAD16, 0x61_2346, "ldrh w3, [x3, #0x346]"),
    (285, LOAD32, 0x61_2344, "ldr w3, [x3, #0x344]"),
    (286, LOAD64, 0x61_2FF8, "ldr x3, [x3, #0xff8]"),
    (299, LOAD128, TARGET, "ldr q3, [x3, #0x340]"),
])  # fmt: skip
def test_an_instruction_of_arm64_gets_its_target(kind, before, target, after):
    out = Out(before)
    assert ARM64.relocate(out, kind, HERE, "name", target, 0)
    assert out.read() == after


def test_an_addend_of_arm64_counts():
    out = Out(BL)
    assert ARM64.relocate(out, ARM64.R_CALL26, HERE, "name", TARGET, 8) and out.read() == f"bl #{TARGET + 8:#x}"


def test_words_of_arm64():
    for kind, size in ((ARM64.R_PREL32, 4), (ARM64.R_PREL64, 8)):
        out = Out(0, size)
        assert ARM64.relocate(out, kind, HERE, "name", 0x100, 4)
        assert int.from_bytes(out.code[HERE : HERE + size], "little", signed=True) == 0x104 - HERE
    out = Out()
    assert ARM64.relocate(out, ARM64.R_ABS64, HERE, "name", TARGET, 4) and out.absolute == [(HERE, TARGET + 4)]
    assert not ARM64.relocate(out, ARM64.R_ABS64, HERE, "name", None, 0)
    assert not ARM64.relocate(out, 99, HERE, "name", TARGET, 0)


def test_a_jump_of_arm64_goes_through_its_word():
    out = Out()
    ARM64.jump(out, HERE, 0x12_3458)
    words = struct.unpack_from("<3I", out.code, HERE)
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    said = [f"{i.mnemonic} {i.op_str}" for i in disassembler.disasm(struct.pack("<3I", *words), HERE)]
    assert said == ["adrp x16, #0x123000", "ldr x16, [x16, #0x458]", "br x16"]


@pytest.mark.parametrize("kind, target, reason", [
    (ARM64.R_CALL26, HERE + (1 << 27), "does not fit"),
    (ARM64.R_ADR_PREL_PG_HI21, 1 << 33, "does not fit"),
    (286, 0x61_2344, "8 bytes at offset 0x344"),
])  # fmt: skip
def test_what_an_instruction_of_arm64_cannot_hold(kind, target, reason):
    with pytest.raises(NotLinkable, match=reason):
        ARM64.relocate(Out(BL), kind, HERE, "name", target, 0)


def test_names_that_uname_has():
    assert {of_machine(name) for name in ("x86_64", "AMD64")} == {PROCESSORS[0]}
    assert {of_machine(name) for name in ("aarch64", "arm64")} == {ARM64}
    assert {of_machine(name) for name in ("aarch64_be", "armv8l", "i686", "riscv64")} == {None}
