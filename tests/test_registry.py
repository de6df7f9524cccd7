from __future__ import annotations

from pathlib import Path

import pytest

from kerastl import registry
from kerastl.errors import UsageError
from kerastl.recipe import Recipe


def test_our_recipes_are_found_by_name():
    assert {"candy", "flowers"} <= set(registry.entries())
    for name in ("candy", "flowers"):
        assert registry.find(name).name == name


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"no recipe 'cany'\. Did you mean 'candy'"):
        registry.find("cany")


def test_a_file_is_a_recipe(recipe_file: Path, recipe: Recipe):
    assert registry.find(str(recipe_file)) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe = 3", "must set `recipe = Recipe"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("recipe = ", "SyntaxError"),
    ],
)
def test_a_broken_file_is_told_in_one_line(tmp_path: Path, text: str, message: str):
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        registry.find(str(file))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(UsageError, match="no recipe file"):
        registry.find(str(tmp_path / "mine.py"))


def test_a_file_cannot_stand_in_for_a_module(tmp_path: Path, recipe_file: Path):
    file = tmp_path / "json.py"
    file.write_text(recipe_file.read_text())
    registry.find(str(file))
    import json

    assert json.loads("[1]") == [1]


@pytest.fixture
def other_package(tmp_path: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another package that brings two recipes, one of them broken."""
    (tmp_path / "other_good.py").write_text(recipe_file.read_text())
    (tmp_path / "other_bad.py").write_text("raise RuntimeError('half installed')")
    metadata = tmp_path / "other-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[kerastl.recipes]\ngood = other_good\nbad = other_bad:recipe\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("other_package")
def test_other_packages_bring_recipes(recipe: Recipe):
    assert registry.entries()["good"].package == "other"
    assert registry.find("good") == recipe


@pytest.mark.usefixtures("other_package")
def test_a_broken_recipe_of_another_package_says_whose_it_is():
    with pytest.raises(UsageError, match=r"'bad' of other is broken: RuntimeError: half installed"):
        registry.find("bad")


def test_a_broken_recipe_of_another_package_does_not_break_the_list(other_package: Path, program):
    done = program("list", cwd=other_package, env={"PYTHONPATH": str(other_package)})
    assert done.returncode == 0
    assert "candy" in done.stdout
    assert "half installed" in done.stdout
