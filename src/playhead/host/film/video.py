"""A film as MP4 (H.264) or WebM (VP9), by PyAV. A picture that stays is encoded once, and again each few seconds, so
that players can jump."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from playhead.base.errors import UsageError
from playhead.base.picture import Picture
from playhead.host.film.canvas import Canvas
from playhead.host.film.film import Shot

AGAIN_S = 5
BT709, LIMITED = 1, 1
CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "mp4": ("libx264", {"preset": "superfast", "crf": "18", "bf": "0"}),
    "webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "24", "b:v": "0", "row-mt": "1"}),
}


def needs_av() -> None:
    """Raises UsageError where PyAV is not installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        raise UsageError(
            "mp4 and webm need the package av: pip install 'playhead[film]'; gif and frames/ do without it"
        ) from None


def _opened(path: str, format: str, fps: int) -> tuple[Any, Any]:
    """The file, and its stream."""
    import av

    codec, options = CODECS[format]
    file = av.open(path, "w", format=format)
    return file, file.add_stream(codec, rate=fps, options=options)


class Video:
    """`format`: mp4 or webm. The canvas has a size."""

    def __init__(self, path: str, format: str, canvas: Canvas, fps: int):
        assert canvas.size is not None
        self._canvas, self._fps, self._last_at = canvas, fps, 0
        self._last: Picture | None = None
        self._file, self._stream = _opened(path, format, fps)
        self._stream.width, self._stream.height = canvas.size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.colorspace, self._stream.codec_context.color_range = BT709, LIMITED

    def add(self, shot: Shot) -> None:
        picture = self._canvas.compose(shot.picture, caption(shot))
        self._hold(shot.frame)
        self._encode(shot.frame, picture)

    def _hold(self, frame: int) -> None:
        """The last picture again, up to this frame."""
        while self._last is not None and frame - self._last_at > AGAIN_S * self._fps:
            self._encode(self._last_at + AGAIN_S * self._fps, self._last)

    def _encode(self, frame: int, picture: Picture) -> None:
        import av
        import numpy as np

        pixels = np.frombuffer(picture.pixels, np.uint8).reshape(picture.height, picture.width, 4)
        image = av.VideoFrame.from_ndarray(pixels, "bgra").reformat(format="yuv420p", dst_colorspace="ITU709")
        image.pts, image.time_base = frame, Fraction(1, self._fps)
        self._file.mux(self._stream.encode(image))
        self._last, self._last_at = picture, frame

    def finish(self, frames: int) -> None:
        if self._last is not None and frames - 1 > self._last_at:
            self._hold(frames - 1)
            self._encode(frames - 1, self._last)
        self._file.mux(self._stream.encode(None))

    def close(self) -> None:
        self._file.close()


def caption(shot: Shot) -> str:
    """What stands below a picture."""
    return f"{shot.virtual_ns / 1e9:.6f} s    moment {shot.moment}"
