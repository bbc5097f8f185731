"""image [--count N] [--seed S] [--only N]: damaged disk images: a clear error or right data, and nothing else.

Small images with everything in them (`image_mutations.py`) are damaged, opened, read, written to, snapshot, closed and
opened again. Allowed are errors of one line, and data: what was written reads back, the backing files stay as they
were, and where both QEMU and we can read a damaged image, we read the same (asked of qemu-img for one case of
twenty, if it is installed). Everything else is a finding: a traceback, a hang, more than 1 GiB of memory, a file that
has grown out of all proportion.

The cases run in a separate process; one that dies is a finding too. A case is repeated by `--seed S --only N`.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from playhead.base.errors import PlayheadError
from playhead.host.block import Image, open_image, references
from playhead.host.block.hostfile import HostFile
from playhead.host.block.qcow2 import Qcow2Image
from tools.fuzz import image_mutations as mutations
from tools.fuzz.cases import WAITS, Finding, Hang, limited

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 1 << 30  # bytes of address space
LIMIT_S = 20  # of processor time: a case that takes longer hangs
MOST_READ = 4 << 20  # bytes of a disk that are read, where the damage made it large
MOST_GROWTH = 64 << 20  # bytes
JUDGED = 20  # qemu-img is asked about one case of so many
MOST_FINDINGS = 20
LONGEST_LINE = 600  # characters; names of files and snapshots are in it


class Case:
    """One damaged image, and what is done with it."""

    def __init__(self, folder: Path, originals: list[Path], seed: int, number: int):
        self.rng = random.Random(f"{seed} {number}")
        original = self.rng.choice(originals)
        self.path, self.judged = folder / "mutant.qcow2", number % JUDGED == 0
        data, self.what = mutations.mutate(original.read_bytes(), self.rng)
        self.what = f"{original.stem}: {self.what}"
        self.path.write_bytes(data)
        self.length = len(data)

    def run(self) -> str:
        """How it went, in a word."""
        refused = self._refused(self._read_only)
        refused = self._refused(self._session) or refused
        self._refused(self._read_only)
        if self.path.stat().st_size > self.length + MOST_GROWTH:
            raise Finding(f"the file has grown to {self.path.stat().st_size} bytes")
        return "refused" if refused else "used"

    def _refused(self, work: Callable[[], None]) -> bool:
        """Whether it ended in an error, which must be a good one."""
        try:
            work()
        except PlayheadError as error:
            line = str(error)
            if "\n" in line or len(line) > LONGEST_LINE or not line.isprintable() or str(self.path) not in line:
                raise Finding(f"not a good line: {line[:1000]!r}") from None
            return True
        return False

    def _read_only(self) -> None:
        with open_image(str(self.path), format="qcow2", read_only=True) as image:
            whole = image.size <= MOST_READ
            data = image.read(0, min(image.size, MOST_READ))
            image.read(max(0, image.size - 70_000), min(image.size, 70_000))
            if whole and self.judged:
                self._judge(data)
            for info in image.snapshots():
                with contextlib.suppress(PlayheadError):
                    image.read_vm_state(info.id)

    def _judge(self, data: bytes) -> None:
        """Where QEMU can read it too, it reads the same."""
        target = self.path.with_suffix(".raw")
        command = ["qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", str(self.path), str(target)]
        try:
            with _unlimited():
                done = subprocess.run(command, capture_output=True, timeout=WAITS * LIMIT_S)
        except subprocess.TimeoutExpired:
            return
        if done.returncode == 0 and target.read_bytes() != data[: len(data) // 512 * 512]:
            raise Finding("QEMU reads something else")

    def _session(self) -> None:
        with open_image(str(self.path), format="qcow2") as image:
            for _ in range(self.rng.randrange(1, 12)):
                self._refused(lambda: self._operation(image))

    def _operation(self, image: Image) -> None:
        rng = self.rng
        at = rng.randrange(1 + min(image.size, rng.choice([mutations.SIZE, 1 << 62])))
        length = min(image.size - at, rng.choice([1, 512, 3000, 20_000]))
        kind = rng.choice(["write"] * 4 + ["zero", "discard", "flush", "create", "apply", "delete"])
        if kind == "write":
            data = rng.randbytes(length)
            image.write(at, data)
            if image.read(at, length) != data and not _shares(image):
                raise Finding(f"{length} bytes at {at} do not read back")
        elif kind == "zero":
            image.write_zeroes(at, length, unmap=rng.random() < 0.5)
            if image.read(at, length) != bytes(length) and not _shares(image):
                raise Finding(f"{length} zeros at {at} do not read back")
        elif kind == "discard":
            image.discard(at, length)
        elif kind == "flush":
            image.flush()
        elif kind == "create":
            image.create_snapshot("new", rng.randbytes(2000))
        elif image.snapshots():
            key = rng.choice(image.snapshots()).id
            image.apply_snapshot(key) if kind == "apply" else image.delete_snapshot(key)


def _shares(image: Image) -> bool:
    """Whether two places of the disk have the same cluster, while its refcount says one: only a check of the whole
    image can see that, and there is none before each write."""
    assert isinstance(image, Qcow2Image) and image._refcounts is not None
    try:
        counts = references.of_l1(image._mapping, image._reader, image._mapping.l1)
    except PlayheadError:
        return True
    return any(users > image._refcounts.get(cluster) for cluster, users in counts.items())


@contextlib.contextmanager
def _unlimited() -> Iterator[None]:
    """For QEMU, which takes much address space for nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def work(folder: Path, seed: int, numbers: range) -> None:
    """The process that runs the cases: a line for each, `number verdict`."""

    HostFile.sync = lambda self: None  # type: ignore[method-assign]  # no need to wait for the disk
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    judge = shutil.which("qemu-img") is not None
    originals = mutations.make_originals(folder)
    bases = {path: path.read_bytes() for path in folder.glob("base.*")}
    for number in numbers:
        case = Case(folder, originals, seed, number)
        case.judged = case.judged and judge
        try:
            with limited(LIMIT_S):
                verdict = case.run()
            if any(path.read_bytes() != data for path, data in bases.items()):
                raise Finding("a backing file has changed")
        except (Hang, Finding) as finding:
            verdict = f"finding: {finding}: {case.what}"
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[-4:]
            where = "; ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
            verdict = f"finding: {type(error).__name__}: {error}: {case.what} ({where})"
        print(number, verdict.replace("\n", " "), flush=True)


