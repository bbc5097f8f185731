"""What the verbs that ask a whole recording have in common: which stretch, by whom, and where the answer goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option
from playhead.cli.replaying_options import ENGINE, JOBS

if TYPE_CHECKING:
    from playhead.api.recording import Recording
    from playhead.cli.claims import Claims

SINCE = "0.8.0"
BEGIN = Option("--from", "from this moment on: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, serial:\"text\"",
               "MOMENT", key="begin", since=SINCE)  # fmt: skip
END = Option("--to", "and up to that one", "MOMENT", key="end", since=SINCE)
DASK = Option("--dask", "by the workers of this Dask scheduler, such as tcp://host:8786 (the extra `dask`)", "ADDRESS",
              since=SINCE)  # fmt: skip
SQLITE = Option("--sqlite", "the answer's tables as a new SQLite file", parse=FILE, since=SINCE)
PARQUET = Option("--parquet", "the answer's rows as a Parquet file (the extra `parquet`)", parse=FILE, since=SINCE)
FORCE = Option("--force", "replace a file that exists, if it is of the same kind", since=SINCE)
TABLES = (SQLITE, PARQUET, FORCE)
WORKERS = (DASK, IMAGES, ENGINE._replace(since=SINCE), JOBS._replace(since=SINCE))
HEADS = {
    "drcov": b"DRCOV VERSION", "info": b"TN:", "json": b"{", "png": b"\x89PNG", "svg": b"<?xml", "parquet": b"PAR1",
    "sqlite": None, "folded": None,  # a recording is an SQLite file, too; and any text could be collapsed stacks
}  # fmt: skip


def kind_of(path: str, kinds: Sequence[str]) -> str:
    """The kind of a file to write, by its name. Raises UsageError."""
    from playhead.base.errors import UsageError

    kind = os.path.splitext(path)[1].lstrip(".")
    if kind not in kinds:
        *most, last = (f".{one}" for one in kinds)
        raise UsageError(f"-o {path}: its name says what to write: it ends in {', '.join(most)} or {last}")
    return kind


def check(claims: Claims, outputs: Mapping[str, tuple[str, str]], *, force: bool) -> None:
    """`outputs`: option -> path and kind. Nothing but a file of its kind is ever replaced. Raises UsageError."""
    from playhead.base.errors import UsageError
    from playhead.cli import new_file

    for option, (path, _) in outputs.items():
        claims.writes(option, path)
    claims.check()
    for option, (path, kind) in outputs.items():
        head = HEADS[kind]
        if head is None:
            if os.path.lexists(path):
                raise UsageError(f"{option} {path}: it exists; give another name")
            continue
        new_file.check(path, f"{kind} file", _begins(head), force=force)


def _begins(head: bytes) -> Callable[[bytes], bool]:
    return lambda found: found.startswith(head)


@contextmanager
def opened(values: Mapping[str, Any]) -> Iterator[Recording]:
    """The recording that is asked."""
    from playhead.api.recording import Recording
    from playhead.cli.native_core import prepare

    prepare(values["engine"])
    rec = Recording(values["file"], engine=values["engine"], images=values["images"])
    with rec:
        yield rec


def asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `api.asking.ask` takes, by the options of the same names."""
    return {"first": values["begin"] or "start", "last": values["end"] or "end", "jobs": values["jobs"],
            "dask": values["dask"]}  # fmt: skip


def files(values: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What --sqlite and --parquet write, as `check` takes it. Raises UsageError where there is no pyarrow."""
    if values["parquet"] is not None:
        from playhead.analyses.saving import parquet

        parquet()
    return {f"--{name}": (values[name], name) for name in ("sqlite", "parquet") if values[name] is not None}
