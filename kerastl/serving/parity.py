"""How an export's answers compare with those of the model that it was made of, as values."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class Certainty:
    """What a model is sure of that may say `unsure`.

    Args:
        unsure: The share of photos that it is unsure of.
        precision: Of the others, the share told right; 0 where there are none.
    """

    unsure: float
    precision: float

    def __str__(self) -> str:
        """Return what a person reads."""
        return f"{self.unsure:.1%} unsure, of the others {self.precision:.3f} right"


@attrs.frozen
class Parity:
    """How an export's answers compare with those of the model that it was made of.

    Args:
        split: Which photos were asked about.
        photos: How many.
        from_files: How many of them were given as files, too.
        difference: The largest one in a probability.
        agreement: Share of the photos that have the same most probable class.
        reading: The largest difference where the files were read as the model card says, which is
            no part of the export; None where it reads them itself.
        accuracy: The export's share of photos whose most probable class, or all of whose labels,
            are theirs.
        accuracy_before: The model's.
        certainty: What the export is sure of; None where it always says a label.
        certainty_before: The model's.
    """

    split: str
    photos: int
    from_files: int
    difference: float
    agreement: float
    reading: float | None
    accuracy: float
    accuracy_before: float
    certainty: Certainty | None = None
    certainty_before: Certainty | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it made of what JSON has."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        """Return what a person reads."""
        return (
            f"on {self.photos} {self.split} photos its probabilities are within "
            f"{self.difference:.1g} of the model's, its accuracy is {self.accuracy:.3f} (the "
            f"model's {self.accuracy_before:.3f}){self.certainty_in_words}"
        )

    @property
    def certainty_in_words(self) -> str:
        """What it is sure of, as the end of a sentence; empty where it always says a label."""
        if self.certainty is None:
            return ""
        return f"; {self.certainty} (the model's: {self.certainty_before})"
