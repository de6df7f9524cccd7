"""Looks at what a SavedModel would do before TensorFlow is given it: a graph can open files."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.framework.types_pb2 import DT_STRING
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from kerastl.errors import ExportError
from kerastl.serving.about import ABOUT, CLASSES

GRAPH = "saved_model.pb"
# TensorFlow would take these instead.
_INSTEAD = ("saved_model.cpb", "saved_model.pbtxt")
# Of the operations that have a state or an effect, those that kerastl's graphs are made of; what
# has neither may only not be of one of the kinds below.
_WITH_STATE = {
    "Assert",
    "DatasetToSingleElement",
    "If",
    "RangeDataset",
    "ReadVariableOp",
    "StatefulPartitionedCall",
    "TensorDataset",
    "TensorSliceDataset",
}
_DATASETS = {
    "BatchDatasetV2",
    "ConcatenateDataset",
    "IgnoreErrorsDataset",
    "OptionsDataset",
    "ParallelMapDatasetV2",
    "ZipDataset",
}
# They touch files, other processes or Python, although TensorFlow says that they have no effect.
_SUSPECT = re.compile(
    "Abort|Cache|Copy|Dataset|Debug|Dump|File|Immutable|Mlir|Proto|Py|Queue|Reader|Remote|Rpc|"
    "Snapshot|Summary|Table|TPU|Vocab|Xla"
)
# Layers keep as constants what they take from each channel, and little else; one may say that it is
# as large as the memory, and hold one number.
_MOST_NUMBERS, _MOST_AXES = 2**16, 8
# Of functions with the same value of this TensorFlow takes one for another, as devices are.
_EXCHANGED = "api_implements"


def require_harmless(folder: Path) -> None:
    """Make sure that a SavedModel computes, and does nothing else.

    What runs when it is loaded, and when it is asked, are the functions that its object graph
    names, those that they call, those that TensorFlow may take instead, and gradients.

    Args:
        folder: Where it is.

    Raises:
        ExportError: It is damaged, or has what no export of kerastl has.
    """
    for name in _INSTEAD:
        if (folder / name).exists():
            raise ExportError(f"{folder} is refused: it holds {name}, which no export has.")
    graph = _graph(folder)
    assets = {asset.filename for asset in graph.asset_file_def}
    if not assets <= {ABOUT, CLASSES}:
        raise ExportError(f"{folder} is refused: it reads {', '.join(map(ascii, sorted(assets)))}.")
    refused = sorted({name for name in _operations(graph) if not _is_harmless(name)})
    if refused:
        raise ExportError(
            f"{folder} is refused: it has the operation {refused[0]!a}, which no export of kerastl "
            "has."
        )


def _graph(folder: Path) -> Any:
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((folder / GRAPH).read_bytes())
        (graph,) = saved.meta_graphs
    except (OSError, DecodeError, ValueError) as error:
        raise ExportError(f"{folder} is damaged: its {GRAPH} cannot be read.") from error
    if not graph.object_graph_def.nodes or _numbers_of_constants(graph) > _MOST_NUMBERS:
        raise ExportError(f"{folder} is refused: it is of another kind than exports are.")
    return graph


def _numbers_of_constants(graph: Any) -> int:
    """Return how many numbers all constants say that they are, whatever they hold."""
    nodes = {node.name: node for node in graph.graph_def.node}
    named = Counter(node.constant.operation for node in graph.object_graph_def.nodes)
    return sum(
        times * _numbers(nodes[name].attr["value"].tensor)
        for name, times in named.items()
        if name in nodes
    )


def _numbers(tensor: Any) -> int:
    sizes: list[int] = [each.size for each in tensor.tensor_shape.dim]
    # Neither of texts nor of an open shape can it be said how large they become.
    if tensor.dtype == DT_STRING or len(sizes) > _MOST_AXES or min(sizes, default=1) < 0:
        return _MOST_NUMBERS + 1
    return max(1, math.prod(sizes))


def _operations(graph: Any) -> Iterator[str]:
    """Yield the operations of all functions that can be called."""
    functions = graph.graph_def.library
    library = {each.signature.name: each for each in functions.function}
    waiting, seen = [*_named(graph.object_graph_def)], set[str]()
    waiting += [name for name, each in library.items() if _EXCHANGED in each.attr]
    for gradients in (functions.gradient, functions.registered_gradients):
        waiting += [each.gradient_func for each in gradients]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in library[name].node_def if name in library else ():
            called = [*_called(node), *([node.op] if node.op in library else [])]
            waiting += called
            if node.op not in library:
                yield node.op


def _named(objects: Any) -> Iterator[str]:
    """Yield the functions that an object graph names; not all are in its list of them."""
    yield from objects.concrete_functions
    for node in objects.nodes:
        yield from node.function.concrete_functions
        yield node.bare_concrete_function.concrete_function_name
        yield node.captured_tensor.concrete_function


def _called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (each.name for each in value.list.func)


def _is_harmless(name: str) -> bool:
    if name in _WITH_STATE or name in _DATASETS:
        return True
    known = op_def_registry.get(name)
    return known is not None and not known.is_stateful and not _SUSPECT.search(name)
