"""What a program can ask about the screen: `screendump`, which writes a picture of this moment."""

from playhead.monitor import screen
from playhead.qmp.declared import command
from playhead.qmp.errors import QmpError
from playhead.qmp.service import Qmp
from playhead.qmp.types import INT, STR, Enum

IMAGE_FORMAT = Enum("ImageFormat", "ppm", "png")


@command("screendump", {"filename": STR, "*device": STR, "*head": INT, "*format": IMAGE_FORMAT},
         about="write a picture of the screen into a file")  # fmt: skip
def screendump(qmp: Qmp, filename: str, device: str | None = None, head: int | None = None,
               format: str = "ppm") -> None:  # fmt: skip
    if device is not None and device not in qmp.target.machine.devices:
        raise QmpError(f"Device '{device}' not found", "DeviceNotFound")
    screen.screendump(qmp.target, filename, format, device, head)
