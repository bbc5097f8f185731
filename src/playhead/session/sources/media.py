"""CD-ROMs and floppy disks that somebody puts in or takes out (a monitor's `change` and `eject`)."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from playhead.log.events import MediumChanged, text_of
from playhead.session.sources.source import Refused, Session, Source


TRAY_MOVED = "DEVICE_TRAY_MOVED"  # told with the drive's number, for which whoever listens has a name


class MediaSource(Source[MediumChanged]):
    """Registered behind the ends of disk requests: a medium that changes forgets the request that is under way."""

    EVENTS = (MediumChanged,)

    def __init__(self, session: Session):
        super().__init__(session)
        self._asked: deque[MediumChanged] = deque()

    def change(self, drive: int, how: int, image: Any = None, written: bool = False) -> None:
        """Ask for another medium in a drive, or (without an image) that there is none. `how`: as the event's `force`;
        `written`: what the guest writes goes to the image.
        """
        medium = 0 if image is None else self.session.host.ends["disks"].add(image, written)
        sectors = 0 if image is None else image.sectors
        self._asked.append(MediumChanged(drive=drive, force=how, medium=medium, sectors=sectors))
        self.session.machine.kick()

    @property
    def pending(self) -> bool:
        return bool(self._asked)

    def take(self) -> Iterator[MediumChanged]:
        while self._asked:
            yield self._asked.popleft()

    def apply(self, event: MediumChanged) -> None:
        storage = self.session.machine.devices.get("storage")
        if storage is None or not storage.media.takes(event.drive):
            raise Refused(f"the recording has {text_of(event)} here, and drive {event.drive} takes no medium")
        media = storage.media
        before = media.tray(event.drive).tray_open
        media.change(event.drive, event.force, event.medium, event.sectors)
        if (is_open := media.tray(event.drive).tray_open) != before:
            self.session.happened(TRAY_MOVED, drive=event.drive, tray_open=is_open)
