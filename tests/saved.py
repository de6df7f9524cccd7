"""Changes a SavedModel that kerastl has written, as a stranger or a bad disk would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel


def graph_of(folder: Path) -> MetaGraphDef:
    """What stands in a SavedModel."""
    (graph,) = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    return graph


@contextmanager
def changing(folder: Path) -> Iterator[MetaGraphDef]:
    """What stands in a SavedModel, to be changed."""
    path = folder / "saved_model.pb"
    saved = SavedModel.FromString(path.read_bytes())
    (graph,) = saved.meta_graphs
    yield graph
    path.write_bytes(saved.SerializeToString())
