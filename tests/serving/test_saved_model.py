from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from tensorflow.core.protobuf.saved_object_graph_pb2 import (
    SavedConcreteFunction,
    SavedObject,
    SavedObjectGraph,
)

from colors import photo
from kerastl import trained
from kerastl.backbones.cuts import HEAD
from kerastl.data.given import Given
from kerastl.errors import ExportError
from kerastl.predicting import predict_files
from kerastl.serving.about import About
from kerastl.serving.saved_model import open_saved_model, write
from kerastl.serving.served import Served
from saved import changing, graph_of
from small import CLASSES, small

WEIGHTS = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"

# What a stranger's program does: TensorFlow alone, in another process.
STRANGER = """
import json, pathlib, sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
photos = tf.constant([pathlib.Path(path).read_bytes() for path in sys.argv[2:]])
answer = loaded.signatures["serving_default"](photos=photos)
assert not any(name.partition(".")[0] == "kerastl" for name in sys.modules)
print(json.dumps({
    "labels": [label.decode() for label in answer["label"].numpy().tolist()],
    "probability": answer["probability"].numpy().tolist(),
    "probabilities": answer["probabilities"].numpy().tolist(),
    "image": [spec.shape.as_list() for spec in
              loaded.signatures["image"].structured_input_signature[1].values()],
}))
"""


def ask_stranger(saved_model: Path, photos: list[Path]) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(saved_model), *map(str, photos)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def some(photos: Path) -> list[Path]:
    return sorted(photos.glob("*/*_0[0-3].jpg"))


@pytest.mark.slow
def test_a_fresh_process_without_kerastl_gets_the_same_answers(finished, some: list[Path]):
    directory, _ = finished
    answer = ask_stranger(directory / "export" / "colors" / "1", some)
    model = trained.load(str(directory))
    ((predictions, skipped),) = predict_files(model.opened(), Given(list(map(str, some))), 3)
    assert not skipped
    assert answer["labels"] == [prediction.answer.label for prediction in predictions]
    for row, probability, prediction in zip(
        answer["probabilities"], answer["probability"], predictions, strict=True
    ):
        ours = dict(prediction.answer.top)
        expected = [ours[name] for name in model.classes]
        np.testing.assert_allclose(row, expected, atol=1e-4)
        assert probability == pytest.approx(max(expected), abs=1e-4)
        assert sum(row) == pytest.approx(1.0, abs=1e-5)
    assert answer["image"] == [[None, 32, 32, 3]]


