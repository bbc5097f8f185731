"""Debian packages of another architecture, without touching the system's own apt.

`apt-get` gets a private root: state, cache, an empty dpkg status, and a configuration file that names them. It uses the
system's source lists, keys, and `Acquire` settings (a proxy, for instance), and nothing else of it. Nothing here needs
to be root.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

INDEX = "apt-index"  # the folder next to the guests; that of another architecture has its name behind it
_TRIES = 4
_INDEX_TRIES = 2  # a mirror whose files do not fit its own signature is not mended by asking again and again
_INDEX_S = 24 * 3600  # how long an index serves
_INCOMPLETE_S = 3600  # and one that the mirror gave in part only
_ARCHITECTURES = ("i386", "amd64")  # of nearly all recipes: one index holds both
_FAILED = re.compile(r"^Err:\d+ \S+ (.+)\n +(.+)", re.MULTILINE)
_TIMEOUT_S = 900


class AptError(Exception):
    """The host's apt cannot give what is wanted; the text says what was tried."""


class PrivateApt:
    """An apt of one architecture, whose files all live under `root`, but for the package index: that is in the folder
    `index`, fetched once for all recipes that name the same.
    """

    def __init__(self, root: Path, architecture: str, say: Callable[[str], None], index: Path) -> None:
        for tool in ("apt-get", "apt-config", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise AptError(f"{tool} is not installed: Debian's packages can be fetched on a Debian system only")
        self._say = say
        root = root.resolve()
        self._packages = root / "packages"
        self._indexed = _ARCHITECTURES if architecture in _ARCHITECTURES else (architecture,)
        etc = root / "etc"
        self._index = index.resolve()
        own = (etc / "parts", root / "state", root / "cache/archives/partial", self._packages)
        for folder in (*own, self._index / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        (root / "state/status").touch()
        configuration = etc / "apt.conf"
        configuration.write_text(_borrowed() + _own(root, architecture, self._index))
        self._environment = {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"}

    def update(self) -> None:
        """See that there is a package index, not older than a day."""
        fetched = self._index / "fetched"
        if not fetched.exists() or not 0 <= time.time() - fetched.stat().st_mtime < _INDEX_S:
            self._fetch_index()

    def _fetch_index(self) -> None:
        """A failing mirror is tried again; what matters is whether packages are found."""
        both = [word for name in self._indexed for word in ("-o", f"APT::Architectures::={name}")]
        for attempt in range(_INDEX_TRIES):
            self._say("fetching the package index" + (f", try {attempt + 1}" if attempt else ""))
            result = self._run("apt-get", "update", "-q", *both)
            if result.returncode == 0 and "\nW: Failed" not in result.stdout + result.stderr:
                break
            time.sleep(2)
        else:
            failed = {f"{what}: {why}" for what, why in _FAILED.findall(result.stdout)} or {_last_line(result)}
            self._say(f"the package index is incomplete ({'; '.join(sorted(failed))})")
            self._note(_INDEX_S - _INCOMPLETE_S)
            return
        self._note(0)

    def _note(self, age_s: int) -> None:
        """That there is an index now, as good as one of that age."""
        fetched = self._index / "fetched"
        fetched.touch()
        os.utime(fetched, (time.time() - age_s,) * 2)
        self._fresh = True

    _fresh = False  # fetched by this very object

    def names(self, prefix: str) -> list[str]:
        """The names of the packages that start with `prefix`."""
        return self._run("apt-cache", "pkgnames", prefix).stdout.split()

    def with_needs(self, *packages: str) -> list[str]:
        """The names of what apt would install for these on an empty system, in its order. A name may also be one of
        apt's patterns (apt-patterns(7)), such as `?essential`."""
        result = self._run("apt-get", "-s", "-q", "install", "--no-install-recommends", *packages)
        names = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("Inst ")]
        if result.returncode != 0 or not names:
            raise AptError(f"cannot resolve {' '.join(packages)}: {_last_line(result)}")
        return names

    def download(self, *packages: str) -> list[Path]:
        """Download packages, verified by apt; their files, in the same order."""
        what = packages[0] if len(packages) == 1 else f"{len(packages)} packages"
        for attempt in range(_TRIES):
            self._say(f"fetching {what}" + (f", try {attempt + 1}" if attempt else ""))
            result = self._run("apt-get", "download", "-q", *packages)
            found = [sorted(self._packages.glob(f"{package}_*.deb")) for package in packages]
            if result.returncode == 0 and all(found):
                return [files[-1] for files in found]
            if not self._fresh:  # it may name packages that have been replaced since
                self._fetch_index()
            time.sleep(2 + 2 * attempt)
        raise AptError(f"cannot fetch {what}: {_last_line(result)}")

    def source(self, package: str, suite: str) -> Path:
        """Download the original archive of a source package of a suite, from where the system's packages come."""
        sites = re.findall(r"^'(\S+)/dists/", self._run("apt-get", "update", "--print-uris").stdout, re.MULTILINE)
        if not sites:
            raise AptError("the system's apt has no sources")
        listed = self._packages.parent / "etc/source.list"
        listed.write_text(f"deb-src {sites[0]} {suite} main\n")
        only = ("-o", f"Dir::Etc::sourcelist={listed}", "-o", "Dir::Etc::sourceparts=/dev/null")
        self._say(f"fetching the source of {package} ({suite})")
        for command in (["update"], ["source", "--download-only", package]):
            result = self._run("apt-get", "-q", *only, *command)
            if result.returncode != 0:
                raise AptError(f"cannot fetch the source of {package} ({suite}): {_last_line(result)}")
        found = sorted(self._packages.glob(f"{package}_*.orig.tar.*"))
        archives = [path for path in found if path.suffix != ".asc"]
        if not archives:
            raise AptError(f"the source of {package} ({suite}) has no original archive")
        return archives[-1]

    def unpack(self, package: str, into: Path) -> None:
        """Download a package and unpack its files below `into`."""
        (found,) = self.download(package)
        into.mkdir(parents=True, exist_ok=True)
        result = self._run("dpkg-deb", "-x", str(found), str(into))
        if result.returncode != 0:
            raise AptError(f"cannot unpack {found.name}: {_last_line(result)}")

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command, env=self._environment, cwd=self._packages, capture_output=True, text=True, timeout=_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 1, "", f"no answer in {_TIMEOUT_S} s")


def _borrowed() -> str:
    """The system's settings about fetching, and where its sources and keys are."""
    dump = ["apt-config", "dump", "--no-empty"]
    acquire = subprocess.run([*dump, "Acquire"], capture_output=True, text=True).stdout
    shell = ["apt-config", "shell"]
    wanted = {"sourcelist/f": "sourcelist", "sourceparts/d": "sourceparts", "trusted/f": "trusted"}
    wanted |= {"trustedparts/d": "trustedparts", "netrc/f": "netrc", "netrcparts/d": "netrcparts"}
    lines = []
    for key, name in wanted.items():
        said = subprocess.run([*shell, "V", f"Dir::Etc::{key}"], capture_output=True, text=True).stdout
        path = said.strip().removeprefix("V=").strip("'")
        lines.append(f'Dir::Etc::{name} "{path}";\n')
    return acquire + "".join(lines)


def _own(root: Path, architecture: str, index: Path) -> str:
    return f"""
Dir::State "{root}/state";
Dir::State::lists "{index}";
Dir::State::status "{root}/state/status";
Dir::Cache "{root}/cache";
Dir::Etc::parts "{root}/etc/parts";
Dir::Etc::main "{root}/etc/none";
Dir::Etc::preferences "{root}/etc/none";
Dir::Etc::preferencesparts "{root}/etc/parts";
APT::Architecture "{architecture}";
#clear APT::Architectures;
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
"""


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = (result.stdout + result.stderr).strip().splitlines()
    return lines[-1] if lines else f"status {result.returncode}"
