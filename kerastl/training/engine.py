"""Runs the graph of a model that does not learn, as TensorFlow runs it fastest here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from kerastl.backbones.folding import Folded
from kerastl.cache import Array

Forward = Callable[[Array], list[Array]]


@attrs.frozen(eq=False)
class Graph:
    """The graph of a model, with its weights as constants.

    Args:
        graph: All of it.
        photos: Where photos of 0..255 go in, float32 `[batch, height, width, 3]`.
        outputs: The tensors that come out, float32.
    """

    graph: tf.Graph
    photos: tf.Tensor
    outputs: list[tf.Tensor]

    def forward(self, precision: str) -> Forward:
        """Return the function from photos to the outputs.

        Args:
            precision: `"float32"` or `"bfloat16"`: what it computes in, and what the outputs are.
        """
        with self.graph.as_default():
            outputs = [tf.cast(tensor, precision) for tensor in self.outputs]
        # A session has its options to itself. Those of eager TensorFlow hold for the whole process,
        # at each call: where they change, a function is compiled anew.
        session = tf.compat.v1.Session(graph=self.graph, config=_options(precision))
        run = session.make_callable(outputs, feed_list=[self.photos])
        return lambda photos: run(photos.astype(np.float32, copy=False))


def inference_graph(model: keras.Model) -> Graph:
    """Return the graph of a model in inference mode; the model's weights are free to change.

    Args:
        model: A functional model from photos to one tensor or several.
    """
    folded = Folded(model)
    # Made outside of the function, weights are no part of its graph, which is copied below.
    values = [(variable, tf.constant(variable.numpy())) for variable in folded.variables]

    @tf.function(input_signature=[tf.TensorSpec(model.inputs[0].shape)], autograph=False)
    def traced(photos: tf.Tensor) -> list[tf.Tensor]:
        with keras.StatelessScope(values):
            return [tf.cast(tensor, tf.float32) for tensor in folded(photos)]

    function = traced.get_concrete_function()
    ends = [function.inputs[0].name, *(tensor.name for tensor in function.outputs)]
    graph = tf.Graph()
    with graph.as_default():
        captures = function.graph.captures
        constants = {inner.name: tf.constant(outer.numpy()) for outer, inner in captures}
        photos, *outputs = tf.graph_util.import_graph_def(
            function.graph.as_graph_def(), constants, ends, name=""
        )
    return Graph(graph, photos, outputs)


def has_gpu() -> bool:
    """Say whether TensorFlow has a GPU here."""
    return bool(tf.config.get_visible_devices("GPU"))


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
