from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image


def test_a_learning_rate_is_found_for_each_stage(within, recipe_file: Path, tmp_path: Path):
    done = within("find-lr", recipe_file, "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found.keys() == {"frozen", "unfrozen"}
    assert 1e-4 < found["frozen"] < 0.2
    assert f"Stage frozen: learning rate {found['frozen']:g}" in done.stderr
    with Image.open(tmp_path / "colors-learning-rates.png") as image:
        assert image.width > 600
    assert [path.name for path in tmp_path.iterdir()] == ["colors-learning-rates.png"]


@pytest.mark.slow
def test_the_setting_of_a_gradual_stage_is_the_whole_stages(
    within, recipe_file: Path, tmp_path: Path
):
    gradual = ["--unfreeze-after", "0", "--set", "stages.unfrozen.gradual=2"]
    done = within("find-lr", recipe_file, *gradual, cwd=tmp_path)
    assert "Stage unfrozen-1: learning rate" in done.stdout
    assert "Take one with: --set stages.unfrozen.learning_rate=..." in done.stdout


def test_there_is_no_such_recipe(program, tmp_path: Path):
    done = program("find-lr", "cany", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Did you mean 'candy'?" in done.stderr


@pytest.mark.parametrize(
    ("output", "status", "message"),
    [
        ("rates.txt", 2, "--output takes the name of a .png file, not 'rates.txt'"),
        ("text.png", 1, "text.png exists and is something else; name another file."),
        ("folder.png", 1, "folder.png exists and is something else; name another file."),
        ("rates.txt/rates.png", 1, "Cannot write rates.txt/rates.png: "),
    ],
)
def test_no_other_file_is_lost(
    program, recipe_file: Path, tmp_path: Path, output: str, status: int, message: str
):
    (tmp_path / "folder.png").mkdir()
    for name in ("rates.txt", "text.png"):
        (tmp_path / name).write_text("mine")
    done = program("find-lr", recipe_file, "--output", output, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)
    assert message in done.stderr
    assert all((tmp_path / name).read_text() == "mine" for name in ("rates.txt", "text.png"))
