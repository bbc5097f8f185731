"""What a VNC client's keys and pointer are at the machine's keyboard and mouse: groups of input events.

As in QEMU, a key is the one that has the keysym on it, and its modifiers come as keys of their own; where a letter or a
digit of the keypad needs another state of caps lock or num lock, that key is pressed first (`lock-key-sync`). The
machine's mouse knows movements only: a pointer's is the way from its last place.
"""

from collections.abc import Callable, Sequence

from playhead.base.record import Record
from playhead.host.display.rfb.messages import Key, Pointer
from playhead.log.input_events import key, moved, numbered_key, rfb_buttons

Group = Sequence[Record]

CENTRE = 0x7FFF  # of a pointer that tells movements
NUMBERS = range(1, 0x100)
CAPS_LOCK, NUM_LOCK = "caps_lock", "num_lock"
LOCK_NUMBERS = {0x3A: CAPS_LOCK, 0x45: NUM_LOCK}
SHIFTS = {"shift", "shift_r", 0x2A, 0x36}
PAD_DIGITS = frozenset({*range(0xFFB0, 0xFFBA), 0xFFAE, 0xFFAC})  # keysyms of the keypad with num lock
PAD_MOVES = frozenset(range(0xFF95, 0xFFA0))  # and without


class Locks:
    """Which locks are on, as far as is known: shared by all clients. What the keyboard's lights say counts more than
    which keys have been pressed.
    """

    def __init__(self) -> None:
        self.on = {CAPS_LOCK: False, NUM_LOCK: False}

    def pressed(self, name: str | int) -> None:
        lock = LOCK_NUMBERS.get(name, "") if isinstance(name, int) else name
        if lock in self.on:
            self.on[lock] = not self.on[lock]


class Hands:
    """`sync`: press the locks where they are needed."""

    def __init__(self, qcode_of_keysym: Callable[[int], str | None], locks: Locks, sync: bool):
        self._qcode_of_keysym, self._locks, self._sync = qcode_of_keysym, locks, sync
        self._held: dict[str | int, None] = {}  # names and numbers of keys, in the order of pressing
        self._buttons = 0
        self._at: tuple[int, int] | None = None

    def key(self, event: Key, *, full: bool = False, keeps_locks: bool = False) -> list[Group]:
        """`full`: nothing more can be taken, but what lets keys go. `keeps_locks`: the client does so itself."""
        name = self._name(event)
        if name is None or (full and event.down) or not (event.down or name in self._held):
            return []
        if not event.down:
            del self._held[name]
            return [[_change(name, False)]]
        groups: list[Group] = []
        if self._sync and not keeps_locks:
            for lock in self._wrong_locks(event.keysym):
                groups += [[key(lock, True)], [key(lock, False)]]
                self._locks.pressed(lock)
        if name not in self._held:
            self._locks.pressed(name)
        self._held[name] = None
        return [*groups, [_change(name, True)]]

    def _name(self, event: Key) -> str | int | None:
        """By its number, where the client knows it. None: no such key."""
        if event.number in NUMBERS:
            return event.number
        return self._qcode_of_keysym(event.keysym) if not event.number else None

    def _wrong_locks(self, keysym: int) -> list[str]:
        letter = chr(keysym) if keysym < 128 else ""
        if letter.isalpha():
            shifted = not SHIFTS.isdisjoint(self._held)
            return [CAPS_LOCK] if self._locks.on[CAPS_LOCK] == (letter.isupper() == shifted) else []
        if keysym in PAD_DIGITS or keysym in PAD_MOVES:
            return [NUM_LOCK] if self._locks.on[NUM_LOCK] != (keysym in PAD_DIGITS) else []
        return []

    def pointer(self, event: Pointer, relative: bool, *, full: bool = False) -> list[Group]:
        """`relative`: the client tells movements. Its first place otherwise is that from which it moves."""
        if full:
            return []
        place = (event.x, event.y)
        last = (CENTRE, CENTRE) if relative else self._at or place
        self._at = None if relative else place
        changes = [*moved(place[0] - last[0], place[1] - last[1]), *rfb_buttons(self._buttons, event.buttons)]
        self._buttons = event.buttons
        return [changes] if changes else []

    def release(self) -> list[Group]:
        """The client has gone: let go of everything."""
        groups: list[Group] = [[_change(name, False)] for name in reversed(self._held)]
        if released := rfb_buttons(self._buttons, 0):
            groups.append(released)
        self._held.clear()
        self._buttons = 0
        return groups


def _change(name: str | int, down: bool) -> Record:
    return numbered_key(name, down) if isinstance(name, int) else key(name, down)
