from __future__ import annotations

import re
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import keras
import pytest

import kerastl
import readme
from colors import fill, photo
from kerastl import trained
from kerastl.data import ImageFolder
from kerastl.recipe import Recipe
from kerastl.serving.form import Form
from kerastl.training.given import require_callbacks
from served import serving

TEXT = readme.README.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)


def example(containing: str) -> str:
    (found,) = (text for text in EXAMPLES if containing in text)
    return found


def test_help_and_recipe_are_those_of_the_program():
    assert readme.filled(TEXT) == TEXT, "run: python tests/readme.py"


def test_there_is_no_example_that_is_not_run():
    assert len(EXAMPLES) == 12


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch, recipe: Recipe, tmp_path: Path) -> None:
    """Let the examples run in seconds: in an empty folder, on a small candy recipe."""
    monkeypatch.chdir(tmp_path)
    small = attrs.evolve(recipe, name="candy")
    monkeypatch.setattr("kerastl.recipes.candy.recipe", small)
    monkeypatch.setattr("kerastl.find", lambda name: small)


@pytest.mark.usefixtures("_small")
def test_the_model_and_the_run():
    names: dict[str, object] = {}
    exec(example("recipe.build"), names)
    assert names["model"].output_shape == (None, 4)
    exec(example("run = kerastl.run("), names)
    assert isinstance(names["run"], kerastl.Run)
    assert names["run"].export.is_dir()


class Logger(keras.callbacks.Callback):
    """Stands for the callbacks of packages that the tests do without."""


@pytest.mark.parametrize("package", ["mlflow", "wandb"])
def test_callbacks(monkeypatch: pytest.MonkeyPatch, package: str):
    given: list[object] = []
    monkeypatch.setattr(kerastl, "run", lambda recipe, callbacks: given.extend(callbacks))
    names = {"mlflow": "mlflow.keras", "wandb": "wandb.integration.keras"}
    inner = SimpleNamespace(MlflowCallback=Logger, WandbMetricsLogger=Logger)
    outer = SimpleNamespace(keras=inner, start_run=nullcontext, init=lambda project: nullcontext())
    monkeypatch.setitem(sys.modules, package, outer)
    monkeypatch.setitem(sys.modules, names[package], inner)
    exec(example(f"import {package}\n"), {})
    require_callbacks(given)
    assert [type(one) for one in given] == [Logger]


def test_photos_of_ones_own():
    names: dict[str, Any] = {}
    exec(example("TFData("), names)
    for recipe in names["recipes"]:
        found = recipe.data.find()
        assert found.classes == ("snickers", "twix")
        assert set(found.photos.labels) == {0, 1}


@pytest.mark.usefixtures("_small")
def test_the_data_alone(tmp_path: Path):
    fill(tmp_path / "my_photos", 6)
    names: dict[str, object] = {}
    exec(example("batches("), names)
    assert names["images"].shape[1:] == (160, 160, 3)
    assert names["images"].dtype == "uint8"


@pytest.mark.slow
def test_a_source_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "many_photos", 6)
    text = example("kerastl.pretrain(")
    for whole, small in {
        '"small", 8, 0.5': '"small", 1, 0.5',
        "128, options": "64, options",
    }.items():
        assert whole in text
        text = text.replace(whole, small)
    names: dict[str, object] = {}
    exec(text, names)
    assert names["source"].weights.is_file()


def test_the_drawn_candy_as_a_data_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from kerastl.data.candy import builder

    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path))
    monkeypatch.setattr(builder, "_PHOTOS", {"train": 2, "validation": 1, "test": 1})
    names: dict[str, object] = {}
    exec(example("tfds.load"), names)
    assert len(names["candy"]) == 8
    assert (tmp_path / "datasets" / "candy").is_dir()


@pytest.mark.slow
def test_serving(finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys):
    directory, _ = finished
    monkeypatch.chdir(tmp_path)
    shutil.copytree(directory, tmp_path / "runs" / "mine")
    photo((200, 40, 50), 1).save("photo.jpg")
    # The recipe of the run is another one than that of the example.
    (tmp_path / "runs" / "mine" / "export" / "colors").rename("runs/mine/export/candy")
    exec(example("tf.saved_model.load"), {})
    assert "tf.Tensor([b'" in capsys.readouterr().out
    with serving(tmp_path / "runs" / "mine", "--name", "candy") as served:
        exec(example("import urllib.request").replace("8501", str(served.port)), {})
    label, probability, *error = capsys.readouterr().out.split()
    assert label in {"blue", "green", "red"}
    assert 1 / 3 <= float(probability) <= 1
    assert not error
    (target,) = trained.load("runs/mine").export(tmp_path / "served", [Form("keras")])
    target.parent.rename("served/candy-keras")
    exec(example("candy-keras"), {})
    assert "probabilities" in capsys.readouterr().out


def test_the_recipe_in_it_is_the_recipe():
    names: dict[str, object] = {}
    exec(example("recipe = Recipe("), names)
    assert names["recipe"] == kerastl.find("candy")
    assert not isinstance(names["recipe"].data, ImageFolder)
