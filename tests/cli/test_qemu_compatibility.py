"""QEMU and playhead-system-i386 side by side: what differs is explained, and the page that says so is true."""

import pytest

from tools import compat


@pytest.fixture(scope="module")
def found() -> dict[str, list[compat.Row]]:
    if why := compat.missing():
        pytest.skip(why)
    return compat.compare()


def test_each_difference_is_explained(found: dict[str, list[compat.Row]]) -> None:
    rows = [row for group in found.values() for row in group]
    assert len(rows) > 200
    odd = [f"{row.case.text}: QEMU {row.qemu[:2]}, Playhead {row.ours[:2]}" for row in rows if not row.settled]
    assert not odd, "\n".join(odd)


def test_the_page_is_fresh(found: dict[str, list[compat.Row]]) -> None:
    assert compat.PAGE.read_text() == compat.page(found), "docs/reference is stale: run ./dev compat --write"


def test_the_checker_sees_differences() -> None:
    assert compat.unlike({"a": "int"}, {"a": "str"}) and compat.unlike({"a": "int"}, {"b": "int"})
    assert not compat.unlike({"a": "int", "b": {"c": "str"}}, {"b": {}})
    assert list(compat.lacking({"a": "int", "b": [{"c": "str"}]}, {"b": [{}]})) == ["a", "b.c"]
