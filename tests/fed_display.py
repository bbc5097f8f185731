"""A VNC server with pictures of a test's instead of a machine's: does what a session does for its views."""

import threading
import time
from collections.abc import Callable

import numpy as np

from playhead.base.keyboard.keysyms import qcode_of_keysym
from playhead.base.picture import Picture
from playhead.host.display.vnc import VncEnd
from playhead.host.display.vnc_options import VncOptions

PATIENCE_S = 240


class FedVnc:
    """`with FedVnc(VncOptions(...), frame) as fed`: `fed.frame` is on the screen; `fed.pressed` what was done at it."""

    def __init__(self, options: VncOptions, frame: np.ndarray, name: str = ""):
        self.end = VncEnd(options, qcode_of_keysym, name)
        self.frame, self.caption = frame, ""
        self.messages: list[str] = []
        self.pressed: list = []
        self.shown = 0
        self.end.message = self.messages.append
        self._arrived = threading.Event()
        self.end.wake = self._arrived.set
        self._over = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "FedVnc":
        self.end.open()
        self._thread.start()
        return self

    def stop_taking(self) -> None:
        """From now on nobody takes what is pressed, or shows anything."""
        self._over = True
        self._thread.join()

    def __exit__(self, *exc: object) -> None:
        self.stop_taking()
        self.end.stop()
        self.end.close()

    def _run(self) -> None:
        while not self._over:
            self._arrived.wait(0.01)
            self._arrived.clear()
            while self.end.pressed:
                self.pressed.append(self.end.pressed.popleft())
            if self.end.wanted:
                self.shown += 1
                height, width = self.frame.shape
                self.end.show(Picture(width, height, self.frame.astype("<u4").tobytes()), None, self.caption)

    @property
    def port(self) -> int:
        return int(self.end.facts()["service"])


def until(true: Callable[[], object], what: str = "") -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, what or "it does not happen"
        time.sleep(0.01)
