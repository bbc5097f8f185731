"""`./dev test --quick` and `--long` (tests/selection.py): what they choose; the listed tests are there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import selection
from tools import guest

ROOT = Path(__file__).resolve().parents[2]


def test_the_list_names_tests_that_are_there() -> None:
    """A line whose test has gone does no harm; many say that the list is of another time."""
    costs = selection.known()
    gone = [name for name in costs if not selection.exists(name)]
    assert len(costs) > 100 and len(gone) < len(costs) / 10, f"./dev test --measure writes the list anew; gone: {gone}"


def test_what_is_always_chosen_is_there() -> None:
    for nodeid in selection.ALWAYS:
        function, _, parameter = nodeid.rstrip("]").partition("[")
        assert selection.exists(function) and parameter in guest.names()


def test_each_folder_gives_its_cheapest_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BUDGET_S", 3.5)
    costs = {"tests/x86/test_a.py::test_dear": 3.0, "tests/x86/test_a.py::test_one": 1.0,
             "tests/log/test_b.py::test_b": 9.0, "tests/house/test_c.py::test_c": 50.0}  # fmt: skip
    nodeids = [f"tests/x86/test_a.py::test_dear[{n}]" for n in range(4)] + [
        "tests/x86/test_a.py::test_one", "tests/x86/test_new.py::test_unlisted", "tests/log/test_b.py::test_b",
        "tests/house/test_c.py::test_c", "tests/test_tiny.py::test_all"]  # fmt: skip
    chosen = selection.cut(nodeids, costs)
    assert chosen - set(selection.ALWAYS) == {
        "tests/x86/test_a.py::test_one", "tests/x86/test_new.py::test_unlisted", "tests/house/test_c.py::test_c",
        "tests/test_tiny.py::test_all"}  # fmt: skip
    some = selection.cut([f"tests/x86/test_a.py::test_one[{n}]" for n in range(9)], costs)
    assert len(some - set(selection.ALWAYS)) == 3


def collected(*words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_long_takes_what_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "test_marked.py"
    path.write_text("import pytest\n@pytest.mark.long\ndef test_marked(): pass\ndef test_other(): pass\n")
    words = ("-c", "pyproject.toml", "--rootdir", ".", "-p", "tests.selection", str(path))
    for more, expected in (((), "1 passed, 1 deselected"), (("--long",), "2 passed")):
        status, said = collected(*words, *more)
        assert status == 0 and expected in said, said


def test_quick_and_long_are_one_or_the_other() -> None:
    status, said = collected("--quick", "--long", "tests/test_tiny.py")
    assert status == pytest.ExitCode.USAGE_ERROR and "--quick or --long, not both" in said and "Traceback" not in said
