"""`kerastl serve`: a model behind HTTP."""

from __future__ import annotations

import importlib
import re

import click

from kerastl import runs
from kerastl.errors import UsageError
from kerastl.memory import keep_memory
from kerastl.serving.server.address import listen

_EXAMPLES = """\b
Examples:
  kerastl serve candy
  kerastl serve runs/mine/export/candy --port 8501
  curl -F photo=@photo.jpg http://127.0.0.1:8501/predict
"""

_MILLISECONDS, _MEGABYTE = 1e-3, 1_000_000


@click.command(epilog=_EXAMPLES)
@click.argument("model")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="0.0.0.0 for the network.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8501,
    show_default=True,
    metavar="N",
    help="0 for one that is free.",
)
@click.option("--name", metavar="NAME", help="What it is called in /v1/models/NAME.")
@click.option(
    "--max-batch",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    metavar="PHOTOS",
    help="The most that are answered together.",
)
@click.option(
    "--max-latency",
    type=click.FloatRange(min=0),
    default=10,
    show_default=True,
    metavar="MS",
    help="How long a photo waits for others at most.",
)
@click.option(
    "--max-size",
    type=click.FloatRange(min=0, min_open=True),
    default=16,
    show_default=True,
    metavar="MB",
    help="The largest request.",
)
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="How long a client takes to send a request at most.",
)
@click.option("--access-log", is_flag=True, help="Write a line for each request.")
def serve(
    model: str,
    host: str,
    port: int,
    name: str | None,
    max_batch: int,
    max_latency: float,
    max_size: float,
    timeout: int,
    access_log: bool,
) -> None:
    """Answer photos with MODEL's labels over HTTP, and show them on a page.

    MODEL is a run directory, a recipe's name for its newest run, or an export. Programs ask it as
    they ask TensorFlow Serving, or send files to /predict; people open the page. It ends on SIGTERM
    or Ctrl-C once what is under way has been answered.
    """
    _require_extra()
    if name is not None and not re.fullmatch(r"[^/:]+", name):
        raise UsageError(f"--name takes a name without '/' and ':', not {name!r}.")
    runs.require_model(model)
    keep_memory()
    # Typing mistakes are told before the seconds that TensorFlow takes.
    with listen(host, port) as listening:
        from kerastl.opening import open_model
        from kerastl.serving.server import running
        from kerastl.serving.server.limits import Limits

        opened = open_model(model)
        click.echo(f"Model: {opened.path}", err=True)
        limits = Limits(
            max_batch, max_latency * _MILLISECONDS, int(max_size * _MEGABYTE), float(timeout)
        )
        running.serve(opened, name or opened.about.name, listening, limits, access_log)


def _require_extra() -> None:
    for name in ("prometheus_client", "python_multipart", "starlette", "uvicorn"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            remedy = "pip install 'kerastl[serve]'"
            raise UsageError(f"kerastl serve needs {name}, which is not here: {remedy}.") from error
