"""Any constructor of `keras.applications` -> a backbone that takes photos of 0..255."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import attrs
import keras
import tensorflow as tf

from kerastl.errors import UsageError, did_you_mean, one_line
from kerastl.recipe import Backbone

# What kerastl decides itself; the other parameters of a constructor are the recipe's options.
_OURS = {"include_top", "weights", "input_tensor", "input_shape", "pooling", "classes"}
_OURS |= {"classifier_activation", "include_preprocessing", "name"}


@attrs.frozen
class Published:
    """The ImageNet weights file that Keras offers for a backbone.

    Args:
        file: Its name in Keras's cache folder.
        url: Where it is downloaded from.
        hash: Its hash, `None` where Keras publishes none.
    """

    file: str
    url: str
    hash: str | None


def constructors() -> dict[str, Callable[..., keras.Model]]:
    """Return every constructor of `keras.applications` by name."""
    functions = inspect.getmembers(keras.applications, inspect.isfunction)
    return {
        name: function
        for name, function in functions
        if "include_top" in inspect.signature(function).parameters
    }


def graph(backbone: Backbone) -> tuple[keras.Model, Published | None]:
    """Build the backbone, its own preprocessing in front.

    Its weights are zeros, as those that it names have to be loaded; or random, where none is one of
    its choices. The graph is the one that the published ImageNet weights are made for, whichever
    are loaded: EfficientNet, for one, has a layer more in it than with `weights=None`.

    Args:
        backbone: The constructor's name, its options, and the image size.

    Returns:
        A functional model from photos `[batch, size, size, 3]` of 0..255 to features, and the
        ImageNet weights file that Keras offers for it, if any.

    Raises:
        UsageError: There is no such constructor or option, or the image size is impossible.
    """
    constructor = _constructor(backbone)
    shape = (backbone.image_size, backbone.image_size, 3)
    photo = keras.Input(shape, name="photo")
    arguments = {
        **backbone.options,
        "include_top": False,
        "input_shape": shape,
        "input_tensor": _preprocessing(constructor)(photo),
    }
    try:
        with _nothing_loaded() as asked, _beginning(backbone):
            try:
                model = constructor(**arguments, weights="imagenet")
            except ValueError:
                # No ImageNet weights for these options, or (NASNet) for this image size.
                model = constructor(**arguments, weights=None)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{_described(backbone)} cannot be built: {one_line(error, 300)}"
        ) from error
    # The constructor's own model takes a list of one photo tensor; this one takes the tensor.
    model = keras.Model(photo, model.outputs[0], name=model.name)
    return model, asked[0] if asked else None


def _constructor(backbone: Backbone) -> Callable[..., keras.Model]:
    constructor = _known(backbone.name)
    options = _defaults(constructor)
    for option in backbone.options:
        if option not in options:
            hint = did_you_mean(option, options) if options else "It has none."
            raise UsageError(f"Backbone {backbone.name} has no option {option!r}. {hint}")
    return constructor


def _known(name: str) -> Callable[..., keras.Model]:
    known = constructors()
    if name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(f"There is no backbone {name!r} in keras.applications. {hint}")
    return known[name]


def _defaults(constructor: Callable[..., keras.Model]) -> dict[str, Any]:
    parameters = inspect.signature(constructor).parameters.values()
    return {each.name: each.default for each in parameters if each.name not in _OURS}


def all_options(backbone: Backbone) -> dict[str, Any]:
    """Return the backbone's options, with Keras's defaults for those that it does not name."""
    return {**_defaults(_known(backbone.name)), **backbone.options}


def preprocessing_name(backbone: Backbone) -> str:
    """Return the full name of the function that prepares photos for the backbone."""
    function = _preprocessing(_known(backbone.name))
    return f"{function.__module__.replace('.src.', '.')}.{function.__name__}"


def _preprocessing(constructor: Callable[..., keras.Model]) -> Callable[[Any], Any]:
    """Return the `preprocess_input` that Keras keeps beside the constructor."""
    function: Callable[[Any], Any] = vars(inspect.getmodule(constructor))["preprocess_input"]
    return function


@contextmanager
def _nothing_loaded() -> Iterator[list[Published]]:
    """Let a constructor name its ImageNet weights file, but neither fetch nor load it.

    A constructor builds its graph, fetches the file and loads it in one go, and only it knows the
    file's name. kerastl fetches and loads itself, with checks.
    """
    asked: list[Published] = []

    def get_file(fname: str = "", origin: str = "", *_: Any, **more: Any) -> str:
        asked.append(Published(fname, origin, more.get("file_hash")))
        return fname

    # The applications look the function up in this module when they are called.
    source = inspect.getmodule(keras.utils.get_file)
    with (
        mock.patch.object(source, "get_file", get_file),
        mock.patch.object(keras.Model, "load_weights", return_value=None),
        warnings.catch_warnings(),
    ):
        # Keras warns where it picks the weights trained at 224 for another size; that is meant.
        warnings.filterwarnings("ignore", message=".*input_shape. is undefined or non-square")
        yield asked


@contextmanager
def _beginning(backbone: Backbone) -> Iterator[None]:
    """Let variables begin with zeros, unless random values may be what they are to hold."""
    if None in backbone.weights:
        yield
        return
    add_weight = keras.layers.Layer.add_weight

    def add_zeros(layer: keras.layers.Layer, *shape: Any, **more: Any) -> keras.Variable:
        # Each name that TensorFlow sees costs half a millisecond; Keras has its own.
        with tf.name_scope("weights/"):
            return add_weight(layer, *shape, **{**more, "initializer": "zeros"})

    with mock.patch.object(keras.layers.Layer, "add_weight", add_zeros):
        yield


def _described(backbone: Backbone) -> str:
    options = ", ".join(f"{key}={value!r}" for key, value in backbone.options.items())
    return f"{backbone.name}({options}) at image size {backbone.image_size}"
