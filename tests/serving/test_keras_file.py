from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.errors import ExportError
from kerastl.serving import archive
from kerastl.serving.keras_file import load_harmless, open_keras_file


@pytest.fixture
def file(formats: Path, tmp_path: Path) -> Path:
    """A copy of the Keras file to change."""
    path = tmp_path / "model.keras"
    path.write_bytes((formats / "model.keras").read_bytes())
    return path


def changed(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held |= {name.replace("_", "."): text.encode() for name, text in members.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)


def with_layer(path: Path, layer: dict) -> None:
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"].append({"name": "more", "inbound_nodes": [], **layer})
    changed(path, config_json=json.dumps(config))


def test_it_tells_features_and_where_it_sees_a_class(model, formats: Path):
    opened = open_keras_file(formats / "model.keras")
    assert opened.embed(model.photos[:2]).shape == (2, 256)
    maps = opened.explain(model.photos[:2])
    assert maps.ndim == 3
    assert maps.max() <= 1


def test_a_model_that_was_compiled_needs_nothing_of_that(formats: Path):
    with zipfile.ZipFile(formats / "model.keras") as archive:
        assert b"SGD" not in archive.read("config.json")


class Touching:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("touched"),)


def test_a_lambda_is_refused_and_not_run(file: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos = keras.Input((4,))
    touching = keras.layers.Lambda(lambda values: Path("touched").touch() or values)
    harmful = keras.Model(photos, touching(photos))
    Path("touched").unlink()
    harmful.save("lambda.keras")
    with zipfile.ZipFile("lambda.keras") as archive:
        changed(file, config_json=archive.read("config.json").decode())
    for opening in (open_keras_file, load_harmless):
        with pytest.raises(ExportError, match=r"refused: it names 'Lambda' of 'keras\.layers'"):
            opening(file)
    assert not Path("touched").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("kerastl.registry", "Registry"),
        ("keras.utils", "get_file"),
        ("keras", "Lambda"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "TextVectorization"),
        ("keras.layers.evil", "Dense"),
        (None, "Dense"),
        (None, "__lambda__"),
        (7, "Dense"),
        ("keras.layers", ["Dense"]),
    ],
)
def test_what_is_no_harmless_part_of_keras_is_refused(file: Path, module, name):
    with_layer(file, {"module": module, "class_name": name, "config": {}})
    with pytest.raises(ExportError, match="is refused: it names"):
        open_keras_file(file)


@pytest.mark.parametrize("module", ["builtins", "keras.layers", "keras.src.ops.nn", None])
@pytest.mark.parametrize(
    "function", ["TFSMLayer", "Lambda", "deserialize", "__loader__", ["relu"], None]
)
def test_a_function_may_only_be_an_activation(file: Path, module, function):
    named = {"module": module, "class_name": "function", "config": function}
    config = {"activation": named, "name": "more"}
    with_layer(file, {"module": "keras.layers", "class_name": "Activation", "config": config})
    with pytest.raises(ExportError, match="is refused: it names"):
        open_keras_file(file)


def test_a_layer_inside_of_another_is_looked_at(file: Path):
    inner = {"module": "os", "class_name": "system", "config": {}}
    config = {"layer": inner, "name": "all"}
    layer = {"module": "keras.layers", "class_name": "TimeDistributed", "config": config}
    with_layer(file, layer)
    with pytest.raises(ExportError, match="it names 'system' of 'os'"):
        open_keras_file(file)


def test_a_pickle_is_refused_and_not_run(file: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file.write_bytes(pickle.dumps(Touching()))
    with pytest.raises(ExportError, match="is damaged"):
        open_keras_file(file)
    assert not Path("touched").exists()


@pytest.mark.parametrize("config", ["", "[]", "{", "7", "[" * 100_000, '{"class_name": "Model"}'])
def test_a_damaged_config_is_told(file: Path, config: str):
    changed(file, config_json=config)
    with pytest.raises(ExportError, match=r"is (damaged|refused)"):
        open_keras_file(file)


def test_a_config_that_never_ends_is_refused(file: Path, monkeypatch):
    monkeypatch.setattr(archive, "_MOST_TEXT", 1000)
    with pytest.raises(ExportError, match=r"its config\.json is larger than any"):
        load_harmless(file)


def test_a_model_of_somebody_else_is_told(file: Path, tmp_path: Path):
    photos = keras.Input((4,))
    keras.Model(photos, keras.layers.Dense(3)(photos)).save(tmp_path / "other.keras")
    with pytest.raises(ExportError, match=r"none of kerastl's: it has no about\.json"):
        open_keras_file(tmp_path / "other.keras")
    with zipfile.ZipFile(file) as archive:
        about = archive.read("about.json").decode()
    changed(tmp_path / "other.keras", about_json=about)
    with pytest.raises(ExportError, match="is no model of kerastl"):
        open_keras_file(tmp_path / "other.keras")


def test_a_damaged_about_is_told(file: Path):
    changed(file, about_json="{}")
    with pytest.raises(ExportError, match="does not say what it is"):
        open_keras_file(file)


def test_weights_that_do_not_fit_are_told(file: Path):
    changed(file, model_weights_h5="")
    with zipfile.ZipFile(file) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content if name != "model.weights.h5" else b"none")
    with pytest.raises(ExportError, match="is damaged") as caught:
        open_keras_file(file)
    assert len(str(caught.value).splitlines()) == 1
    assert np.isfinite(len(str(caught.value)))
