"""The storage after a machine's drives, against a plain array of bytes that is written at each request."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.base.errors import FormatError
from playhead.boards.drive_config import DriveConfig
from playhead.hw.block import READ, SECTOR, WRITE, InFlight
from playhead.log.pages import key_of, place_of
from playhead.machine.storage import ABSENT, BLOCK, Storage

SECTORS = 61  # the last block is not whole
BASE = [bytes((7 * n + drive) % 251 for n in range(SECTORS * SECTOR)) for drive in range(2)]


class Images:
    """A backing that keeps what is asked of it."""

    busy = False

    def __init__(self) -> None:
        self.started: list[tuple] = []
        self.asked: list[tuple[int, int]] = []

    def start(self, *request) -> None:
        self.started.append(request)

    def cancel(self, drive, id) -> None:
        self.started = [one for one in self.started if one[:2] != (drive, id)]

    def base(self, drive, blocks):
        self.asked += [(drive, block) for block in blocks]
        return [BASE[drive][block * BLOCK : (block + 1) * BLOCK].ljust(BLOCK, b"\0") for block in blocks]

    def put_back(self, blocks, under_way, written) -> None:
        self.started = [(r.drive, r.id, r.kind, r.lba, r.count, written(r)) for r in under_way]


def storage() -> Storage:
    return Storage([DriveConfig(0, n, sectors=SECTORS) for n in range(2)], Images())


def read(one: Storage, drive: int, lba: int, count: int, *, given: bool = False) -> bytes:
    first, behind = lba * SECTOR // BLOCK, -(-(lba + count) * SECTOR // BLOCK)
    base = b"".join(Images().base(drive, range(first, behind))) if given else None
    return one.answer(InFlight(drive, 1, READ, lba, count), base)


requests = st.tuples(
    st.integers(0, 1),
    st.booleans(),
    st.integers(0, SECTORS - 1),
    st.integers(1, 20),
    st.integers(0, 255),
    st.booleans(),
)


@settings(max_examples=200)
@given(st.lists(requests, max_size=25))
def test_it_is_an_array(steps):
    one, disks = storage(), [bytearray(base) for base in BASE]
    entered: dict[int, bytes] = {}
    one.entered = lambda key, content: entered.setdefault(key, content) and None
    for drive, writes, lba, count, value, at_hand in steps:
        count = min(count, SECTORS - lba)
        begin, end = lba * SECTOR, (lba + count) * SECTOR
        if writes:
            disks[drive][begin:end] = bytes([value]) * (end - begin)
            one.drives[drive].write(lba, bytes(disks[drive][begin:end]))
        assert read(one, drive, lba, count, given=at_hand) == disks[drive][begin:end]
    for drive in (0, 1):
        assert read(one, drive, 0, SECTORS) == disks[drive]
    for key, content in entered.items():  # what is kept of the base is the base
        drive, block = place_of(key)
        assert content == Images().base(drive, [block])[0]


def test_what_is_read_later_is_what_is_there_then():
    one = storage()
    one.drives[0].read(8, 8)
    one.drives[0].write(8, b"x" * 8 * SECTOR)
    assert read(one, 0, 8, 8, given=True) == b"x" * 8 * SECTOR


def test_writes_are_in_the_state_by_their_order():
    states = []
    for order in ((1, 2), (2, 1), (1, 2)):
        one = storage()
        for sector in order:
            one.drives[0].write(sector, bytes([sector]) * SECTOR)
        states.append((bytes(one.state.drives[0].written), bytes(one.state.drives[1].written), one.state.last_id))
    assert states[0] == states[2] != states[1]
    assert states[0][1] == bytes(16) and states[0][2] == 2


def test_putting_back():
    """Other blocks, none where there were some, and requests that start again with what they write."""
    one = storage()
    one.drives[0].write(0, b"a" * 16 * SECTOR)
    one.unsaved.clear()
    under_way = [InFlight(0, 5, WRITE, 8, 2), InFlight(1, 6, READ, 0, 1)]
    one.put_back({key_of(0, 0): ABSENT, key_of(0, 1): b"b" * BLOCK}, under_way)
    assert read(one, 0, 0, 16) == BASE[0][:BLOCK] + b"b" * BLOCK
    assert one.backing.started == [(0, 5, WRITE, 8, 2, b"b" * 2 * SECTOR), (1, 6, READ, 0, 1, b"")]
    assert one.unsaved == {key_of(0, 0), key_of(0, 1)}
    with pytest.raises(FormatError):
        one.put_back({key_of(2, 0): ABSENT}, [])


def test_a_request_that_cannot_be_is_refused():
    with pytest.raises(FormatError):
        storage().answer(InFlight(0, 1, READ, SECTORS, 1), None)


def test_cancelled():
    one = storage()
    id = one.drives[1].read(0, 1)
    one.drives[1].cancel(id)
    assert one.backing.started == []
