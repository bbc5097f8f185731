"""The asynchronous queue and its checkpoints: order, ids, and what a replay does with each."""

import pytest

from playhead.base.errors import DivergenceError
from playhead.log.events import BlockDone, BottomHalf, BottomHalfOneshot, CharRead
from playhead.replay.checkpoints import Checkpoint, Checkpoints
from playhead.replay.clocks import Clock, Clocks
from playhead.replay.queue import AsyncQueue


def key(data):
    return CharRead(port=0, data=bytearray(data))


def test_a_recording_logs_each_event_just_before_it_takes_effect():
    story = []
    queue = AsyncQueue(lambda event: story.append(("log", event)))
    queue.handler(CharRead, lambda event: story.append(("run", event)))
    queue.add_input(key(b"a"))
    queue.add_completion(BlockDone(id=7), lambda: story.append("block"))
    queue.add_input(key(b"b"))
    assert story == [] and len(queue) == 3
    queue.flush()
    assert story == [
        ("log", key(b"a")), ("run", key(b"a")), ("log", BlockDone(id=7)), "block",
        ("log", key(b"b")), ("run", key(b"b")),
    ]  # fmt: skip
    queue.flush()
    assert len(story) == 6 and len(queue) == 0


def test_what_an_event_queues_runs_in_the_same_flush():
    ran = []
    queue = AsyncQueue(lambda event: None)
    more = BottomHalf(id=2), lambda: ran.append(2)
    queue.add_completion(BottomHalf(id=1), lambda: (ran.append(1), queue.add_completion(*more)))
    queue.flush()
    assert ran == [1, 2]


def test_no_event_may_flush():
    queue = AsyncQueue(lambda event: None)
    queue.add_completion(BottomHalf(id=1), queue.flush)
    with pytest.raises(AssertionError, match="from inside"):
        queue.flush()


def test_a_replay_takes_inputs_from_the_log_only():
    ran = []
    queue = AsyncQueue(lambda event: ran.append("logged"), replaying=True)
    queue.handler(CharRead, ran.append)
    queue.add_input(key(b"typed during the replay"))
    queue.flush()
    assert ran == [] and len(queue) == 0
    queue.deliver(key(b"x"))
    assert ran == [key(b"x")]


def test_a_replay_holds_completions_until_the_log_names_them():
    ran = []
    queue = AsyncQueue(lambda event: None, replaying=True)
    for n in (1, 2, 3):
        queue.add_completion(BlockDone(id=n), lambda n=n: ran.append(n))
    queue.add_completion(BottomHalfOneshot(id=2), lambda: ran.append("bh"))
    queue.flush()
    assert ran == []
    queue.deliver(BlockDone(id=2))
    queue.deliver(BottomHalfOneshot(id=2))
    queue.deliver(BlockDone(id=1))
    assert ran == [2, "bh", 1] and len(queue) == 1
    with pytest.raises(DivergenceError, match="ASYNC_BLOCK id=9"):
        queue.deliver(BlockDone(id=9))


def test_checkpoints_are_where_the_queue_is_emptied():
    story = []
    queue = AsyncQueue(lambda event: story.append(event))
    queue.handler(CharRead, lambda event: None)
    checkpoints = Checkpoints(queue)
    checkpoints.watchers.append(story.append)
    queue.add_input(key(b"a"))
    checkpoints.reached(Checkpoint.CLOCK_WARP_ACCOUNT)
    assert story == [key(b"a"), Checkpoint.CLOCK_WARP_ACCOUNT] and checkpoints.last == 1


def test_names_are_qemus():
    assert [c.name for c in Checkpoint] == [
        "CLOCK_WARP_START", "CLOCK_WARP_ACCOUNT", "RESET_REQUESTED", "SUSPEND_REQUESTED", "CLOCK_VIRTUAL", "CLOCK_HOST",
        "CLOCK_VIRTUAL_RT", "INIT", "RESET",
    ]  # fmt: skip
    clocks = Clocks(lambda: 1, lambda: 2, lambda: 3, lambda: 4)
    assert [clocks.read(c) for c in (Clock.REALTIME, Clock.VIRTUAL, Clock.HOST, Clock.VIRTUAL_RT)] == [1, 2, 3, 4]
    assert clocks.read(Clock.EXTERNAL) == clocks.read(Clock.VIRTUAL)
    assert all(clocks.read(clock) for clock in Clock)