def turned(orientation: int, size: tuple[int, int]) -> bytes:
    """A photo that no turning leaves as it is, and whose file says how to turn it."""
    image = photo((200, 40, 50), 1, size)
    image.paste((40, 190, 60), (0, 0, size[1], size[0] // 3))
    image.paste((20, 20, 220), (0, 0, size[1] // 3, size[0]))
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    image.save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


def by_pillow(file: bytes, size: int, resize: str) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as image:
        image = ImageOps.exif_transpose(image.convert("RGB"))
    ways = {
        "squash": image.resize,
        "crop": lambda *how: ImageOps.fit(image, *how),
        "pad": lambda *how: ImageOps.pad(image, *how),
    }
    return np.asarray(ways[resize]((size, size), Image.Resampling.BILINEAR), np.float32)


@pytest.fixture(scope="module", params=["squash", "crop", "pad"])
def looking_glass(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A SavedModel whose probabilities tell what it sees, in squares of 12 pixels."""
    seen = keras.Input((48, 48, 3))
    pooled = keras.layers.AveragePooling2D(12, name=f"{HEAD}squares")(seen)
    logits = keras.layers.Flatten(name=f"{HEAD}logits")(pooled)
    model = keras.Model(seen, keras.layers.Rescaling(1 / 64, name="temperature")(logits))
    folder = tmp_path_factory.mktemp("glass") / request.param
    classes = [str(number) for number in range(48)]
    write(Served(model, About("glass", classes, 48, request.param)), folder)
    answer = tf.saved_model.load(str(folder)).signatures["serving_default"]

    def look(files: list[bytes]) -> np.ndarray:
        return 64 * np.log(answer(photos=tf.constant(files))["probabilities"].numpy())

    return request.param, look


def looks_as_by_pillow(looking_glass, files: list[bytes]) -> None:
    resize, look = looking_glass
    expected = np.stack([by_pillow(file, 48, resize) for file in files])
    squares = expected.reshape(-1, 4, 12, 4, 12, 3).mean(axis=(2, 4)).reshape(-1, 48)
    found = look(files)
    # Probabilities do not tell how bright all of it is.
    shift = (squares - found).mean(axis=1, keepdims=True)
    assert np.abs(found + shift - squares).mean() < 2


def test_photos_are_upright_in_a_saved_model(looking_glass):
    sizes = ((40, 60), (60, 40))
    looks_as_by_pillow(looking_glass, [turned(n, size) for n in range(9) for size in sizes])


def test_real_photos_are_upright_in_a_saved_model(looking_glass, test_data: Path):
    paths = sorted((test_data / "odd_images").glob("exif-orientation__*"))
    assert len(paths) == 18
    looks_as_by_pillow(looking_glass, [path.read_bytes() for path in paths])


@pytest.mark.slow
def test_real_photos_and_weights_get_the_same_answers(test_data: Path, program, tmp_path: Path):
    weights = test_data / "weights" / WEIGHTS
    short = ["--unfreeze-after", "1", "--set", "stages.unfrozen.epochs=1", "--output", "mine"]
    data = test_data / "candy_photos"
    program("run", "candy", "--data", data, "--weights", weights, *short, cwd=tmp_path, check=True)
    photos = sorted((data / "test").glob("*/*"))[:20]
    answer = ask_stranger(tmp_path / "mine" / "export" / "candy" / "1", photos)
    done = program("predict", "mine", *photos, "--json", cwd=tmp_path, check=True)
    ours = json.loads(done.stdout.splitlines()[-1])["predictions"]
    assert answer["labels"] == [one["label"] for one in ours]
    assert len(set(answer["labels"])) > 1
    expected = [one["probability"] for one in ours]
    np.testing.assert_allclose(answer["probability"], expected, atol=1e-4)
    formats = ["--format", "litert", "--format", "onnx", "--format", "keras"]
    small = ["--quantize", "int8", "--max-loss", "0.1"]
    program("export", "mine", *formats, *small, "--output", "served", cwd=tmp_path, check=True)
    for name in ("candy-litert-int8", "candy-onnx", "candy-keras"):
        again = program("predict", f"served/{name}", *photos, "--json", cwd=tmp_path, check=True)
        theirs = json.loads(again.stdout.splitlines()[-1])["predictions"]
        agreeing = [one["label"] == other["label"] for one, other in zip(theirs, ours, strict=True)]
        assert sum(agreeing) >= (len(ours) - 2 if "int8" in name else len(ours))


def test_the_class_names_are_an_asset(finished):
    directory, _ = finished
    asset = directory / "export" / "colors" / "1" / "assets" / "classes.txt"
    assert asset.read_text().split() == ["blue", "green", "red"]


def test_it_does_not_depend_on_where_it_lies(finished, some: list[Path], tmp_path: Path):
    directory, _ = finished
    moved = tmp_path / "moved"
    (directory / "export" / "colors" / "1").rename(moved)
    try:
        assert ask_stranger(moved, some[:1])["labels"]
    finally:
        moved.rename(directory / "export" / "colors" / "1")


@pytest.fixture(scope="module")
def sweets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweets") / "1"
    write(small(About("sweets", CLASSES, 32)).served, folder)
    return folder


@pytest.fixture(scope="module")
def with_variables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as one of many weights."""
    folder = tmp_path_factory.mktemp("sweets") / "1"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("kerastl.serving.served._MOST_CONSTANTS", 0)
        write(small(About("sweets", CLASSES, 32)).served, folder)
    return folder


def test_few_weights_are_constants_and_many_are_variables(sweets: Path, with_variables: Path):
    def variables(folder: Path) -> list[str]:
        nodes = graph_of(folder).object_graph_def.nodes
        return [node.variable.name for node in nodes if node.HasField("variable")]

    assert not variables(sweets)
    assert len(variables(with_variables)) > 20


# All ways to prepare photos, some with constants of their own; and few weights as well as many.
FAMILIES = (
    *("VGG16", "EfficientNetB0"),
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            *("ConvNeXtTiny", "DenseNet121", "EfficientNetV2B0", "MobileNetV2", "MobileNetV3Small"),
            *("NASNetMobile", "ResNet50", "ResNet50V2", "Xception"),
        )
    ),
)


@pytest.mark.parametrize("constructor", FAMILIES)
def test_an_export_of_each_family_is_opened_again(constructor: str, tmp_path: Path):
    size = 71 if constructor == "Xception" else 32
    model = small(About("sweets", CLASSES, size), constructor=constructor)
    write(model.served, tmp_path / "1")
    found = open_saved_model(tmp_path / "1").probabilities(model.photos)
    # Deep layers of random weights make more of the last digit than trained ones.
    np.testing.assert_allclose(found, model.expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("weights", ["sweets", "with_variables"])
def test_opened_it_answers_as_its_signatures_do(
    weights: str, kind: str, request: pytest.FixtureRequest
):
    folder = request.getfixturevalue(weights)
    opened = open_saved_model(folder)
    loaded = tf.saved_model.load(str(folder))
    ask = loaded.signatures
    photos = np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3)).astype(kind)
    files = tf.stack([tf.io.encode_png(one) for one in photos.astype(np.uint8)])
    expected = ask["image"](images=tf.constant(photos, tf.float32))["probabilities"]
    for count in (1, 2, 3, 11):
        some = photos[:count]
        np.testing.assert_allclose(opened.probabilities(some), expected[:count], atol=1e-4)
        embedding = ask["embed"](photos=files[:count])["embedding"]
        np.testing.assert_allclose(opened.embed(some), embedding, atol=1e-4)
        heat_map = ask["explain"](photos=files[:count])["heat_map"]
        np.testing.assert_allclose(opened.explain(some), heat_map, atol=1e-4)


def cut_variables(folder: Path) -> None:
    path = folder / "variables" / "variables.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without(folder: Path, name: str) -> None:
    """Remove what is called so from the graph of objects."""
    with changing(folder) as graph:
        for node in graph.object_graph_def.nodes:
            for child in [one for one in node.children if one.local_name == name]:
                node.children.remove(child)


def function_of(objects: SavedObjectGraph, name: str) -> SavedObject:
    nodes = (
        objects.nodes[child.node_id]
        for node in objects.nodes
        for child in node.children
        if child.local_name == name
    )
    return next(node for node in nodes if node.HasField("bare_concrete_function"))


def concrete_function_of(objects: SavedObjectGraph, name: str) -> SavedConcreteFunction:
    called = function_of(objects, name).bare_concrete_function.concrete_function_name
    return objects.concrete_functions[called]


def renamed(folder: Path, name: str, output: str) -> None:
    """Let an output of a signature have another name."""
    with changing(folder) as graph:
        function = concrete_function_of(graph.object_graph_def, name)
        made = function.output_signature.dict_value.fields
        made["other"].CopyFrom(made.pop(output))


def with_one_weight_twice(folder: Path) -> None:
    with changing(folder) as graph:
        bound = concrete_function_of(graph.object_graph_def, "image").bound_inputs
        bound[1] = bound[0]


def another_function(folder: Path, name: str, other: str) -> None:
    """Let a signature be the function of another one."""
    with changing(folder) as graph:
        objects = graph.object_graph_def
        function_of(objects, name).CopyFrom(function_of(objects, other))


def with_another_class(folder: Path) -> None:
    path = folder / "assets" / "about.json"
    about = attrs.evolve(About.read(path), classes=[*CLASSES, "violet"])
    path.write_text(about.as_text(), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_variables, "Read less bytes than requested"),
        (lambda folder: without(folder, "weights"), ""),
        (lambda folder: without(folder, "image_uint8"), "it lacks the signature image_uint8"),
        (lambda folder: renamed(folder, "image", "probabilities"), "not answer with probabilities"),
        (lambda folder: renamed(folder, "embed", "embedding"), "not answer with embedding"),
        (lambda folder: renamed(folder, "explain", "heat_map"), "not answer with heat_map"),
        (with_one_weight_twice, ""),
        (lambda folder: another_function(folder, "image", "image_uint8"), "takes .*uint8"),
        (lambda folder: another_function(folder, "embed", "image"), "takes .*float32"),
        (with_another_class, "it answers with 3 probabilities, not 4"),
    ],
)
def test_what_is_damaged_is_told_when_it_is_opened(
    with_variables: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
):
    folder = Path(shutil.copytree(with_variables, tmp_path / "1"))
    assert open_saved_model(folder).about.classes == CLASSES
    damage(folder)
    with pytest.raises(ExportError, match=rf"1 is damaged: .*{message}") as caught:
        open_saved_model(folder)
    assert "\n" not in str(caught.value)
