from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
import pytest
from PIL import Image

from kerastl.errors import ExportError
from kerastl.serving.calls import call
from kerastl.serving.keras_file import open_keras_file
from kerastl.serving.litert import open_litert
from kerastl.serving.onnx_file import open_onnx

OPEN = {
    "model.keras": open_keras_file,
    "model.tflite": open_litert,
    "model.onnx": open_onnx,
}
KINDS = {"model.keras": "keras", "model.tflite": "litert", "model.onnx": "onnx"}
FILES = pytest.mark.parametrize("file", OPEN)

# What a stranger's program does, with no kerastl: photos go in as `.npy`, answers come out so.
STRANGERS = {
    "model.keras": """
import keras
model = keras.models.load_model(path, safe_mode=True)
answer = model.predict_on_batch(photos)
""",
    "model.tflite": """
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(path)
signature = interpreter.get_signature_list()["serving_default"]
assert signature == {"inputs": ["images"], "outputs": ["probabilities"]}, signature
answer = interpreter.get_signature_runner("serving_default")(images=photos)["probabilities"]
""",
    "model.onnx": """
import onnxruntime
session = onnxruntime.InferenceSession(path)
assert session.get_inputs()[0].shape[0] == "batch"
(answer,) = session.run(["probabilities"], {"images": photos})
""",
}


@FILES
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_each_format_answers_as_the_model(model, formats: Path, file: str, count: int, kind):
    opened = OPEN[file](formats / file)
    # Others in between must not be in the way.
    assert opened.probabilities(model.photos[:2]).shape == (2, 3)
    answer = opened.probabilities(model.photos[:count].astype(kind))
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, model.expected[:count], atol=1e-4)


@FILES
def test_what_a_card_shows_names_the_classes(
    model, formats: Path, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(formats / file, file)
    # Without loss, whatever it is called.
    Image.fromarray(model.photos[0]).save("photo.jpg", "PNG")
    code = call(KINDS[file], model.served.about).split("```")[1].removeprefix("python\n")
    told: list[dict[str, float]] = []
    exec(code, {"print": told.append})
    (answer,) = told
    assert tuple(answer) == model.served.about.classes
    np.testing.assert_allclose([*answer.values()], model.expected[0], atol=1e-4)


@FILES
def test_what_it_says_of_itself_travels_with_it(model, formats: Path, file: str):
    opened = OPEN[file](formats / file)
    assert opened.about == model.served.about
    assert opened.kind == KINDS[file]
    assert opened.path == formats / file


@pytest.mark.slow
@FILES
def test_strangers_get_the_same_answers_without_kerastl(
    model, formats: Path, file: str, tmp_path: Path
):
    np.save(tmp_path / "photos.npy", model.photos.astype(np.float32))
    code = (
        f"import sys, numpy; path = sys.argv[1]; photos = numpy.load('photos.npy')\n"
        f"{STRANGERS[file]}\n"
        "assert not any(name.partition('.')[0] == 'kerastl' for name in sys.modules)\n"
        "numpy.save('answer.npy', answer)"
    )
    command = [sys.executable, "-c", code, str(formats / file)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), model.expected, atol=1e-4)


@pytest.mark.parametrize("file", ["model.keras", "model.tflite"])
def test_any_program_can_read_the_class_names(formats: Path, file: str):
    with zipfile.ZipFile(formats / file) as archive:
        assert archive.testzip() is None
        assert archive.read("classes.txt").decode().splitlines() == ["blue", "green", "très red"]


@FILES
@pytest.mark.parametrize("kept", [0, 20, 0.5, 0.99])
def test_a_truncated_file_is_told(formats: Path, file: str, kept: float, tmp_path: Path):
    whole = (formats / file).read_bytes()
    damaged(tmp_path / file, whole[: int(kept * len(whole)) if kept < 1 else int(kept)])


@FILES
def test_a_file_with_another_header_is_told(formats: Path, file: str, tmp_path: Path):
    whole = bytearray((formats / file).read_bytes())
    whole[:16] = bytes(255 - byte for byte in whole[:16])
    damaged(tmp_path / file, bytes(whole))


@FILES
@pytest.mark.parametrize("other", [*OPEN, "photo"])
def test_a_file_of_other_content_is_told(formats: Path, file: str, other: str, tmp_path: Path):
    if other != file:
        content = (
            b"\xff\xd8\xff\xe0 a photo" if other == "photo" else (formats / other).read_bytes()
        )
        damaged(tmp_path / file, content)


@FILES
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_size": 100_000}, r"where \(100000, 100000, 3\)"),
        ({"classes": ["blue", "green"]}, r"has \(3,\) where \(2,\) is"),
        ({"classes": ["blue", "green", "red", "violet"]}, r"has \(3,\) where \(4,\) is"),
    ],
)
def test_what_is_said_of_another_model_is_told(
    formats: Path, file: str, change: dict[str, Any], told: str, tmp_path: Path
):
    path = Path(shutil.copy(formats / file, tmp_path))
    about = OPEN[file](path).about
    say_of_itself(path, attrs.evolve(about, **change).as_text())
    with pytest.raises(ExportError, match=f"is damaged: its model .*{told}"):
        OPEN[file](path)


def say_of_itself(path: Path, text: str) -> None:
    if path.suffix == ".onnx":
        model = onnx.load(path)
        (kept,) = (one for one in model.metadata_props if one.key == "about.json")
        kept.value = text
        onnx.save(model, path)
    else:
        # The last of one name is read.
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "a") as archive:
            archive.writestr("about.json", text)


@pytest.mark.parametrize("value", [b"\xff", b"{}"])
def test_what_an_onnx_file_says_has_to_be_text(formats: Path, value: bytes, tmp_path: Path):
    path = Path(shutil.copy(formats / "model.onnx", tmp_path))
    say_of_itself(path, "to be found")
    path.write_bytes(path.read_bytes().replace(b"to be found", value.ljust(11)))
    with pytest.raises(ExportError, match="is damaged"):
        open_onnx(path)


def damaged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"(damaged|none of kerastl's)") as caught:
        OPEN[path.name](path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(path) in str(caught.value)


@FILES
def test_a_missing_file_is_told(file: str, tmp_path: Path):
    with pytest.raises(ExportError, match="No such file"):
        OPEN[file](tmp_path / file)
