"""What `shot` and `film` know of a recording's screen before they replay it, and how they tell of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError

if TYPE_CHECKING:
    from playhead.log.moment import Moment
    from playhead.log.reader import Reader
    from playhead.timeline.timeline import Timeline

MOST_ASKED = 300  # checkpoints


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


def largest_size(line: Timeline, begin: Moment, end: Moment) -> tuple[int, int]:
    """Of the screens at the checkpoints of a stretch, and at its beginning, where `line` is: found without a replay."""
    from playhead.hw.screen import screen_of

    screen = screen_of(line.machine.devices)
    assert screen is not None
    sizes = [screen.picture(line.machine.now_ns())[:2]]
    stored = [checkpoint for checkpoint in line.player.stored if begin <= checkpoint.moment <= end]
    for checkpoint in stored[:: len(stored) // MOST_ASKED + 1]:
        sizes.append(screen.size_of(line.player.reader.checkpoint_parts(checkpoint)[screen.name]))
    return max(width for width, _ in sizes), max(height for _, height in sizes)
