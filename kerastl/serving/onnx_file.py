"""Writes one file for ONNX Runtime and other engines; opens it again."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError, Message

from kerastl.backbones.engine import Graph
from kerastl.cores import cores
from kerastl.errors import ExportError, one_line
from kerastl.serving.about import ABOUT, CLASSES, About
from kerastl.serving.foreign import converting, needed, quietly
from kerastl.serving.opened import Opened, Pixels, Values, blank
from kerastl.serving.rebuilding import without_groups
from kerastl.serving.served import Answering, Served, pixels, traced

NAME = "model.onnx"
# The newest that tf2onnx writes; ONNX Runtime knows it since 1.14.
_OPSET = 18
_IMAGES, _PROBABILITIES = "images", "probabilities"


def write(served: Served, folder: Path) -> None:
    """Write `folder/model.onnx`, which takes `images` and gives `probabilities`.

    Those are float32 `[batch, size, size, 3]` of 0..255, and float32 `[batch, classes]`. What it
    says of itself (`about.json`) and the class names (`classes.txt`) are among its metadata.

    Raises:
        ExportError: It cannot be converted, or tf2onnx is not installed.
        OSError: It cannot be written.
    """
    tf2onnx = needed("tf2onnx", "ONNX", "onnx")
    with converting("ONNX"):
        model = _converted(served, tf2onnx)
        written = model.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(written)


def _converted(served: Served, tf2onnx: Any) -> Any:
    # Of groups of channels tf2onnx makes a graph that no engine takes.
    served = attrs.evolve(served, model=without_groups(served.model))
    graph, (photo, answer) = _graph(served)
    model, _ = tf2onnx.convert.from_graph_def(
        graph.as_graph_def(),
        input_names=[photo.name],
        output_names=[answer.name],
        opset=_OPSET,
        custom_op_handlers={"Erfc": (_without_erfc, [])},
        tensors_to_rename={photo.name: _IMAGES, answer.name: _PROBABILITIES},
    )
    # It leaves in the graph what it does not know, and says nothing of it.
    importlib.import_module("onnx").checker.check_model(model)
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "batch"
    for key, value in ((ABOUT, served.about.as_text()), (CLASSES, served.about.names)):
        model.metadata_props.add(key=key, value=value)
    return model


def _graph(served: Served) -> tuple[tf.Graph, list[tf.Tensor]]:
    """Return the graph with all of its weights as constants, and its two ends."""
    answering, size = Answering(served, tf.constant), served.about.image_size
    answer = traced(lambda images: [answering(images).probabilities], pixels(size, tf.float32))
    # tf2onnx knows of variables; of a layer's own constants it makes further inputs.
    return Graph(answer.get_concrete_function()).with_constants()


def _without_erfc(graph: Any, node: Any, *_: Any) -> None:
    """Write 1 - erf(x) for TensorFlow's erfc(x), which is in GELU; ONNX has no such operation."""
    erf = graph.make_node("Erf", node.input[:1])
    one = graph.make_const(f"{node.name}/one", np.float32(1))
    graph.remove_node(node.name)
    ends = [one.output[0], erf.output[0]]
    graph.make_node("Sub", ends, outputs=node.output, name=node.name)


def open_onnx(path: Path) -> Opened:
    """Open an ONNX file that kerastl has written; it computes on all cores.

    Raises:
        ExportError: It is damaged, or none of kerastl's; or ONNX Runtime is not installed.
    """
    runtime, onnx = (needed(name, "ONNX", "onnx") for name in ("onnxruntime", "onnx"))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = cores()
    # Errors come as exceptions; what else it has to say is of no use to a person.
    options.log_severity_level = 4
    try:
        content = path.read_bytes()
        is_alone = _has_its_weights(onnx.load_model_from_string(content))
    except (OSError, DecodeError) as error:
        raise _damaged(path, error) from error
    if not is_alone:
        raise ExportError(f"{path} is refused: its weights are in other files; save it as one.")
    try:
        with quietly():
            session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        kept = session.get_modelmeta().custom_metadata_map
        [given], [made] = session.get_inputs(), session.get_outputs()
    except Exception as error:
        raise _damaged(path, error) from error
    if ABOUT not in kept:
        raise ExportError(f"{path} is none of kerastl's: it has no {ABOUT} among its metadata.")
    about = About.from_text(kept[ABOUT], path)
    about.require_shapes(given.shape, made.shape, path)

    def probabilities(images: Pixels) -> Values:
        (found,) = session.run([_PROBABILITIES], {_IMAGES: images.astype(np.float32, copy=False)})
        return np.asarray(found)

    try:
        probabilities(blank(about))
    except Exception as error:
        raise _damaged(path, error) from error
    return Opened(about, path, "onnx", probabilities)


def _damaged(path: Path, error: Exception) -> ExportError:
    return ExportError(f"{path} is damaged: {one_line(error).rstrip('.')}.")


def _has_its_weights(message: Message) -> bool:
    """Say whether no tensor, however deep, is in another file, which ONNX Runtime would read."""
    for field, value in message.ListFields():
        if field.name == "external_data" or (field.name == "data_location" and value):
            return False
        if field.message_type:
            inner = [value] if isinstance(value, Message) else value
            if not all(map(_has_its_weights, inner)):
                return False
    return True
