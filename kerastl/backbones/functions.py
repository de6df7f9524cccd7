"""Runs a function of photos that may have variables, as the engine runs a graph."""

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
class Function:
    """A function from photos to a dictionary of float32 outputs.

    What it has captured are tensors or variables. Both are copied.

    Args:
        of_bytes: The concrete function of uint8 `[batch, height, width, 3]`.
        of_floats: That of float32.
    """

    of_bytes: Any
    of_floats: Any
    # Functions do not keep their variables.
    _variables: Mapping[Any, tf.Variable] = attrs.field(init=False, repr=False)
    _written: Callable[[Kind], tuple[Session, list[_Ends]]] = attrs.field(init=False, repr=False)

    @_variables.default
    def _all_variables(self) -> Mapping[Any, tf.Variable]:
        functions = (self.of_bytes, self.of_floats)
        return {one.handle.ref(): one for each in functions for one in each.variables}

    @_written.default
    def _written_once(self) -> Callable[[Kind], tuple[Session, list[_Ends]]]:
        return once(self._write)

    def forward(self, output: str) -> Forward:
        """Return the function from photos to one of the outputs; its first calls compile it."""

        def compiled(kind: Kind) -> Forward:
            session, ends = self._written(kind)
            return by_type(
                *(partial(session.compiled, [photos], [made[output]]) for photos, made in ends)
            )

        return divided(compiled)

    def _write(self, kind: Kind) -> tuple[Session, list[_Ends]]:
        """Write it to a graph of its own, whose session has copies of the variables."""
        graph, variables = tf.Graph(), self._variables.values()
        session = kind(graph, session_options("float32"))
        with graph.as_default():
            handles = [
                tf.raw_ops.VarHandleOp(dtype=one.dtype, shape=one.shape, shared_name=str(number))
                for number, one in enumerate(variables)
            ]
            known = dict(zip(self._variables, handles, strict=True))
            ends = [_written_to_graph(each, known) for each in (self.of_bytes, self.of_floats)]
            values = [tf.compat.v1.placeholder(one.dtype, one.shape) for one in variables]
            assigned = [
                tf.raw_ops.AssignVariableOp(resource=handle, value=value)
                for handle, value in zip(handles, values, strict=True)
            ]
        given = [one.numpy() for one in variables]
        session.raw.run(assigned, dict(zip(values, given, strict=True)))
        return session, ends


def _written_to_graph(function: Any, handles: Mapping[Any, tf.Tensor]) -> _Ends:
    """Write a concrete function to the graph that is being made."""
    inside, given = function.graph, function.inputs[0]
    photos = tf.compat.v1.placeholder(given.dtype, given.shape)
    known = {
        inner.name: handles[outer.ref()] if outer.ref() in handles else tf.constant(outer.numpy())
        for outer, inner in inside.captures
    }
    ends = [tensor.name for tensor in function.outputs]
    made = tf.graph_util.import_graph_def(inside.as_graph_def(), known | {given.name: photos}, ends)
    return photos, tf.nest.pack_sequence_as(function.structured_outputs, made)
