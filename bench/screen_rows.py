"""What `./dev bench screen` measures: loops of a guest that write and read a screen, each beside the same loop on RAM
where there is one. The guest and its protocol are those of `./dev bench device` (device_rows.py).
"""

from __future__ import annotations

from bench.device_rows import WRITE, Row, guest_of

WIDTH, HEIGHT = 1024, 768
PIXELS = WIDTH * HEIGHT
RAM, FRAME = 0x400000, 0xE0000000
MOST = 1.1  # times the same loop on RAM
CARD = ("-device", "VGA,addr=02.0,romfile=")
CARD_ON = f"""
        pci_write 0x80001010, {FRAME:#x}
        pci_write 0x80001004, 0x03
"""


def _index(port: int, **registers: int) -> str:
    """Write registers of an index and data pair, named by their hexadecimal numbers: `_03`."""
    return "".join(f"movl ${port:#x}, %edx\nmovw ${value << 8 | int(name[1:], 16):#x}, %ax\noutw %ax, %dx\n"
                   for name, value in registers.items())  # fmt: skip


def _dispi(*pairs: tuple[int, int]) -> str:
    return "".join(f"movl $0x1CE, %edx\nmovw ${n}, %ax\noutw %ax, %dx\nincl %edx\nmovw ${v:#x}, %ax\noutw %ax, %dx\n"
                   for n, v in pairs)  # fmt: skip


XRES, YRES, BPP, ENABLE, BANK = 1, 2, 3, 4, 5
SIZE = (XRES, WIDTH), (YRES, HEIGHT), (BPP, 32)
LINEAR = CARD_ON + _dispi(*SIZE, (ENABLE, 0x41))
BANKED = CARD_ON + _dispi(*SIZE, (ENABLE, 0x01))
PLANAR = CARD_ON + _index(0x3C4, _02=0x0F, _04=0x06) + _index(0x3CE, _00=0, _01=0, _03=0, _05=0, _06=0x05, _08=0xFF)
LATCHES = PLANAR + _index(0x3CE, _05=0x01)
TEXT = CARD_ON + _index(0x3C4, _02=0x03, _04=0x02) + _index(0x3CE, _03=0, _05=0x10, _06=0x0E, _08=0xFF)
CHAINED = CARD_ON + _index(0x3C4, _02=0x0F, _04=0x0E) + _index(0x3CE, _03=0, _05=0x40, _06=0x05, _08=0xFF)
UNCHAINED = CHAINED + _index(0x3C4, _04=0x06) + "movl $0x3C4, %edx\n"


def _fill(target: int) -> str:
    return f"pushl %ecx\nmovl ${target:#x}, %edi\nmovl ${PIXELS}, %ecx\nrep stosl\npopl %ecx"


def _copy(target: int) -> str:
    return f"pushl %ecx\nmovl $0x800000, %esi\nmovl ${target:#x}, %edi\nmovl ${PIXELS}, %ecx\nrep movsl\npopl %ecx"


def _draw(target: int) -> str:
    return f"""
        movl    ${target:#x}, %edi
11:     movl    %eax, (%edi)
        addl    $0x010203, %eax
        addl    $4, %edi
        cmpl    ${target + 4 * PIXELS:#x}, %edi
        jne     11b
"""


def _scroll(target: int, line: int, bytes: int) -> str:
    """A screen up by a line, as a console does."""
    return (f"pushl %ecx\nmovl ${target + line:#x}, %esi\nmovl ${target:#x}, %edi\nmovl ${(bytes - line) // 4}, %ecx\n"
            "rep movsl\npopl %ecx")  # fmt: skip


def _pair(name: str, body: str, other: str, per: int, setup: str, unit: str = "pixel") -> tuple[Row, Row]:
    """The loop on RAM and on the screen."""
    return (Row(f"{name}-ram", WRITE, other, setup, per=per, unit=unit, both=CARD),
            Row(f"{name}-screen", WRITE, body, setup, per=per, unit=unit, both=CARD))  # fmt: skip


def _row(name: str, body: str, setup: str, per: int = 1, unit: str = "byte") -> Row:
    return Row(name, WRITE, body, setup, per=per, unit=unit, both=CARD)


PAIRS = (
    _pair("fill", _fill(FRAME), _fill(RAM), PIXELS, LINEAR),
    _pair("draw", _draw(FRAME), _draw(RAM), PIXELS, LINEAR),
    _pair("copy", _copy(FRAME), _copy(RAM), PIXELS, LINEAR),
    _pair("scroll", _scroll(FRAME, 4 * WIDTH, 4 * PIXELS), _scroll(RAM, 4 * WIDTH, 4 * PIXELS), PIXELS - WIDTH, LINEAR),
    _pair("mode13", "pushl %ecx\nmovl $0xA0000, %edi\nmovl $16000, %ecx\nrep stosl\npopl %ecx",
          f"pushl %ecx\nmovl ${RAM:#x}, %edi\nmovl $16000, %ecx\nrep stosl\npopl %ecx", 16000, CHAINED, "dword"),
)  # fmt: skip
REGISTERS = (
    _row("text-write", "movw %ax, 0xB8000", TEXT, unit="character"),
    _row("text-read", "movw 0xB8000, %ax", TEXT, unit="character"),
    _row("text-scroll", _scroll(0xB8000, 160, 4000), TEXT, per=960, unit="dword"),
    _row("planar-write", "movb %al, 0xA0000", PLANAR),
    _row("planar-read", "movb 0xA0000, %al", PLANAR),
    _row("planar-or", "orb $0x10, 0xA0000", PLANAR, unit="read, write"),
    _row("planar-fill", "pushl %ecx\nmovl $0xA0000, %edi\nmovl $9600, %ecx\nrep stosl\npopl %ecx", PLANAR, per=9600,
         unit="dword"),
    _row("planar-copy", "pushl %ecx\nmovl $0xA0000, %edi\nmovl $0xA8000, %esi\nmovl $8000, %ecx\nrep movsb\npopl %ecx",
         LATCHES, per=8000),
    _row("mode-x", "movw $0x0102, %ax\noutw %ax, %dx\nmovb %al, 0xA0000\nmovw $0x0802, %ax\noutw %ax, %dx\n"
         "movb %al, 0xA0001", UNCHAINED, per=2, unit="mask, byte"),
    _row("bank", "".join(f"movl $0x1CE, %edx\nmovw ${BANK}, %ax\noutw %ax, %dx\nincl %edx\nmovw ${n}, %ax\n"
                         "outw %ax, %dx\nmovl %eax, 0xA0000\nmovl %eax, 0xA8000\n" for n in (3, 9)),
         BANKED, per=2, unit="bank, 2 pages"),
)  # fmt: skip
ROWS = (*(row for pair in PAIRS for row in pair), *REGISTERS)


def source(includes: str) -> str:
    return guest_of(ROWS, f'.include "{includes}/pc.inc"\n')
