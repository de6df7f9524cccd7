from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDef, FunctionDefLibrary
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from kerastl.errors import ExportError
from kerastl.serving import saved_model
from kerastl.serving.about import ABOUT, About
from kerastl.serving.harmless import require_harmless
from kerastl.serving.served import served
from saved import changing, graph_of

EVIL: dict[str, Callable[[str], object]] = {
    "WriteFile": lambda path: tf.io.write_file(path, "planted"),
    "ReadFile": lambda path: tf.io.read_file(path),
    "ImmutableConst": lambda path: tf.raw_ops.ImmutableConst(
        dtype=tf.uint8, shape=[1], memory_region_name=path
    ),
    "HashTableV2": lambda path: tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=tf.raw_ops.HashTableV2(key_dtype=tf.int64, value_dtype=tf.string),
        filename=path,
        key_index=-1,
        value_index=-2,
    ),
    "GenerateVocabRemapping": lambda path: tf.raw_ops.GenerateVocabRemapping(
        new_vocab_file=path, old_vocab_file=path, new_vocab_offset=0, num_new_vocab=1
    ),
    "DecodeProtoV2": lambda path: tf.raw_ops.DecodeProtoV2(
        bytes=[""], message_type="a", field_names=[], output_types=[], descriptor_source=path
    ),
    "PrintV2": lambda path: tf.print("planted", output_stream=f"file://{path}"),
    "EagerPyFunc": lambda path: tf.py_function(lambda: Path(path).touch(), [], []),
    "SaveV2": lambda path: tf.raw_ops.SaveV2(
        prefix=path, tensor_names=["a"], shape_and_slices=[""], tensors=[tf.zeros([1])]
    ),
    "FlatMapDataset": lambda path: tf.data.TextLineDataset(path).batch(1).get_single_element(),
}


def planted(folder: Path, effect: Callable[[str], object], within: bool) -> Path:
    """Write a SavedModel that has an effect when it is asked, in a function that another calls."""
    target = str(folder / "planted")

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.uint8, "images")])
    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        if within:
            images = tf.cond(tf.size(images) > 0, lambda: called(images), lambda: images)
        else:
            effect(target)
        return {"probabilities": tf.zeros([tf.shape(images)[0], 2])}

    @tf.function
    def called(images: tf.Tensor) -> tf.Tensor:
        effect(target)
        return images

    module = tf.Module()
    tf.saved_model.save(module, str(folder / "model"), {"image_uint8": answer, "image": answer})
    about = About("candy", ("mars", "twix"), 8)
    (folder / "model" / "assets").mkdir(exist_ok=True)
    (folder / "model" / "assets" / ABOUT).write_text(about.as_text())
    return folder / "model"


@pytest.fixture
def export(finished, tmp_path: Path) -> Path:
    """A copy of the SavedModel of a run."""
    directory, _ = finished
    return Path(shutil.copytree(directory / "export" / "colors" / "1", tmp_path / "model"))


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("within", [False, True])
def test_what_does_more_than_compute_is_refused(name: str, within: bool, tmp_path: Path):
    folder = planted(tmp_path, EVIL[name], within)
    with pytest.raises(ExportError, match=rf"is refused: it has the operation '{name}'"):
        saved_model.open_saved_model(folder)
    assert not (tmp_path / "planted").exists()


def test_what_lies_outside_of_all_functions_is_not_run(export: Path, tmp_path: Path):
    with tf.Graph().as_default() as graph:
        tf.raw_ops.WriteFile(filename=str(tmp_path / "planted"), contents="", name="planted")
        nodes = graph.as_graph_def().node
    with changing(export) as meta:
        meta.graph_def.node.extend(nodes)
        for node in meta.graph_def.node:
            if "PartitionedCall" in node.op:
                node.input.append("^planted")
    opened = saved_model.open_saved_model(export)
    size = opened.about.image_size
    for kind in (np.uint8, np.float32):
        assert len(opened.probabilities(np.zeros((5, size, size, 3), kind))) == 5
    assert opened.embed
    opened.embed(np.zeros((1, size, size, 3), np.uint8))
    assert not (tmp_path / "planted").exists()


