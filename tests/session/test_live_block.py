"""In which order what happened to disks enters a live machine."""

from collections import deque
from types import SimpleNamespace

from playhead.log.events import BlockDone, BlockFailed, MediumChanged
from playhead.replay.queue import AsyncQueue
from playhead.session.block import LiveBlock


class Disks:
    """A host whose requests have ended already."""

    busy = True

    def __init__(self, *ended):
        self._ended = deque(SimpleNamespace(id=id, error=error, base=b"") for id, error in ended)

    @property
    def waiting(self):
        return bool(self._ended)

    def take(self):
        return self._ended.popleft()


class Machine:
    """Has requests pending; when a tray opens it drops them, as a CD-ROM drive does."""

    def __init__(self, *ids):
        self.waits_for = set(ids)

    def kick(self):
        pass

    def block_done(self, id, error=False, base=None):
        found = id in self.waits_for
        self.waits_for.discard(id)
        return found

    def change_medium(self, drive, force, medium, sectors):
        self.waits_for.clear()


def test_a_request_that_has_ended_comes_before_the_tray_opens():
    """After it the request would not be pending any more."""
    log = []
    queue = AsyncQueue(log.append)
    block = LiveBlock(Disks((1, False), (2, True)), queue)
    block.machine = Machine(1, 2)
    block.change(0, True)
    assert block.waiting
    block.let_in()
    queue.flush()
    assert [type(event) for event in log] == [BlockDone, BlockFailed, MediumChanged] and not block.waiting
