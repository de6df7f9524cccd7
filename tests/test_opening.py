from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path

import keras
import numpy as np
import pytest

from colors import photo
from kerastl import trained
from kerastl.errors import ExportError, RunDirectoryError
from kerastl.exports import next_number
from kerastl.opening import open_model
from kerastl.serving import keras_file, litert, onnx_file
from kerastl.serving.served import served

FORMATS = {"keras": "model.keras", "litert": "model.tflite", "onnx": "model.onnx"}


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, which other tests share."""
    directory, _ = finished
    return Path(shutil.copytree(directory, tmp_path_factory.mktemp("run") / "run"))


@pytest.fixture(scope="module")
def exports(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each format, and in each the exports of its names by number."""
    model, folder = trained.load(str(run)), tmp_path_factory.mktemp("exports")
    one = served(model.model.model, model.about)
    keras_file.write(one, folder / "keras" / "colors" / "3")
    onnx_file.write(one, folder / "onnx" / "colors" / "3")
    litert.write(one, folder / "litert" / "colors" / "3", None, np.zeros((0, 32, 32, 3), np.uint8))
    (saved_model,) = model.export(folder / "saved_model")
    saved_model.rename(saved_model.with_name("3"))
    return folder


@pytest.fixture(scope="module")
def expected(run: Path, images: np.ndarray) -> np.ndarray:
    return open_model(str(run)).probabilities(images)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    colors = ((200, 40, 50), (40, 190, 60), (20, 20, 220))
    return np.stack([np.asarray(photo(color, 1, (32, 32))) for color in colors])


def answers(opened, images: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(opened.probabilities(images), expected, atol=1e-4)
    assert opened.about.classes == ("blue", "green", "red")


@pytest.mark.parametrize("kind", ["saved_model", *FORMATS])
def test_an_export_is_opened_by_its_folder_or_that_of_its_numbers(
    exports: Path,
    kind: str,
    images: np.ndarray,
    expected: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
):
    older = exports / kind / "colors" / "2"
    older.mkdir(exist_ok=True)
    assert next_number(older.parent).name == "4"
    monkeypatch.chdir(older.with_name("3"))
    for name in (older.parent, older.with_name("3"), "."):
        opened = open_model(str(name))
        assert (opened.kind, opened.number) == (kind, 3)
        answers(opened, images, expected)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_is_opened_wherever_it_lies(
    exports: Path, kind: str, images: np.ndarray, expected: np.ndarray, tmp_path: Path
):
    path = tmp_path / f"mine{Path(FORMATS[kind]).suffix}"
    shutil.copy(exports / kind / "colors" / "3" / FORMATS[kind], path)
    opened = open_model(str(path))
    assert (opened.kind, opened.number, opened.path) == (kind, 1, path)
    answers(opened, images, expected)


def test_the_model_of_a_run_directory_is_that_run(run: Path, images, expected):
    opened = open_model(str(run / "model.keras"))
    assert opened.kind == "run"
    answers(opened, images, expected)


@pytest.mark.parametrize("kind", ["zip", "gztar", "tar"])
@pytest.mark.parametrize("held", ["run", "saved_model", "keras", "litert"])
def test_an_archive_is_opened(
    run: Path, exports: Path, kind: str, held: str, images, expected, tmp_path: Path
):
    root = run.parent if held == "run" else exports / held
    path = Path(shutil.make_archive(str(tmp_path / "sent"), kind, root))
    opened = open_model(str(path))
    assert opened.kind == held
    assert opened.path == path
    assert opened.number == (1 if held == "run" else 3)
    answers(opened, images, expected)


def test_an_archive_of_the_files_alone_is_opened(exports: Path, images, expected, tmp_path: Path):
    root = exports / "onnx" / "colors" / "3"
    opened = open_model(shutil.make_archive(str(tmp_path / "sent"), "zip", root))
    answers(opened, images, expected)


def test_an_archive_without_a_model_is_told(tmp_path: Path, photos: Path):
    path = shutil.make_archive(str(tmp_path / "sent"), "zip", photos)
    with pytest.raises(ExportError, match=r"sent\.zip holds no model\. A model is a run directory"):
        open_model(path)


def test_what_is_wrong_in_an_archive_is_told_by_its_name(exports: Path, tmp_path: Path):
    file = tmp_path / "in" / "model.onnx"
    file.parent.mkdir()
    file.write_bytes(b"none")
    path = shutil.make_archive(str(tmp_path / "sent"), "tar", file.parent)
    with pytest.raises(ExportError, match=r"sent\.tar/model\.onnx is damaged"):
        open_model(path)


def recorded(folder: Path, *names: str) -> None:
    """Write what the files in a folder are like."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "export.json").write_text(json.dumps({"sha256": digests}))


def with_another_bit(path: Path) -> None:
    """Change a bit in the middle of a file, where the weights are."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["saved_model", *FORMATS])
def test_a_file_that_is_not_what_was_written_is_told(exports: Path, kind: str, tmp_path: Path):
    folder = Path(shutil.copytree(exports / kind / "colors" / "3", tmp_path / "3"))
    path = folder / FORMATS.get(kind, "saved_model.pb")
    recorded(folder, path.name)
    assert open_model(str(folder))
    with_another_bit(path)
    for name in (folder, path) if kind in FORMATS else (folder,):
        with pytest.raises(ExportError, match=r"3.\S+ is not the file that was written") as caught:
            open_model(str(name))
        assert "\n" not in str(caught.value)


def test_texts_of_an_export_may_be_changed(exports: Path, tmp_path: Path):
    folder = Path(shutil.copytree(exports / "saved_model" / "colors" / "3", tmp_path / "3"))
    for name in ("README.md", "assets/about.json", "assets/classes.txt"):
        # As Git does on Windows.
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content.replace(b"\n", b"\r\n"))
    assert open_model(str(folder)).about.classes == ("blue", "green", "red")


