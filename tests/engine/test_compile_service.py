"""Units compiled in a helper process: what is said, in which order, and what comes of a helper that ends."""

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from playhead.engine.llvm.tier2 import child, service, sharing, store, wire
from playhead.engine.llvm.tier2.child import Child, Gone
from playhead.engine.llvm.tier2.service import Compiling, Service
from playhead.engine.llvm.tier2.store_writer import StoreWriter
from playhead.engine.llvm.tier2.unit import Unit, Uop
from playhead.engine.llvm.tier2.wanted import Queue, Wanted
from playhead.engine.llvm.tier2.wire import Malformed, Reply, Request

# Stands in for the compiler, in the helper: `imm` of a unit's first uop says what comes of it.
FAKE = """
import os, sys, types
def compile_units(units):
    for unit in units:
        if unit.uops[0].imm == 1: os.abort()
        if unit.uops[0].imm == 2: raise ValueError("this one cannot be translated")
        if unit.uops[0].imm == 4:
            while True: pass
        if unit.uops[0].imm == 5: os.write(1, b"garbage" * 1000); print("garbage"); os.system("echo garbage")
    return [None if unit.uops[0].imm == 3 else unit.pack()[::-1] * (1 + unit.uops[0].disp) for unit in units]
fake = types.ModuleType("playhead.engine.llvm.tier2.compile")
fake.compile_units = compile_units
sys.modules[fake.__name__] = fake
"""
CRASHES, RAISES, NOTHING, HANGS, PRINTS = 1, 2, 3, 4, 5
WORKER = "sys.modules['playhead.engine.llvm.tier2.worker']"


def unit(number: int, what: int = 0, uops: int = 3, long: int = 0) -> bytes:
    first = Uop(number, what, long, 0, 1, 2, 3, 4, 5, 6, 0, 8, 9, 10, 0)
    return Unit(7, (first,) * uops).pack()


def key(packed: bytes) -> int:
    return hash(packed) & (1 << 64) - 1


def code(packed: bytes, long: int = 0) -> bytes:
    return packed[::-1] * (1 + long)


def program(first: str, then: str = "pass") -> str:
    """The helper's, with something to do before and after it is imported."""
    return child.PROGRAM.replace("from playhead", f"{first}; from playhead", 1).replace("main(", f"{then}; main(", 1)


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """An empty cache, and no helper but the test's own; it is ended."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(child, "PROGRAM", program(f"exec({FAKE!r})"))
    service._compiling.cache_clear()
    store.store.cache_clear()
    yield
    service._compiling().close()
    service._compiling.cache_clear()
    store.store.cache_clear()


def compiling() -> Compiling:
    return service._compiling()


def wait(client: Service, number: int) -> dict[bytes, bytes]:
    """What comes, until there is so much."""
    got: dict[bytes, bytes] = {}
    for _ in range(4000):
        for key_of, packed, compiled in client.ready():
            assert key_of == key(packed) and packed not in got
            got[packed] = compiled
        if len(got) >= number:
            return got
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError(f"{len(got)} of {number} have come")


def ask(client: Service, some: list[bytes], heat: int = 1 << 24) -> None:
    for one in some:
        client.ask(key(one), one, heat)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No helper is shared, whatever ran in this process before."""
    monkeypatch.setattr(sharing, "_sharing", None)


def fresh() -> None:
    """As another process would begin."""
    compiling().close()
    service._compiling.cache_clear()
    store.store.cache_clear()


# -- frames


def test_frames_in_any_pieces():
    requests = [Request(n, bool(n % 2), [(n, unit(n)), (1 << 63, b"")][: n % 3], range(n)) for n in range(5)]
    data, got = bytearray(), []
    for byte in b"".join(map(wire.pack_request, requests)):
        data.append(byte)
        got += [wire.unpack_request(body) for body in wire.frames(data)]
    assert [(r.number, r.apart, list(r.units), list(r.used)) for r in got] == [
        (r.number, r.apart, list(r.units), list(r.used)) for r in requests
    ]
    reply = Reply(7, 3, [(wire.DONE, b"code"), (wire.NO_CODE, b""), (wire.FAILED, b"")], True)
    (body,) = wire.frames(bytearray(wire.pack_reply(reply)))
    assert wire.unpack_reply(body) == reply


