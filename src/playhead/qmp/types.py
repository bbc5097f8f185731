"""The types of QMP's schema: what a command's argument may be, what a result is, and how the schema describes both.

They are written as QEMU's schema files do: a structure is a mapping, `"*name"` is an optional member, `[T]` a list.
Errors have QEMU's words.
"""

from collections.abc import Mapping
from typing import Any

from playhead.qmp.errors import QmpError

Spec = Any  # a Type, or [Spec]


class Type:
    """`json`: the kind of value, in the schema's words; `expected`: in those of an error."""

    name = ""
    json = expected = ""

    def check(self, value: Any, path: str = "") -> Any:
        """The value as a handler is to have it; raises QmpError."""
        raise NotImplementedError

    def wrong(self, path: str) -> QmpError:
        return QmpError(f"Invalid parameter type for '{path or 'null'}', expected: {self.expected}")

    def shown(self) -> str:
        """For the reference page."""
        return self.name


class Builtin(Type):
    def __init__(self, name: str, json: str, expected: str, python: tuple[type, ...]):
        self.name, self.json, self.expected, self._python = name, json, expected, python

    def check(self, value: Any, path: str = "") -> Any:
        if self._python and type(value) not in self._python:
            raise self.wrong(path)
        return value


class Integer(Type):
    """All are `int` in the schema; `c` is the C type that an error names."""

    name, json, expected = "int", "int", "integer"

    def __init__(self, c: str, least: int, most: int):
        self._c, self._least, self._most = c, least, most

    def check(self, value: Any, path: str = "") -> int:
        if type(value) is not int:
            raise self.wrong(path)
        if not self._least <= value <= self._most:
            raise QmpError(f"Parameter '{path}' expects {self._c}")
        return value


STR = Builtin("str", "string", "string", (str,))
BOOL = Builtin("bool", "boolean", "boolean", (bool,))
NUMBER = Builtin("number", "number", "number", (int, float))
ANY = Builtin("any", "value", "value", ())
INT = Integer("int64", -(1 << 63), (1 << 63) - 1)


class Enum(Type):
    json, expected = "string", "string"

    def __init__(self, name: str, *values: str):
        self.name, self.values = name, values

    def check(self, value: Any, path: str = "") -> str:
        if type(value) is not str:
            raise self.wrong(path)
        if value not in self.values:
            short = path.rpartition(".")[2]
            raise QmpError(f"Parameter '{'null' if short.endswith(']') else short}' does not accept value '{value}'")
        return value


class Array(Type):
    json, expected = "array", "array"

    def __init__(self, element: Spec):
        self.element = of(element)
        self.name = f"[{self.element.name}]"

    def check(self, value: Any, path: str = "") -> list[Any]:
        if type(value) is not list:
            raise self.wrong(path)
        return [self.element.check(one, f"{path}[{n}]") for n, one in enumerate(value)]

    def shown(self) -> str:
        return f"[{self.element.shown()}]"


class Struct(Type):
    """`members`: name, with a star in front if it may be left out, -> type. `variants`: by the value of the member
    `tag`, an enum, further members; or all of them in a member `data` of their own, if `wrapped`.
    """

    json, expected = "object", "object"

    def __init__(self, name: str, members: Mapping[str, Spec], *, tag: str = "",
                 variants: Mapping[str, "Struct"] | None = None, wrapped: bool = False):  # fmt: skip
        self.name, self.tag, self.wrapped = name, tag, wrapped
        self.variants = variants or {}
        self.members = {key.lstrip("*"): of(spec) for key, spec in members.items()}
        self.optional = {key[1:] for key in members if key.startswith("*")}

    def check(self, value: Any, path: str = "") -> dict[str, Any]:
        if type(value) is not dict:
            raise self.wrong(path)
        prefix = f"{path}." if path else ""
        found = self._members(value, prefix)
        variant = self.variants.get(found.get(self.tag, "")) if self.tag else None
        left = {key: one for key, one in value.items() if key not in self.members}
        if variant is not None and self.wrapped:
            if "data" not in left:
                raise QmpError(f"Parameter '{prefix}data' is missing")
            found["data"] = variant.check(left.pop("data"), f"{prefix}data")
        elif variant is not None:
            found.update(variant._members(left, prefix))
            left = {key: one for key, one in left.items() if key not in variant.members}
        if left:
            raise QmpError(f"Parameter '{prefix}{next(iter(left))}' is unexpected")
        return found

    def _members(self, value: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        found = {}
        for key, type in self.members.items():
            if key in value:
                found[key] = type.check(value[key], prefix + key)
            elif key not in self.optional:
                raise QmpError(f"Parameter '{prefix}{key}' is missing")
        return found


def of(spec: Any) -> Type:
    """`[T]` is a list of T."""
    if isinstance(spec, list):
        (element,) = spec
        return Array(element)
    assert isinstance(spec, Type), spec
    return spec


NOTHING = Struct("Nothing", {})
