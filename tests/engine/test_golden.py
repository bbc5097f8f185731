"""The second tier's text of typical blocks, and how many host instructions it becomes, are those of the golden files:
a change is meant, or found here. `./dev golden --write` makes them anew; what changed is then in the diff."""

import pytest

from tools import golden


@pytest.mark.parametrize("name", golden.names())
def test_a_block_is_translated_as_it_was(name):
    path = golden.FOLDER / f"{name}.ll"
    assert path.exists(), f"no {path.name}: ./dev golden --write makes it"
    assert golden.text(name) == path.read_text(), "./dev golden shows the difference, ./dev golden --write accepts it"


def test_each_golden_file_has_its_source():
    assert {path.stem for path in golden.FOLDER.glob("*.ll")} == set(golden.names()) and len(golden.names()) >= 12


def test_a_difference_is_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "one.s").write_text("        incl %eax\n        ret\n")
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    assert golden.main(["--write"]) == 0 and golden.main([]) == 0
    path = tmp_path / "one.ll"
    good = path.read_text()
    assert good.startswith("; The block of one.s: 2 instructions of a guest.\n; x86-64-v3: ")
    path.write_text(good.replace("; x86-64-v3: ", "; x86-64-v3: 1"))
    capsys.readouterr()
    assert golden.main([]) == 1
    said = capsys.readouterr().out
    assert "-; x86-64-v3: 1" in said and "DIFFERS" in said
