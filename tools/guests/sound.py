"""What the Debian guest with sound has besides kernel and busybox: Linux's driver for AC97, and ALSA's programs.

What it does is said on the kernel's command line:

- `DO=play`: all volumes are set to their top, and /play.wav (`wave()`: 48 kHz, two channels of 16 bits) is played.
- `DO=capture`: the same, and a second is captured; the sum of its bytes is printed.
- `DO=both`: both at once. `DO=none`: the driver is loaded, and that is all.
- `SECONDS=n`: how much is captured. `SND="inside_vm=0"`: parameters of the driver.

The driver's and the programs' messages are printed; the machine is switched off at the end.
"""

from __future__ import annotations

import io
import random
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

from tools.guests import host_tools, initramfs
from tools.guests.apt import INDEX, AptError, PrivateApt
from tools.guests.initramfs import Entry

MODULES = ("snd_intel8x0",)
PACKAGES = ("alsa-utils", "libasound2", "libasound2-data", "libc6")
_PROGRAMS = ("aplay", "amixer")  # aplay is arecord, too
_LIBRARIES = ("ld-linux.so.2", "libc.so.6", "libm.so.6", "libasound.so.2", "libdl.so.2", "libpthread.so.0",
              "librt.so.1")  # fmt: skip
_DATA = "usr/share/alsa"
RATE, SECONDS = 48_000, 2

SCRIPT = """\
for module in /lib/modules/*.ko; do
  case $module in *-snd_intel8x0.ko) insmod $module $SND;; *) insmod $module;; esac
done
dmesg -n 1
i=0
while [ ! -e /dev/snd/pcmC0D0c ] && [ $i -lt 100 ]; do i=$((i+1)); usleep 50000; done
dmesg | grep -i -E 'intel8x0|clocking|ac97'
ln -s aplay /bin/arecord
echo GUEST-UP
for one in Master PCM; do amixer -q -c 0 sset $one 100% unmute; done
amixer -q -c 0 sset Capture 100% cap
play() { aplay -q -D hw:0,0 /play.wav && echo "played"; }
capture() {
  arecord -q -D hw:0,0 -f S16_LE -c 2 -r 48000 -d ${SECONDS:-1} -t raw /captured
  echo "captured: $(md5sum < /captured)"
}
case $DO in
  play) play ;;
  capture) capture ;;
  both) capture & play; wait ;;
esac
echo GUEST-DONE
poweroff -f
"""


def frames(seed: int, count: int) -> bytes:
    """Noise, which nothing but itself is like."""
    return random.Random(f"sound {seed}").randbytes(4 * count)


def wave_file(data: bytes, rate: int = RATE) -> bytes:
    """Frames of two channels as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((2, 2, rate, 0, "NONE", ""))
        file.writeframes(data)
    return out.getvalue()


def played() -> bytes:
    """The frames that the guest plays."""
    return frames(1, RATE * SECONDS)


def entries(folder: Path, say: Callable[[str], None]) -> list[Entry]:
    """Programs, libraries and their configuration; the packages are fetched into `folder` if need be."""
    kept = _packages(folder, say)
    made = [initramfs.file(f"bin/{name}", (kept / "usr/bin" / name).read_bytes(), 0o755) for name in _PROGRAMS]
    made += [initramfs.file(f"lib/{name}", _library(kept, name), 0o755) for name in _LIBRARIES]
    parts = _DATA.split("/")
    made += [initramfs.folder("/".join(parts[: n + 1])) for n in range(len(parts))]
    for path in sorted((kept / _DATA).rglob("*")):
        name = f"{_DATA}/{path.relative_to(kept / _DATA)}"
        if path.is_dir():
            made.append(initramfs.folder(name))
        elif path.suffix == ".conf" and "ucm" not in name:
            made.append(initramfs.file(name, path.read_bytes()))
    return [*made, initramfs.file("play.wav", wave_file(played()))]


def _packages(folder: Path, say: Callable[[str], None]) -> Path:
    kept = folder / f"sound-{host_tools.key_of(PACKAGES)}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
            apt = PrivateApt(Path(scratch) / "apt", "i386", say, folder / INDEX)
            apt.update()
            for name in PACKAGES:
                apt.unpack(name, Path(scratch) / "files")
            (Path(scratch) / "files").replace(kept)
    return kept


def _library(kept: Path, name: str) -> bytes:
    for where in ("lib/i386-linux-gnu", "usr/lib/i386-linux-gnu"):
        if (kept / where / name).exists():
            return (kept / where / name).read_bytes()
    raise AptError(f"none of {', '.join(PACKAGES)} has a library {name}")
