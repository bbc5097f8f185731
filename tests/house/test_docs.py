"""The generated reference pages say what the declarations say now."""

import pytest

from tools import docs


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_reference_page_is_fresh(name):
    path = docs.FOLDER / f"{name}.md"
    assert path.exists() and path.read_text() == docs.PAGES[name](), f"{path.name} is stale: run ./dev docs"
