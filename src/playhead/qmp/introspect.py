"""`query-qmp-schema`: the schema of what is there, out of the declarations, in the form that QEMU gives it.

Types have numbers for names, as QEMU's have: a name would look like something to rely on.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from playhead.qmp.declared import Command
from playhead.qmp.types import Array, Builtin, Enum, Integer, Struct, Type


class Schema:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._names: dict[int, str] = {}
        self._kept: list[Type] = []  # so that an id stays that of one type
        self._count = 0

    def command(self, one: Command) -> None:
        self.entries.append({
            "name": one.name, "meta-type": "command", "arg-type": self.type(one.arguments),
            "ret-type": self.type(one.returns), "allow-oob": False,
        })  # fmt: skip

    def event(self, name: str, data: Struct) -> None:
        self.entries.append({"name": name, "meta-type": "event", "arg-type": self.type(data)})

    def type(self, one: Type) -> str:
        """The name under which the schema has it."""
        if isinstance(one, (Builtin, Integer)):
            if one.name not in self._names.values():
                self._names[id(one)] = one.name
                self.entries.append({"name": one.name, "meta-type": "builtin", "json-type": one.json})
            return one.name
        if isinstance(one, Array):
            element = self.type(one.element)
            name = f"[{element}]"
            if name not in self._names.values():
                self._keep(one, name)
                self.entries.append({"name": name, "meta-type": "array", "element-type": element})
            return name
        if id(one) not in self._names:
            self._keep(one, str(self._count))
            self._count += 1
            self.entries.append({"name": self._names[id(one)], **self._described(one)})
        return self._names[id(one)]

    def _keep(self, one: Type, name: str) -> None:
        self._names[id(one)] = name
        self._kept.append(one)

    def _described(self, one: Type) -> dict[str, Any]:
        if isinstance(one, Enum):
            values = list(one.values)
            return {"meta-type": "enum", "members": [{"name": value} for value in values], "values": values}
        assert isinstance(one, Struct)
        members: list[dict[str, Any]] = [
            {"name": key, "type": self.type(type), **({"default": None} if key in one.optional else {})}
            for key, type in one.members.items()
        ]
        if not one.tag:
            return {"meta-type": "object", "members": members}
        tag = one.members[one.tag]
        assert isinstance(tag, Enum)
        nothing = Struct("Nothing", {})
        cases = [{"case": case, "type": self.type(self._case(one, case, nothing))} for case in tag.values]
        return {"meta-type": "object", "members": members, "tag": one.tag, "variants": cases}

    @staticmethod
    def _case(one: Struct, case: str, nothing: Struct) -> Struct:
        variant = one.variants.get(case, nothing)
        return Struct(case, {"data": variant}) if one.wrapped and variant.members else variant


def schema(commands: Iterable[Command], events: Mapping[str, tuple[Struct, str]]) -> list[dict[str, Any]]:
    found = Schema()
    for one in sorted(commands, key=lambda command: command.name):
        found.command(one)
    for name, (data, _) in sorted(events.items()):
        found.event(name, data)
    return found.entries