def test_an_export_is_harmless(finished):
    directory, _ = finished
    require_harmless(directory / "export" / "colors" / "1")


def test_operations_may_have_gradients_of_their_own(tmp_path: Path):
    # Keras's swish, of which EfficientNets are made, has one.
    inputs = keras.Input((8, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(keras.ops.silu(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head_logits")(mean))
    saved_model.write(served(model, About("candy", ("mars", "twix"), 8)), tmp_path / "1")
    assert graph_of(tmp_path / "1").graph_def.library.registered_gradients
    require_harmless(tmp_path / "1")


@pytest.mark.parametrize("name", ["saved_model.cpb", "saved_model.pbtxt"])
def test_what_tensorflow_would_take_instead_is_refused(export: Path, name: str):
    (export / name).write_bytes(b"")
    with pytest.raises(ExportError, match=f"it holds {name}"):
        saved_model.open_saved_model(export)


@pytest.mark.parametrize("damage", [b"", b"nothing", b"\x0a\x00"])
def test_a_damaged_graph_is_told(export: Path, damage: bytes):
    (export / "saved_model.pb").write_bytes(damage)
    with pytest.raises(ExportError, match=r"is (damaged|refused)"):
        saved_model.open_saved_model(export)


@pytest.mark.parametrize(
    "shapes",
    [[[2**40]], [[2**20, 2**20]], [[-1]], [[-1, -(2**40)]], [[2**15]] * 3, [[2**62] * 100_000]],
)
@pytest.mark.parametrize("kind", [tf.float32, tf.string])
def test_constants_that_may_be_large_are_refused(
    export: Path, shapes: list[list[int]], kind: tf.DType
):
    with changing(export) as graph:
        for number, shape in enumerate(shapes):
            node = graph.graph_def.node.add(name=f"large_{number}", op="Const")
            tensor = node.attr["value"].tensor
            tensor.dtype = kind.as_datatype_enum
            tensor.tensor_content = bytes(1000)
            for size in shape:
                tensor.tensor_shape.dim.add(size=size)
            graph.object_graph_def.nodes.add().constant.operation = node.name
    with pytest.raises(ExportError, match="is refused: it is of another kind"):
        require_harmless(export)


def test_a_constant_counts_as_often_as_it_is_named(export: Path):
    with changing(export) as graph:
        tensor = graph.graph_def.node.add(name="half", op="Const").attr["value"].tensor
        tensor.dtype = tf.float32.as_datatype_enum
        tensor.tensor_shape.dim.add(size=2**15)
        graph.object_graph_def.nodes.add().constant.operation = "half"
    require_harmless(export)
    with changing(export) as graph:
        for _ in range(2):
            graph.object_graph_def.nodes.add().constant.operation = "half"
    with pytest.raises(ExportError, match="is refused: it is of another kind"):
        require_harmless(export)


def test_a_constant_of_one_long_text_is_refused(export: Path):
    with changing(export) as graph:
        node = graph.graph_def.node.add(name="text", op="Const")
        node.attr["value"].tensor.dtype = tf.string.as_datatype_enum
        node.attr["value"].tensor.string_val.append(bytes(1000))
        graph.object_graph_def.nodes.add().constant.operation = node.name
    with pytest.raises(ExportError, match="is refused: it is of another kind"):
        require_harmless(export)


def _with_another_instead(library: FunctionDefLibrary) -> None:
    """Offer a function a second one that TensorFlow takes where there is no GPU."""
    one = _that_answers(library)
    one.attr["api_implements"].s = b"answer"
    one.attr["api_preferred_device"].s = b"GPU"
    other = library.function.add()
    other.CopyFrom(one)
    other.signature.name += "_instead"
    other.attr["api_preferred_device"].s = b"CPU"
    other.node_def.add(name="planted", op="WriteFile")


def _with_a_gradient(library: FunctionDefLibrary) -> None:
    """Let the gradient of a function write a file."""
    one, other = _that_answers(library), library.function.add()
    other.CopyFrom(one)
    other.signature.name += "_gradient"
    other.node_def.add(name="planted", op="WriteFile")
    library.gradient.add(function_name=one.signature.name, gradient_func=other.signature.name)


def _with_a_registered_gradient(library: FunctionDefLibrary) -> None:
    """Let the gradient of a function, as of those that name theirs, write a file."""
    _with_a_gradient(library)
    (planted,) = library.gradient
    library.ClearField("gradient")
    library.registered_gradients.add(
        gradient_func=planted.gradient_func, registered_op_type="planted"
    )


def _that_answers(library: FunctionDefLibrary) -> FunctionDef:
    """One of the functions of an export; they are in no order, and those that save among them."""
    return next(each for each in library.function if "_image_" in each.signature.name)


@pytest.mark.parametrize(
    "change", [_with_another_instead, _with_a_gradient, _with_a_registered_gradient]
)
def test_functions_that_nothing_seems_to_call_are_refused(
    export: Path, change: Callable[[FunctionDefLibrary], None]
):
    with changing(export) as graph:
        change(graph.graph_def.library)
    with pytest.raises(ExportError, match="is refused: it has the operation 'WriteFile'"):
        saved_model.open_saved_model(export)


def _named_by_a_signature(graph: MetaGraphDef, evil: str) -> None:
    """Let a signature be a function that is not in the list of functions."""
    objects = graph.object_graph_def
    (number,) = (
        child.node_id
        for node in objects.nodes
        for child in node.children
        if child.local_name == "embed"
    )
    objects.nodes[number].bare_concrete_function.Clear()
    objects.nodes[number].bare_concrete_function.concrete_function_name = evil


def _named_by_a_resource(graph: MetaGraphDef, evil: str) -> None:
    """Let something be made, when all of it is loaded, by such a function."""
    objects = graph.object_graph_def
    made, resource = len(objects.nodes), len(objects.nodes) + 1
    objects.nodes.add().bare_concrete_function.concrete_function_name = evil
    node = objects.nodes.add()
    node.resource.device = ""
    for name in ("_create_resource", "_initialize", "_destroy_resource"):
        node.children.add(local_name=name, node_id=made)
    objects.nodes[0].children.add(local_name="planted", node_id=resource)


def _named_by_a_function(graph: MetaGraphDef, evil: str) -> None:
    """Let one of the traces of a function be such a one."""
    node = graph.object_graph_def.nodes.add()
    node.function.concrete_functions.append(evil)


def _named_by_a_captured_tensor(graph: MetaGraphDef, evil: str) -> None:
    """Let a tensor be what such a function holds."""
    graph.object_graph_def.nodes.add().captured_tensor.concrete_function = evil


@pytest.mark.parametrize(
    "named",
    [
        _named_by_a_signature,
        _named_by_a_resource,
        _named_by_a_function,
        _named_by_a_captured_tensor,
    ],
)
def test_functions_that_are_in_no_list_are_refused(
    export: Path, named: Callable[[MetaGraphDef, str], None], tmp_path: Path
):
    files = [tf.TensorSpec([None], tf.string, "photos")]

    @tf.function(input_signature=files if named is _named_by_a_signature else [])
    def evil(*_: tf.Tensor) -> None:
        tf.io.write_file(str(tmp_path / "planted"), "planted")

    with changing(export) as graph:
        function = graph.graph_def.library.function.add()
        function.CopyFrom(evil.get_concrete_function().function_def)
        named(graph, function.signature.name)
    with pytest.raises(ExportError, match="is refused: it has the operation 'WriteFile'"):
        saved_model.open_saved_model(export).embed(np.zeros([1, 32, 32, 3], np.uint8))
    assert not (tmp_path / "planted").exists()