def fuzz(count: int, seed: int, say: Callable[[str], None] = print, first: int = 0) -> list[str]:
    """The findings."""
    findings: list[str] = []
    counts, number = Counter[str](), first
    with tempfile.TemporaryDirectory(prefix="playhead-fuzz-") as folder:
        while number < first + count and len(findings) < MOST_FINDINGS:
            command = [sys.executable, "-m", "tools.fuzz.image", "--work", folder, str(seed), str(number),
                       str(first + count)]  # fmt: skip
            worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            assert worker.stdout is not None and worker.stderr is not None
            for line in worker.stdout:
                done, _, verdict = line.rstrip("\n").partition(" ")
                number = int(done) + 1
                counts[verdict.split(":")[0]] += 1
                if verdict.startswith("finding"):
                    findings.append(f"{verdict}; again: ./dev fuzz image --seed {seed} --only {done}")
                    say(findings[-1])
                elif counts.total() % 1000 == 0:
                    say(f"{counts.total()} cases: {', '.join(f'{n} {what}' for what, n in sorted(counts.items()))}")
            last = worker.stderr.read().strip().splitlines()
            if worker.wait() != 0:
                findings.append(f"finding: the process died: {(last or [str(worker.returncode)])[-1]}; "
                                f"again: ./dev fuzz image --seed {seed} --only {number}")  # fmt: skip
                say(findings[-1])
                number += 1
    say(f"{count} damaged images, seed {seed}: {', '.join(f'{n} {what}' for what, n in sorted(counts.items()))}")
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz image", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one case")
    options = parser.parse_args()
    one = options.only is not None
    return 1 if fuzz(1 if one else options.count, options.seed, first=options.only or 0) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(Path(sys.argv[2]), int(sys.argv[3]), range(int(sys.argv[4]), int(sys.argv[5])))
    else:
        sys.exit(main())
