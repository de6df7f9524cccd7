"""Callbacks that a person gives to a run: looked at before it begins, and named in its record."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerastl.console import say
from kerastl.errors import UsageError

Callbacks = Sequence[keras.callbacks.Callback]


def require_callbacks(callbacks: object) -> None:
    """Make sure that all of them are callbacks that Keras can call.

    Raises:
        UsageError: One of them is not, or they are no list.
    """
    if not isinstance(callbacks, list | tuple):
        raise UsageError(f"callbacks has to be a list, not {_described(callbacks)}.")
    for one in callbacks:
        if not isinstance(one, keras.callbacks.Callback):
            raise UsageError(
                f"callbacks takes objects of keras.callbacks.Callback, not {_described(one)}."
            )


def _described(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"an object of {type(value).__name__}"


def named_callbacks(callbacks: Callbacks, before: Sequence[str]) -> list[str]:
    """Return the names of their classes for the record, and say which are not given again.

    Args:
        callbacks: Those of now.
        before: The names of those that the run was given before it was broken off.
    """
    names = [type(one).__name__ for one in callbacks]
    missing = [name for name in before if name not in names]
    if missing:
        say(f"Going on without callbacks that the run was given before: {', '.join(missing)}")
    return [*dict.fromkeys([*before, *names])]
