"""What a client sees: the picture that it has, what of the screen it has asked for, and what is due to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from playhead.host.display.rfb.changes import TILE, changed_tiles, rectangles
from playhead.host.display.rfb.wire import Rect

if TYPE_CHECKING:
    from playhead.host.display.rfb.changes import Tiles
    from playhead.host.display.rfb.pixel_format import Frame

NEVER_A_PIXEL = np.uint32(0xFF000000)  # xor makes of any pixel what none is


class View:
    def __init__(self) -> None:
        self.whole = Rect(0, 0, 0, 0)  # as large as the client's screen
        self.continuous: Rect | None = None  # tell what changes there without being asked
        self._asked: Rect | None = None  # tell what has changed there
        self._forced: Rect | None = None  # send that whether it has changed or not
        self._has: Frame | None = None
        self._blurred: Tiles | None = None  # what it has as JPEG only

    def resize(self, width: int, height: int) -> None:
        """The client's screen has another size from now on: it has nothing, and is to have everything."""
        if (width, height) == self.whole[2:]:
            return
        begun = self.whole.width > 0
        self.whole = Rect(0, 0, width, height)
        self._has = self._blurred = None
        if begun:
            self._asked, self._forced = None, self.whole
        if self.continuous is not None:
            self.continuous = self.whole

    def fitted(self, frame: Frame) -> Frame:
        """As much of a picture as the client's screen has room for; black where there is none."""
        height, width = frame.shape
        if (width, height) == self.whole[2:]:
            return frame
        out = np.zeros((self.whole.height, self.whole.width), np.uint32)
        common = self.whole.common(Rect(0, 0, width, height))
        if common is not None:
            out[common.of] = frame[common.of]
        return out

    def ask(self, area: Rect, incremental: bool) -> None:
        """The client wants to know; what lies outside of its screen is nothing."""
        inside = area.common(self.whole)
        if inside is None:
            return
        if incremental:
            self._asked = inside.around(self._asked)
        else:
            self._forced = inside.around(self._forced)

    @property
    def waited_for(self) -> bool:
        return self._asked is not None or self._forced is not None or self.continuous is not None

    @property
    def _area(self) -> Rect | None:
        """Where the client wants to know of changes."""
        area = self._asked if self.continuous is None else self.continuous.common(self.whole)
        return area if self._forced is None else self._forced.around(area)

    def due(self, frame: Frame) -> tuple[list[Rect], bool]:
        """What to send of this picture, which is as large as the screen; whether that is only to make it sharp."""
        area = self._area
        if area is None:
            return [], False
        before = self._before(frame)
        if before is not frame:
            tiles = changed_tiles(before[area.of], frame[area.of])
            if found := rectangles(tiles, area.width, area.height):
                return [rect.moved(area.x, area.y) for rect in found], False
        if self._blurred is None:
            return [], False
        blurred = (rect.common(area) for rect in rectangles(self._blurred, *self.whole[2:]))
        return [rect for rect in blurred if rect is not None], True

    def _before(self, frame: Frame) -> Frame:
        """What the client has, as far as that counts: what it is to have anew differs everywhere."""
        if self._has is None:
            self._has = frame ^ NEVER_A_PIXEL
        elif self._forced is not None:
            self._has = self._has.copy()
            self._has[self._forced.of] = frame[self._forced.of] ^ NEVER_A_PIXEL
        return self._has

    def sent(self, frame: Frame, rects: list[Rect], blurred: bool) -> None:
        """These rectangles are on their way."""
        assert self._has is not None
        if self._area == self.whole:
            self._has = frame
        else:
            self._has = self._has.copy()
            for rect in rects:
                self._has[rect.of] = frame[rect.of]
        self._asked = self._forced = None
        self._note(rects, blurred)

    def _note(self, rects: list[Rect], blurred: bool) -> None:
        """Where the client has JPEG."""
        if self._blurred is None:
            if not blurred:
                return
            self._blurred = np.zeros((-(-self.whole.height // TILE), -(-self.whole.width // TILE)), np.bool_)
        for rect in rects:
            rows, columns = (slice(begin // TILE, -(-end // TILE)) for begin, end in
                             ((rect.y, rect.bottom), (rect.x, rect.right)))  # fmt: skip
            self._blurred[rows, columns] = blurred
        if not self._blurred.any():
            self._blurred = None
