"""In which order what happened to disks enters a live machine."""

from collections import deque
from types import SimpleNamespace

from playhead.log.events import BlockDone, BlockFailed, MediumChanged
from playhead.replay.checkpoints import Checkpoints
from playhead.replay.queue import AsyncQueue
from playhead.session.sources import MediaSource, Sources


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


class Storage:
    """Waits for requests; when a tray opens it waits for none any more, as a CD-ROM drive does."""

    def __init__(self, *ids):
        self.waits_for = set(ids)
        self.media = self

    def end(self, id, error=False, base=None):
        found = id in self.waits_for
        self.waits_for.discard(id)
        return found

    def takes(self, drive):
        return drive == 0

    def tray(self, drive):
        return SimpleNamespace(tray_open=False)

    def change(self, drive, force, medium, sectors):
        self.waits_for.clear()


def test_a_request_that_has_ended_comes_before_the_tray_opens():
    """After it the request would not be pending any more."""
    log = []
    queue = AsyncQueue(log.append)
    machine = SimpleNamespace(devices={"storage": Storage(1, 2)}, kick=lambda: None, now_ns=lambda: 0)
    host = SimpleNamespace(ends={"disks": Disks((1, False), (2, True))}, quit_cause=lambda: "")
    sources = Sources(SimpleNamespace(machine=machine, host=host), queue)
    sources.connect()
    sources[MediaSource].change(0, True)
    assert sources.pending
    sources.deliver(Checkpoints(queue))
    assert [type(event) for event in log] == [BlockDone, BlockFailed, MediumChanged] and not sources.pending
