"""Forked processes share one helper: one has it, the others pass on what they want and find the code in the cache."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest
from test_compile_service import FAKE, ask, code, compiling, program, unit, wait

from playhead.engine.llvm.tier2 import child, service, sharing, store
from playhead.engine.llvm.tier2.service import Service
from playhead.engine.llvm.tier2.sharing import LONGEST, Sharing
from playhead.engine.llvm.tier2.wanted import Wanted


@pytest.fixture(autouse=True)
def shared(tmp_path, monkeypatch):
    """An empty cache, a compiler that stands in, and what forked processes share."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(child, "PROGRAM", program(f"exec({FAKE!r})"))
    monkeypatch.setattr(sharing, "_sharing", None)
    forget()
    sharing.share()
    made = sharing.sharing()
    yield made
    forget()
    made.close()


def forget() -> None:
    service._compiling().close()
    service._compiling.cache_clear()
    store.store.cache_clear()


def forked(work: Callable[[], bool]) -> int:
    """A process that ends with 0 if `work` returns True."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            status = not work()
        finally:
            service._compiling().close()
            os._exit(status)
    return pid


def until_it_ends(pid: int, turn: Callable[[], object]) -> int:
    for _ in range(6000):
        turn()
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        subprocess.run(["sleep", "0.01"], check=True)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("it does not end")


def gets(some: list[bytes]) -> bool:
    """In a process: it gets the code of all of these, by no helper of its own."""
    client = Service()
    ask(client, some)
    return wait(client, len(some)) == {one: code(one) for one in some} and compiling()._child is None


def test_what_others_want_is_compiled_by_the_one_that_there_is(shared):
    client = Service()
    ask(client, [unit(0)])
    running = compiling()._child
    assert running is not None and wait(client, 1)
    for some in ([unit(n) for n in range(1, 40)], [unit(0)], [unit(n) for n in range(20, 60)]):
        assert until_it_ends(forked(lambda some=some: gets(some)), client.ready) == 0
    assert compiling()._child is running and len(compiling()._done) == 60


def test_more_than_there_is_room_for(shared, monkeypatch):
    """What is left is passed on when others were taken. A helper that gets little at a time tidies up in between: there
    are more segments, one after the other, than a process has open.
    """
    monkeypatch.setattr(sharing, "PIPE", 1)
    monkeypatch.setattr(store, "MOST_SEGMENTS", 40)
    monkeypatch.setattr(sharing, "_sharing", None)
    sharing.share()
    client = Service()
    ask(client, [unit(0)])
    assert wait(client, 1)
    some = [unit(n) for n in range(1, 200)]
    assert until_it_ends(forked(lambda: gets(some)), client.ready) == 0
    forget()
    sharing.sharing().close()


def test_who_had_it_is_gone(shared):
    """The lock goes with its process, and the next one that needs a helper has its own."""
    told, tell = os.pipe()

    def hold() -> bool:
        client = Service()
        ask(client, [unit(1)])
        os.write(tell, b"%d" % len(wait(client, 1)))
        signal.pause()
        return False

    holder = forked(hold)
    assert os.read(told, 1) == b"1"
    client = Service()
    ask(client, [unit(2)])
    assert compiling()._child is None and len(compiling()._passed) == 1
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    ask(client, [unit(3), unit(2)], heat=1 << 25)
    assert compiling()._child is not None
    assert wait(client, 2) == {one: code(one) for one in (unit(2), unit(3))}
    os.close(told)
    os.close(tell)


def test_too_long_or_too_many_are_not_passed_on(shared):
    """Nobody waits, and none is cut."""
    long = b"x" * LONGEST
    assert shared.pass_on(Wanted(1, long, 5)) and not shared.pass_on(Wanted(1, long + b"x", 5))
    passed = 1
    while shared.pass_on(Wanted(passed, long[: passed % 50], passed)):
        passed += 1
    found = shared.passed()
    assert found[0] == Wanted(1, long, 5) and passed > 10
    assert found[1:] == [Wanted(n, long[: n % 50], n) for n in range(1, passed)] and shared.passed() == []


def test_without_shared_memory_each_has_its_own(shared, monkeypatch):
    def refuse(*arguments):
        raise OSError("none here")

    monkeypatch.setattr(os, "pipe2", refuse)
    with pytest.raises(OSError, match="none here"):
        Sharing()
    monkeypatch.setattr(sharing, "_sharing", None)
    sharing.share()
    assert sharing.sharing() is None
    monkeypatch.undo()
