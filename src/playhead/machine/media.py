"""Drives of removable media as a user sees them, by the drive's number in the machine's description: CD-ROM drives have
a tray that the guest may lock, floppy disk drives have nothing of the kind.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from playhead.boards.drive_config import CDROM, FLOPPY
from playhead.boards.pc import Board
from playhead.hw.block import Tray


FORCE, READ_ONLY = 1, 2  # bits of how a medium is changed


class Slot(NamedTuple):
    """What a floppy disk drive has in place of a tray (`hw.block.Tray`)."""

    sectors: int
    tray_open: bool = False
    locked: bool = False


class Media:
    """Of one board. `put_in(drive, medium, sectors)` tells the storage what now lies in a drive."""

    def __init__(self, board: Board, put_in: Callable[[int, int, int], None]):
        self._board, self._put_in = board, put_in

    def takes(self, drive: int) -> bool:
        """Whether there is such a drive, and its media can be changed."""
        drives = self._board.config.drives
        return drive < len(drives) and drives[drive].kind in (CDROM, FLOPPY)

    def read_only(self, drive: int) -> bool:
        """Whether the guest cannot write to what is in a drive."""
        config = self._board.config.drives[drive]
        if config.kind == FLOPPY:
            assert self._board.fdc is not None
            return bool(self._board.fdc.state.drives[config.unit].read_only)
        return config.kind == CDROM or config.read_only

    def is_floppy(self, drive: int) -> bool:
        return self._board.config.drives[drive].kind == FLOPPY

    def tray(self, drive: int) -> Tray:
        """The part of a drive's state that the user sees."""
        if self.is_floppy(drive):
            assert self._board.fdc is not None
            return Slot(self._board.fdc.state.drives[self._board.config.drives[drive].unit].sectors)
        return self._cdrom(drive).s.cdrom

    def change(self, drive: int, how: int, medium: int, sectors: int) -> bool:
        """Take the medium out (no `sectors`), or put one in. `how`: bits FORCE and READ_ONLY, the latter of a floppy
        disk. False: the guest has locked the tray, and is told that somebody wants it to open.
        """
        if self.is_floppy(drive):
            self._change_floppy(drive, how, medium, sectors)
            return True
        cdrom = self._cdrom(drive)
        if not sectors:
            return cdrom.eject(bool(how & FORCE))
        cdrom.insert(sectors)
        self._put_in(drive, medium, sectors)
        return True

    def _change_floppy(self, drive: int, how: int, medium: int, sectors: int) -> None:
        fdc, unit = self._board.fdc, self._board.config.drives[drive].unit
        assert fdc is not None
        if sectors:
            fdc.insert(unit, sectors, bool(how & READ_ONLY))
            self._put_in(drive, medium, sectors)
        else:
            fdc.eject(unit)

    def _cdrom(self, drive: int) -> Any:
        config = self._board.config.drives[drive]
        assert self._board.ide is not None
        return self._board.ide.cdrom(config.bus, config.unit)
