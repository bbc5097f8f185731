"""Breakpoints, watchpoints and deliveries that a debugger asks for: a run that meets one ends there. The guest cannot
notice them.

A breakpoint stops before the instruction at a linear address, when nothing (no interrupt, no exception) comes
before it any more; each iteration of a REP is an instruction here, as it is when stepping. A watchpoint stops after
the instruction or the delivery that accessed some of its bytes, by linear or by physical address. Whether one is met
is a property of the moment, not of how the run was cut: so a search backwards sees just what a run forwards sees. A
delivery stops right after an interrupt or an exception has entered its handler, in front of the handler's first
instruction. A search stops behind whatever makes a byte string stand in memory.

Nothing is written to guest memory. The engines check two small tables (`debug_map`, `debug_offsets`): blocks end before
a breakpoint's offset in a page, and pages with a watchpoint stay out of the host table. The guest's own debug registers
have separate marks in both (engine/llvm/guest_marks.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from playhead.engine.core import MOST_WATCHES, Core
from playhead.hw.memory import OFFSET_MASK, SHARED, WATCH_READ, WATCH_WRITE, Memory
from playhead.x86 import state as S

READ, WRITE, FOUND = S.HIT_READ, S.HIT_WRITE, S.HIT_FOUND
ALL_VECTORS = range(256)
KINDS = {S.TOLD_EXCEPTION: "exception", S.TOLD_INTERRUPT: "interrupt", S.TOLD_SOFTWARE: "software"}
LONGEST_SEARCH = S.LONGEST_SEARCH
EXEC_PAGE, WATCHED_PAGE = S.MARK_EXEC, (READ | WRITE) << 1  # of debug_map


class Watch(NamedTuple):
    """Bytes [start, start + length) to watch for `kinds` (READ, WRITE or both)."""

    start: int
    length: int
    kinds: int
    physical: bool = False

    @property
    def last(self) -> int:
        return min(self.start + self.length, 1 << 32) - 1


class Access(NamedTuple):
    """An access that was watched. `by`: the CPU, its page walk, or the name of a bus master. Of kind FOUND: the bytes
    that were searched for stand at `address` now, and did not before."""

    address: int
    size: int
    kind: int
    physical: bool
    by: str = "cpu"

    def touches(self, watch: Watch) -> bool:
        overlap = self.address <= watch.last and self.address + self.size > watch.start
        return overlap and self.physical == watch.physical and bool(self.kind & watch.kinds)


class Delivery(NamedTuple):
    """The handler of a vector was entered. `kind`: "interrupt" (from outside, NMI too), "exception", or "software"
    (INT n, INT3, INTO, INT1: an instruction that has retired). `error`: the error code, if there is one."""

    vector: int
    kind: str
    error: int | None = None


class Debug:
    """What a machine watches for. `armed` is the switch; without it breakpoints and watchpoints stay, and rest."""

    def __init__(self, core: Core, memory: Memory):
        self._core, self._memory = core, memory
        self._i = {n: S.offset(n) // (S.FIELDS[n].bits // 8) for n in
                   ("debug", "watch_n", "hit_n", "hits", "skip_icount", "skip_seq", "icount", "seq",
                    "told", "told_vectors", "search_n", "search_end", "seen_n", "seen")}  # fmt: skip
        self._breakpoints: frozenset[int] = frozenset()
        self._watches: tuple[Watch, ...] = ()
        self._in_area: dict[Watch, int] = {}  # of those on video memory: where in the backing area they are
        self._masters: list[Access] = []
        self._vectors: frozenset[int] = frozenset()
        self._sought = b""
        self.armed = False
        memory.master_wrote = self._master_wrote
        memory.video_wrote = self._video_wrote
        self.tell_nothing_here()

    # what to look for

    @property
    def wanted(self) -> bool:
        return bool(self._breakpoints or self._watches or self._vectors or self._sought)

    def set_deliveries(self, vectors: Iterable[int] | None) -> None:
        """The vectors (0 to 255) whose deliveries end a run; None: those of none."""
        self._vectors = frozenset(vectors or ())
        for n in range(8):
            bits = sum(1 << vector % 32 for vector in self._vectors if vector // 32 == n)
            self._core.c32[self._i["told_vectors"] + n] = bits

    @property
    def deliveries(self) -> frozenset[int]:
        """The vectors whose deliveries end a run."""
        return self._vectors

    def set_search(self, sought: bytes | None) -> None:
        """A byte string of up to LONGEST_SEARCH bytes, whose completion anywhere in RAM ends a run, behind the store,
        as an access of kind FOUND: whatever writes the last byte of it that was missing, an instruction, a page walk or
        a bus master. It is met when it stands in consecutive physical addresses behind an instruction, and did not
        before it. None: nothing is searched for. Stores are a good deal slower meanwhile, and nothing is compiled."""
        new = sought or b""
        assert len(new) <= LONGEST_SEARCH
        if new == self._sought:
            return
        self._sought = new
        core = self._core
        core.search[:] = new.ljust(LONGEST_SEARCH, b"\0") + bytes(byte in new for byte in range(256))
        core.c64[self._i["search_end"]] = self._memory.searchable
        if self.armed:
            self.arm(True)

    def set_breakpoints(self, addresses: Iterable[int]) -> None:
        """Linear addresses, any number of them."""
        new = frozenset(a & 0xFFFFFFFF for a in addresses)
        if new == self._breakpoints:
            return
        core, offsets = self._core, self._core.debug_offsets
        for address in self._breakpoints - new:
            core.debug_map[address >> 12] &= ~EXEC_PAGE & 0xFF
        fresh = False
        for address in new:
            core.debug_map[address >> 12] |= EXEC_PAGE
            fresh |= not offsets[address & 0xFFF]
            # stays when it has gone: it will come again, and then no code is lost
            offsets[address & 0xFFF] |= S.OFFSET_DEBUGGER
        self._breakpoints = new
        core.stale = True  # the jump cache may lead to a page that is marked now
        if fresh:
            core.forget_code()

    def is_breakpoint(self, address: int) -> bool:
        """For the engine's tables say so of all pairs of a marked page and a marked offset."""
        return address in self._breakpoints

    def set_watches(self, watches: Iterable[Watch], places: Mapping[Watch, int] | None = None) -> None:
        """`places`: where in the backing area those on video memory are, if not where that is shown now."""
        new = tuple(watches)
        if new == self._watches and (places is None or places == self._in_area):
            return
        assert len(new) <= MOST_WATCHES
        core = self._core
        for watch in self._watches:
            if not watch.physical:
                for page in range(watch.start >> 12, (watch.last >> 12) + 1):
                    core.debug_map[page] &= ~WATCHED_PAGE & 0xFF
        if places is None:
            places = {watch: at for watch in new if (at := self._place_in_area(watch)) is not None}
        self._in_area = dict(places)
        physical: dict[int, int] = {}
        video: dict[int, int] = {}
        table = memoryview(core.watch_list).cast("I")
        for n, watch in enumerate(new):
            start, how = watch.start, watch.kinds | (S.WATCH_PHYSICAL if watch.physical else 0)
            pages = physical
            if watch in self._in_area:
                start, how, pages = self._in_area[watch], how | S.WATCH_AREA, video
            table[4 * n], table[4 * n + 1], table[4 * n + 2] = start, start + watch.last - watch.start, how
            for page in range(start >> 12, (start + watch.last - watch.start >> 12) + 1):
                if watch.physical:
                    pages[page] = pages.get(page, 0) | (WATCH_WRITE if watch.kinds & WRITE else 0) | (
                        WATCH_READ if watch.kinds & READ else 0)  # fmt: skip
                else:
                    core.debug_map[page] |= watch.kinds << 1
        self._memory.watch(physical, video)
        core.c32[self._i["watch_n"]] = len(new)
        self._watches = new
        self.tell_nothing_here()
        core.stale = True

    def _place_in_area(self, watch: Watch) -> int | None:
        """Where in the backing area the bytes of a watchpoint are, if they are video memory: that is watched whoever
        shows it, and also when the device's registers write it. (One on several pages is one of addresses.)
        """
        entry = self._memory.page_map[watch.start >> 12]
        if not watch.physical or not entry & SHARED or watch.start >> 12 != watch.last >> 12:
            return None
        return entry & OFFSET_MASK | watch.start & 0xFFF

    @property
    def looked_for(self) -> tuple[frozenset[int], tuple[Watch, ...], dict[Watch, int]]:
        """All that is set: breakpoints, watchpoints, and the places of those on video memory."""
        return self._breakpoints, self._watches, self._in_area

    def noted_in(self) -> frozenset[int] | None:
        """The pages of the backing area that are noted as written (`checkpoint.written_pages`) by whatever would meet a
        watchpoint. None if something else is looked for, too: instructions, reads, addresses of the guest's page
        tables, or of pages that do not always show the same RAM.
        """
        only_writes = all(watch.kinds == WRITE and watch.physical for watch in self._watches)
        if self._breakpoints or self._vectors or self._sought or not only_writes:
            return None
        memory, pages = self._memory, set[int]()
        for watch in self._watches:
            shown = range(watch.start >> 12, (watch.last >> 12) + 1)
            if watch in self._in_area:
                pages.add(self._in_area[watch] >> 12)
            elif all(any(page in some for some in memory.fixed) for page in shown):
                pages.update(memory.page_map[page] >> 12 for page in shown)
            else:
                return None
        return frozenset(pages)

    def arm(self, on: bool) -> None:
        """Whether a run ends at what is met."""
        self.armed = on and self.wanted
        bits = 0
        if self.armed:
            bits = (S.DEBUG_EXEC if self._breakpoints else 0) | (S.DEBUG_DATA if self._watches else 0)
            bits |= S.DEBUG_AREA if self._in_area else 0
            bits |= S.DEBUG_DELIVERIES if self._vectors else 0
        if self._watches and bool(self._core.c32[self._i["debug"]] & S.DEBUG_DATA) != bool(bits & S.DEBUG_DATA):
            self._core.stale = True
        self._core.c32[self._i["debug"]] = bits
        self._core.c32[self._i["watch_n"]] = len(self._watches) if self.armed else 0
        self._core.c64[self._i["told"]] = 0
        self._arm_search(len(self._sought) if self.armed else 0)
        self._masters.clear()

    def _arm_search(self, length: int) -> None:
        core, at = self._core, self._i["search_n"]
        if bool(core.c32[at]) != bool(length):  # decoded and compiled code takes stores for done that are to be seen
            core.forget_code()
            core.stale = True
        core.c32[at] = length
        core.c32[self._i["seen_n"]] = 0
        self._memory.master_writes = self._master_writes if length else None

    def skip_here(self) -> None:
        """The breakpoint at this moment has been told of: continue over it."""
        for name in ("icount", "seq"):
            self._core.c64[self._i["skip_" + name]] = self._core.c64[self._i[name]]

    def tell_nothing_here(self) -> None:
        self._core.c64[self._i["skip_icount"]] = (1 << 64) - 1

    # what was met

    def _master_wrote(self, address: int, length: int, by: str) -> None:
        access = Access(address, length, WRITE, True, by)
        if self.armed and any(access.touches(watch) for watch in self._watches if watch not in self._in_area):
            self._masters.append(access)

    def _master_writes(self, at: int, data: bytes, by: str) -> None:
        """A bus master is about to write to bytes of the area."""
        if at + len(data) <= self._memory.searchable:
            first, before = self._around(at, len(data))
            after = bytearray(before)
            after[at - first : at - first + len(data)] = data
            self._masters += [self._sighting(first + n, by) for n in self._new(before, after)]

    def _around(self, at: int, length: int) -> tuple[int, bytes]:
        """The bytes in which the string may overlap some bytes of the area, and where they begin."""
        more = len(self._sought) - 1
        first = max(at - more, 0)
        return first, bytes(self._memory.area[first : min(at + length + more, self._memory.searchable)])

    def _new(self, before: bytes | bytearray, after: bytes | bytearray) -> Iterator[int]:
        """Where the string stands after, and did not before."""
        sought, n = self._sought, after.find(self._sought)
        while n >= 0:
            if before[n : n + len(sought)] != sought:
                yield n
            n = after.find(sought, n + 1)

    def _sighting(self, at: int, by: str) -> Access:
        return Access(self._memory.shown_where(at), len(self._sought), FOUND, True, by)

    def _sightings(self) -> list[Access]:
        """What the stores of the last instruction or delivery have completed."""
        core, i = self._core, self._i
        n, core.c32[i["seen_n"]] = core.c32[i["seen_n"]], 0
        words = core.c64[i["seen"] : i["seen"] + 2 * n]
        stores = [(words[k] & (1 << 48) - 1, words[k] >> 48, words[k + 1]) for k in range(0, 2 * n, 2)]
        undone = {at + k: old >> 8 * k & 0xFF for at, size, old in reversed(stores) for k in range(size)}
        places = set()
        for at, size, _ in stores:
            first, after = self._around(at, size)
            before = bytes(undone.get(first + k, byte) for k, byte in enumerate(after))
            places |= {first + k for k in self._new(before, after)}
        return [self._sighting(place, "cpu") for place in sorted(places)]

    def _video_wrote(self, at: int, length: int, by: str) -> None:
        """Video memory was written at this place of the area: told by the address that is watched."""
        for watch, start in self._in_area.items():
            access = Access(watch.start + at - start, length, WRITE, True, by)
            if self.armed and access.touches(watch):
                self._masters.append(access)

    def _address(self, start: int, how: int) -> int:
        """Of an access that was met in the area, by the address that is watched there."""
        if not how & S.WATCH_AREA:
            return start
        return next(watch.start + start - at for watch, at in self._in_area.items() if at >> 12 == start >> 12)

    def accesses(self) -> list[Access]:
        """The watched accesses of the last instruction, delivery or bus master; they are reported once."""
        out = list(self._masters)
        self._masters.clear()
        n = self._core.c32[self._i["hit_n"]]
        for hit in self._core.c64[self._i["hits"] : self._i["hits"] + n]:
            how = hit >> 40
            if how & FOUND:
                continue
            by = "page walk" if how & S.HIT_WALK else "cpu"
            address = self._address(hit & 0xFFFFFFFF, how)
            out.append(Access(address, hit >> 32 & 0xFF, how & 3, bool(how & S.WATCH_PHYSICAL), by))
        self._core.c32[self._i["hit_n"]] = 0
        return out + self._sightings()

    def delivery(self) -> Delivery | None:
        """The delivery that has just happened, if it is one that ends a run; it is reported once."""
        told, self._core.c64[self._i["told"]] = self._core.c64[self._i["told"]], 0
        if not told:
            return None
        return Delivery(told & 0xFF, KINDS[told >> 8 & 3], told >> 32 if told & S.TOLD_ERROR else None)

    def met(self) -> bool:
        """Whether a watchpoint was met or a delivery is to be told of; quick, for after each run of the engine."""
        return bool(self._core.c32[self._i["hit_n"]] or self._core.c64[self._i["told"]] or self._masters)
