"""The statistics of the 82540EM: what a frame that was received or sent counts for.

Lengths are those on the wire, from the addresses to the FCS. A counter that is full stays so.

Source: Intel's manual (as e1000_registers.py).
"""

from playhead.base.record import Items
from playhead.devices.net.e1000_registers import (
    BPRC, BPTC, FULL, GORCL, GOTCL, GPRC, GPTC, MPRC, MPTC, PRC, PTC, TORL, TOTL, TPR, TPT,
)  # fmt: skip
from playhead.devices.net.ethernet import ADDRESS, BROADCAST, FCS

Registers = Items[int]
SHORTEST = 64


def increase(regs: Registers, n: int) -> None:
    if regs[n] != FULL:
        regs[n] += 1


def _add(regs: Registers, low: int, length: int) -> None:
    """To a counter of 64 bits."""
    total = regs[low] + length
    if total > FULL:
        if regs[low + 1] == FULL:
            total = FULL
        else:
            regs[low + 1] += 1
    regs[low] = total & FULL


def _by_length(regs: Registers, first: int, length: int) -> None:
    """One of the six counters for 64 bytes, up to 127, 255, 511, 1023 and more."""
    if length >= SHORTEST:
        increase(regs, first + (min(length.bit_length() - 6, 5) if length > SHORTEST else 0))


def count_received(regs: Registers, frame: bytes, length: int) -> None:
    """`length` is without FCS; so is that below."""
    length += FCS
    _by_length(regs, PRC, length)
    increase(regs, TPR)
    increase(regs, GPRC)
    _add(regs, TORL, length)
    _add(regs, GORCL, length)
    if frame[0] & 1:
        increase(regs, BPRC if frame[:ADDRESS] == BROADCAST else MPRC)


def count_sent(regs: Registers, frame: bytes | bytearray) -> None:
    length = len(frame) + FCS
    _by_length(regs, PTC, length)
    increase(regs, TPT)
    increase(regs, GPTC)
    _add(regs, TOTL, length)
    _add(regs, GOTCL, length)
    if frame and frame[0] & 1:
        increase(regs, BPTC if frame[:ADDRESS] == BROADCAST else MPTC)
