"""`kerastl export`: a trained model in the formats that others run."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from kerastl import runs
from kerastl.cli.options import json_option, print_json, require_photos
from kerastl.data import source_of
from kerastl.errors import UsageError
from kerastl.serving.about import FORMATS, LITERT, MAX_LOSS, QUANTIZATIONS, SAVED_MODEL

_EXAMPLES = """\b
Examples:
  kerastl export candy
  kerastl export candy --format litert --quantize int8 --max-loss 0.02
  kerastl export runs/candy-20260131-120000 --format onnx --format keras --output served/
  kerastl export candy --target-precision 0.98
"""


@click.command(epilog=_EXAMPLES)
@click.argument("run")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=(SAVED_MODEL,),
    type=click.Choice(FORMATS),
    help="May be given several times; saved_model unless it is.",
)
@click.option(
    "--quantize",
    "quantizations",
    multiple=True,
    type=click.Choice(QUANTIZATIONS),
    help="Make the weights of litert smaller; may be given several times.",
)
@click.option(
    "--max-loss",
    type=click.FloatRange(0, 1),
    default=MAX_LOSS,
    show_default=True,
    metavar="SHARE",
    help="How much accuracy that may cost.",
)
@click.option(
    "--target-precision",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Say unsure of photos too doubtful for so large a share to be told right.",
)
@click.option(
    "--data", metavar="DATA", help="Other photos to try the exports on than the run's own."
)
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False, writable=True),
    help="Where to; the run's own folder of exports unless it is given.",
)
@json_option
def export(
    run: str,
    formats: tuple[str, ...],
    quantizations: tuple[str, ...],
    max_loss: float,
    target_precision: float | None,
    data: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write RUN's model in formats that need no kerastl, each with a model card.

    RUN is a run directory, or a recipe's name for its newest run. An export is asked about photos
    of the run in a process without kerastl, and is written only if it answers as the model does. It
    becomes NAME/1, or the next number, as TensorFlow Serving expects it; those of other formats
    NAME-litert/1 and so on.
    """
    if quantizations and LITERT not in formats:
        raise UsageError("--quantize is of litert; add --format litert.")
    if _given("max_loss") and not quantizations:
        raise UsageError("--max-loss is of what --quantize may cost; add --quantize.")
    runs.find(run).require_model()
    if data:
        require_photos(source_of(data))
    from kerastl import trained
    from kerastl.serving.form import Form

    model = trained.load(run)
    click.echo(f"Run: {model.directory.path}", err=True)
    forms = [
        Form(one, quantization, max_loss)
        for one in dict.fromkeys(formats)
        for quantization in (dict.fromkeys(quantizations) if one == LITERT else ()) or (None,)
    ]
    targets = model.export(output, forms, data=data, target_precision=target_precision)
    if as_json:
        print_json(
            {"run": str(model.directory.path), "exports": [str(target) for target in targets]}
        )


def _given(option: str) -> bool:
    """Say whether a person gave an option, and not its default alone."""
    source = click.get_current_context().get_parameter_source(option)
    return source is not ParameterSource.DEFAULT
