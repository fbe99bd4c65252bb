"""Tables whose rows are the modules of a package."""

import sys

import pytest

from nlpie_models.errors import UnknownName
from nlpie_models.util.modules import ModuleTable

ROW = "class Row:\n    name = {name!r}\n    aliases = {aliases!r}\n\n\nROW = Row()\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "a_package_of_rows"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_helper.py").write_text("raise AssertionError")
    (folder / "no_row.py").touch()
    (folder / "first_row.py").write_text(ROW.format(name="first-row", aliases=["one"]))
    (folder / "second.py").write_text(ROW.format(name="deux", aliases=[]))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder.name
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
        del sys.modules[name]


def test_rows_are_found_by_file_name(package) -> None:
    table = ModuleTable(package, "ROW", "kind of row")
    assert [row.name for row in table.rows()] == ["deux", "first-row"]
    assert table.get("one") is table.get("first-row")
    assert table.get("deux").name == "deux"
    for name in ("no_row", "no-row", "second", "_helper", ""):
        with pytest.raises(UnknownName, match=f"Unknown kind of row '{name}'"):
            table.get(name)


def test_a_row_of_a_module_of_its_name_imports_no_other(package) -> None:
    ModuleTable(package, "ROW", "row").get("first-row")
    assert f"{package}.second" not in sys.modules
