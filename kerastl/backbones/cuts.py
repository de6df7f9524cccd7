"""Finds, in a model's graph, the places where all before can be frozen and all after can learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import keras
import numpy as np

# In a model of kerastl the layers of the head are named so; all others are the backbone's.
HEAD = "head_"
# And these, which come after the logits: the mean of several looks, and the temperature.
VIEWS, TEMPERATURE = "test_views", "temperature"
_FEW = 5
_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)


@attrs.frozen(eq=False)
class Cut:
    """A place in a model where the whole signal passes through a few tensors, mostly one.

    Args:
        layer: The name of the layer before it.
        tensors: The tensors that pass.
        share: Share of the backbone above it, 0..1, counted in layers with weights.
        parameters: Weights of the backbone above it.
    """

    layer: str
    tensors: tuple[Any, ...] = attrs.field(repr=False)
    share: float
    parameters: int


@attrs.frozen(eq=False)
class _Place:
    """A step of the graph and what is alive after it."""

    operation: Any
    tensors: tuple[Any, ...]
    above: int

    @property
    def size(self) -> int:
        """How many bytes of a photo have to be kept at this place: float32, but for the photo."""
        width = 1 if isinstance(self.operation, keras.layers.InputLayer) else 4
        return width * sum(int(np.prod(tensor.shape[1:])) for tensor in self.tensors)


def find_cuts(model: keras.Model) -> list[Cut]:
    """Return the cuts of a functional model, from the photo up to the backbone's end.

    Cuts lie at block boundaries: after an addition, a concatenation or an activation, which is
    where layers have to be frozen or unfrozen together. Of the places with the same layers above,
    the one with the smallest tensor stands for all: the least has to be kept there.
    """
    steps = _steps(model)
    weighted = [operation for operation, _ in steps if _in_backbone(operation) and _size(operation)]
    places = list(_places(steps, weighted))
    cuts = _offered(places, weighted, alive=1)
    # NASNet hands two tensors from cell to cell.
    return cuts if len(cuts) >= _FEW else _offered(places, weighted, alive=2)


def depths(model: keras.Model) -> list[tuple[Any, int]]:
    """Return each operation with weights, and how many cuts lie between it and the logits.

    Args:
        model: From photos to logits.
    """
    steps = _steps(model)
    weighted = [operation for operation, _ in steps if _size(operation)]
    backbone = [operation for operation in weighted if _in_backbone(operation)]
    above = [round(cut.share * len(backbone)) for cut in find_cuts(model)]
    places = {id(operation): len(backbone) - place for place, operation in enumerate(backbone)}
    return [(each, sum(count < places.get(id(each), 0) for count in above)) for each in weighted]


def nearest_cut(cuts: Sequence[Cut], share: float) -> Cut:
    """Return the cut whose share of the backbone above it is nearest to the one wanted."""
    return min(cuts, key=lambda cut: abs(cut.share - share))


def trunk_and_tail(model: keras.Model, cut: Cut) -> tuple[keras.Model, keras.Model]:
    """Return the model before the cut and the model after it; both share the model's layers."""
    tensors = list(cut.tensors) if len(cut.tensors) > 1 else cut.tensors[0]
    trunk = keras.Model(model.inputs[0], tensors, name="trunk")
    tail = keras.Model(tensors, model.outputs[0], name="tail")
    return trunk, tail


def _in_backbone(operation: Any) -> bool:
    return not operation.name.startswith(HEAD)


def _size(operation: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in getattr(operation, "weights", ()))


def _steps(model: keras.Model) -> list[tuple[Any, tuple[Any, ...]]]:
    """Return operation and alive tensors after each step of a topological order of the graph."""
    nodes = nodes_of(model)
    uses = Counter(id(tensor) for node in nodes for tensor in node.input_tensors)
    uses.update(id(tensor) for tensor in model.outputs)
    alive: dict[int, Any] = {}
    steps = []
    for node in nodes:
        for tensor in node.input_tensors:
            uses[id(tensor)] -= 1
            if not uses[id(tensor)]:
                alive.pop(id(tensor), None)
        alive |= {id(tensor): tensor for tensor in node.output_tensors if uses[id(tensor)]}
        steps.append((node.operation, tuple(alive.values())))
    return steps


def nodes_of(model: keras.Model) -> list[Any]:
    """Return the nodes of a functional model, each after those that it needs."""
    done: dict[int, Any] = {}
    stack = [tensor._keras_history for tensor in model.outputs]
    while stack:
        history = stack[-1]
        node = history.operation._inbound_nodes[history.node_index]
        needed = [tensor._keras_history for tensor in node.input_tensors]
        missing = [
            parent
            for parent in needed
            if id(parent.operation._inbound_nodes[parent.node_index]) not in done
        ]
        if missing:
            stack.extend(missing)
        else:
            done[id(node)] = node
            stack.pop()
    return list(done.values())


def _places(steps: list[tuple[Any, tuple[Any, ...]]], weighted: list[Any]) -> Iterator[_Place]:
    """Yield every step below the head's first layer with weights or with chance in it."""
    above = len(weighted)
    for operation, tensors in steps:
        above -= bool(_in_backbone(operation) and _size(operation))
        if not _in_backbone(operation) and not _is_pooling(operation):
            return
        yield _Place(operation, tensors, above)


def _is_pooling(operation: Any) -> bool:
    return not _size(operation) and not isinstance(operation, keras.layers.Dropout)


def _offered(places: list[_Place], weighted: list[Any], alive: int) -> list[Cut]:
    groups: dict[int, list[_Place]] = {}
    for place in places:
        if len(place.tensors) <= alive:
            groups.setdefault(place.above, []).append(place)
    sizes = np.cumsum([0, *(_size(operation) for operation in reversed(weighted))])
    return [
        _cut(_smallest(group), len(weighted), int(sizes[above]))
        for above, group in sorted(groups.items(), reverse=True)
        if above in (0, len(weighted)) or any(_is_boundary(place.operation) for place in group)
    ]


def _is_boundary(operation: Any) -> bool:
    activation = getattr(operation, "activation", keras.activations.linear)
    # An addition may be a layer or an operation (`x + y`): both are called Add.
    merges = type(operation).__name__ in ("Add", "Concatenate")
    activates = isinstance(operation, _ACTIVATIONS) or activation is not keras.activations.linear
    return merges or activates


def _smallest(group: list[_Place]) -> _Place:
    """Return the place where the least has to be kept, the last of equals."""
    return min(reversed(group), key=lambda place: place.size)


def _cut(place: _Place, layers: int, parameters: int) -> Cut:
    return Cut(place.operation.name, place.tensors, place.above / layers, parameters)
