"""A name that a person gives -> the model that it means, ready to answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from kerastl import exports, trained
from kerastl.errors import ExportError, KerastlError, RunDirectoryError
from kerastl.files import absolute
from kerastl.rundir import RunDirectory
from kerastl.serving import archive, keras_file, litert, onnx_file
from kerastl.serving.opened import Opened
from kerastl.serving.saved_model import open_saved_model

_KERAS, _ONNX, _LITERT = keras_file.NAME, onnx_file.NAME, litert.NAME
_BY_ENDING: dict[str, Callable[[Path], Opened]] = {
    Path(_KERAS).suffix: keras_file.open_keras_file,
    Path(_ONNX).suffix: onnx_file.open_onnx,
    Path(_LITERT).suffix: litert.open_litert,
}
# What stands first answers more questions, or faster.
_IN_FOLDERS: dict[str, Callable[[Path], Opened]] = {
    "saved_model.pb": lambda file: open_saved_model(file.parent),
    **{name: _BY_ENDING[Path(name).suffix] for name in (_KERAS, _ONNX, _LITERT)},
}
_EXPECTED = (
    "A model is a run directory, the folder of an export, a file that ends in "
    f"{', '.join(_BY_ENDING)}, or an archive of such a folder ({', '.join(archive.ENDINGS)})."
)
# What a Mac puts into an archive beside the folder that is meant.
_BESIDE = "__MACOSX"


def open_model(name: str) -> Opened:
    """Open a run's model or an export. No code that is stored in it is run.

    Args:
        name: A run directory, a recipe's name for its newest run, an export's folder, the folder of
            its numbers, of which the highest is taken, a file of Keras, LiteRT or ONNX, or an
            archive of a folder.

    Raises:
        RunDirectoryError: There is nothing of that name.
        ExportError: It is damaged, or is none of kerastl's.
    """
    path = Path(name)
    if path.is_file():
        return _open_file(path)
    found = _open_folder(path) if path.is_dir() else None
    return found or _open_run(name)


def _open_run(name: str) -> Opened:
    try:
        return trained.load(name).opened()
    except RunDirectoryError as error:
        if RunDirectory(Path(name)).record.is_file():
            raise
        if held := _exports_in(Path(name)):
            raise RunDirectoryError(
                f"{name} holds the exports {', '.join(held)}; name one of them, such as "
                f"{Path(name, held[0])}."
            ) from error
        raise RunDirectoryError(f"{error} {_EXPECTED}") from error


def _exports_in(folder: Path) -> list[str]:
    """Return the names of the exports that lie in a folder."""
    inner = folder.iterdir() if folder.is_dir() else ()
    return sorted(each.name for each in inner if exports.newest_number(each))


def _open_file(path: Path) -> Opened:
    if archive.is_archive(path):
        return _open_archive(path)
    directory = RunDirectory(path.absolute().parent)
    if directory.model.name == path.name and directory.record.is_file():
        return _open_run(str(directory.path))
    if path.suffix.lower() not in _BY_ENDING:
        raise ExportError(f"{path} is no model. {_EXPECTED}")
    exports.require_as_written(path.parent, path.name)
    return _BY_ENDING[path.suffix.lower()](path)


def _open_archive(path: Path) -> Opened:
    with archive.unpacked(path) as folder:
        try:
            return attrs.evolve(_open_unpacked(path, folder), path=path)
        except KerastlError as error:
            # The folder will be gone when its name is read.
            raise type(error)(str(error).replace(str(folder), str(path))) from error


def _open_unpacked(path: Path, folder: Path) -> Opened:
    """Open the model in a folder, or in the one folder that is in it, and so on."""
    while not (found := _open_folder(folder)):
        inner = [each for each in folder.iterdir() if each.is_dir() and each.name != _BESIDE]
        if len(inner) != 1:
            raise ExportError(f"{path} holds no model. {_EXPECTED}")
        (folder,) = inner
    return found


def _open_folder(folder: Path) -> Opened | None:
    """Return the run or the export in a folder, or in the highest of its numbers; None without."""
    if RunDirectory(folder).record.is_file():
        return _open_run(str(folder))
    folder = exports.newest_number(folder) or folder
    for name, opened in _IN_FOLDERS.items():
        if (folder / name).is_file():
            called = absolute(str(folder)).name
            number = int(called) if called.isdecimal() else 1
            exports.require_as_written(folder)
            return attrs.evolve(opened(folder / name), number=number)
    return None
