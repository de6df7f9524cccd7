"""Other people's converters and engines: had where they are installed, and kept quiet."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from kerastl.errors import ExportError, cause


def needed(module: str, what: str, extra: str) -> Any:
    """Return a module that not everybody has.

    Args:
        module: Its full name.
        what: What it is needed for.
        extra: The extra of kerastl that brings it.

    Raises:
        ExportError: It is not installed.
    """
    try:
        with quietly():
            return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise ExportError(f"{what} needs {name}: pip install 'kerastl[{extra}]'") from error


@contextmanager
def converting(what: str) -> Iterator[None]:
    """Turn whatever goes wrong inside of a converter into one line, and keep it quiet.

    Args:
        what: The format that it converts to.

    Raises:
        ExportError: The model cannot be converted.
        OSError: A file cannot be written.
    """
    try:
        with quietly():
            yield
    except OSError:
        raise
    except Exception as error:
        why = cause(error).rstrip(".")
        raise ExportError(f"The model cannot be converted to {what}: {why}.") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Keep what is printed, logged or warned of inside from the person, in all of the process."""
    with ExitStack() as stack, open(os.devnull, "w", encoding="utf-8") as nowhere:
        for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
            if stream is not None:
                stream.flush()
            # What is written in C++ does not pass through Python's streams.
            _redirect(number, nowhere.fileno(), stack)
        stack.enter_context(redirect_stdout(nowhere))
        stack.enter_context(redirect_stderr(nowhere))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        yield


def _redirect(number: int, target: int, stack: ExitStack) -> None:
    kept = os.dup(number)
    stack.callback(os.close, kept)
    stack.callback(os.dup2, kept, number)
    os.dup2(target, number)
