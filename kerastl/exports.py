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
from kerastl.errors import ExportError, RunDirectoryError, one_line
from kerastl.files import alone, replacing
from kerastl.recipe import SQUASH
from kerastl.rundir import RunDirectory
from kerastl.serving.about import ABOUT, CLASSES, About
from kerastl.serving.card import Card, licence_of
from kerastl.serving.form import Form
from kerastl.serving.gate import examine
from kerastl.serving.parity import Parity
from kerastl.serving.served import Served, served
from kerastl.settings import parse_json
from kerastl.trial import Trial

_RECORD, _CARD = "export.json", "README.md"
# What is written beside a model for people and programs to read.
_TEXTS = (_CARD, f"assets/{ABOUT}", f"assets/{CLASSES}")
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
    parity = examine(form, folder, about, proof.evidence)
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
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    values = {
        "format": form.format,
        "quantization": form.quantization,
        "about": json.loads(about.as_text()),
        "parity": parity.as_json(),
        "sha256": {path.relative_to(folder).as_posix(): _digest(path) for path in files},
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_as_written(folder: Path, only: str | None = None) -> None:
    """Make sure that an export's files are those that were found to answer as the model does.

    Of what models are kept in, only zip files and variables are checked by what reads them. Texts
    may be changed, and where no record can be read all is left to those who need it.

    Args:
        folder: Where the files and their record are.
        only: The name of one file; None for all of them.

    Raises:
        ExportError: A file is another than was written, or cannot be read.
    """
    for name, digest in _recorded(folder).items():
        path = folder / name
        if name in _TEXTS or only not in (None, name):
            continue
        try:
            is_another = path.is_file() and _digest(path) != digest
        except OSError as error:
            raise ExportError(f"{path} cannot be read: {one_line(error)}.") from error
        if is_another:
            raise ExportError(
                f"{path} is not the file that was written, as {_RECORD} tells. Fetch or export it "
                f"again; or remove {_RECORD}, if you have changed it."
            )


def _recorded(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file as it was written; nothing where that cannot be read."""
    record = folder / _RECORD
    try:
        return {**parse_json(record.read_bytes())["sha256"]} if record.is_file() else {}
    except (OSError, ValueError, TypeError, LookupError):
        return {}


def newest_number(folder: Path) -> Path | None:
    """Return the numbered folder that TensorFlow Serving takes, the highest; None without."""
    versions = [path for path in folder.glob("*") if path.name.isdecimal() and path.is_dir()]
    return max(versions, key=lambda path: int(path.name), default=None)


def next_number(folder: Path) -> Path:
    """Return the folder of the next export of a name."""
    newest = newest_number(folder)
    return folder / str(int(newest.name) + 1 if newest else 1)
