"""Between "this unit is hot" and "here is its machine code": the cache on disk, then the helper process.

Each engine has a `Service`; behind all of a process are one cache and one helper, which is started when there is
something to compile that is worth it. Workers that were forked share one helper (sharing.py). Nothing here waits, and
nothing raises: without a cache, a helper, or either, code comes later or never, and the guest runs on tier 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache

from playhead.base.messages import tell
from playhead.engine.llvm.tier2 import wire
from playhead.engine.llvm.tier2.child import Child, Gone
from playhead.engine.llvm.tier2.wanted import Queue, Wanted
from playhead.engine.llvm.tier2.segments import MOST, UNIT
from playhead.engine.llvm.tier2.sharing import LONGEST, Sharing, sharing
from playhead.engine.llvm.tier2.store import store
from playhead.engine.llvm.tier2.wire import Reply, Request

Ready = tuple[int, bytes, bytes]  # key, unit, code

# Entries: a unit that was entered less often is only looked for. An instruction takes 0.5 ms to compile, and saves 2 to
# 3 ns each time, so a unit of any size pays for itself after some 200,000 entries: what has a tenth of these in a run
# does so within a few runs.
LEAST_HEAT = 1 << 14
# Instructions in such units, at which the helper is started: a run that finds nothing in the cache soon has so many.
# Each unit that was found makes it less likely that there is much to compile; but at the last number, tier 1 has lost
# as much time as the start takes.
START_WEIGHT, FOUND_WEIGHT, MOST_WEIGHT = 20_000_000, 200_000, 80_000_000
OUTSTANDING = 2  # requests: while a reply is read, the helper has the next one
MOST_FRUITLESS = 3  # helpers, one after the other, that did not start well
MOST_CRASHES = 20
MOST_USED = 10_000  # keys in a request
MOST_UNIT = MOST[UNIT][0]  # bytes of a unit
MOST_KEPT = 32 << 20  # bytes of units and code of this process, for its other engines


class Service:
    """Of one engine: `ask`, then `ready`."""

    def __init__(self) -> None:
        self._ready: list[Ready] = []
        self._asked: set[bytes] = set()

    def holds(self, key: int) -> bool:
        """Whether there is code of a unit of this hash already."""
        return _compiling().holds(key)

    def ask(self, key: int, unit: bytes, heat: int) -> None:
        """A unit was entered so often. `key`: its hash, the same in each process."""
        _compiling().ask(Wanted(key, unit, heat), self._ready)

    def ready(self) -> Iterable[Ready]:
        """Code that has come since. Empty code: there can be none."""
        _compiling().poll()
        if not self._ready:
            return ()
        some = list(self._ready)
        self._ready.clear()
        return some

    def close(self) -> None:
        """This engine wants no more."""
        _compiling().leave(self._ready)


class Compiling:
    """The helper of this process, with what it is to do and what it has done."""

    def __init__(self) -> None:
        self._queue = Queue()
        self._child: Child | None = None
        self._out: list[_Out] = []  # what the helper has
        self._again: list[_Out] = []  # what it had when it ended
        self._clients: dict[bytes, list[list[Ready]]] = {}  # unit that is wanted -> to whom its code goes
        self._passed: dict[bytes, Wanted] = {}  # what another process's helper is to compile
        self._sharing = sharing()
        self._done: dict[bytes, bytes] = {}  # unit -> code, empty if there is none
        self._keys: set[int] = set()  # of those with code
        self._kept = self._number = self._crashes = self._fruitless = 0
        self._found = 0  # units, in the cache on disk
        self._works = self._off = False  # the helper has started well; none is started any more

    def holds(self, key: int) -> bool:
        return key in self._keys or store().holds(key)

    def ask(self, wanted: Wanted, client: list[Ready]) -> None:
        key, unit, heat = wanted
        code = self._done.get(unit)
        if code is None:
            code = store().find(key, unit)
            self._found += code is not None
        if code is not None:
            client.append((key, unit, code))
        elif heat >= LEAST_HEAT and len(unit) <= MOST_UNIT and not self._off:
            self._want(wanted, client)

    def _want(self, wanted: Wanted, client: list[Ready]) -> None:
        clients = self._clients.setdefault(wanted.unit, [])
        if not any(one is client for one in clients):
            clients.append(client)
        if not self._is_out(wanted.unit):
            self._queue.put(wanted)
            self._feed()

    def leave(self, client: list[Ready]) -> None:
        for clients in self._clients.values():
            clients[:] = [one for one in clients if one is not client]

    def poll(self) -> None:
        """Take what the helper has done, and give it more."""
        if self._passed:
            self._look_again()
        if self._child is None:
            if self._again or self._sharing:
                self._feed()
            return
        more = self._take_up()
        try:
            replies = self._child.replies()
            for reply in replies:
                self._take(reply)
        except Gone:
            self._crashed()
        else:
            if replies or more:
                self._feed()
            if replies and self._sharing:
                self._sharing.tell()

    def _feed(self) -> None:
        """Keep the helper busy; start it if there is none and it is worth it."""
        if self._off or not (self._child or self._start()):
            return
        assert self._child is not None
        try:
            while len(self._out) < OUTSTANDING and (out := self._next()) is not None:
                self._out.append(out)
                units = [(wanted.key, wanted.unit) for wanted in out.wanted]
                used = sorted(store().used)[:MOST_USED]
                store().used.difference_update(used)
                self._child.send(wire.pack_request(Request(out.number, out.apart, units, used)))
        except Gone:
            self._crashed()

    def _next(self) -> _Out | None:
        if self._again:
            return self._again.pop(0)
        wanted = self._queue.take()
        self._number += 1
        return _Out(self._number, wanted, apart=False) if wanted else None

    def _start(self) -> bool:
        least = min(START_WEIGHT + self._found * FOUND_WEIGHT, MOST_WEIGHT)
        if not self._again and self._queue.weight < least:
            return False
        if self._sharing and not self._sharing.mine():
            self._pass_on(self._sharing)
            return False
        try:
            self._child, self._works = Child(), False
        except (OSError, NotImplementedError) as e:  # the latter: this C library starts no sessions
            self._failed(f"it cannot be started ({e})")
        return self._child is not None

    # a helper that is shared

    def _pass_on(self, sharing: Sharing) -> None:
        """What is wanted, to the process that has the helper, as far as there is room."""
        while some := self._queue.take():
            for n, wanted in enumerate(some):
                if len(wanted.unit) <= LONGEST and not sharing.pass_on(wanted):
                    for left in some[n:]:
                        self._queue.put(left)
                    return
                self._passed[wanted.unit] = wanted

    def _take_up(self) -> bool:
        """What other processes want."""
        if self._sharing is None:
            return False
        some = self._sharing.passed()
        for wanted in some:
            if wanted.unit in self._done:
                self._sharing.tell()  # who wants it has not looked since
            elif not self._is_out(wanted.unit):
                self._queue.put(wanted)
        return bool(some)

    def _look_again(self) -> None:
        """Whether the cache has what was passed on."""
        if not (self._sharing and self._sharing.news()):
            return
        store().refresh()
        for unit, wanted in list(self._passed.items()):
            code = store().find(wanted.key, unit)
            if code is not None:
                del self._passed[unit]
                self._settle(wanted, code)

    def _is_out(self, unit: bytes) -> bool:
        return any(unit in out.units for out in (*self._out, *self._again))

    # what becomes of units

    def _take(self, reply: Reply) -> None:
        if reply == wire.READY:
            self._fruitless, self._works = 0, True
            return
        out = self._out[0] if self._out else None
        if out is None or (reply.number, reply.first) != (out.number, out.done) or len(reply.answers) > out.left:
            raise Gone
        for wanted, (_, code) in zip(out.wanted[out.done :], reply.answers, strict=False):
            self._settle(wanted, code)
        out.done += len(reply.answers)
        if not out.left:
            self._out.pop(0)
        if reply.last:
            self._let_go()

    def _settle(self, wanted: Wanted, code: bytes) -> None:
        """It is known what becomes of a unit: its code, or nothing, so that it is not asked for again."""
        key, unit, _ = wanted
        if self._kept > MOST_KEPT:
            self._forget_done()
        self._kept += len(unit) + len(code)
        self._done[unit] = code
        clients = self._clients.pop(unit, ())
        if code:
            self._keys.add(key)
        for client in clients:
            client.append((key, unit, code))

    def _forget_done(self) -> None:
        """The helper has put all of it into the cache, if there is one."""
        self._done.clear()
        self._keys.clear()
        self._kept = 0
        store.cache_clear()

    def _let_go(self) -> None:
        """End the helper. What it still had is for the next one."""
        if self._child is not None:
            self._child.close()
            self._child = None
        if self._sharing:
            self._sharing.let_go()
        self._again = [out.rest() for out in self._out if out.left] + self._again
        self._out = []

    def _crashed(self) -> None:
        """The helper has ended by itself. What it had first may be the reason: its units are tried one by one, and one
        at which that happens again is given up. If it had nothing, it was idle for long."""
        if self._works and not self._out:
            self._let_go()
            return
        self._crashes += 1
        if self._works and self._out and self._out[0].left:
            first = self._out[0]
            if first.apart:
                self._settle(first.wanted[first.done], b"")
                first.done += 1
            first.apart = True
        self._let_go()
        self._failed("it has ended")

    def _failed(self, why: str) -> None:
        self._fruitless += not self._works
        if os.environ.get("PLAYHEAD_DEBUG"):
            tell(f"the helper that compiles hot code: {why}")
        if self._fruitless >= MOST_FRUITLESS or self._crashes >= MOST_CRASHES:
            self._off = True
            self._let_go()
            self._queue, self._again = Queue(), []
            self._clients.clear()

    def forget(self) -> None:
        """In a process that was forked off: the helper is the other process's."""
        if self._child is not None:
            self._child.forget()
            self._child = None

    def close(self) -> None:
        self._let_go()


class _Out:
    """A request, or what is left of one."""

    def __init__(self, number: int, wanted: list[Wanted], apart: bool):
        self.number, self.wanted, self.apart = number, wanted, apart
        self.done = 0  # units that were answered
        self.units = {one.unit for one in wanted}

    @property
    def left(self) -> int:
        return len(self.wanted) - self.done

    def rest(self) -> _Out:
        return _Out(self.number, self.wanted[self.done :], self.apart)


@cache
def _compiling() -> Compiling:
    return Compiling()


def _after_fork() -> None:
    if _compiling.cache_info().currsize:
        _compiling().forget()
        _compiling.cache_clear()


os.register_at_fork(after_in_child=_after_fork)
