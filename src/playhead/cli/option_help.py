"""`--help` of a verb, made from its table of options."""

from collections.abc import Sequence

from playhead.cli.option_table import Option

COLUMN, WIDTH = 30, 100


def by_group(table: Sequence[Option]) -> dict[str, list[Option]]:
    """The options that help shows; those without a text are other names of others."""
    groups: dict[str, list[Option]] = {}
    for option in table:
        if option.help:
            groups.setdefault(option.group, []).append(option)
    return groups


def text(usage: str, what: str, table: Sequence[Option], after: str = "") -> str:
    lines = [f"usage: {usage}", "", what]
    for group, options in by_group(table).items():
        lines += ["", f"{group or 'options'}:"]
        for option in options:
            left = f"  {', '.join(option.names)} {option.value_shown}".rstrip()
            lines += _wrapped(left, about(option.help, option.default_shown))
            for sub in option.subs:
                if sub.help:
                    lines += _wrapped(f"      {sub.shown}", about(sub.help, sub.default))
    return "\n".join(lines + (["", after] if after else [])) + "\n"


def about(help: str, default: str) -> str:
    return f"{help} (default: {default})" if default and "default" not in help else help


def _wrapped(left: str, text: str) -> list[str]:
    import textwrap

    body = textwrap.wrap(text, WIDTH - COLUMN) or [""]
    if len(left) >= COLUMN:
        return [left, *(" " * COLUMN + b for b in body)]
    return [left.ljust(COLUMN) + body[0], *(" " * COLUMN + b for b in body[1:])]
