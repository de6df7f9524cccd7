from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerastl.data import reader
from kerastl.errors import ExportError
from kerastl.serving import reading
from kerastl.serving.about import FLOAT16, FORMATS, INT8, LITERT, ONNX, SAVED_MODEL, About
from kerastl.serving.form import Form
from kerastl.serving.gate import Evidence, examine
from kerastl.serving.parity import Certainty, Parity
from kerastl.serving.seen import seen_by
from kerastl.serving.served import Answering, Served
from small import Small, small

ABOUT = About("colors", ("blue", "green", "夜 rouge foncé"), 32)


@cache
def colors() -> Small:
    """A small model of three colours; made once, and not before a test is run."""
    return small(ABOUT)


def saved(photo: np.ndarray, folder: Path, number: int, orientation: int = 1) -> str:
    """Write a photo as a file that has no loss, which says how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(photo)
    # Turned back as often as the file says it is to be turned.
    image = image.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else image
    path = folder / f"{number}.png"
    image.save(path, exif=exif)
    return str(path)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """What the small model says, and half of the photos as files that have to be turned."""
    folder = tmp_path_factory.mktemp("files")
    files = [
        saved(photo, folder, number, (1, 6)[number % 2])
        for number, photo in enumerate(colors().photos)
    ]
    labels = colors().expected.argmax(axis=1)
    few = slice(1, 16, 4)
    seen = seen_by(colors().served, colors().photos[few], tuple(files[few]), colors().expected[few])
    return Evidence("test", colors().photos, labels, colors().expected, ("", *files[1:]), seen)


def asked(
    kind: str, folder: Path, evidence: Evidence, about: About = ABOUT, served: Served | None = None
) -> Parity:
    """Write an export, and have it examined."""
    Form(kind).write(served or colors().served, folder / kind, lambda: colors().photos)
    return examine(Form(kind), folder / kind, about, evidence)


@pytest.mark.parametrize(
    "kind", [SAVED_MODEL, *(pytest.param(kind, marks=pytest.mark.slow) for kind in FORMATS[1:])]
)
def test_what_answers_as_the_model_does_passes(kind: str, evidence: Evidence, tmp_path: Path):
    parity = asked(kind, tmp_path, evidence)
    assert parity.difference < 1e-4
    assert (parity.agreement, parity.accuracy, parity.accuracy_before) == (1, 1, 1)
    assert parity.photos == 16
    assert parity.from_files == 15
    if kind == SAVED_MODEL:
        assert parity.reading is None
    else:
        # The files have no loss, and are of the right size.
        assert parity.reading is not None
        assert parity.reading < 1e-4


FAULTS: dict[str, Callable[[Any], Any]] = {
    "scaled twice": lambda photos: photos / 127.5 - 1,
    "blue first": lambda photos: photos[..., ::-1],
    "lying": lambda photos: keras.ops.transpose(photos, [0, 2, 1, 3]),
    "upside down": lambda photos: photos[:, ::-1],
}


def with_fault(patched: pytest.MonkeyPatch, fault: Callable[[Any], Any]) -> None:
    """Let exports see something else than photos."""
    looked, as_keras = Answering._looked_at, Served.as_keras

    def faulty(served: Served) -> keras.Model:
        whole, photos = as_keras(served), keras.Input((32, 32, 3))
        return keras.Model(photos, whole(fault(photos)))

    patched.setattr(Answering, "_looked_at", lambda self, photos: looked(self, fault(photos)))
    patched.setattr(Served, "as_keras", faulty)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        *zip(FORMATS, FAULTS, strict=True),
        *(
            pytest.param(kind, fault, marks=pytest.mark.slow)
            for kind, fault in product(FORMATS, FAULTS)
            if (kind, fault) not in zip(FORMATS, FAULTS, strict=True)
        ),
    ],
)
def test_what_sees_something_else_is_refused(
    kind: str, fault: str, evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with_fault(monkeypatch, FAULTS[fault])
    with pytest.raises(ExportError, match=r"does not answer as the model does: on 16 test photos"):
        asked(kind, tmp_path, evidence)


SEES: dict[str, Callable[[tf.Tensor, tf.Tensor], list[tf.Tensor]]] = {
    "embeddings": lambda embedding, features: [tf.zeros_like(embedding) + 7, features],
    "heat maps": lambda embedding, features: [embedding, tf.zeros_like(features)],
}


@pytest.mark.parametrize("what", ["embeddings", pytest.param("heat maps", marks=pytest.mark.slow)])
def test_what_sees_otherwise_is_refused(
    what: str, evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    looked = Answering._looked_at

    def otherwise(self: Answering, photos: tf.Tensor) -> list[tf.Tensor]:
        logits, *others = looked(self, photos)
        return [logits, *SEES[what](*others)]

    monkeypatch.setattr(Answering, "_looked_at", otherwise)
    with pytest.raises(ExportError, match=rf"{what} of 4 photos differ by up to [\d.]+ of"):
        asked(SAVED_MODEL, tmp_path, evidence)


@pytest.mark.parametrize(
    "form", [Form(ONNX), pytest.param(Form(LITERT, INT8, 1.0), marks=pytest.mark.slow)]
)
def test_files_that_pillow_does_not_read_are_left_out_of_reading(
    form: Form, evidence: Evidence, tmp_path: Path
):
    # A text that becomes long, after the pixels.
    text = b"zTXtComment\0\0" + zlib.compress(bytes(3_000_000))
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    head, end, tail = Path(evidence.files[1]).read_bytes().partition(b"\0\0\0\0IEND")
    path = tmp_path / "text.png"
    path.write_bytes(head + chunk + end + tail)
    np.testing.assert_array_equal(reader.read_image(path.read_bytes(), 32), evidence.pixels[1])
    form.write(colors().served, tmp_path / "1", lambda: colors().photos)
    files = ("", str(path), *evidence.files[2:])
    parities = [
        examine(form, tmp_path / "1", ABOUT, attrs.evolve(evidence, files=some))
        for some in (files, ("", "", *evidence.files[2:]))
    ]
    assert parities[0].reading == parities[1].reading


@pytest.mark.parametrize(
    "kind", [SAVED_MODEL, *(pytest.param(kind, marks=pytest.mark.slow) for kind in FORMATS[1:])]
)
def test_swapped_labels_are_refused(kind: str, evidence: Evidence, tmp_path: Path):
    swapped = attrs.evolve(ABOUT, classes=("green", "blue", ABOUT.classes[2]))
    with pytest.raises(ExportError, match=r"classes green, blue, 夜 .*, and the model blue"):
        asked(kind, tmp_path, evidence, served=Served(colors().served.model, swapped))


def test_photos_that_are_not_turned_are_refused(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reader, "_upright", lambda image, *_: image)
    with pytest.raises(ExportError, match="does not answer as the model does"):
        asked(SAVED_MODEL, tmp_path, evidence)


@pytest.mark.slow
def test_an_export_that_cannot_read_files_is_refused(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def unable(encoded: tf.Tensor, size: int, resize: str) -> tf.Tensor:
        with tf.control_dependencies([tf.debugging.Assert(tf.size(encoded) == 0, [encoded])]):
            return tf.zeros([size, size, 3])

    monkeypatch.setattr(reading, "read_image", unable)
    with pytest.raises(ExportError, match="a photo that can be read has an error"):
        asked(SAVED_MODEL, tmp_path, evidence)


def test_what_cannot_be_opened_is_refused(evidence: Evidence, tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(ExportError, match=r"onnx export fails where there is no kerastl: .*Error"):
        examine(Form(ONNX), tmp_path, ABOUT, evidence)


def test_a_quantised_export_may_lose_some_accuracy(evidence: Evidence, tmp_path: Path):
    form = Form(LITERT, FLOAT16, max_loss=0.2)
    form.write(colors().served, tmp_path, lambda: colors().photos)
    labels = evidence.labels.copy()
    # The model is said to have been right where it was wrong: by two of sixteen photos.
    probabilities = evidence.probabilities.copy()
    for number in (0, 1):
        probabilities[number] = np.roll(probabilities[number], 1)
        labels[number] = probabilities[number].argmax()
    better = attrs.evolve(evidence, labels=labels, probabilities=probabilities)
    parity = examine(form, tmp_path, ABOUT, better)
    # By another one it may be wrong by itself.
    assert 13 / 16 <= parity.accuracy <= 14 / 16
    assert parity.accuracy_before == 1
    message = r"The litert float16 export is right in 0\.\d+ of 16 test photos, the model in 1\.000"
    with pytest.raises(ExportError, match=message):
        examine(attrs.evolve(form, max_loss=0.1), tmp_path, ABOUT, better)


def test_what_is_unsure_is_told_apart_from_what_is_wrong(evidence: Evidence, tmp_path: Path):
    threshold = float(np.median(evidence.probabilities.max(axis=1))) + 1e-3
    about = attrs.evolve(ABOUT, threshold=threshold)
    parity = asked(ONNX, tmp_path, evidence, about, Served(colors().served.model, about))
    assert (parity.accuracy, parity.accuracy_before) == (1, 1)
    assert parity.certainty == parity.certainty_before == Certainty(0.5, 1)
    said = "50.0% unsure, of the others 1.000 right"
    assert str(parity).endswith(f"; {said} (the model's: {said})")


def test_a_quantised_export_may_not_be_sure_of_too_little(evidence: Evidence, tmp_path: Path):
    highest = evidence.probabilities.max(axis=1)
    about, form = (
        attrs.evolve(ABOUT, threshold=float(highest.max()) + 5e-3),
        Form(LITERT, FLOAT16, 0.2),
    )
    # The model is said to have been sure of one photo, of which the export is not.
    surer = evidence.probabilities + np.where(highest == highest.max(), 0.01, 0)[:, np.newaxis]
    labels = surer.argmax(axis=1)
    form.write(Served(colors().served.model, about), tmp_path, lambda: colors().photos)
    said = attrs.evolve(evidence, probabilities=surer, labels=labels)
    message = (
        r"litert float16 export is right in 0\.000 of those that are not unsure, the model in 1\."
    )
    with pytest.raises(ExportError, match=message):
        examine(form, tmp_path, about, said)


def test_a_photo_as_a_file_is_the_photo(evidence: Evidence):
    for photo, path in zip(evidence.pixels[1:3], evidence.files[1:3], strict=True):
        read = reader.read_image(Path(path).read_bytes(), 32)
        np.testing.assert_array_equal(read, photo)
