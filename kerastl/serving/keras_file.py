"""Writes one file for Keras, which says of itself what it is; opens it again, and runs no code."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import attrs
import keras

from kerastl.errors import ExportError, one_line
from kerastl.serving.about import ABOUT, CLASSES, About
from kerastl.serving.archive import text_in
from kerastl.serving.opened import Opened
from kerastl.serving.rebuilding import not_compiled
from kerastl.serving.served import PROBABILITIES, Served, open_served

NAME = "model.keras"
_CONFIG, _COMPILED = "config.json", "compile_config"

# Where what a config names may come from. All else of Keras, such as functions that fetch files,
# is no part of a model.
_MODULES = {
    "keras.layers",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.activations",
    "keras.dtype_policies",
    "keras.src.models.functional",
    "keras.src.models.sequential",
}
_ROOMS = ("keras.src.ops.", "keras.src.applications.")
_OF_KERAS = {"DTypePolicy", "Model", "Sequential"}
# What a function is called where others have the name of their class.
_FUNCTION = "function"
_ACTIVATIONS = {
    name
    for name, each in vars(keras.activations).items()
    if callable(each) and name not in ("deserialize", "get", "serialize")
}
# Values that Keras writes in the manner of objects.
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__slice__", "__ellipsis__"}
# Layers that hold code, or read a file that they name.
_HARMFUL = {
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "StringLookup",
    "IntegerLookup",
    "TextVectorization",
}


def write(served: Served, folder: Path) -> None:
    """Write `folder/model.keras`, from photos to probabilities.

    Those are float32 `[batch, size, size, 3]` of 0..255, and float32 `[batch, classes]`. It is
    loaded with `keras.models.load_model` in safe mode, and needs no kerastl. What it says of
    itself and the class names are further members of the zip archive that such a file is.

    Raises:
        OSError: It cannot be written.
    """
    about = served.about
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        saved = Path(name) / NAME
        served.as_keras().save(saved)
        with zipfile.ZipFile(saved) as archive:
            config = json.dumps(not_compiled(json.loads(archive.read(_CONFIG))))
        texts = {_CONFIG: config, ABOUT: about.as_text(), CLASSES: about.names}
        _copy(saved, folder / NAME, texts)


def _copy(source: Path, target: Path, texts: dict[str, str]) -> None:
    """Copy a zip archive, with these texts as members of it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            if member.filename not in texts:
                with old.open(member) as held, _large(new, member.filename) as written:
                    shutil.copyfileobj(held, written)
        for name, text in texts.items():
            new.writestr(name, text)


def _large(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    return archive.open(name, "w", force_zip64=True)


def open_keras_file(path: Path) -> Opened:
    """Open a Keras file that kerastl has written.

    Raises:
        ExportError: It is damaged, none of kerastl's, or names anything that is no part of Keras or
            may hold code.
    """
    about = About.from_text(text_in(path, ABOUT), path)
    model = load_harmless(path)
    try:
        logits = model.get_layer(PROBABILITIES).input
        about.require_shapes(model.inputs[0].shape, model.outputs[0].shape, path)
        served = Served(keras.Model(model.inputs[0], logits, name=model.name), about)
    except (ValueError, StopIteration, AttributeError, TypeError, ZeroDivisionError) as error:
        raise ExportError(f"{path} is no model of kerastl: {one_line(error)}.") from error
    return attrs.evolve(open_served(served, path), kind="keras")


def load_harmless(path: Path) -> keras.Model:
    """Load a Keras file of which nothing but layers of Keras is made; it is not compiled.

    Keras's own safe mode has been got round before (CVE-2025-1550, CVE-2025-8747): here what a file
    names is looked at before Keras sees it.

    Raises:
        ExportError: It is damaged, or names anything else.
    """
    _require_harmless(path)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ExportError(f"{path} is damaged: {one_line(error)}.") from error


def _require_harmless(path: Path) -> None:
    try:
        config = json.loads(text_in(path, _CONFIG))
        # Keras does not look at how the model was trained.
        config.pop(_COMPILED, None)
        refused = next((one for one in _named(config) if not _is_harmless(one)), None)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ExportError(f"{path} is damaged: its config cannot be read.") from error
    if refused:
        name = refused.get("config" if refused["class_name"] == _FUNCTION else "class_name")
        raise ExportError(
            f"{path} is refused: it names {name!r} of {refused.get('module')!r}, and only layers "
            "of Keras that hold no code are opened."
        )


def _named(value: Any) -> Iterator[dict[str, Any]]:
    """Yield what says the module and name of something that a config wants made or called."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for each in value.values():
            yield from _named(each)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each)


def _is_harmless(named: dict[str, Any]) -> bool:
    module, name, config = named.get("module"), named["class_name"], named.get("config")
    if name == _FUNCTION:
        # It is looked up by its name among Keras's own, and more than activations are found there.
        return module == "builtins" and isinstance(config, str) and config in _ACTIVATIONS
    if not isinstance(name, str) or name in _HARMFUL:
        return False
    if module is None:
        return name in _VALUES
    if not isinstance(module, str):
        return False
    of_keras = module == "keras" and name in _OF_KERAS
    return of_keras or module in _MODULES or module.startswith(_ROOMS)
