"""Hypothesis strategies for events, derived from their declared fields."""

from hypothesis import strategies as st

from playhead.base.record import I32, I64, U8, U16, U32, U64, Blob, Bool, Nested, Queue
from playhead.log.event_fields import Choice, HostTime, Vector

RANGES = {
    U8: (0, 2**8),
    U16: (0, 2**16),
    U32: (0, 2**32),
    U64: (0, 2**64),
    I32: (-(2**31), 2**31),
    I64: (-(2**63), 2**63),
}


def any_value(field):
    """Any value that a field can have."""
    match field:
        case Vector():
            return st.none() | st.integers(0, 255)
        case HostTime():
            return st.none() | st.integers(1 - 2**63, 2**63 - 1)
        case Bool():
            return st.booleans()
        case Blob(length=length):
            return st.binary(min_size=length or 0, max_size=100 if length is None else length).map(bytearray)
        case Queue(item=item):
            return st.lists(any_value(item), max_size=5)
        case Nested(cls=cls):
            return any_record(cls)
        case Choice(variants=variants):
            return st.one_of([any_record(v.cls) for v in variants])
    low, end = next(r for t, r in RANGES.items() if isinstance(field, t))
    return st.integers(low, end - 1)


def any_record(cls, **fixed):
    """Any event (or record) of a class; `fixed` gives some of its fields."""
    chosen = {n: st.just(fixed[n]) if n in fixed else any_value(f) for n, f in cls.FIELDS.items()}
    return st.fixed_dictionaries(chosen).map(lambda values: cls(**values))
