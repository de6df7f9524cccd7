"""Looks at what a SavedModel would do before TensorFlow is given it: a graph can open files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
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
# What functions of exports say of themselves. By others TensorFlow takes another function instead.
_ATTRIBUTES = {"_construction_context", "_input_shapes", "_noinline", "_tf_data_function"}


def require_harmless(folder: Path) -> None:
    """Make sure that a SavedModel computes, and does nothing else.

    What runs when it is loaded, and when it is asked, are the functions of its object graph, those
    that they call, and gradients.

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
        raise ExportError(f"{folder} is refused: it reads {', '.join(sorted(assets))}.")
    functions = graph.graph_def.library.function
    strange = sorted({name for each in functions for name in each.attr} - _ATTRIBUTES)
    if strange:
        raise ExportError(
            f"{folder} is refused: it has functions with the attribute {strange[0]}, which none of "
            "an export of kerastl have."
        )
    refused = sorted({name for name in _operations(graph) if not _is_harmless(name)})
    if refused:
        raise ExportError(
            f"{folder} is refused: it has the operation {refused[0]}, which no export of kerastl "
            "has."
        )


def _graph(folder: Path) -> Any:
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((folder / GRAPH).read_bytes())
        (graph,) = saved.meta_graphs
    except (OSError, DecodeError, ValueError) as error:
        raise ExportError(f"{folder} is damaged: its {GRAPH} cannot be read.") from error
    if not graph.object_graph_def.nodes:
        raise ExportError(f"{folder} is refused: it is of another kind than exports are.")
    return graph


def _operations(graph: Any) -> Iterator[str]:
    """Yield the operations of all functions that can be called."""
    library = {each.signature.name: each for each in graph.graph_def.library.function}
    waiting, seen = [*graph.object_graph_def.concrete_functions], set[str]()
    gradients = graph.graph_def.library.gradient, graph.graph_def.library.registered_gradients
    waiting += [each.gradient_func for some in gradients for each in some]
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
