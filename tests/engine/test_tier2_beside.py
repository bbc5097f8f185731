"""Tier 2 with its helper process and its cache on disk: whatever becomes of these, the machine is the same."""

import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest
from encode import RET, call, inc, jmp
from trampolines import CALLS
from twin import CODE, DATA, Side, same

from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.llvm.tier2 import child, service, store, switch
from playhead.engine.llvm.tier2.service import Service
from playhead.engine.llvm.tier2.tier import Compiled

FUNCTIONS, TURNS, STEP = 40, 60, 100_000
STANDS_IN = """
import sys, types
sys.path.append({folder!r})
import trampolines
fake = types.ModuleType("playhead.engine.llvm.tier2.compile")
fake.compile_units = trampolines.compile_trampolines
sys.modules[fake.__name__] = fake
"""


def program(side: Side) -> None:
    """For ever: calls functions, each of which counts in a place of its own."""
    body = b""
    for n in range(FUNCTIONS):
        at = CODE + 0x1000 + 64 * n
        body += call(CODE + len(body), at)
        side.write(at, inc(DATA + 4 * n) * (1 + n % 3) + RET)
    side.write(CODE, body + jmp(CODE + len(body), CODE))


def tiered() -> Side:
    side = Side(NativeEngine)
    side.engine.use_tier2(switch.ON, Service(), Compiled())
    side.engine.tier2.patience = 0  # a short program has little to tell
    side.reset()
    program(side)
    return side


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """An empty cache; a helper with a compiler that stands in, which is started at once, and ended."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = f"exec({STANDS_IN.format(folder=str(Path(__file__).parent))!r})"
    monkeypatch.setattr(child, "PROGRAM", child.PROGRAM.replace("from playhead", f"{first}; from playhead", 1))
    monkeypatch.setattr(service, "START_WEIGHT", 0)
    monkeypatch.setattr(service, "LEAST_HEAT", 100)
    monkeypatch.setattr(service, "MOST_CRASHES", 1000)
    monkeypatch.setattr(service, "MOST_FRUITLESS", 1000)
    forget()
    yield
    forget()


def forget() -> None:
    """As another process would begin."""
    service._compiling().close()
    service._compiling.cache_clear()
    store.store.cache_clear()


@pytest.fixture(scope="module")
def plain():
    """A machine without tier 2."""
    side = Side(NativeEngine)
    side.reset()
    program(side)
    return side


def both(plain: Side, side: Side, turns: int, between=lambda: None) -> None:
    plain.reset()
    program(plain)
    for _ in range(turns):
        assert plain.run([STEP]) == side.run([STEP]) == "budget"
        same(plain, side, "with tier 2")
        between()


def until_compiled(side: Side) -> None:
    for _ in range(2000):
        side.engine.tier2.poll()
        if not side.engine.tier2._waiting:
            return
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError("it does not come")


def kill() -> None:
    running = service._compiling()._child
    if running is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)


def test_compiled_beside_and_found_again(plain, monkeypatch):
    side = tiered()
    both(plain, side, 3)
    until_compiled(side)
    for _ in range(3):
        side.run([STEP])
        plain.run([STEP])
    same(plain, side, "compiled")
    assert side.engine.tier2.installed >= FUNCTIONS and side.core.c64[CALLS // 8] > FUNCTIONS
    forget()
    monkeypatch.setattr(child, "PROGRAM", "raise SystemExit")  # what is compiled now was found in the cache
    side = tiered()
    both(plain, side, 3)
    assert side.engine.tier2.installed >= FUNCTIONS and side.core.c64[CALLS // 8] > FUNCTIONS


def test_the_helper_is_killed_again_and_again(plain):
    rng, side = random.Random(7), tiered()

    def between() -> None:
        subprocess.run(["sleep", str(rng.random() / 50)], check=True)
        if rng.random() < 0.3:
            kill()
        for _ in range(child.LOOKS):
            side.engine.tier2.poll()

    both(plain, side, TURNS, between)
    assert service._compiling()._crashes > 3
    until_compiled(side)


@pytest.mark.parametrize("what", ["damaged", "cleared", "no helper"])
def test_without(plain, what, monkeypatch):
    """Its cache is damaged or cleared while it is used; there is no helper at all."""
    if what == "no helper":
        monkeypatch.setattr(service, "MOST_FRUITLESS", 3)
        monkeypatch.setattr("sys.executable", None)
    side = tiered()
    both(plain, side, 3)
    if what != "no helper":
        until_compiled(side)
        forget()
        store.store()  # it has been opened
        for path in Path(store.folder_of(store.version())).glob("*.blocks"):
            path.write_bytes(os.urandom(path.stat().st_size)) if what == "damaged" else path.unlink()
    side = tiered()
    both(plain, side, 3)
    if what == "cleared":
        assert side.engine.tier2.installed >= FUNCTIONS
