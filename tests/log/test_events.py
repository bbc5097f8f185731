"""Every declared event, whatever its kind, survives being stored, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.base.errors import FormatError
from playhead.base.record import I64, U8, U32, U64
from playhead.log.causes import CAUSES
from playhead.log.events import KINDS, CharRead, ClockHost, End, from_row, text_of, to_row

QEMU = {  # version 0xe0200c of its log
    3: "ASYNC_BH", 4: "ASYNC_BH_ONESHOT", 7: "ASYNC_CHAR_READ", 8: "ASYNC_BLOCK", 10: "SHUTDOWN", 28: "CLOCK_HOST",
    29: "CLOCK_VIRTUAL_RT", 32: "RESET_REQUESTED", 39: "END",
}  # fmt: skip
RANGES = {U8: (0, 255), U32: (0, 2**32 - 1), U64: (0, 2**64 - 1), I64: (-(2**63), 2**63 - 1)}


def any_value(field):
    if type(field) in RANGES:
        return st.integers(*RANGES[type(field)])
    length = field.length
    return st.binary(min_size=length or 0, max_size=100 if length is None else length).map(bytearray)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_stored_and_read_back(kind):
    @given(st.fixed_dictionaries({n: any_value(f) for n, f in kind.cls.FIELDS.items()}))
    def check(values):
        event = kind.cls(**values)
        tag, args, payload = to_row(event)
        assert from_row(tag, args, payload) == event
        assert kind.name in text_of(event) and "\n" not in text_of(event)

    check()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_a_wrong_length_is_refused(kind):
    tag, args, payload = to_row(kind.cls())
    if kind.arguments():
        with pytest.raises(FormatError):
            from_row(tag, (args or b"")[:-1], payload)
    with pytest.raises(FormatError):
        from_row(tag, (args or b"") + b"\0", payload)
    if kind.payload is None:
        with pytest.raises(FormatError):
            from_row(tag, args, b"x")


def test_an_unknown_kind_is_refused():
    with pytest.raises(FormatError, match="unknown kind 63"):
        from_row(63, None, None)


def test_tags_are_qemus_where_qemu_has_the_event():
    ours = {tag: kind.name for tag, kind in KINDS.items() if tag < 64}
    assert ours == QEMU
    assert CAUSES.index("host-signal") == 4 and CAUSES.index("guest-reset") == 7 and len(CAUSES) == 11


def test_every_event_says_what_it_is():
    for kind in KINDS.values():
        assert len(kind.doc) > 30, kind.name


def test_only_reads_are_pulled():
    assert [k.cls for k in KINDS.values() if k.pulled] == [ClockHost]


def test_text():
    assert text_of(CharRead(port=1, data=bytearray(b"ls\n"))) == "ASYNC_CHAR_READ port=1 data='ls\\n'"
    assert text_of(End(cause=6, status=33)).startswith("END cause=guest-shutdown status=33 root=0000")
