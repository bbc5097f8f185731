"""Values of options that have a structure: as JSON, `{"driver": "raw", "file": {...}}`, or as QEMU writes the same with
dots, `driver=raw,file.driver=file`.
"""

from typing import Any

from playhead.base.errors import UsageError
from playhead.cli.option_table import commas

DEPTH = 16  # of a key with dots


def is_json(text: str) -> bool:
    return text.startswith("{")


def json_object(text: str) -> dict[str, Any]:
    """Raises UsageError for what is no JSON object."""
    import json

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise UsageError(f"the key '{key}' is there twice")
            found[key] = value
        return found

    try:
        found = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as e:
        raise UsageError(f"no JSON: {str(e).partition(chr(10))[0]}") from None
    assert isinstance(found, dict)  # it begins with a brace
    return found


def structured(text: str, implied: str = "") -> dict[str, Any]:
    """Nested dictionaries; in the form with dots all values are texts."""
    if is_json(text):
        return json_object(text)
    out: dict[str, Any] = {}
    for n, item in enumerate(commas(text)):
        key, equals, value = item.partition("=")
        if not equals and n == 0 and implied:
            key, value = implied, item
        elif not equals or not key:
            raise UsageError(f"'{item}' should be key=value")
        put(out, key, value)
    return out


def put(out: dict[str, Any], key: str, value: str) -> None:
    """A value at the place that a key with dots means."""
    path = key.split(".")
    if not all(path) or len(path) > DEPTH:
        raise UsageError(f"'{key}' is no key")
    for part in path[:-1]:
        out = out.setdefault(part, {})
        if not isinstance(out, dict):
            raise UsageError(f"'{key}': '{part}' has a value and keys of its own")
    if isinstance(out.get(path[-1]), dict):
        raise UsageError(f"'{key}' has a value and keys of its own")
    out[path[-1]] = value
