"""What `shot` and `film` know of a recording's screen before they replay it, and how they tell of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError

if TYPE_CHECKING:
    from playhead.log.moment import Moment
    from playhead.log.reader import Reader
    from playhead.timeline.filming import Steps
    from playhead.timeline.timeline import Timeline

FEW, MOST_ASKED = 4, 300  # checkpoints
SHORTEST_NS = 20_000_000  # that a screen counts for


def check_screen(reader: Reader) -> None:
    """Raises UsageError if the recorded machine has nothing to look at."""
    from playhead.cli.recorded_config import config_of
    from playhead.devices import registry

    drivers = [entry.driver for entry in config_of(reader).devices]
    if not any(getattr(registry.class_of(driver), "SCREEN", False) for driver in drivers):
        raise UsageError(f"{reader.path} has no screen: its machine was recorded without a display adapter (-vga none)")


def when(line: Any) -> str:
    """Where a timeline is."""
    return f"moment {line.moment}, {line.machine.now_ns() / 1e9:.6f} s"


def largest_size(line: Timeline, begin: Moment, end: Moment, steps: Steps) -> tuple[int, int]:
    """Of the screens at the checkpoints of a stretch, found without a replay; where there are few, it is short, and is
    replayed once for this. `line` is at its beginning, then and afterwards.
    """
    from playhead.hw.screen import screen_of
    from playhead.timeline.filming import frames

    screen = screen_of(line.machine.devices)
    assert screen is not None
    sizes = [screen.size_of()]
    stored = [checkpoint for checkpoint in line.player.stored if begin <= checkpoint.moment <= end]
    if len(stored) < FEW:
        sizes += [screen.size_of() for _ in frames(line, screen, end, steps.no_shorter_than(SHORTEST_NS))]
        line.seek(begin)
    for checkpoint in stored[:: len(stored) // MOST_ASKED + 1]:
        sizes.append(screen.size_of(line.player.reader.checkpoint_parts(checkpoint)[screen.name]))
    shown = [size for size in sizes if size is not None] or [screen.picture(line.machine.now_ns())[:2]]
    return max(width for width, _ in shown), max(height for _, height in shown)
