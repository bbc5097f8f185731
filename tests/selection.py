"""Which tests are run: `--quick` takes a cut that needs less than a minute, `--long` all, the tests marked `long` too.

The cut follows from measurements, so that nobody has to mark anything: `durations.txt` says what each test function
costs, in seconds of processor time (its fixtures and child processes included, which a busy host hardly changes), and
each folder has the same budget, which its cheapest tests get. A function that is not listed, because it is new or
because it takes next to nothing, counts as cheap; if it is not, the end of a quick run says so. `--measure` writes the
figures of the tests that it runs, and leaves those of others.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DURATIONS = HERE / "durations.txt"
LISTED_S = 0.05  # what costs less is not listed
UNLISTED_S = 0.01
BUDGET_S = 2.0  # of each folder
SURPRISE_S = 2.0  # an unlisted test that costs more is told
WHOLE = ("house", "contract", "")  # folders that --quick runs whole; "": the tests beside them, test_tiny.py
ALWAYS = (  # recorded and replayed in a quick run too, whatever it costs
    "tests/guest/test_own_guests.py::test_prints_what_it_should_and_replays[smc]",
    "tests/guest/test_own_guests.py::test_prints_what_it_should_and_replays[disk]",
)
START, COST = pytest.StashKey[float](), "processor_s"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("selection")
    group.addoption("--quick", action="store_true", help="a cut through all packages: less than a minute on two cores")
    group.addoption("--long", action="store_true", help="everything, the tests marked `long` too")
    group.addoption("--measure", action="store_true", help=f"write what each test costs into tests/{DURATIONS.name}")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.quick and config.option.long:
        raise pytest.UsageError("--quick or --long, not both")
    if config.option.long:
        config.option.markexpr = ""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Costs(config), "costs")


def known() -> dict[str, float]:
    """Seconds by test function (`tests/x86/test_mmx.py::test_x`), for each of its parameters."""
    costs = {}
    for line in DURATIONS.read_text(encoding="utf-8").splitlines() if DURATIONS.exists() else ():
        seconds, function = line.split()
        costs[function] = float(seconds)
    return costs


def exists(function: str) -> bool:
    """Whether there is still a test of this name in its file."""
    path, _, name = function.partition("::")
    file = HERE.parent / path
    return file.exists() and f"def {name.rpartition('::')[2]}(" in file.read_text(encoding="utf-8")


def function(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def folder(nodeid: str) -> str:
    """`x86` of tests/x86/test_mmx.py::test_x, "" of what lies in no folder."""
    parts = nodeid.partition("::")[0].split("/")
    return parts[1] if len(parts) > 2 else ""


def cut(nodeids: Iterable[str], costs: dict[str, float]) -> set[str]:
    """The tests of a quick run: of each folder the cheapest, as many as its budget allows."""
    chosen, spent = set(ALWAYS), defaultdict(float)
    for nodeid in sorted(nodeids, key=lambda nodeid: costs.get(function(nodeid), UNLISTED_S)):  # stable
        spent[folder(nodeid)] += costs.get(function(nodeid), UNLISTED_S)
        if spent[folder(nodeid)] <= BUDGET_S or folder(nodeid) in WHOLE:
            chosen.add(nodeid)
    return chosen


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.quick:
        return
    dear = ("slow", "guest")  # a guest of Debian's packages may have to be fetched first
    suited = [item.nodeid for item in items if not any(item.get_closest_marker(name) for name in dear)]
    chosen = cut(suited, known())
    left_out = [item for item in items if item.nodeid not in chosen]
    items[:] = [item for item in items if item.nodeid in chosen]
    config.hook.pytest_deselected(items=left_out)


def processor_s() -> float:
    """Of this process and its children that have been waited for."""
    return sum(os.times()[:4])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    item.stash[START] = processor_s()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    try:
        return (yield)
    finally:
        item.user_properties.append((COST, processor_s() - item.stash[START]))


class Costs:
    """What came of a run, where its reports come together."""

    def __init__(self, config: pytest.Config):
        self._config = config
        self._spent: dict[str, list[float]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self._spent[function(report.nodeid)] += [value for name, value in report.user_properties if name == COST]

    def pytest_sessionfinish(self) -> None:
        if self._config.option.measure:
            old = {name: cost for name, cost in known().items() if exists(name)}
            costs = {**old, **{name: sum(each) / len(each) for name, each in self._spent.items()}}
            lines = [f"{cost:.2f} {name}\n" for name, cost in sorted(costs.items()) if cost >= LISTED_S]
            DURATIONS.write_text("".join(lines), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._config.option.quick:
            costs = known()
            for name, each in self._spent.items():
                if name not in costs and sum(each) / len(each) > SURPRISE_S:
                    terminalreporter.write_line(
                        f"{name} costs {sum(each) / len(each):.1f} s and is not listed: ./dev test --measure FILE"
                    )
