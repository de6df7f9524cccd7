"""A trained model -> exports, each of which has shown that it answers as the model does."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from kerastl.console import say
from kerastl.errors import ExportError, RunDirectoryError
from kerastl.files import alone, replacing
from kerastl.recipe import SQUASH
from kerastl.rundir import RunDirectory
from kerastl.serving.about import About
from kerastl.serving.card import Card, licence_of
from kerastl.serving.form import Form
from kerastl.serving.gate import Parity, examine
from kerastl.serving.served import Served, served
from kerastl.trial import Trial

_RECORD, _CARD = "export.json", "README.md"
_SUMMARY = ("accuracy", "macro_f1", "calibration_error", "images")


def about_run(directory: RunDirectory, threshold: float | None = None) -> About:
    """Return what the model of a run says of itself.

    Args:
        directory: The run's.
        threshold: Below which probability a photo is `unsure`, if anywhere.

    Raises:
        RunDirectoryError: The record lacks what there is to say.
    """
    directory.require("classes")
    try:
        about = _about(directory.require("recipe"), directory.read_record(), threshold)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunDirectoryError(
            f"{directory.record} is damaged: it does not say what its model is."
        ) from error
    if about.wrong:
        raise RunDirectoryError(
            f"{directory.record} is damaged: its model's {about.wrong[0]} cannot be so."
        )
    return about


def _about(recipe: Mapping[str, Any], record: Mapping[str, Any], threshold: float | None) -> About:
    scores = {
        split: {key: some[key] for key in _SUMMARY if key in some}
        for split, some in record.get("scores", {}).items()
    }
    return About(
        recipe["name"],
        record["classes"],
        recipe["backbone"]["image_size"],
        recipe.get("resize", SQUASH),
        bool(record.get("multi_label", False)),
        threshold,
        scores,
        licence_of(record),
    )


def export(
    model: keras.Model,
    about: About,
    directory: RunDirectory,
    forms: Sequence[Form],
    proof: Trial,
    folder: Path | None = None,
) -> list[Path]:
    """Write a model in several forms; each shows, before it is there, that it answers as it should.

    Args:
        model: From photos to logits.
        about: What it says of itself.
        directory: That of its run.
        forms: What to write.
        proof: What they are tried on.
        folder: Where exports of all names are; the run's own unless it is given.

    Returns:
        Where each is: `folder/NAME/1` for a SavedModel, `folder/NAME-litert-int8/1` for others, or
        the next number.

    Raises:
        ExportError: One answers otherwise, or cannot be converted; the others are there.
        RunDirectoryError: It cannot be written, or another process is writing there.
    """
    for form in forms:
        form.require_extras()
    exact, done, failures = served(model, about), [], []
    for form in forms:
        try:
            done.append(_export(exact, directory, form, proof, folder or directory.export))
        except ExportError as error:
            failures.append(str(error))
    if failures:
        raise ExportError(" ".join(failures))
    return done


def _export(model: Served, directory: RunDirectory, form: Form, proof: Trial, folder: Path) -> Path:
    named = folder / form.folder_name(model.about.name)
    with alone(named):
        target = next_number(named)
        with replacing(target) as partial:
            form.write(model, partial, proof.examples)
            parity = _accompany(partial, model.about, directory, form, proof)
    say(f"Wrote {target}: {parity}")
    return target


def _accompany(
    folder: Path, about: About, directory: RunDirectory, form: Form, proof: Trial
) -> Parity:
    """Write, beside an export that answers as it should, the model card and the record."""
    limit = form.max_loss if form.quantization else None
    parity = examine(form.format, folder, about, proof.evidence, limit)
    record = directory.read_record()
    card = Card(about, record, _data_of(record), form.format, form.quantization, parity)
    (folder / _CARD).write_text(card.text(), encoding="utf-8")
    (folder / _RECORD).write_text(_record(form, about, parity, folder), encoding="utf-8")
    return parity


def _data_of(record: Mapping[str, Any]) -> str:
    """Return what the photos of a run are called; where they were is nobody's business."""
    data = record["recipe"].get("data")
    if not isinstance(data, Mapping):
        return "photos"
    if "path" in data:
        return Path(os.path.abspath(str(data["path"]))).name
    return str(data.get("name", "photos"))


def _record(form: Form, about: About, parity: Parity, folder: Path) -> str:
    """Return what `export.json` holds: what was written, and how it was found to answer."""
    values = {
        "format": form.format,
        "quantization": form.quantization,
        "about": json.loads(about.as_text()),
        "parity": parity.as_json(),
        "sha256": {name: _digest(path) for name, path in _files(folder).items()},
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _files(folder: Path) -> dict[str, Path]:
    """Return all files in a folder, by their names in it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_as_written(folder: Path) -> None:
    """Make sure that an export's files are those that were found to answer as the model does.

    Only zip files and variables are checked by what reads them. The model card may be changed, and
    a folder without a record is left as it is.

    Args:
        folder: Where the files and their record are.

    Raises:
        ExportError: A file is another than was written, or the record cannot be read.
    """
    if not (folder / _RECORD).is_file():
        return
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ExportError(f"{folder} is damaged: its {_RECORD} cannot be read.") from error
    digests = record.get("sha256") if isinstance(record, dict) else None
    expected = {**digests} if isinstance(digests, dict) else {}
    for name, path in _files(folder).items():
        if name in expected.keys() - {_CARD} and _digest(path) != expected[name]:
            raise ExportError(
                f"{folder} is damaged: {name} is not the file that was written; export it again."
            )


def newest_number(folder: Path) -> Path | None:
    """Return the numbered folder that TensorFlow Serving takes, the highest; None without."""
    versions = [path for path in folder.glob("*") if path.name.isdecimal() and path.is_dir()]
    return max(versions, key=lambda path: int(path.name), default=None)


def next_number(folder: Path) -> Path:
    """Return the folder of the next export of a name."""
    newest = newest_number(folder)
    return folder / str(int(newest.name) + 1 if newest else 1)
