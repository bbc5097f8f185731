"""Where our keyboard controller differs from QEMU's: cases of `I8042.DIFFERS` that a driver brings about, at both.

The first answer is QEMU's, the second ours; a test of what is alike is `./dev fuzz input --qemu`.
"""

import pytest

from playhead.devices.input.i8042_kbc import I8042
from tools.fuzz import qemu_kbc
from tools.fuzz.input import Chip
from tools.fuzz.input_steps import COMMAND, DATA, DRAIN, button, key, move, out
from tools.fuzz.qemu_kbc import QemuKbc

pytestmark = pytest.mark.skipif(not qemu_kbc.HAVE, reason="no qemu-system-i386")


def c(*values):
    return out(COMMAND, *values)


def d(*values):
    return out(DATA, *values)


def m(*values):
    """To the mouse, and what it answers is taken."""
    return [step for value in values for step in (*c(0xD4), *d(value), DRAIN)]


def events(*some):
    return [("events", list(some))]


UP, DOWN = key("a", False), move("y", 1)
STATUS = [("in", COMMAND, 1)]
CASES = {  # a row of DIFFERS by how it begins: steps, the last answer of QEMU, ours
    "output port after": ([*c(0xD0), DRAIN], [[0xCF], []], [[0xCF], []]),
    "output port bits 4": ([*c(0xD1), *d(0x31), *c(0xD0), DRAIN], [[0x31], []], [[0x01], []]),
    "status bit 3": ([*d(0xF4), DRAIN, *STATUS], 0x18, 0x10),
    "commands 21h": ([*c(0xA4), DRAIN], [[], []], [[0xF1], []]),
    "self test": ([*c(0xAA), DRAIN, *c(0x20), DRAIN], [[3], []], [[7], []]),
    "a command to the controller in": ([*c(0xD4, 0xAE), *d(0xF4), DRAIN], [[], [0xFA]], [[0xFA], []]),
    "two answers": ([*c(0xA9, 0xC0), DRAIN], [[0x80], []], [[0, 0x80], []]),
    "translation switched": ([*events(UP), *c(0x60), *d(0x43), DRAIN], [[0xF0, 0x1C], []], [[0xF0, 0x1E], []]),
    "an answer in": ([*d(0xF4, 0xF4), DRAIN], [[0xFA], []], [[0xFA, 0xFA], []]),
    "a byte of 80h": ([*d(0xF3), DRAIN, *d(0xEE), DRAIN], [[0xFA], []], [[0xEE], []]),
    "keyboard command FEh": ([*d(0xF2), DRAIN, *d(0xFE), DRAIN], [[0xFE], []], [[0x83], []]),
    "keyboard commands F7h": ([*d(0xF7), DRAIN], [[0xFE], []], [[0xFA], []]),
    "unknown commands to the mouse": (m(0xE1), [[], []], [[], [0xFE]]),
    "mouse command ECh": (m(0xEC), [[], []], [[], [0xFA]]),
    "a mouse that is reset in wrap": (m(0xEE, 0xFF, 0xF4), [[], [0xF4]], [[], [0xFA]]),
    "a mouse that is reset in remote": (
        [*m(0xF4, 0xF0), *events(DOWN), *m(0xFF, 0xEA, 0xF4), *events(DOWN), DRAIN],
        [[], [0x28, 0, 0xFE]], [[], [0x28, 0, 0xFF]],
    ),
    "a mouse's answers": (
        [*m(0xF4), *events(DOWN), *c(0xD4), *d(0xF4), DRAIN], [[], [0x28, 0, 0xFF, 0xFA]], [[], [0x28, 0xFA, 0, 0xFF]],
    ),
    "a mouse's resolution and sample rate before": (m(0xE9), [[], [0xFA, 0, 0, 0]], [[], [0xFA, 0, 2, 100]]),
    "a resolution of 4": (m(0xFF, 0xE8, 5, 0xE9), [[], [0xFA, 0, 5, 100]], [[], [0xFA, 0, 1, 100]]),
    "sample rates 200": (m(0xF3, 200, 0xF3, 200, 0xF3, 100, 0xF3, 80, 0xF2), [[], [0xFA, 0]], [[], [0xFA, 3]]),
    "a mouse's status": (
        [*m(0xFF, 0xF4), *events(button("left", True)), DRAIN, *m(0xE9)], [[], [0xFA, 0x20, 2, 100]],
        [[], [0xFA, 0x24, 2, 100]],
    ),
    "a mouse's scaling": (
        [*m(0xF4, 0xE7), *events(move("x", 10)), DRAIN], [[], [8, 10, 0]], [[], [8, 20, 0]],
    ),
    "Hangul": ([*events(key("lang1", True)), DRAIN], [[], []], [[0xF2], []]),
}  # fmt: skip
UNSEEN = (  # an order, an interrupt (below), what has no effect, what QEMU does as well
    "keyboard and mouse both", "an answer of the controller while", "a mouse's resolution and sample rate",
    "keys of scan code set 3",
)  # fmt: skip


def test_each_row_has_its_case():
    rows = [row.case for row in I8042.DIFFERS]
    without = [row for row in rows if not any(row.startswith(case) for case in (*CASES, *UNSEEN))]
    assert not without and all(any(row.startswith(case) for row in rows) for case in CASES)


@pytest.mark.parametrize("case", CASES)
def test_it_is_so(case):
    steps, theirs, ours = CASES[case]
    chip = Chip()
    with QemuKbc() as qemu:
        seen = [(qemu.step(step), chip.step(step)) for step in steps]
    assert seen[-1] == (theirs, ours)


def test_an_answer_while_the_keyboard_is_held_off_interrupts_here_only():
    chip = Chip()
    with QemuKbc() as qemu:
        for one in (qemu, chip):
            for step in c(0xAD, 0xC0):
                one.step(step)
        assert (qemu.lines(), chip.lines()) == ((False, False), (True, False))
