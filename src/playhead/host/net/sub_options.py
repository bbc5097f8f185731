"""Sub-options of one -netdev, taken one after the other: words of a command line, or values out of JSON.

Each mistake is one line that names the sub-option; what nobody has taken in the end (`done`) is unknown.
"""

import re
from collections.abc import Mapping
from typing import Any

from playhead.base.booleans import BOOLEANS
from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest


class SubOptions:
    """`given`: those of the netdev without `type` and `id`; in nested ones, `path` is where they are: `addr.`."""

    def __init__(self, given: Mapping[str, Any], path: str = ""):
        self._left, self._path = dict(given), path
        self._known: list[str] = []

    def name(self, key: str) -> str:
        return f"{self._path}{key}"

    def _take(self, key: str) -> Any:
        self._known.append(key)
        return self._left.pop(key, None)

    def text(self, key: str) -> str | None:
        value = self._take(key)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{self.name(key)}= should be a text")
        return value

    def needed(self, key: str) -> str:
        value = self.text(key)
        if value is None:
            raise UsageError(f"{self.name(key)}= is missing")
        return value

    def boolean(self, key: str, default: bool = False) -> bool:
        value = self.switch(key)
        return default if value is None else value

    def switch(self, key: str) -> bool | None:
        """None: it was not given."""
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return value
        if value not in BOOLEANS:
            raise UsageError(f"{self.name(key)}={value} is not one of on, off")
        return BOOLEANS[value]

    def number(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value = self._take(key)
        if value is None:
            if default is None:
                raise UsageError(f"{self.name(key)}= is missing")
            return default
        if isinstance(value, bool) or not re.fullmatch("[0-9]{1,9}", str(value)) or not low <= int(value) <= high:
            raise UsageError(f"{self.name(key)}={value} is not a number from {low} to {high}")
        return int(value)

    def nested(self, key: str) -> "SubOptions | None":
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise UsageError(f"{self.name(key)}= has keys of its own: {self.name(key)}.type= and others")
        return SubOptions(value, self.name(key) + ".")

    def refuse(self, key: str, why: str) -> None:
        """One that QEMU has and this version does not, whatever its value but off."""
        value = self._left.pop(key, None)
        if value is not None and BOOLEANS.get(str(value).lower(), True):
            raise UnsupportedError(f"{self.name(key)}= is not supported: {why}")

    def done(self) -> None:
        """Nothing else may be there."""
        for key in self._left:
            known = [self.name(one) for one in self._known]
            hint = nearest(self.name(key), known) or f"; there are {', '.join(known)}"
            raise UsageError(f"unknown key '{self.name(key)}'{hint}")
