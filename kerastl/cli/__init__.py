"""The command line: gathers the verbs, and tells mistakes in one line."""

from __future__ import annotations

import io
import logging
import os
import sys
import time

import click

import kerastl
from kerastl.cli.cache import cache
from kerastl.cli.check import check
from kerastl.cli.compare import compare
from kerastl.cli.copy import copy
from kerastl.cli.evaluate import evaluate
from kerastl.cli.export import export
from kerastl.cli.find_lr import find_lr
from kerastl.cli.list import list_
from kerastl.cli.predict import predict
from kerastl.cli.pretrain import pretrain
from kerastl.cli.run import run
from kerastl.cli.serve import serve
from kerastl.cli.show import show
from kerastl.cli.weights import weights
from kerastl.clock import Clock
from kerastl.errors import KerastlError, cause, without_controls

_EXAMPLES = """\b
Examples:
  kerastl list
  kerastl run candy --unfreeze-after 5
  kerastl run candy --data my_photos/
  kerastl predict candy photo.jpg
"""


class _InOrder(click.Group):
    """A group that names its verbs in the order in which a person needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands]


@click.group(
    cls=_InOrder,
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(kerastl.__version__, "-V", "--version")
@click.pass_context
def cli(context: click.Context) -> None:
    """Train, check and export image classifiers from a few hundred labelled photos."""
    context.ensure_object(Clock)


for _verb in (
    *(list_, show, copy, check, find_lr, run, evaluate, compare, predict, export, serve),
    *(pretrain, weights, cache),
):
    cli.add_command(_verb)


def main() -> None:
    """Run the command line; a mistake is one line and an exit status, never a traceback."""
    clock = Clock(time.perf_counter())
    _hide_native_output()
    # A file's name need not be text, and no name is worth a crash.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(_status(clock))


def _status(clock: Clock) -> int:
    try:
        status = cli(obj=clock, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" See: {context.command_path} --help" if context else ""
        message = error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        return _tell(message + end + hint, error.exit_code)
    except KerastlError as error:
        return _tell(str(error), error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        return _tell("Stopped.", 130)
    except Exception as error:
        if os.environ.get("KERASTL_DEBUG"):
            raise
        return _tell(f"Unexpected {cause(error)} (KERASTL_DEBUG=1 shows where.)", 1)
    return status if isinstance(status, int) else 0


def _tell(message: str, status: int) -> int:
    prefix = "" if status == 130 else "Error: "
    click.echo(without_controls(f"{prefix}{' '.join(message.split())}"), err=True)
    return status


def _hide_native_output() -> None:
    """Keep the lines that TensorFlow's C++ parts write by themselves away from the person.

    They go past Python straight to file descriptor 2, some before any level can be set. What
    Python writes still arrives: it keeps a copy of the descriptor.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if os.environ.get("KERASTL_DEBUG") or sys.stderr is None:
        return
    # Of its Python parts nothing but errors: that a function is traced again is no one's concern.
    logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
    sys.stderr.flush()
    kept = os.dup(2)
    sys.stderr = os.fdopen(kept, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
