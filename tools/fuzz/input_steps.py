"""What `fuzz input` does to the keyboard controller: random steps, of a hostile driver or of a polite one.

A step is ("out", port, 1, value), ("in", port, 1), or ("events", [QMP's events that belong together]). The polite
driver takes what the controller has before it asks for something ("drain"), and does not do what QEMU is known to
answer differently (`I8042.DIFFERS`): it is what is compared with QEMU.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from playhead.log.event_names import AXES, BUTTONS, KEYS

DATA, COMMAND = 0x60, 0x64
Step = tuple[Any, ...]
DRAIN: Step = ("drain",)

KEYBOARD = (0xED, 0xEE, 0xF0, 0xF2, 0xF3, 0xF4, 0xF4, 0xF5, 0xF6, 0xFA, 0xFC, 0xFF, 0x05, 0x80)
MOUSE = (0xE6, 0xE8, 0xEA, 0xEE, 0xF2, 0xF3, 0xF4, 0xF4, 0xF5, 0xF6, 0xFF)
CONTROLLER = (0x20, 0x60, 0xA7, 0xA8, 0xA9, 0xAE, 0xC0, 0xD0, 0xD1, 0xD2, 0xD3, 0xDD, 0xDF, 0xFF)
COMMAND_BYTES = (0, 1, 2, 3, 0x43, 0x20, 0x40, 0x63)
KNOCKS = (200, 100, 80), (200, 200, 80)
TO_MOUSE, WRITE_COMMAND_BYTE, AUX_ON = 0xD4, 0x60, 0xA8
MOVES = (0, 1, -1, 5, 100, -300, 480)
UNLIKE_QEMU = ("unmapped", "lang1", "lang2")


def key(name: str, down: bool) -> dict[str, Any]:
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}


def number(value: int, down: bool) -> dict[str, Any]:
    return {"type": "key", "data": {"down": down, "key": {"type": "number", "data": value}}}


def button(name: str, down: bool) -> dict[str, Any]:
    return {"type": "btn", "data": {"down": down, "button": name}}


def move(axis: str, value: int) -> dict[str, Any]:
    return {"type": "rel", "data": {"axis": axis, "value": value}}


def out(port: int, *values: int) -> list[Step]:
    return [("out", port, 1, value) for value in values]


class Hostile:
    """Anything, most of it near to what means something, and nothing but a reset pulse left out (`resets`)."""

    def __init__(self, chance: random.Random, resets: bool = True):
        self._chance, self._resets = chance, resets

    def steps(self, count: int) -> list[Step]:
        found: list[Step] = []
        while len(found) < count:
            found += self._some()
        return found

    def _some(self) -> list[Step]:
        chance = self._chance
        kind = chance.random()
        if kind < 0.25:
            return [("in", DATA, 1)] * chance.choice((1, 1, 1, 3, 20))
        if kind < 0.32:
            return [("in", COMMAND, 1)]
        if kind < 0.5:
            command = out(COMMAND, self._sane(COMMAND, self._byte(CONTROLLER)))
            return command + self._parameter() if kind < 0.45 else command
        if kind < 0.62:
            return out(DATA, self._sane(DATA, self._byte(KEYBOARD)))
        if kind < 0.8:
            return out(COMMAND, TO_MOUSE) + out(DATA, self._byte((*MOUSE, 0xEB, 0xEC, 0xF0, 200, 100, 80)))
        return [("events", [self.event() for _ in range(chance.choice((1, 1, 2, 5)))])]

    def _byte(self, likely: tuple[int, ...]) -> int:
        return self._chance.choice(likely) if self._chance.random() < 0.8 else self._chance.randrange(256)

    def _parameter(self) -> list[Step]:
        return out(DATA, self._sane(DATA, self._byte(COMMAND_BYTES)))

    def _sane(self, port: int, value: int) -> int:
        """Without a reset: a pulse of it, or bit 0 of an output port that is written."""
        if self._resets:
            return value
        return value | 1 if port == DATA or value >= 0xF0 else value

    def event(self) -> dict[str, Any]:
        chance = self._chance
        down, kind = chance.random() < 0.6, chance.random()
        if kind < 0.1:
            return number(chance.choice((chance.randrange(256), chance.randrange(1 << 16))), down)
        if kind < 0.5:
            return key(chance.choice(KEYS[1:]), down)
        if kind < 0.75:
            return button(chance.choice(BUTTONS[:-1]), down)
        return move(chance.choice(AXES), chance.choice((*MOVES, 100_000, -(1 << 31), (1 << 31) - 1)))


class Polite:
    """A driver that reads what it is told, in groups of steps that need each other."""

    def __init__(self, chance: random.Random):
        self._chance = chance

    def groups(self, count: int) -> list[list[Step]]:
        return [[*self._mouse(0xFF)], *(self._group() for _ in range(count))]

    def _group(self) -> list[Step]:
        kind = self._chance.random()
        for most, make in (
            (0.06, self._status), (0.2, self._controller), (0.35, self._keyboard), (0.5, self._any_mouse),
            (0.53, self._knock), (0.56, self._remote), (0.6, self._start),
        ):  # fmt: skip
            if kind < most:
                return list(make())
        return [*out(COMMAND, AUX_ON), DRAIN, ("events", [self._event()])]

    def _status(self) -> Iterator[Step]:
        yield DRAIN
        yield ("in", COMMAND, 1)

    def _controller(self) -> Iterator[Step]:
        command = self._chance.choice(CONTROLLER)
        yield DRAIN
        yield from out(COMMAND, command)
        if command == WRITE_COMMAND_BYTE:
            yield from out(DATA, self._chance.choice(COMMAND_BYTES))
        elif 0xD1 <= command <= 0xD3:
            yield from out(DATA, self._chance.randrange(256) & ~0x30 | 1)
        yield DRAIN

    def _keyboard(self) -> Iterator[Step]:
        command = self._chance.choice(KEYBOARD)
        yield DRAIN
        yield from (*out(DATA, command), DRAIN)
        if command in (0xED, 0xF0, 0xF3, 0xFC):
            yield from (*out(DATA, self._chance.choice((0, 1, 2, 3, 4, 7, 0x2B, 0x7F))), DRAIN)

    def _any_mouse(self) -> Iterator[Step]:
        chance, command = self._chance, self._chance.choice(MOUSE)
        yield from self._mouse(command)
        if command == 0xF3:
            yield from self._mouse(chance.choice((100, 80, 0, 3, 40)))
        elif command == 0xE8:
            yield from self._mouse(chance.randrange(4))
        elif command == 0xEE:  # it sends everything back until it is told not to
            yield from (*self._mouse(chance.choice((1, 0xF4, 0xE8))), *self._mouse(0xEC))

    def _mouse(self, *values: int) -> Iterator[Step]:
        yield from (*out(COMMAND, AUX_ON), DRAIN)
        for value in values:
            yield from (*out(COMMAND, TO_MOUSE), *out(DATA, value), DRAIN)

    def _knock(self) -> Iterator[Step]:
        for rate in self._chance.choice(KNOCKS):
            yield from self._mouse(0xF3, rate)
        yield from self._mouse(0xF2)

    def _remote(self) -> Iterator[Step]:
        """Movements that the mouse is asked for."""
        yield from self._mouse(0xF0)
        for _ in range(self._chance.randrange(1, 4)):
            yield ("events", [move(self._chance.choice(AXES), self._chance.choice((0, 1, -1, 5, 100)))])
        yield from self._mouse(*[0xEB] * 4, 0xEA)

    def _start(self) -> Iterator[Step]:
        """What brings keys and movements about again."""
        yield DRAIN
        yield from (*out(COMMAND, WRITE_COMMAND_BYTE), *out(DATA, self._chance.choice((0x43, 3))))
        yield from self._mouse(0xF4)
        yield from (*out(DATA, 0xF4), DRAIN)

    def _event(self) -> dict[str, Any]:
        chance = self._chance
        down, kind = chance.random() < 0.6, chance.random()
        if kind < 0.5:
            return key(chance.choice([name for name in KEYS if name not in UNLIKE_QEMU]), down)
        if kind < 0.75:
            return button(chance.choice(BUTTONS[:-1]), down)
        return move(chance.choice(AXES), chance.choice(MOVES))