def test_a_lone_file_is_not_asked_about_others(exports: Path, tmp_path: Path):
    folder = Path(shutil.copytree(exports / "keras" / "colors" / "3", tmp_path / "3"))
    (folder / "other.onnx").write_bytes(b"other")
    recorded(folder, "model.keras", "other.onnx")
    with_another_bit(folder / "other.onnx")
    assert open_model(str(folder / "model.keras"))
    with pytest.raises(ExportError, match=r"other\.onnx is not the file that was written"):
        open_model(str(folder))


def test_a_file_that_cannot_be_looked_at_is_told(exports: Path, tmp_path: Path):
    folder = Path(shutil.copytree(exports / "keras" / "colors" / "3", tmp_path / "3"))
    (folder / "export.json").write_text(json.dumps({"sha256": {"n" * 1000: ""}}))
    with pytest.raises(ExportError, match=r"cannot be read: .*File name too long"):
        open_model(str(folder))


@pytest.mark.parametrize(
    "record",
    [
        *("", "{", "[" * 100_000, "[]", "{}"),
        *('{"sha256": 3}', '{"sha256": [[1, 2]]}', '{"sha256": {"../a": "b"}}'),
    ],
)
def test_another_programs_record_is_left_alone(exports: Path, record: str, tmp_path: Path):
    folder = Path(shutil.copytree(exports / "keras" / "colors" / "3", tmp_path / "3"))
    (folder / "export.json").write_text(record)
    for name in (folder, folder / "model.keras"):
        assert open_model(str(name))


def test_a_climbing_archive_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with tarfile.open(tmp_path / "sent.tar", "w") as archive:
        archive.add(tmp_path / "file", "../climbed")
    with pytest.raises(ExportError, match=r"is refused because of its member '\.\./climbed'"):
        open_model(str(tmp_path / "sent.tar"))


def test_a_file_of_another_kind_is_told(tmp_path: Path):
    (tmp_path / "model.h5").touch()
    with pytest.raises(ExportError, match=r"model\.h5 is no model\. A model is .*\.keras, \.onnx"):
        open_model(str(tmp_path / "model.h5"))


@pytest.mark.parametrize("name", ["nothing", "folder"])
def test_what_is_no_model_is_told_with_what_one_is(name: str, tmp_path: Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunDirectoryError, match=r"no run.* A model is a run directory, the folder"):
        open_model(str(tmp_path / name))


def test_a_folder_of_exports_names_them(exports: Path):
    with pytest.raises(RunDirectoryError, match=r"holds the exports colors; name one of them"):
        open_model(str(exports / "onnx"))


def test_a_harmful_model_in_a_run_directory_is_refused(run: Path, tmp_path: Path):
    harmful = Path(shutil.copytree(run, tmp_path / "harmful"))
    values = keras.Input((4,))
    keras.Model(values, keras.layers.Lambda(lambda x: x)(values)).save(harmful / "model.keras")
    with pytest.raises(RunDirectoryError, match=r"model\.keras is refused: it names 'Lambda'"):
        open_model(str(harmful))
