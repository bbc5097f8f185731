"""Guests made of Debian's packages, and one recording of a boot that the tests share.

A guest that cannot be had (no network, no apt) is said loudly: here the tests are skipped, in CI they fail.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from tests.guest.other_hosts import HOSTS, OtherHost
from tests.shared import once
from tools import guest
from tools.fuzz import replay as fuzz_replay

T = TypeVar("T")

sys.path[:0] = [str(Path(__file__).parents[1] / "session")]  # for its quiet world


@pytest.fixture(scope="session")
def debian(pytestconfig: pytest.Config) -> dict[str, tuple[Path, Path]]:
    """(kernel, initrd) by variant."""
    return _variants(pytestconfig, "boot", "shell")


@pytest.fixture(scope="session")
def power(pytestconfig: pytest.Config) -> tuple[Path, Path]:
    """(kernel, initrd) of the one that suspends."""
    return _variants(pytestconfig, "power")["power"]


@pytest.fixture(scope="session")
def compiled(pytestconfig: pytest.Config) -> tuple[Path, Path]:
    """(kernel, initrd) of the one with a program of Debian's compiler."""
    return _variants(pytestconfig, "compiled")["compiled"]


@pytest.fixture(scope="session")
def flavours(pytestconfig: pytest.Config) -> Callable[[str], tuple[Path, Path]]:
    """(kernel, initrd) of `boot` with another of Debian's kernels, by its flavour."""
    return lambda name: _got(pytestconfig, guest.flavour, name)[name]


def _variants(pytestconfig: pytest.Config, *names: str) -> dict[str, tuple[Path, Path]]:
    return _got(pytestconfig, guest.debian, *names)


@pytest.fixture(scope="session")
def other_host(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], OtherHost]:
    """One of HOSTS, by its name; it has been made ready to run native code."""
    return cache(lambda name: _got(pytestconfig, lambda name: HOSTS[name](tmp_path_factory.mktemp(name)), name)[name])


def _got(pytestconfig: pytest.Config, get: Callable[[str], T], *names: str) -> dict[str, T]:
    try:
        return {name: get(name) for name in names}
    except guest.GuestError as error:
        text = f"{', '.join(names)}: cannot be had, so nothing that needs it was tested: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("")
            reporter.write_line(f"WARNING: {text}", red=True, bold=True)
        pytest.skip(text)


@pytest.fixture(scope="session")
def boot(debian: object, tmp_path_factory: pytest.TempPathFactory) -> fuzz_replay.Recorded:
    """A recording of the whole boot, to its power-off."""
    path = once(tmp_path_factory, "boot.ph", record_boot)
    return fuzz_replay.Recorded.open(path, path.with_suffix(".said").read_bytes())


def record_boot(path: Path) -> None:
    console = fuzz_replay.record(path, shift=3).console
    assert console is not None
    path.with_suffix(".said").write_bytes(console)
