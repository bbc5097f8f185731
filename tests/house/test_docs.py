"""The generated reference pages say what the declarations say now."""

import re
from pathlib import Path

import pytest

from tools import docs
from tools.requirements import GROUPS

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_reference_page_is_fresh(name):
    path = docs.FOLDER / f"{name}.md"
    assert path.exists() and path.read_text() == docs.PAGES[name](), f"{path.name} is stale: run ./dev docs"


def test_each_requirement_has_a_test_or_a_reason() -> None:
    rows = [row for _, group in GROUPS for row in group]
    assert [row.number for row in rows] == list(range(1, 101))
    for row in rows:
        assert row.shown or row.differs, f"R{row.number}"
        for test in row.shown:
            file, _, name = test.partition("::")
            source = (TESTS / file).read_text()
            assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"R{row.number}: {test}"
