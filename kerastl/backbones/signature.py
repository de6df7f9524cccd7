"""Runs the functions of a signature, which may have variables, as the engine runs a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs
import tensorflow as tf

from kerastl.backbones.engine import Forward, Kind, by_type, divided, session_options
from kerastl.threads import Session, once

# Where photos go in, and what comes out by its name.
_Ends = tuple[tf.Tensor, dict[str, tf.Tensor]]


@attrs.frozen(eq=False)
class Signature:
    """What answers photos of both types with several outputs, each of which has a name.

    Its two functions are concrete; each has one input and returns a dictionary. Each session gets a
    copy of all that they have captured: what is variable stays so.

    Args:
        of_bytes: From uint8 `[batch, height, width, 3]`.
        of_floats: From float32 of the same shape, to the same outputs.
    """

    of_bytes: Any
    of_floats: Any
    # Functions do not keep their variables.
    _variables: Mapping[Any, tf.Variable] = attrs.field(init=False, repr=False)
    _written: Callable[[Kind], tuple[Session, list[_Ends]]] = attrs.field(init=False, repr=False)

    @_variables.default
    def _all_variables(self) -> Mapping[Any, tf.Variable]:
        return {one.handle.ref(): one for each in self._functions for one in each.variables}

    @_written.default
    def _written_once(self) -> Callable[[Kind], tuple[Session, list[_Ends]]]:
        return once(self._write)

    @property
    def _functions(self) -> tuple[Any, Any]:
        return self.of_bytes, self.of_floats

    def forward(self, output: str) -> Forward:
        """Return the function from photos to one output; its first calls compile it."""

        def compiled(kind: Kind) -> Forward:
            session, ends = self._written(kind)
            return by_type(
                *(partial(session.compiled, [photos], [made[output]]) for photos, made in ends)
            )

        return divided(compiled)

    def _write(self, kind: Kind) -> tuple[Session, list[_Ends]]:
        """Write both functions to a graph of their own, and give its session the variables."""
        graph = tf.Graph()
        session = kind(graph, session_options("float32"))
        copies, values, assigned = dict[Any, tf.Tensor](), dict[tf.Tensor, tf.Variable](), []
        with graph.as_default():
            for ref, one in self._variables.items():
                copies[ref] = tf.raw_ops.VarHandleOp(
                    dtype=one.dtype, shape=one.shape, shared_name=str(len(copies))
                )
                value = tf.compat.v1.placeholder(one.dtype, one.shape)
                values[value] = one
                assigned.append(tf.raw_ops.AssignVariableOp(resource=copies[ref], value=value))
            for tensor in (each for one in self._functions for each in one.captured_inputs):
                if tensor.ref() not in copies:
                    copies[tensor.ref()] = tf.constant(tensor.numpy())
            ends = [_imported(function, copies) for function in self._functions]
        session.raw.run(assigned, {value: one.numpy() for value, one in values.items()})
        return session, ends


def _imported(function: Any, copies: Mapping[Any, tf.Tensor]) -> _Ends:
    """Write a concrete function to the graph that is being made, with copies of what it captured.

    Raises:
        ValueError: It takes something else than photos alone.
    """
    given, *captured = function.inputs
    photos = tf.compat.v1.placeholder(given.dtype, given.shape)
    known = {
        inner.name: copies[outer.ref()]
        for inner, outer in zip(captured, function.captured_inputs, strict=True)
    }
    made = tf.graph_util.import_graph_def(
        function.graph.as_graph_def(),
        known | {given.name: photos},
        [tensor.name for tensor in function.outputs],
    )
    return photos, tf.nest.pack_sequence_as(function.structured_outputs, made)
