"""Alarms: the nearest deadline is kept, and is the least of all whatever happens to them."""

from hypothesis import given
from hypothesis import strategies as st

from playhead.hw.clock import NEVER, VirtualClock

STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 50) | st.just(NEVER + 9), st.sampled_from("acrs")))


class Still:
    def now_ns(self) -> int:
        return 0


@given(STEPS)
def test_the_nearest_deadline_is_the_least(steps):
    clock = VirtualClock(Still())
    alarms = [clock.alarm(str(n), lambda: None) for n in range(5)]
    model = [NEVER] * 5
    for number, value, how in steps:
        clamped = min(max(value, 0), NEVER)
        if how == "a":
            alarms[number].arm(value)
            model[number] = clamped
        elif how == "c":
            alarms[number].cancel()
            model[number] = NEVER
        elif how == "r":
            clock.ring(clamped)
            model = [d if d > clamped else NEVER for d in model]
        else:
            clock.load(clock.save())
        assert clock.save() == model == [a.deadline_ns for a in alarms]
        assert [a.armed for a in alarms] == [d != NEVER for d in model]
        assert clock.next_deadline_ns() == min(model)


def test_what_is_due_rings_by_deadline_and_number():
    clock, rang = VirtualClock(Still()), []
    alarms = [clock.alarm(str(n), lambda n=n: rang.append(n)) for n in range(4)]
    for number, at in ((0, 7), (1, 5), (2, 7), (3, 9)):
        alarms[number].arm(at)
    alarms[1].callback = lambda: (rang.append(1), alarms[2].cancel())
    assert clock.ring(8) == 3 and rang == [1, 0]
    assert clock.next_deadline_ns() == 9
