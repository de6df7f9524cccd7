"""Runs the graph of a model that does not learn, as TensorFlow runs it fastest here."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import attrs
import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from kerastl.backbones.devices import graphics
from kerastl.backbones.folding import Folded
from kerastl.cache import Array
from kerastl.threads import Session, alone, count, on_cores, once, together

# Photos that a core takes through all layers at a time: of more, what is between the layers has no
# place in its cache.
_SLICE = 4

Forward = Callable[[Array], list[Array]]
Kind = Callable[[tf.Graph, tf.compat.v1.ConfigProto], Session]


@attrs.frozen(eq=False, slots=False)
class Graph:
    """The graph of a model, batch normalisation folded into the convolutions.

    Args:
        function: From photos of 0..255, float32 `[batch, height, width, 3]`, to the outputs,
            float32; its weights are inputs that it has captured.
    """

    function: Any

    def once(self, photos: Array) -> list[Array]:
        """Return the outputs for a few photos in float32, for which compiling does not pay."""
        return [tensor.numpy() for tensor in self.function(tf.cast(photos, tf.float32))]

    def forward(self, precision: str) -> Forward:
        """Return the function from photos to the outputs; its first calls compile it.

        Args:
            precision: What the outputs are, `"float32"` or `"bfloat16"`; in the second case layers
                of float32 compute in it, too.
        """
        graph, (pixels, photo, *outputs) = self._ready
        with graph.as_default():
            outputs = [tf.cast(tensor, precision) for tensor in outputs]

        def compiled(kind: Kind) -> Forward:
            # A session has its options to itself. Those of eager TensorFlow hold for the whole
            # process, at each call: where they change, a function is compiled anew.
            session = kind(graph, session_options(precision))
            return by_type(
                lambda: session.compiled([pixels], outputs),
                lambda: session.compiled([photo], outputs),
            )

        return divided(compiled)

    @cached_property
    def _ready(self) -> tuple[tf.Graph, list[tf.Tensor]]:
        """The graph to run: where photos go in as uint8, where as float32, and what comes out."""
        given, graph = self.function.inputs[0], tf.Graph()
        with graph.as_default():
            # Of bytes TensorFlow makes floats sooner than NumPy.
            pixels = tf.compat.v1.placeholder(tf.uint8, given.shape)
            photo = tf.compat.v1.placeholder_with_default(tf.cast(pixels, tf.float32), given.shape)
        return graph, [pixels, photo, *self._written_to(graph, {given.name: photo})]

    def with_constants(self) -> tuple[tf.Graph, list[tf.Tensor]]:
        """Return a graph with weights as constants; where photos go in, and what comes out."""
        graph, name = tf.Graph(), self.function.inputs[0].name
        outputs = self._written_to(graph, {})
        return graph, [graph.get_tensor_by_name(name), *outputs]

    def _written_to(self, graph: tf.Graph, given: dict[str, tf.Tensor]) -> list[tf.Tensor]:
        """Write it, weights as constants, to a graph that has some of its inputs already."""
        inside = self.function.graph
        with graph.as_default():
            weights = {inner.name: tf.constant(outer.numpy()) for outer, inner in inside.captures}
            ends = [tensor.name for tensor in self.function.outputs]
            definition, known = inside.as_graph_def(), weights | given
            return cast(
                list[tf.Tensor], tf.graph_util.import_graph_def(definition, known, ends, name="")
            )


def inference_graph(model: keras.Model) -> Graph:
    """Return the graph of a model in inference mode; the model's weights are free to change.

    Args:
        model: A functional model from photos to one tensor or several.
    """
    folded = Folded(model)
    # Made outside of the function, weights are no part of its graph, which is copied often.
    values = [(variable, tf.constant(variable.numpy())) for variable in folded.variables]

    @tf.function(input_signature=[tf.TensorSpec(model.inputs[0].shape)], autograph=False)
    def traced(photos: tf.Tensor) -> list[tf.Tensor]:
        with keras.StatelessScope(values):
            return [tf.cast(tensor, tf.float32) for tensor in folded(photos)]

    return Graph(traced.get_concrete_function())


def by_type(
    of_bytes: Callable[[], Callable[..., Any]], of_floats: Callable[[], Callable[..., Any]]
) -> Forward:
    """Return what takes photos of both types, and is compiled for each when that first comes.

    Args:
        of_bytes: Returns what takes uint8.
        of_floats: Returns what takes float32.
    """
    run_bytes, run_floats = once(of_bytes), once(of_floats)

    def forward(photos: Array) -> list[Array]:
        if photos.dtype == np.uint8:
            return cast(list[Array], run_bytes()(photos))
        return cast(list[Array], run_floats()(photos.astype(np.float32, copy=False)))

    return forward


def divided(compiled: Callable[[Kind], Forward]) -> Forward:
    """Return what lets each core take some photos through all layers, and then others.

    What a layer leaves is still in the core's cache when the next one takes it up. Fewer photos
    than cores are taken through by all of them together; on a GPU, all photos are.

    Args:
        compiled: Returns what is run, in a session of a kind.
    """
    by_itself, by_all = (once(partial(compiled, kind)) for kind in (alone, together))
    if has_gpu():
        return lambda photos: by_all()(photos)
    threads = count()

    def forward(photos: Array) -> list[Array]:
        if len(photos) < threads:
            return by_all()(photos)
        size = min(_SLICE, -(-len(photos) // threads))
        starts = range(0, len(photos), size)
        parts = on_cores(by_itself(), ((photos[start : start + size],) for start in starts))
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    return forward


def has_gpu() -> bool:
    """Say whether TensorFlow has a GPU here."""
    return bool(graphics())


def has_bfloat16() -> bool:
    """Say whether this processor multiplies matrices in bfloat16; only Linux tells."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def session_options(precision: str) -> tf.compat.v1.ConfigProto:
    """Return how a session is to compute, as of `Graph.forward`."""
    threading = tf.config.threading
    options = tf.compat.v1.ConfigProto(
        allow_soft_placement=True,
        device_count={} if has_gpu() else {"GPU": 0},
        intra_op_parallelism_threads=threading.get_intra_op_parallelism_threads(),
        inter_op_parallelism_threads=threading.get_inter_op_parallelism_threads(),
    )
    rewriting = options.graph_options.rewrite_options
    # Each pass over a graph copies all weights: what finds nothing here is left out.
    rewriting.memory_optimization = RewriterConfig.NO_MEM_OPT
    rewriting.disable_tfg_optimizer = True
    if precision == "bfloat16":
        rewriting.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
    if not has_gpu():
        rewriting.layout_optimizer = RewriterConfig.OFF
    else:
        # XLA pays on a GPU; on a processor it takes minutes to compile.
        compiling = options.graph_options.optimizer_options
        compiling.global_jit_level = tf.compat.v1.OptimizerOptions.ON_2
        options.gpu_options.allow_growth = True
    return options
