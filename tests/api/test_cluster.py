"""Queries on a cluster: processes that see the recording or get it, are killed in mid-run, or are not fit for it.

Workers are processes with a cache folder of their own, as other machines would have.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import resealing

import playhead
from playhead.api import on_worker
from playhead.api.asking import ask
from playhead.api.recording import Recording
from playhead.api.segments import Query, Segment
from playhead.log.moment import Moment

distributed = pytest.importorskip("distributed")
STEP = 5_000
ROOT = Path(__file__).parents[2]


class Sampled(Query[list, list]):
    """What is next at each five-thousandth instruction. `folder`: where a worker says that it has begun, and waits
    until it is told to go on.
    """

    def __init__(self, folder: str = "", tag: str = ""):
        self.folder, self.tag = folder, tag  # the latter makes it another query: a worker keeps the recording of one

    def start(self, rec: Recording) -> Callable[[Segment], list]:
        line, folder, path = rec.timeline(), self.folder, rec.path

        def answer(segment: Segment) -> list:
            if folder:
                (Path(folder) / str(os.getpid())).touch()
                while not (Path(folder) / "go").exists():
                    time.sleep(0.02)
            found = []
            line.enter(segment.first)
            for icount in range(-(-segment.first.icount // STEP) * STEP, segment.last.icount, STEP):
                line.player.to(Moment(icount))
                found.append((line.moment, line.machine.pc()))
            line.player.to(segment.last)
            return [("path", path), *found]

        return answer

    def merge(self, parts: Iterator[list]) -> list:
        return [one for part in parts for one in part]


def samples(found: list) -> list:
    return [one for one in found if one[0] != "path"]


def paths(found: list) -> set[str]:
    return {one[1] for one in found if one[0] == "path"}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resealing.dense_demo(tmp_path_factory)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a scheduler with four workers, without nannies: who is killed stays dead. And their cache."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "playhead").mkdir()
    native = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playhead" / "native"
    (cache / "playhead" / "native").symlink_to(native)
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
    file = cache / "scheduler.json"
    words = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
             "--no-dashboard", "--scheduler-file", str(file)]  # fmt: skip
    begun = [subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1",
              "--no-nanny", "--no-dashboard", "--memory-limit", "0", "--local-directory", str(cache)]  # fmt: skip
    begun += [subprocess.Popen(worker, env=environment, stderr=subprocess.DEVNULL) for _ in range(4)]
    try:
        with distributed.Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(4, timeout=60)
            address = client.scheduler.address
        yield address, cache
    finally:
        for process in begun:
            process.kill()
            process.wait()


def test_workers_use_the_file_that_they_see(cluster: tuple[str, Path], recording: Path) -> None:
    address, cache = cluster
    with playhead.open(recording) as rec:
        found = ask(rec, Sampled(), dask=address)
        assert samples(found) == samples(ask(rec, Sampled(), jobs=1)) and paths(found) == {str(recording)}
    assert not list((cache / "playhead").glob("cluster/*/recording"))


def test_a_recording_is_sent_once(cluster: tuple[str, Path], recording: Path, tmp_path: Path, monkeypatch) -> None:
    from playhead.api.shipping import Shipment

    sent: list[int] = []
    pieces = Shipment.pieces
    monkeypatch.setattr(Shipment, "pieces", lambda self, items: pieces(self, sent.extend(items) or list(items)))
    address, cache = cluster
    mine = tmp_path / "mine.ph"
    mine.write_bytes(recording.read_bytes())
    with playhead.open(mine) as rec:
        expected = samples(ask(rec, Sampled(), jobs=1))
        mine.unlink()
        other = ROOT / "tests" / "recordings" / "pc-5" / "inputs.ph"
        mine.write_bytes(other.read_bytes())  # never by its path alone
        found = ask(rec, Sampled(tag="sent"), dask=address)
        assert samples(found) == expected
        (there,) = paths(found)
        assert there.startswith(str(cache)) and -1 in sent and len(sent) == len(set(sent)) > 1
        count = len(sent)
        assert samples(ask(rec, Sampled(tag="sent"), 300_000, 900_000, dask=address)) == samples(
            [one for one in expected if 300_000 <= one[0].icount < 900_000])  # fmt: skip
        assert len(sent) == count
        pack = next(Path(there).parent.glob("pack-*"))
        pack.write_bytes(pack.read_bytes()[:-1] + b"x")
        (Path(there)).unlink()
        assert samples(ask(rec, Sampled(tag="again"), dask=address)) == expected and len(sent) > count


def test_refusals(cluster: tuple[str, Path], recording: Path, monkeypatch, capsys) -> None:
    from playhead.api import on_cluster
    from playhead.cli import main

    monkeypatch.setattr(on_cluster, "CONNECT_S", 1)
    for address, said in (("tcp://127.0.0.1:1", "no Dask scheduler answers at tcp://127.0.0.1:1 within 1 seconds"),
                          ("nowhere", "'nowhere' is no address of a scheduler, such as tcp://host:8786")):  # fmt: skip
        assert main(["coverage", str(recording), "--dask", address]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
    monkeypatch.setattr(on_cluster, "__version__", "0.0.1")
    with playhead.open(recording) as rec, pytest.raises(playhead.errors.HostError, match=r"this is playhead 0\.0\.1"):
        ask(rec, Sampled(), dask=cluster[0])
    monkeypatch.setitem(sys.modules, "distributed", None)
    missing = pytest.raises(playhead.errors.UsageError, match=r"pip install 'playhead\[dask")
    with playhead.open(recording) as rec, missing:
        ask(rec, Sampled(), dask=cluster[0])


def test_an_exception_comes_with_its_traceback(cluster: tuple[str, Path], recording: Path) -> None:
    class Stumbling(Sampled):
        def start(self, rec: Recording) -> Callable[[Segment], list]:
            def answer(segment: Segment) -> list:
                raise LookupError("no luck")

            return answer

    with playhead.open(recording) as rec, pytest.raises(LookupError, match="no luck") as caught:
        ask(rec, Stumbling(), dask=cluster[0])
    assert "in answer" in "".join(caught.value.__notes__)


def test_coverage_is_the_same_to_the_byte(cluster: tuple[str, Path], recording: Path, tmp_path: Path) -> None:
    from playhead.cli import main

    files = [tmp_path / "one.drcov", tmp_path / "many.drcov"]
    assert main(["coverage", str(recording), "-o", str(files[0]), "--jobs", "1"]) == 0
    assert main(["coverage", str(recording), "-o", str(files[1]), "--dask", cluster[0]]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def test_two_of_four_workers_are_killed(cluster: tuple[str, Path], recording: Path, tmp_path: Path) -> None:
    """The last test of this cluster: two workers are left."""
    import threading

    killed: list[int] = []

    def kill() -> None:
        while len(found := [int(p.name) for p in tmp_path.iterdir() if p.name.isdigit()]) < 3:
            time.sleep(0.02)
        for pid in found[:2]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        (tmp_path / "go").touch()

    thread = threading.Thread(target=kill)
    thread.start()
    with playhead.open(recording) as rec:
        found: Any = ask(rec, Sampled(str(tmp_path)), dask=cluster[0])
        assert samples(found) == samples(ask(rec, Sampled(), jobs=1))
    thread.join()
    assert len(killed) == 2
    with distributed.Client(cluster[0], set_as_default=False) as client:
        assert len(client.run(os.getpid)) == 2


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(on_worker, "MOST_BYTES", 10_000)
    from playhead.api.shipping import Piece

    for n in range(4):
        on_worker.keep(bytes((n,)) * 16, [Piece(1, 0, 1, bytes(4_000))])
        os.utime(tmp_path / "playhead" / "cluster" / (bytes((n,)) * 16).hex(), (n, n))
    left = {path.name for path in (tmp_path / "playhead" / "cluster").iterdir() if path.is_dir()}
    assert left == {(bytes((n,)) * 16).hex() for n in (2, 3)}
