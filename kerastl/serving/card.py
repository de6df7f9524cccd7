"""The model card of an export, `README.md`: what it is for, what it is worth, how to call it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from kerastl.intervals import interval_of
from kerastl.serving.about import SAVED_MODEL, UNSURE, About
from kerastl.serving.calls import call
from kerastl.serving.parity import Parity


@attrs.frozen
class Card:
    """What a model card tells.

    Args:
        about: What the model says of itself.
        record: The record of its run.
        data: Where the photos came from, in words.
        kind: The format of the export.
        quantization: What its weights were made smaller by, if anything.
        parity: How its answers compare with the model's.
    """

    about: About
    record: Mapping[str, Any]
    data: str
    kind: str
    quantization: str | None
    parity: Parity

    def text(self) -> str:
        """Return the card as Markdown; its front matter is what the Hugging Face Hub reads."""
        parts = (
            self._front_matter(),
            f"# {self.about.name}\n\n{self._summary()}",
            f"## Intended use\n\n{self._use()}",
            f"## Data\n\n{self._data()}",
            f"## Scores\n\n{self._scores()}",
            f"## Limits\n\n{self._limits()}",
            f"## Where the weights come from\n\n{self.about.licence}",
            f"## How to call it\n\n{call(self.kind, self.about)}",
            f"## Proof\n\n{self._proof()}",
        )
        return "\n\n".join(parts) + "\n"

    def _front_matter(self) -> str:
        library = {"litert": "tflite", "onnx": "onnx", "keras": "keras"}.get(self.kind, "tf-keras")
        told = {split: scores["accuracy"] for split, scores in self.about.scores.items()}
        if self.quantization:
            told = {self.parity.split: self.parity.accuracy}
        metrics = [
            f"      - type: accuracy\n        value: {accuracy}\n        name: {split}"
            for split, accuracy in told.items()
        ]
        # JSON is YAML, and quotes what has to be quoted.
        name = json.dumps(self.about.name)
        results = [
            "model-index:",
            f"- name: {name}",
            "  results:",
            "  - task:\n      type: image-classification",
            f"    dataset:\n      type: imagefolder\n      name: {json.dumps(self.data)}",
            "    metrics:",
            *metrics,
        ]
        head = ["---", f"library_name: {library}", "pipeline_tag: image-classification"]
        tags = ["tags:", "- kerastl", "- transfer-learning", "license: other", "metrics:"]
        return "\n".join([*head, *tags, "- accuracy", *(results if metrics else []), "---"])

    def _summary(self) -> str:
        backbone = self.record["recipe"]["backbone"]
        size = self.about.image_size
        small = f" Its weights are quantised ({self.quantization})." if self.quantization else ""
        return (
            f"Tells photos of {len(self.about.classes)} classes apart: "
            f"{', '.join(self.about.classes)}. "
            f"A {backbone['name']} on photos of {size} x {size} pixels, fine-tuned and exported by "
            f"kerastl {self.about.version}.{small}"
        )

    def _use(self) -> str:
        several = "one of the classes"
        if self.about.multi_label:
            several = "each label for itself (those above 0.5 apply; `label` is the likeliest one)"
        unsure = ""
        if self.about.threshold is not None:
            called = "is" if self.kind == SAVED_MODEL else "is to be"
            unsure = (
                f" A photo whose most probable class is below {self.about.threshold:.3f} {called} "
                f"called `{UNSURE}`."
            )
        return (
            f"For photos like those that it has learned from: it says {several} of any photo, also "
            f"of one that shows none of them.{unsure}"
        )

    def _data(self) -> str:
        splits = self.record.get("splits", {}).items()
        counts = ", ".join(f"{number} {split}" for split, number in splits)
        lines = [f"Photos of {self.data}: {counts or 'how many is not known'}."]
        findings = self.record.get("findings", ())
        if findings:
            lines.append("What was found in them is in the run's record, under `findings`.")
        return " ".join(lines)

    def _scores(self) -> str:
        if not self.about.scores:
            return "The run has no scores; it was broken off before."
        rows = [
            "| split | photos | accuracy (95 % interval) | macro-F1 | calibration error |",
            "|---|---|---|---|---|",
        ]
        for split, scores in self.about.scores.items():
            images = int(scores["images"])
            accuracy = _whole(scores["accuracy"], images)
            low, high = interval_of(round(accuracy * images), images)
            # A run of an earlier version was not asked for it.
            off = scores.get("calibration_error")
            rows.append(
                f"| {split} | {scores['images']} | {accuracy:.3f} ({low:.3f} to "
                f"{high:.3f}) | {scores['macro_f1']:.3f} | {'' if off is None else f'{off:.3f}'} |"
            )
        return "\n".join([*self._before(), *rows, "", *self._by_class()])

    def _before(self) -> list[str]:
        lines = []
        if self.quantization:
            lines.append(
                "Of the model before its weights were quantised; the proof says what has changed."
            )
        if self.about.multi_label:
            lines.append("Accuracy is the share of photos all of whose labels are told right.")
        return [*lines, ""] if lines else []

    def _by_class(self) -> list[str]:
        scores = self.record.get("scores", {})
        if not scores:
            return []
        split = [*scores][-1]
        rows = [f"| class ({split}) | photos | precision | recall |", "|---|---|---|---|"]
        for name, one in scores[split]["classes"].items():
            escaped = name.replace("|", "\\|")
            recall = _whole(one["recall"], one["images"])
            shares = f"{one['precision']:.3f} | {recall:.3f}"
            rows.append(f"| {escaped} | {one['images']} | {shares} |")
        note = "The validation photos have also chosen the epoch that is kept."
        return [*rows, "", note]

    def _limits(self) -> str:
        photos = (
            "JPEG, PNG, GIF (its first frame), BMP and WebP files; of those that TensorFlow does "
            "not read, such as WebP that moves or BMP with a palette, it says so in `error`"
            if self.kind == SAVED_MODEL
            else "upright pixels"
        )
        return (
            f"It takes {photos}. Photos of another kind (other cameras, light, backgrounds) than "
            f"the scores were taken on can be told far worse. {self._calibrated()}"
        )

    def _calibrated(self) -> str:
        if "temperature" not in self.record:
            return "Probabilities were not calibrated: they may be far too certain."
        return (
            "Probabilities were calibrated on the validation photos; on other photos they need not "
            f"be true{', nor after weights were quantised' if self.quantization else ''}."
        )

    def _proof(self) -> str:
        parity = self.parity
        files = f" ({parity.from_files} of them as files)" if parity.reading is None else ""
        proof = (
            f"Asked in a process without kerastl about {parity.photos} {parity.split} photos"
            f"{files}, it gave the model's first label to "
            f"{parity.agreement:.1%}; the largest difference in a probability is "
            f"{parity.difference:.2g}, its accuracy {parity.accuracy:.4f} (the model's "
            f"{parity.accuracy_before:.4f}){parity.certainty_in_words}."
        )
        if parity.reading is None or not parity.from_files:
            return proof
        return (
            f"{proof} That is of pixels as kerastl reads them. Of {parity.from_files} files that "
            f"Pillow reads, as above, the largest difference is {parity.reading:.2g}."
        )


def _whole(share: float, count: int) -> float:
    """Return a share of so many, of which the record has four digits, with all of its digits."""
    return round(share * count) / count if count else share


def licence_of(record: Mapping[str, Any]) -> str:
    """Return what is known of the terms of a model's weights, from the record of its run."""
    weights, backbone = record.get("weights"), record["recipe"]["backbone"]["name"]
    if weights == "imagenet":
        return (
            f"It began from the weights that Keras (Apache-2.0) publishes for {backbone}. They "
            "were trained on ImageNet, whose images are for research and education, not commerce. "
            "The rest was learned from the photos named above."
        )
    if weights == "procedural":
        return (
            "It began from a source model that kerastl has trained on images that it draws itself "
            "(Apache-2.0). The rest was learned from the photos named above."
        )
    if weights is None:
        return "It began from random values; all was learned from the photos named above."
    return (
        f"It began from the weights file {Path(weights).name}, whose terms are those of its owner. "
        "The rest was learned from the photos named above."
    )
