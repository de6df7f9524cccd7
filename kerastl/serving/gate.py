"""What an export has to pass: in a fresh process it answers as the model did in training."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.errors import ExportError, one_line
from kerastl.serving import witness
from kerastl.serving.about import SAVED_MODEL, About
from kerastl.serving.form import Form
from kerastl.serving.parity import Certainty, Parity
from kerastl.serving.seen import Seen

# In float formats, no probability may be farther from what it was.
MOST_DIFFERENCE = 1e-4


@attrs.frozen(eq=False)
class Evidence:
    """Photos, and what the model said of them where it was trained.

    Args:
        split: The one that they are of.
        pixels: As training read them, uint8 `[photos, size, size, 3]`.
        labels: Indices into the classes `[photos]`, or 1 for each of a photo's labels and 0 for the
            others `[photos, classes]`.
        probabilities: What the model said, `[photos, classes]`.
        files: Where the file of each is; empty where there is none that an export reads.
        seen: What the model sees in a few of them.
    """

    split: str
    pixels: npt.NDArray[np.uint8] = attrs.field(repr=False)
    labels: npt.NDArray[np.int64] = attrs.field(repr=False)
    probabilities: npt.NDArray[Any] = attrs.field(repr=False)
    files: tuple[str, ...] = attrs.field(repr=False)
    seen: Seen = attrs.field(repr=False)

    @property
    def readable(self) -> npt.NDArray[np.intp]:
        """The numbers of the photos that an export can read from their files."""
        return np.flatnonzero([bool(path) for path in self.files])


def examine(form: Form, folder: Path, about: About, evidence: Evidence) -> Parity:
    """Compare what an export answers, in a fresh process without kerastl, with the evidence.

    Args:
        form: What it is written as; where that is not quantised, each probability has to be what it
            was.
        folder: Where it is.
        about: What it should say of itself.
        evidence: What it should answer.

    Raises:
        ExportError: It cannot be opened, or answers otherwise; by how much.
    """
    told = _testimony(form, folder, evidence, about)
    if told["classes"].tolist() != about.names.splitlines():
        raise ExportError(
            f"The {form} export names the classes {', '.join(told['classes'])}, and the model "
            f"{', '.join(about.classes)}; it was not written."
        )
    if str(told["about"]) != about.as_text():
        raise ExportError(f"The {form} export says other things of itself; it was not written.")
    parity = _compared(evidence, told, about.threshold)
    if not form.quantization or math.isnan(parity.difference):
        _require_same(form, parity)
    else:
        _require_good(form, parity)
    if form.format == SAVED_MODEL:
        evidence.seen.require_same(told, form.format)
    return parity


def _require_same(form: Form, parity: Parity) -> None:
    # What is no number is no small difference.
    if not parity.difference <= MOST_DIFFERENCE:
        raise ExportError(
            f"The {form} export does not answer as the model does: on {parity.photos} "
            f"{parity.split} photos probabilities differ by up to {parity.difference:.2g} (at most "
            f"{MOST_DIFFERENCE:g} is allowed), and {1 - parity.agreement:.1%} of the labels; "
            "it was not written."
        )


def _require_good(form: Form, parity: Parity) -> None:
    compared = {
        f"of {parity.photos} {parity.split} photos": (parity.accuracy, parity.accuracy_before)
    }
    if parity.certainty and parity.certainty_before:
        both = parity.certainty.precision, parity.certainty_before.precision
        compared["of those that are not unsure"] = both
    for which, (found, before) in compared.items():
        if found < before - form.max_loss:
            raise ExportError(
                f"The {form} export is right in {found:.3f} {which}, the model in {before:.3f}: "
                f"that is more than --max-loss {form.max_loss} allows; it was not written."
            )


def _testimony(
    form: Form, folder: Path, evidence: Evidence, about: About
) -> dict[str, npt.NDArray[Any]]:
    """Return what a process that knows no kerastl says of the photos."""
    with tempfile.TemporaryDirectory() as name:
        questions, answers = Path(name) / "questions.npz", Path(name) / "answers.npz"
        files = [evidence.files[number] for number in evidence.readable]
        threshold = -1.0 if about.threshold is None else about.threshold
        named, seen = np.array(files, str), np.array(evidence.seen.files, str)
        np.savez(questions, pixels=evidence.pixels, files=named, seen=seen, threshold=threshold)
        # The program's own folder is no place to import from.
        command = [sys.executable, "-P", witness.__file__, form.format, folder]
        command += [questions, answers]
        done = subprocess.run(
            [*map(str, command)],
            # A GPU is taken by this process, and computes with fewer digits than are compared.
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}"
            raise ExportError(
                f"The {form} export fails where there is no kerastl: {one_line(ValueError(last))}; "
                "it was not written."
            )
        with np.load(answers) as told:
            return dict(told)


def _compared(
    evidence: Evidence, told: dict[str, npt.NDArray[Any]], threshold: float | None
) -> Parity:
    expected, found = evidence.probabilities, told["pixels"].astype(np.float64)
    if "files" in told:
        # Where there is a file, it is the file that has to be told right.
        of_files = found.copy()
        of_files[evidence.readable] = told["files"]
    else:
        of_files = found
    off = max(_largest(found, expected), _largest(of_files, expected))
    is_nan = bool(np.isnan(found).any() or np.isnan(of_files).any())
    same = of_files.argmax(axis=1) == expected.argmax(axis=1)
    return Parity(
        evidence.split,
        len(expected),
        len(evidence.readable),
        float("nan") if is_nan else off,
        float(same.mean()),
        _reading(told["read"], expected[evidence.readable]) if "read" in told else None,
        _accuracy(of_files, evidence.labels),
        _accuracy(expected, evidence.labels),
        *(_certainty(each, evidence.labels, threshold) for each in (of_files, expected)),
    )


def _reading(read: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """Return the largest difference of those files that could be read."""
    there = ~np.isnan(read).any(axis=1)
    return _largest(read[there], expected[there])


def _largest(some: npt.NDArray[Any], others: npt.NDArray[Any]) -> float:
    return float(np.abs(some - others).max(initial=0))


def _accuracy(probabilities: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> float:
    if labels.ndim == 2:
        return float(((probabilities > 0.5) == (labels == 1)).all(axis=1).mean())
    return float((probabilities.argmax(axis=1) == labels).mean())


def _certainty(
    probabilities: npt.NDArray[Any], labels: npt.NDArray[np.int64], threshold: float | None
) -> Certainty | None:
    if threshold is None:
        return None
    sure = probabilities.max(axis=1) >= threshold
    right = _accuracy(probabilities[sure], labels[sure]) if sure.any() else 0.0
    return Certainty(float(1 - sure.mean()), right)
