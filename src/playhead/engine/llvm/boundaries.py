"""Boundaries that native code passes by itself: an alarm rings, an interrupt is acknowledged, and the run continues.

The order is that of `Machine.run` (machine/machine.py), which also says up to which instruction count this is allowed
(`own_end`; 0: not at all). What a device declares of its alarms and the interrupt controller of its interrupts
(hw/native.py) is done here at the same moment, and leaves the same state. Anything else ends the run with EXIT_SYNC:
several alarms at once, one whose function declines, a request to stop, a pending NMI, an 8259's interrupt. Nothing has
changed then, and the machine does it.
"""

from playhead.engine.core import ACKNOWLEDGE, ALARM_SIZE, INTERRUPT_PENDING, NEAREST, ONLY_DUE
from playhead.engine.llvm.device_access import NOT_ANSWERED
from playhead.engine.llvm.host_words import host, pointer
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine


def now_ns(m: StateBuilder):
    return m.ld("vbias") + (m.ld("icount") << m.ld("shift").zext(64))


@routine(64, 64, native_only=True, faults=False)
def declared(m: StateBuilder, n, value):
    """Call the function with number `n` in `core.alarms`; NOT_ANSWERED if there is none, or it declines."""
    entry = pointer(m, "alarms") + n * ALARM_SIZE
    code = host(m, entry, 64)
    with m.if_(code.eq(0)):
        m.ret(NOT_ANSWERED)
    zero = m.const(0, 64)
    m.ret(m.call("r_device_entry", code, entry + 8, zero, zero, value, now_ns(m), m.ld("icount"), faults=False))


@routine(native_only=True, faults=False)
def look_for_interrupt(m: StateBuilder):
    """Note whether the interrupt controller has an interrupt for the processor."""
    wanted = call(m, "declared", INTERRUPT_PENDING, 0).ne(0).zext(32) * S.PENDING_INTR
    m.st("intr_pending", (m.ld("intr_pending") & S.PENDING_NMI) | wanted)


@routine(native_only=True, faults=False)
def run_to_alarm(m: StateBuilder):
    """Let the run end at the next alarm, or where native code has to come back. Returns the instructions up to there; 0
    if it has to come back now."""
    icount, now, most = m.ld("icount"), now_ns(m), m.ld("own_end")
    m.st("moved_on", 1)
    deadline = call(m, "declared", NEAREST, 0)
    with m.if_(most.ule(icount) | deadline.ule(now) | deadline.eq(NOT_ANSWERED)):
        m.ret(0)
    shift = m.ld("shift").zext(64)
    to_alarm = (deadline - now + (m.const(1, 64) << shift) - 1) >> shift
    to_end = most - icount
    left = to_alarm.ult(to_end).select(to_alarm, to_end)
    m.st("icount_end", icount + left)
    m.st("budget", left)
    m.ret(left)


@routine(native_only=True, faults=False)
def pass_boundary(m: StateBuilder):
    """The budget is used up: ring the alarm that is due. Returns 1 if the run continues; else `exit_reason` is set, if
    it ends for another reason than that it has come to its end."""
    icount, now = m.ld("icount"), now_ns(m)
    with m.if_(m.ld("own_end").ule(icount)):
        m.ret(0)
    begun = m.ld("single") | m.ld("latch_n") | m.ld("store_n")
    rung = m.ld("rung_icount").eq(icount) & m.ld("rung_ns").eq(now)
    m.st("exit_reason", S.EXIT_SYNC)
    with m.if_((m.ld("kick") | begun | (m.ld("intr_pending") & S.PENDING_NMI)).ne(0) | rung):
        m.ret(0)
    with m.if_(call(m, "declared", NEAREST, 0).ule(now)):
        alarm = call(m, "declared", ONLY_DUE, 0)
        with m.if_(alarm.eq(NOT_ANSWERED)):
            m.ret(0)
        with m.if_(call(m, "declared", alarm, alarm).eq(NOT_ANSWERED)):
            m.ret(0)
        m.st("moved_on", 1)
        m.st("rung_icount", icount)
        m.st("rung_ns", now)
        m.st("seq", m.ld("seq") + 1)
        call(m, "look_for_interrupt")
    with m.if_(call(m, "run_to_alarm").eq(0)):
        m.ret(0)
    m.st("exit_reason", 0)
    m.ret(1)


@routine(native_only=True, faults=False)
def take_interrupt(m: StateBuilder):
    """The processor takes an interrupt: acknowledge it, and let it be delivered. Returns 1 if that could be done."""
    others = m.ld("kick") | (m.ld("intr_pending") & S.PENDING_NMI)
    with m.if_(m.ld("own_end").ule(m.ld("icount")) | others.ne(0)):
        m.ret(0)
    vector = call(m, "declared", ACKNOWLEDGE, 0)
    with m.if_(vector.eq(NOT_ANSWERED)):
        m.ret(0)
    m.st("moved_on", 1)
    call(m, "look_for_interrupt")
    m.st("fault_vector", vector.trunc(32))
    m.st("fault_error", 0)
    m.st("fault_soft", 2)
    m.st("fault_nest", 0)
    m.st("fault_pending", 1)
    m.ret(1)
