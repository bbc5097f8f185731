"""CD-ROM drives as a user sees them: trays and media, by the drive's number in the machine's description."""

from collections.abc import Callable
from typing import Any

from playhead.boards.drive_config import CDROM
from playhead.boards.pc import Board
from playhead.hw.block import Tray


class Media:
    """Of one board. `put_in(drive, medium, sectors)` tells the storage what now lies in a drive."""

    def __init__(self, board: Board, put_in: Callable[[int, int, int], None]):
        self._board, self._put_in = board, put_in

    def takes(self, drive: int) -> bool:
        """Whether there is such a drive, and it is a CD-ROM drive."""
        drives = self._board.config.drives
        return drive < len(drives) and drives[drive].kind == CDROM

    def tray(self, drive: int) -> Tray:
        """The part of a CD-ROM drive's state that the user sees."""
        return self._cdrom(drive).s.cdrom

    def change(self, drive: int, force: bool, medium: int, sectors: int) -> bool:
        """Open the tray (no `sectors`), or put a medium in. False: the guest has locked the tray, and is told that
        somebody wants it to open.
        """
        cdrom = self._cdrom(drive)
        if not sectors:
            return cdrom.eject(force)
        cdrom.insert(sectors)
        self._put_in(drive, medium, sectors)
        return True

    def _cdrom(self, drive: int) -> Any:
        config = self._board.config.drives[drive]
        assert self._board.ide is not None
        return self._board.ide.cdrom(config.bus, config.unit)
