"""Runs the graph of a model that does not learn, as TensorFlow runs it fastest here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
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
from kerastl.cores import cores

# Photos that a core takes through all layers at a time: of more, what is between the layers has no
# place in its cache.
_SLICE = 4

Forward = Callable[[Array], list[Array]]


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
        """Return the function from photos to the outputs, compiled.

        Args:
            precision: What the outputs are, `"float32"` or `"bfloat16"`; in the second case layers
                of float32 compute in it, too.
        """
        graph, (pixels, photo, *outputs) = self._ready
        with graph.as_default():
            outputs = [tf.cast(tensor, precision) for tensor in outputs]

        def compiled(alone: bool) -> Forward:
            return _compiled(graph, [pixels, photo], outputs, precision, alone)

        return compiled(False) if has_gpu() else _on_cores(compiled)

    @cached_property
    def _ready(self) -> tuple[tf.Graph, list[tf.Tensor]]:
        """The graph to run: where photos go in as uint8, where as float32, and what comes out."""
        given, graph = self.function.inputs[0], tf.Graph()
        with graph.as_default():
            # Of bytes TensorFlow makes floats on all cores, which NumPy does on one.
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


def _compiled(
    graph: tf.Graph,
    given: list[tf.Tensor],
    outputs: list[tf.Tensor],
    precision: str,
    alone: bool,
) -> Forward:
    """Return what runs a graph.

    Args:
        graph: What is run.
        given: Where photos go in as uint8, and where as float32.
        outputs: What comes out.
        precision: As of `Graph.forward`.
        alone: Whether all is done by the thread that calls.
    """
    # A session has its options to itself. Those of eager TensorFlow hold for the whole process,
    # at each call: where they change, a function is compiled anew.
    options = _options(precision)
    how = tf.compat.v1.RunOptions()
    if alone:
        options.use_per_session_threads = True
        options.intra_op_parallelism_threads = options.inter_op_parallelism_threads = 1
        how.inter_op_thread_pool = -1
    session = tf.compat.v1.Session(graph=graph, config=options)
    run_pixels, run = (
        session.make_callable(outputs, [each], accept_options=True) for each in given
    )

    def forward(photos: Array) -> list[Array]:
        if photos.dtype == np.uint8:
            return cast(list[Array], run_pixels(photos, options=how))
        return cast(list[Array], run(photos.astype(np.float32, copy=False), options=how))

    return forward


def _on_cores(compiled: Callable[[bool], Forward]) -> Forward:
    """Return what lets each core take some photos through all layers by itself.

    Where all cores work on one layer after the other they wait for each other at each of them, and
    what the next one needs is no longer close to them. Fewer photos than cores they share all the
    same.

    Args:
        compiled: Returns what is run: by the thread that calls alone, or by all cores together.
    """
    threads = tf.config.threading.get_intra_op_parallelism_threads() or cores()
    alone, together = compiled(True), cache(partial(compiled, False))

    def forward(photos: Array) -> list[Array]:
        if len(photos) < threads:
            return together()(photos)
        size = min(_SLICE, -(-len(photos) // threads))
        slices = [photos[start : start + size] for start in range(0, len(photos), size)]
        parts = zip(*_pool(threads).map(alone, slices), strict=True)
        return [np.concatenate(part) for part in parts]

    return forward


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "forward")


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


def _options(precision: str) -> tf.compat.v1.ConfigProto:
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
