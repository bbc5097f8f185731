"""Expressions of the monitor's prompt: C's arithmetic on registers and memory, and one clear line for all else."""

import random

import pytest

from playhead.base.errors import UsageError
from playhead.monitor.expressions import code_address, evaluate

REGISTERS = {"eip": 0x10, "cs_base": 0x7C00, "cs": 0x7C0, "ss_base": 0x20000, "esp": 0xFFF0, "eax": 0x80FF1234,
             "eflags": 2, "cr3": 0x1000, "es_base": 0, "ebp": 8, "st0": 1 << 79}  # fmt: skip


class Machine:
    """Memory whose byte at an address is the address's low byte, up to 1 MiB."""

    reads = 0

    def read_register(self, name):
        if name not in REGISTERS:
            raise UsageError(f"no register {name}")
        return REGISTERS[name]

    def read_memory(self, address, length, physical):
        self.reads += 1
        return bytes(a & 0xFF for a in range(address, min(address + length, 1 << 20)))


@pytest.mark.parametrize("text, value", [
    ("4096", 4096), ("0x1000", 4096), ("1_000", 1000), ("010", 8), ("0", 0), ("  ( 1 + 2 ) * 3 ", 9), ("-7 / 2", -3),
    ("-7 % 2", -1), ("7 - 2 - 1", 4), ("1 << 4 | 1", 17), ("~0", -1), ("!5", 0), ("- - 3", 3), ("2 + 3 * 4", 14),
    ("1 == 1 && 2 > 1", 1), ("0 || 3 < 2", 0), ("6 & 3 == 3", 0), ("0xffffffffffffffff", -1), ("1 << 63", -(1 << 63)),
    ("$pc", 0x7C10), ("$eip", 0x10), ("$eip+5", 0x15), ("$cs:$eip", 0x7C10), ("$cs:$eip+1", 0x7C11),
    ("$cs:0x20", 0x7C20), ("$ss:$esp", 0x2FFF0), ("$sp", 0xFFF0), ("$fp", 8), ("$ax", 0x1234), ("$al", 0x34),
    ("$ah", 0x12), ("$EAX", 0x80FF1234), ("$cs", 0x7C0), ("$cr3/16", 256), ("*0x101", 0x04030201), ("*(0x100+1)",
    0x04030201), ("*(unsigned char *) 0x1fe", 0xFE), ("*(char*)0x1fe", -2), ("*(short *)$eax - 0", None),
    ("*(uint16_t *) 0x80", 0x8180), ("*(long long *) 0", 0x0706050403020100), ("**0", None), ("*0x10 + 1", 0x13121111),
    ("0 && *0xfffffff0", 0), ("1 || 1 / 0", 1), ("1 && 2 || *0xfffffff0", 1),
])  # fmt: skip
def test_values(text, value):
    if value is None:  # there is no memory
        with pytest.raises(UsageError, match="no memory at"):
            evaluate(Machine(), text)
    else:
        assert evaluate(Machine(), text).number == value


def test_offsets_in_the_code_segment():
    m = Machine()
    for text, address in (("$eip", 0x7C10), ("$eip+5", 0x7C15), ("$pc+5", 0x7C15), ("$cs:$eip", 0x7C10),
                          ("0x10", 0x10), ("$esp", 0xFFF0), ("$eip*1", 0x10)):  # fmt: skip
        assert code_address(m, evaluate(m, text)) == address, text


@pytest.mark.parametrize("text, said", [
    ("", "is missing"), ("1 +", "is missing"), ("(1", "a ) is missing"), ("1 2", "'2' is too much"), ("1)", "too much"),
    ("main", "'main' is no number"), ("__import__('os')", "is no number"), ("$nosuch", "no register nosuch"), ("09",
    "is not a number"), ("0x", "'x' is too much"), ("1/0", "division by zero"), ("1%0", "division by zero"),
    ("1 << 64", "cannot shift"), ("1 << -1", "cannot shift"), ("(" * 5000, "characters at most"), ("(" * 100, "deep"),
    ("-" * 100 + "1", "deep"), ("$cs:" * 500 + "1", "deep"), ("$", "is no number"), ("$st0", "80 bits"),
    ("*(struct x *) 4", "no type 'struct'"), ("0x10:4", "':4' is too much"), ("\x1b[31m", "is no number"),
    ("²", "is no number"),
])  # fmt: skip
def test_what_is_no_expression(text, said):
    with pytest.raises(UsageError) as refused:
        evaluate(Machine(), text)
    assert said in str(refused.value)


def test_any_text_gives_a_value_or_one_clear_refusal():
    rng = random.Random(1)
    pieces = ["1", "0x7f", "$eax", "$pc", "$cs:", "*", "(", ")", "+", "-", "<<", "&&", "||", "/", " ", "(char *)", "é",
              "'", "\\", "!", "~", "%", "$st0"]  # fmt: skip
    for _ in range(5000):
        text = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 12)))
        try:
            assert -(1 << 63) <= evaluate(Machine(), text).number < 1 << 63
        except UsageError:
            pass
