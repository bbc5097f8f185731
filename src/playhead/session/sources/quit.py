"""The end of the run that somebody outside asks for: a signal, the quit key, a monitor's `quit`."""

from collections.abc import Iterator

from playhead.log.causes import cause_number
from playhead.log.events import Shutdown
from playhead.session.sources.source import Source


class QuitSource(Source[Shutdown]):
    """The last one: whatever else is pending enters before."""

    EVENTS = (Shutdown,)

    @property
    def pending(self) -> bool:
        return bool(self.session.host.quit_cause())

    def take(self) -> Iterator[Shutdown]:
        cause = self.session.host.quit_cause()
        if cause:
            yield Shutdown(cause=cause_number(cause))
            self.session.finish(cause, 0, f"ended by {self.session.host.quit_name()}")

    def apply(self, event: Shutdown) -> None:
        """Nothing happens to the machine. In a recording END follows."""
