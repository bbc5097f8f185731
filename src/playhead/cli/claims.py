"""Which files a run reads and which it writes, compared before any of them is opened for writing.

A file that is written may be nothing else in the same run: neither what is read, nor another output. Else a typing
mistake costs a disk image or a recording. Files are compared by device and inode, so links do not hide anything; one
that is not there yet, by its folder and name. Standard output and error count where they lead into a file.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from playhead.base.errors import UsageError
from playhead.base.messages import shown

READ, WRITTEN = "read", "written"
STANDARD = ("standard input", "standard output", "standard error")
Identity = tuple[int | str, ...]


class Claim(NamedTuple):
    """`what` is how the user knows it: the option, with the name that was given."""

    what: str
    use: str
    identity: Identity


class Claims:
    """All files of one run."""

    def __init__(self) -> None:
        self._claims: list[Claim] = []
        for fd, what in enumerate(STANDARD):
            self._add(what, WRITTEN if fd else READ, _identity_of(os.fstat(fd)))

    def reads(self, what: str, path: str | None) -> None:
        if path:
            self._add(f"{what} {path}", READ, identity(path))

    def writes(self, what: str, path: str) -> None:
        self._add(f"{what} {path}", WRITTEN, identity(path))

    def reads_recording(self, path: str) -> None:
        """A recording and its side files."""
        from playhead.log.beside import ALL_SIDES  # here: a run without a recording does without it

        real = os.path.realpath(path)
        self._add(f"the recording {path}", READ, identity(path))
        for suffix in ALL_SIDES:
            self._add(f"{real}{suffix}, which belongs to the recording,", READ, identity(real + suffix))

    def writes_recording(self, path: str, option: str = "-o") -> None:
        """`option`: by which it was given."""
        from playhead.log.beside import ALL_SIDES

        self.writes(option, path)
        for suffix in ALL_SIDES:
            self._add(f"{path}{suffix}, which belongs to {option} {path},", WRITTEN, identity(path + suffix))

    def devices(self, serial: Iterable[str], debugcon: str | None, others: Iterable[tuple[str, Any]] = ()) -> None:
        """The files among character devices. `others`: options, with what they are connected to (`Spec`)."""
        from playhead.host.chardev.spec import parse

        texts = (*(("-serial", text) for text in serial), ("-debugcon", debugcon or "null"))
        for option, spec in (*((option, parse(text)) for option, text in texts), *others):
            if spec.backend == "file":
                self.reads(f"{option} input-path", spec.input_path)
                self._add(f"{option} file:{spec.path}", WRITTEN, identity(spec.path))

    def drive(self, file: str, format: str | None, written: bool, said: str = "") -> None:
        """An image, with its chain of backing files; `said`: the option that names it."""
        from playhead.host.block.chain import backing_files

        self._add(said or f"the drive {file}", WRITTEN if written else READ, identity(file))
        for name in backing_files(file, format):
            self._add(f"{name}, the backing file of {file},", READ, identity(name))

    def machine(self, values: dict[str, Any], drives: Iterable[Any]) -> None:
        """What the options of a machine name. `drives`: `DriveSpec`."""
        from playhead.cli import boot_files, card_roms
        from playhead.cli.drives import SEABIOS
        from playhead.cli.monitors import monitors
        from playhead.cli.audio_options import audio
        from playhead.cli.serial_ports import all_specs, chardevs, debugcon_spec

        for option, path in (*boot_files.named(values), *card_roms.named(values)):
            self.reads(option, path)
        for spec in drives:
            if spec.file:
                self.drive(spec.file, spec.format, spec.written, spec.behind)
        if not values["kernel"] and not values["bios"]:
            for path in SEABIOS:
                self.reads("the firmware", path)
        if not values["kernel"]:
            for path in card_roms.installed():
                self.reads("the expansion ROM", path)
        named = [(f"-chardev {id}", spec) for id, spec in chardevs(values).items()]
        self.devices(all_specs(values), debugcon_spec(values), (*named, *_of_their_own(monitors(values))))
        if values["log_file"]:
            self.writes("-D", values["log_file"])
        if values.get("pidfile"):
            self.writes("-pidfile", values["pidfile"])
        self.dumps(values)
        self.sound(audio(values).audiodevs)

    def sound(self, audiodevs: Iterable[Any]) -> None:
        """Their files."""
        for one in audiodevs:
            self.reads(f"-audiodev {one.id}, in.path", one.given.get("in.path"))
            if path := one.given.get("path"):
                self.writes(f"-audiodev {one.id}, path", path)

    def dumps(self, values: dict[str, Any]) -> None:
        """Files of filters."""
        from playhead.cli.network_filters import dumps

        for one in dumps(values):
            self.writes(f"-object filter-dump,id={one.id},file", one.file)

    def images(self, files: Sequence[dict[str, Any]]) -> None:
        """Where the images of a recording are now."""
        for one in files:
            self.drive(one["file"], one.get("format"), False)

    def recorded_images(self, reader: Any) -> None:
        """Where those of a recording were that needs them."""
        facts = reader.meta.get("disks")
        for fact in facts if isinstance(facts, list) else ():
            if isinstance(fact, dict) and isinstance(fact.get("file"), str):
                self.drive(fact["file"], None, False)

    def _add(self, what: str, use: str, identity: Identity | None) -> None:
        if identity is not None:
            self._claims.append(Claim(what, use, identity))

    def check(self) -> None:
        """Raise UsageError if something that is written is anything else too."""
        seen: dict[Identity, Claim] = {}
        for claim in sorted(self._claims, key=lambda c: c.use == WRITTEN):  # what is read first: a better message
            other = seen.setdefault(claim.identity, claim)
            if other is not claim and claim.use == WRITTEN and not {claim.what, other.what} <= set(STANDARD):
                _spare(claim.identity)
                raise UsageError(_refusal(claim, other))


def _refusal(claim: Claim, other: Claim) -> str:
    why = "this run reads it, so it cannot write it" if other.use == READ else "only one of them can write it"
    return f"{shown(claim.what.rstrip(','))} and {shown(other.what.rstrip(','))} are the same file: {why}"


def _spare(refused: Identity) -> None:
    """The refusal does not go into the file that it is about either: to standard output, if that leads elsewhere."""
    if _identity_of(os.fstat(2)) == refused:
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null if _identity_of(os.fstat(1)) == refused else 1, 2)
        os.close(null)


def identity(path: str) -> Identity | None:
    """The same for every name of a file; None if there is nothing that writing could destroy."""
    try:
        return _identity_of(os.stat(path))
    except FileNotFoundError:
        real = os.path.realpath(path)
        try:
            folder = os.stat(os.path.dirname(real))
        except OSError:
            return None
        return ("name", folder.st_dev, folder.st_ino, os.path.basename(real))
    except (OSError, ValueError):
        return None  # opening it will say why not


def _identity_of(info: os.stat_result) -> Identity | None:
    if stat.S_ISREG(info.st_mode):
        return ("file", info.st_dev, info.st_ino)
    return ("device", info.st_rdev) if stat.S_ISBLK(info.st_mode) else None


def _of_their_own(monitors: Iterable[Any]) -> list[tuple[str, Any]]:
    """The devices of monitors that are no -chardev: with the option."""
    return [(one.option, one.spec) for one in monitors if not one.spec.id]


def of_recording(path: str, output: str | None = None, **outputs: Any) -> Claims:
    """Those of a verb that reads a recording, checked as far as they are known before it is opened."""
    claims = Claims()
    claims.reads_recording(path)
    named = [(f"-chardev {spec.id}", spec) for spec in outputs.get("chardevs") or ()]
    asked = _of_their_own(outputs.get("monitors") or ())
    claims.devices(outputs.get("serial") or (), outputs.get("debugcon"), (*named, *asked))
    claims.images(outputs.get("images") or ())
    claims.sound(outputs.get("audiodevs") or ())
    if outputs.get("log"):
        claims.writes("-D", outputs["log"])
    if output is not None:
        claims.writes_recording(output)
    claims.check()
    return claims
