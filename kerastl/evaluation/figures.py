"""Draws the confusion matrix and the training curves."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kerastl.evaluation.scores import Scores

Row = dict[str, float | int | str]

_GREY = "0.35"


class Tested(Protocol):
    """A stage whose learning rate was looked for."""

    @property
    def stage(self) -> str:
        """Its name."""

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rate of each step."""

    @property
    def losses(self) -> tuple[float, ...]:
        """The loss of each step."""

    @property
    def suggestion(self) -> float:
        """The learning rate to take."""


def draw_confusion(scores: Scores, title: str, path: Path) -> None:
    """Draw how many photos of each class (rows) were taken for which class (columns), as PNG."""
    if scores.confusion.ndim == 3:
        _draw_labels(scores, title, path)
        return
    names = [score.name for score in scores.by_class]
    side = max(4.0, 0.55 * len(names) + 2.5)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = scores.confusion / np.maximum(scores.confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(scores.confusion):
        if count:
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color)
    ticks = np.arange(len(names))
    plain = {"parse_math": False}
    axes.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor", **plain)
    axes.set_yticks(ticks, names, **plain)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(_title(scores, title), fontsize=11)
    _save(figure, path)


def _draw_labels(scores: Scores, title: str, path: Path) -> None:
    """Draw precision, recall and F1 of each label, for photos that have any number of them."""
    names = [f"{score.name} ({score.images})" for score in scores.by_class]
    figure = Figure(figsize=(7, max(2.5, 0.6 * len(names) + 1.5)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(names))
    for number, name in enumerate(("precision", "recall", "f1")):
        values = [getattr(score, name) for score in scores.by_class]
        axes.barh(places + 0.27 * (number - 1), values, height=0.25, label=name.replace("f1", "F1"))
    axes.set_yticks(places, names, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.grid(alpha=0.25, axis="x")
    axes.set_title(_title(scores, title), fontsize=11)
    figure.legend(loc="outside lower center", ncols=3)
    _save(figure, path)


def _title(scores: Scores, title: str) -> str:
    # On two lines: the figure of a few classes is too narrow for one.
    return (
        f"{title}: {scores.images} photos\n"
        f"accuracy {scores.accuracy:.3f}, macro-F1 {scores.macro_f1:.3f}"
    )


def _save(figure: Figure, path: Path) -> None:
    with warnings.catch_warnings():
        # Matplotlib's font has no letters of some languages; it draws boxes for them.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(path, dpi=120, format="png")


def draw_curves(rows: Sequence[Row], path: Path) -> None:
    """Draw loss and accuracy over the epochs of all stages, as PNG."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, name in ((left, "loss"), (right, "accuracy")):
        epochs = [int(row["epoch"]) for row in rows]
        axes.plot(epochs, [float(row[name]) for row in rows], label="training", marker=".")
        axes.plot(
            epochs,
            [float(row[f"validation_{name}"]) for row in rows],
            label="validation",
            marker=".",
        )
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.25)
        _mark_stages(axes, rows)
    _mark_best(left, rows)
    left.set_ylim(bottom=0)
    # Within the axes it could lie on a curve.
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=120, format="png")


def draw_rates(tests: Sequence[Tested], path: Path) -> None:
    """Draw the loss over the learning rate for each stage, and the rate to take, as PNG."""
    figure = Figure(figsize=(4.5 * len(tests), 3.8), layout="constrained")
    for axes, test in zip(np.atleast_1d(figure.subplots(1, len(tests))), tests, strict=True):
        axes.plot(test.rates, test.losses)
        axes.axvline(test.suggestion, color=_GREY, linestyle="--", label=f"{test.suggestion:g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss", title=f"stage {test.stage}")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
        axes.legend()
    figure.savefig(path, dpi=120, format="png")


def _mark_stages(axes: Axes, rows: Sequence[Row]) -> None:
    """Name each stage at the top, and draw a line where the next begins."""
    axes.set_xlim(float(rows[0]["epoch"]) - 0.5, float(rows[-1]["epoch"]) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for number, row in enumerate(rows):
        if number and row["stage"] == rows[number - 1]["stage"]:
            continue
        begin = float(row["epoch"]) - 0.5
        if number:
            axes.axvline(begin, color=_GREY, linewidth=1, linestyle="--")
        axes.annotate(
            str(row["stage"]),
            (begin, 1.02),
            xycoords=("data", "axes fraction"),
            color=_GREY,
            fontsize=9,
        )


def _mark_best(axes: Axes, rows: Sequence[Row]) -> None:
    best = min(rows, key=lambda row: float(row["validation_loss"]))
    place = (float(best["epoch"]), float(best["validation_loss"]))
    axes.plot(
        *place, marker="o", markersize=9, fillstyle="none", color="black", label="best", ls=""
    )