@pytest.mark.parametrize(("pack", "unpack"), [
    (wire.pack_request(Request(1, False, [(2, unit(1)), (3, unit(2))], [4])), wire.unpack_request),
    (wire.pack_reply(Reply(1, 0, [(wire.DONE, b"code" * 9), (wire.NO_CODE, b"")])), wire.unpack_reply),
])  # fmt: skip
def test_a_frame_of_another_form(pack, unpack):
    """Cut, longer, or with other bytes: it is taken as what it says, or refused; nothing else is raised."""
    body, rng, refused = pack[4:], random.Random(1), 0
    for size in (*range(len(body)), len(body) + 1):
        with pytest.raises(Malformed):
            unpack((body + b"x")[:size])
    for _ in range(2000):
        other = bytearray(body)
        for _ in range(rng.randrange(1, 4)):
            other[rng.randrange(len(other))] = rng.randrange(256)
        try:
            unpack(bytes(other))
        except Malformed:
            refused += 1
    assert refused > 100
    with pytest.raises(Malformed):
        wire.frames(bytearray(b"\xff\xff\xff\xff"))


# -- the queue


def test_the_hottest_first():
    queue = Queue()
    some = [unit(n, uops=30) for n in range(20)]
    for n, one in enumerate(some):
        queue.put(Wanted(n, one, 100 + n // 2))
    before = queue.weight
    assert before == sum(30 * (100 + n // 2) for n in range(20))
    queue.put(Wanted(3, some[3], 8000))
    queue.put(Wanted(3, some[3], 9000))
    queue.put(Wanted(19, some[19], 50))  # it was hotter
    assert queue.weight == before + 30 * (9000 - 101)
    first = queue.take()
    assert [w.key for w in first] == [3, 19]  # 60 uops; the newer one of two
    assert len(queue) == 18 and queue.weight == before - 30 * (101 + 109)
    rest = [w.key for _ in range(9) for w in queue.take()]
    assert rest == [18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 2, 1, 0]
    assert not queue.take() and not len(queue) and not queue.weight


def test_a_unit_longer_than_a_request_should_be():
    queue = Queue()
    queue.put(Wanted(1, unit(1, uops=400), 9))
    queue.put(Wanted(2, unit(2, uops=1), 8))
    assert [[w.key for w in queue.take()] for _ in range(2)] == [[1], [2]]


# -- the helper


def test_compiled_kept_and_found_again():
    client, some = Service(), [unit(n) for n in range(60)]
    ask(client, some)
    assert not client.holds(key(some[0]))
    assert wait(client, 60) == {one: code(one) for one in some}
    assert client.holds(key(some[0]))
    ask(client, some[:3])  # an engine that has decoded them anew
    assert {packed: compiled for _, packed, compiled in client.ready()} == {one: code(one) for one in some[:3]}
    fresh()
    client = Service()
    ask(client, some, heat=16)
    assert len(list(client.ready())) == 60 and compiling()._child is None
    assert client.holds(key(some[0])) and not client.holds(1)


def test_what_is_cool_or_little_starts_nothing():
    client = Service()
    ask(client, [unit(n) for n in range(100)], heat=service.LEAST_HEAT - 1)
    ask(client, [unit(n) for n in range(50)], heat=service.LEAST_HEAT)
    assert compiling()._child is None and list(client.ready()) == []
    assert len(compiling()._queue) == 50
    ask(client, [unit(7)])
    assert compiling()._child is not None
    wait(client, 50)


def test_a_unit_that_is_too_long_is_not_asked_for():
    client = Service()
    ask(client, [unit(1, uops=9000), unit(2, uops=8000)])
    assert wait(client, 1) == {unit(2, uops=8000): code(unit(2, uops=8000))} and not len(compiling()._queue)


def test_two_engines():
    one, two = Service(), Service()
    some = [unit(n) for n in range(10)]
    ask(one, some)
    ask(two, some[5:])
    assert wait(two, 5).keys() == set(some[5:]) and wait(one, 10).keys() == set(some)
    ask(two, some[:5])
    assert len(list(two.ready())) == 5
    gone = Service()
    ask(gone, [unit(20)])
    gone.close()
    ask(one, [unit(21)])
    wait(one, 1)
    assert list(gone.ready()) == []


def test_what_another_process_has_compiled_meanwhile():
    """It comes from the disk: this helper would crash at it."""
    theirs, ours = unit(1, CRASHES), unit(2)
    assert not Service().holds(key(theirs))
    writer = StoreWriter()
    writer.add(key(theirs), theirs, b"their code")
    writer.flush()
    client = Service()
    ask(client, [theirs, ours])
    assert wait(client, 2) == {theirs: b"their code", ours: code(ours)} and compiling()._crashes == 0


def test_nothing_can_be_compiled():
    """That is remembered, on the disk too."""
    client = Service()
    ask(client, [unit(1, NOTHING)])
    assert wait(client, 1) == {unit(1, NOTHING): b""}
    fresh()
    client = Service()
    ask(client, [unit(1, NOTHING)])
    assert [compiled for _, _, compiled in client.ready()] == [b""] and compiling()._child is None


@pytest.mark.parametrize("what", [CRASHES, RAISES, HANGS])
def test_one_at_which_the_compiler_fails(what, monkeypatch):
    """The others are compiled, it is not tried again, and nothing of that is on the disk."""
    monkeypatch.setattr(child, "PROGRAM", program("pass", f"{WORKER}.HANG_S = 0.2"))
    client, some = Service(), [unit(n, what if n == 7 else 0) for n in range(30)]
    ask(client, some)
    assert wait(client, 30) == {one: b"" if n == 7 else code(one) for n, one in enumerate(some)}
    before = compiling()._crashes
    assert before == (0 if what == RAISES else 2)
    ask(client, some[7:8])
    assert len(list(client.ready())) == 1 and compiling()._crashes == before
    fresh()
    assert not store.store().holds(key(some[7])) and store.store().holds(key(some[8]))


def test_many_crashes_end_it(monkeypatch):
    monkeypatch.setattr(service, "MOST_CRASHES", 6)
    client, some = Service(), [unit(n, CRASHES) for n in range(20)]
    ask(client, some)
    for _ in range(2000):
        list(client.ready())
        if compiling()._off:
            break
        subprocess.run(["sleep", "0.01"], check=True)
    assert compiling()._off and compiling()._child is None
    ask(client, [unit(100)])
    assert len(compiling()._queue) == 0


def test_prints_go_nowhere(capfd):
    client = Service()
    ask(client, [unit(1, PRINTS), unit(2)])
    assert len(wait(client, 2)) == 2
    assert capfd.readouterr() == ("", "")


def test_more_than_a_pipe_holds():
    """Requests and replies in pieces; neither side waits for the other."""
    some = [unit(n, uops=100, long=20) for n in range(200)]
    client = Service()
    ask(client, some)
    assert wait(client, 200) == {one: code(one, 20) for one in some}


def test_killed_at_any_moment(monkeypatch):
    """All comes in the end, but for what may have been the reason."""
    monkeypatch.setattr(service, "MOST_CRASHES", 1000)
    monkeypatch.setattr(service, "MOST_FRUITLESS", 1000)
    rng, client, some, got = random.Random(5), Service(), [unit(n) for n in range(1500)], {}
    ask(client, some)
    for kills in count():
        got |= {packed: compiled for _, packed, compiled in client.ready()}
        if len(got) == len(some):
            break
        running = compiling()._child
        if running is not None and kills < 12:
            subprocess.run(["sleep", str(rng.random() / 5)], check=True)
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGKILL)
        else:
            subprocess.run(["sleep", "0.01"], check=True)
    bad = [one for one, compiled in got.items() if compiled != code(one)]
    assert all(got[one] == b"" for one in bad) and len(bad) <= 6
    assert not compiling()._off


def test_a_helper_that_grows_too_big_is_replaced(monkeypatch):
    monkeypatch.setattr(child, "PROGRAM", program("pass", f"{WORKER}.MOST_RESIDENT = 0"))
    client, some = Service(), [unit(n, uops=100) for n in range(10)]
    ask(client, some)
    assert wait(client, 10) == {one: code(one) for one in some}
    assert compiling()._number >= 5 and compiling()._crashes == 0


def test_an_idle_helper_ends(monkeypatch):
    """That is no crash, and there is another one when it is wanted."""
    monkeypatch.setattr(child, "PROGRAM", program("pass", f"{WORKER}.IDLE_S = 0.05"))
    client = Service()
    for n in range(3):
        ask(client, [unit(n)])
        assert len(wait(client, 1)) == 1
        for _ in range(2000):
            list(client.ready())
            if compiling()._child is None:
                break
            subprocess.run(["sleep", "0.01"], check=True)
        assert compiling()._child is None and compiling()._crashes == 0


@pytest.mark.parametrize("refusal", ["spawn", "session", "memory", "no Python", "wrong Python", "another version"])
def test_no_helper(refusal, monkeypatch, capfd):
    def refuse(*arguments, **options):
        raise OSError(errno.EAGAIN, "no more processes")

    def lack(*arguments, **options):
        raise NotImplementedError("no sessions")

    if refusal == "spawn":
        monkeypatch.setattr(os, "posix_spawn", refuse)
    elif refusal == "session":
        monkeypatch.setattr(os, "posix_spawn", lack)
    elif refusal == "memory":
        monkeypatch.setattr(os, "memfd_create", refuse)
    elif refusal == "no Python":
        monkeypatch.setattr(sys, "executable", None)
    elif refusal == "wrong Python":
        monkeypatch.setattr(sys, "executable", "/bin/false")
    else:
        monkeypatch.setattr(child, "version", lambda: "0" * 32)
    before = len(os.listdir("/proc/self/fd"))
    client = Service()
    for n in range(2000):
        ask(client, [unit(n % 7)], heat=(n + 1) << 24)
        assert list(client.ready()) == []
        if compiling()._off:
            break
        if refusal in ("wrong Python", "another version"):
            subprocess.run(["sleep", "0.01"], check=True)
    assert compiling()._off and capfd.readouterr() == ("", "")
    assert len(os.listdir("/proc/self/fd")) == before


def test_one_line_for_whoever_asks(monkeypatch, capfd):
    monkeypatch.setenv("PLAYHEAD_DEBUG", "1")
    monkeypatch.setattr(sys, "executable", "/nowhere")
    ask(Service(), [unit(1)])
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("playhead: the helper that compiles hot code: it cannot be started (")
    assert "No such file or directory" in line


def _state(pid: int) -> str:
    """Of a process, as the kernel calls it; empty: there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_it_is_out_of_the_way():
    """No signal of a terminal ends it; it is nice; it keeps nothing open; nothing is left when it is let go."""
    client, left_open = Service(), os.dup(2)
    os.set_inheritable(left_open, True)
    ask(client, [unit(1)])
    wait(client, 1)
    running = compiling()._child
    assert running is not None and os.getsid(running.pid) == running.pid
    assert os.getpriority(os.PRIO_PROCESS, running.pid) == os.nice(0) + 10
    assert str(left_open) not in os.listdir(f"/proc/{running.pid}/fd") or not _same_file(running.pid, left_open)
    os.close(left_open)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        os.kill(running.pid, number)
    ask(client, [unit(2)])
    wait(client, 1)
    assert compiling()._child is running and compiling()._crashes == 0
    fds = len(os.listdir("/proc/self/fd"))
    compiling().close()
    assert _state(running.pid) == "" and len(os.listdir("/proc/self/fd")) == fds - 2


def _same_file(pid: int, fd: int) -> bool:
    return os.readlink(f"/proc/{pid}/fd/{fd}") == os.readlink(f"/proc/self/fd/{fd}")


ENDS = """
import os, signal, sys
from playhead.engine.llvm.tier2 import child, wire
child.PROGRAM = sys.argv[1]
started = child.Child()
started.send(wire.pack_request(wire.Request(1, False, [(1, bytes.fromhex(sys.argv[2]))], ())))
replies = []
while len(replies) < (2 if sys.argv[3] == "idle" else 1):
    replies += started.replies()
print(started.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_it_ends_with_the_guests_process(state):
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", ENDS, child.PROGRAM, unit(1, HANGS if state == "busy" else 0).hex(), state]
    pid = int(subprocess.run(words, cwd=root, capture_output=True, check=False).stdout)
    for _ in range(500):
        if _state(pid) in ("", "Z"):
            return
        subprocess.run(["sleep", "0.01"], check=True)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("it is still there")


def test_a_fork_lets_go_of_it():
    """The forked process has the cache, and a helper of its own when it wants one."""
    client = Service()
    ask(client, [unit(1)])
    wait(client, 1)
    pid = os.fork()
    if not pid:
        status = 1
        with contextlib.suppress(BaseException):
            mine = Service()
            ask(mine, [unit(1), unit(2)])
            status = 0 if len(wait(mine, 2)) == 2 else 2
            compiling().close()
        os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    ask(client, [unit(3)])
    assert wait(client, 1) == {unit(3): code(unit(3))}
    assert compiling()._crashes == 0


@pytest.mark.parametrize("reply", [
    Reply(9, 0, [(wire.DONE, b"code")]), Reply(1, 1, [(wire.DONE, b"code")]), Reply(1, 0, [(wire.DONE, b"code")] * 60),
    None,
])  # fmt: skip
def test_a_reply_that_nobody_asked_for(reply, monkeypatch):
    client = Service()
    ask(client, [unit(1)])
    monkeypatch.setattr(Child, "replies", lambda self: [reply] if reply else _gone())
    assert list(client.ready()) == [] and compiling()._crashes == 1
    monkeypatch.undo()


def _gone() -> list[Reply]:
    raise Gone
