"""What a Linux kernel's setup part says it requires."""

import struct

import pytest
from test_linux_boot import bzimage

from playhead.base.errors import UnsupportedError
from playhead.boards.linux_features import SAYS, required
from playhead.cli import kernel_needs

FORMATS = b"%s \0%d:%d \0"
LIST = b"\0\0fpu\0\0\x06pae\0\0\x08cx8\0\x03\x14nopl\0\x15\x1f\0WARNING: text\0"


def image(text: bytes = SAYS + FORMATS + LIST, at: int = 0x300) -> bytes:
    whole = bytearray(bzimage())
    whole[at : at + len(text)] = text
    return bytes(whole)


def test_the_list_behind_the_text() -> None:
    assert [(f.name, f.leaf, f.register, f.bit) for f in required(image())] == [
        ("fpu", 1, 3, 0), ("pae", 1, 3, 6), ("cx8", 1, 3, 8)]  # fmt: skip


def test_padding_before_the_list() -> None:
    assert len(required(image(SAYS + FORMATS + bytes(5) + LIST))) == 3


@pytest.mark.parametrize("whole", [
    b"", b"\x7fELF", bzimage(), image(LIST), image(SAYS + FORMATS), image(SAYS + b"x" * 40 + LIST),
    bzimage() + SAYS + FORMATS + LIST, image(SAYS + FORMATS + LIST, at=5 * 512 - len(SAYS) - 3),
])  # fmt: skip
def test_nothing_is_said_of_other_files(whole: bytes) -> None:
    assert required(whole) == []


def test_a_list_out_of_order_ends_there() -> None:
    assert [f.name for f in required(image(SAYS + b"\0\x06pae\0\0\x05msr\0"))] == ["pae"]


@pytest.mark.parametrize("cpu,more,said", [
    ("pentium2", b"", None), ("pentium2,-pae", b"", "the kernel needs pae, which the processor pentium2,-pae does not"),
    ("486", b"", "needs pae, cx8, which the processor 486 does not have; -cpu pentium2 has it"),
    ("pentium2", b"\x01\x14nx\0", "needs nx, which the processor pentium2 does not have; -cpu pentium2,+nx has it"),
    ("pentium2", b"\0\x19sse\0", "needs sse, which the processor pentium2 does not have; no processor of this machine"),
    ("pentium2", b"\0\x19sse\0\x01\x1dlm\0", "the kernel is a 64-bit one"),
])  # fmt: skip
def test_what_is_lacking_and_who_has_it(cpu: str, more: bytes, said: str | None) -> None:
    kernel = image(SAYS + FORMATS + LIST[: LIST.index(b"\x03\x14")] + more)
    assert struct.unpack_from("<H", kernel, 0x206)[0] == 0x20F
    if said is None:
        kernel_needs.check(kernel, cpu)
    else:
        with pytest.raises(UnsupportedError, match=said.replace("+", "\\+")):
            kernel_needs.check(kernel, cpu)
