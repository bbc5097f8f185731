"""JSON that is read as it was written: no reader's numbers are wider than a double's 53 bits for certain.

jq (before 1.7), JavaScript and most spreadsheets round larger integers without a word, so these are written as strings.
"""

import json
from typing import Any

EXACT = 1 << 53


def dumps(value: Any, indent: int | None = None) -> str:
    return json.dumps(safe(value), indent=indent)


def safe(value: Any) -> Any:
    """Plain values, with integers that a double does not hold as strings."""
    if isinstance(value, dict):
        return {name: safe(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [safe(item) for item in value]
    if isinstance(value, int) and not -EXACT <= value <= EXACT:
        return str(value)
    return value
