from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from kerastl.errors import ExportError
from kerastl.serving import litert, onnx_file
from kerastl.serving.about import About
from kerastl.serving.litert import open_litert
from kerastl.serving.onnx_file import open_onnx
from kerastl.serving.served import Served, served


def with_head(photos: keras.KerasTensor, features: keras.KerasTensor) -> Served:
    pooled = keras.layers.GlobalAveragePooling2D(name="head_avg_pool")(features)
    logits = keras.layers.Dense(3, name="head_logits")(pooled)
    return served(keras.Model(photos, logits), About("sweets", ("a", "b", "c"), 32))


def test_what_convnext_and_efficientnet_are_made_of_answers_the_same(tmp_path: Path):
    keras.utils.set_random_seed(5)
    photos = keras.Input((32, 32, 3), name="photo")
    scaled = keras.layers.Normalization(mean=[90, 100, 110], variance=[1e4, 2e4, 3e4])(photos)
    x = keras.layers.Conv2D(8, 4, strides=4)(scaled)
    x = keras.layers.Conv2D(8, 7, groups=8, padding="same")(x)
    x = keras.layers.LayerNormalization(epsilon=1e-6)(x)
    model = with_head(photos, keras.layers.Dense(16, activation="gelu")(x))
    images = np.random.default_rng(5).uniform(0, 255, (5, 32, 32, 3)).astype(np.float32)
    expected = model.as_keras().predict_on_batch(images)
    onnx_file.write(model, tmp_path)
    litert.write(model, tmp_path, None, images[:0])
    for opened in (open_onnx(tmp_path / "model.onnx"), open_litert(tmp_path / "model.tflite")):
        np.testing.assert_allclose(opened.probabilities(images), expected, atol=1e-5)


def test_what_cannot_be_converted_is_told(tmp_path: Path):
    photos = keras.Input((32, 32, 3), name="photo")
    model = with_head(photos, keras.ops.erfinv(photos / 256))
    with pytest.raises(ExportError, match=r"cannot be converted to ONNX: .*Erfinv") as caught:
        onnx_file.write(model, tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def of_another_name(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        node.input[:] = ["input" if name == "images" else name for name in node.input]
    graph.input[0].name = "input"


def that_gives_another_name(graph: onnx.GraphProto) -> None:
    graph.node.append(onnx.helper.make_node("Identity", ["probabilities"], ["output"]))
    graph.output[0].name = "output"


def of_another_kind(graph: onnx.GraphProto) -> None:
    of_another_name(graph)
    graph.node.insert(0, onnx.helper.make_node("Cast", ["images"], ["input"], to=1))
    graph.input[0].name = "images"
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16


@pytest.mark.parametrize("change", [of_another_name, that_gives_another_name, of_another_kind])
def test_what_takes_or_gives_something_else_is_told(formats: Path, tmp_path: Path, change):
    model = onnx.load(formats / "model.onnx")
    change(model.graph)
    onnx.checker.check_model(model)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match=r"model\.onnx is damaged: ") as caught:
        open_onnx(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)


def in_another_file(tensor: onnx.TensorProto, file: str) -> onnx.TensorProto:
    """The same weights, which are taken from another file."""
    moved = onnx.TensorProto()
    moved.CopyFrom(tensor)
    moved.ClearField("raw_data")
    moved.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", file), ("length", str(len(tensor.raw_data)))):
        moved.external_data.add(key=key, value=value)
    return moved


def as_initializer(graph: onnx.GraphProto, tensor: onnx.TensorProto) -> None:
    graph.initializer.append(tensor)


def as_constant(graph: onnx.GraphProto, tensor: onnx.TensorProto) -> None:
    graph.node.insert(0, onnx.helper.make_node("Constant", [], [tensor.name], value=tensor))


def in_a_branch(graph: onnx.GraphProto, tensor: onnx.TensorProto) -> None:
    name = tensor.name
    tensor.name = "inner"
    made = onnx.helper.make_tensor_value_info("made", tensor.data_type, tensor.dims)
    same = onnx.helper.make_node("Identity", ["inner"], ["made"])
    branch = onnx.helper.make_graph([same], "branch", [], [made], [tensor])
    either = {"then_branch": branch, "else_branch": branch}
    graph.initializer.append(onnx.helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True]))
    graph.node.insert(0, onnx.helper.make_node("If", ["yes"], [name], **either))


@pytest.mark.parametrize("put", [as_initializer, as_constant, in_a_branch])
@pytest.mark.parametrize("where", ["secret", "above/../secret", "../secret", "absolute"])
def test_weights_in_other_files_are_not_read(
    formats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put, where: str
):
    model = onnx.load(formats / "model.onnx")
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    (tmp_path / "here" / "above").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "here"):
        (folder / "secret").write_bytes(largest.raw_data)
    monkeypatch.chdir(tmp_path / "here")
    file = str(tmp_path / "secret") if where == "absolute" else where
    moved = in_another_file(largest, file)
    model.graph.initializer.remove(largest)
    put(model.graph, moved)
    Path("model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match="is refused: its weights are in other") as caught:
        open_onnx(Path("model.onnx"))
    assert "\n" not in str(caught.value)
