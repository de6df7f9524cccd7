"""What a check of photos found, as values, and what a person can do about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from kerastl.settings import parse_json

# The file of a report in its folder.
FILE = "report.json"
ERROR, WARNING, NOTE = "error", "warning", "note"
UNREADABLE = "unreadable"

# What a person can do about each kind.
ADVICE = {
    UNREADABLE: "Runs leave them out. Copy or export them again, or remove them.",
    "class-names": "If they are one class, put their photos into one folder.",
    "class-missing": "Add photos of the class, or remove it.",
    "copies-across-classes": "Give all copies of a photo the same label.",
    "copies-across-splits": "Keep each in one split: a score on photos that were learned is a lie.",
    "copies": "They count twice; one of each is enough.",
    "few-photos": "Add photos, or expect little of the class.",
    "single-photo": "Add photos of the class, or divide otherwise, by another seed.",
    "imbalance": "Add photos of the small class; look at the recall of each class.",
    "blank": "Remove them unless nothing is what they are to show.",
    "wrong-ending": "They are read as what they are; other programs may not.",
    "tiny": "They are enlarged, and show little.",
    "turned": "Nothing is to be done.",
    "grey": "Make sure that not one class alone is without colours.",
}
# Photos of a group that a line names.
_SHOWN = 2


@attrs.frozen
class Finding:
    """One kind of thing that was found.

    Args:
        kind: What it is called in JSON.
        level: `"error"`: it cannot be used; `"warning"`: scores may not mean what they seem to;
            `"note"`: good to know.
        text: What was found.
        groups: The photos it was found in; those that belong together are in one group.
        details: More about each group, or nothing.
    """

    kind: str
    level: str
    text: str
    groups: tuple[tuple[str, ...], ...] = attrs.field(default=(), repr=False)
    details: tuple[str, ...] = attrs.field(default=(), repr=False)

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        return ADVICE[self.kind.removeprefix("near-")]

    def summary(self, root: str = "") -> str:
        """Return what was found in one line, with an example.

        Args:
            root: The folder that paths are told from.
        """
        if not self.groups:
            return self.text
        group = self.groups[0]
        shown = [os.path.relpath(name, root) if root else name for name in group[:_SHOWN]]
        more = f" and {len(group) - _SHOWN} more" if len(group) > _SHOWN else ""
        detail = f" ({self.details[0]})" if self.details else ""
        return f"{self.text}: {len(self.groups)}, such as {', '.join(shown)}{more}{detail}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding made of what JSON has."""
        return attrs.asdict(self) | {"advice": self.advice}


@attrs.frozen
class Report:
    """What a check of photos found.

    Args:
        names: The paths of all files.
        photos: How many photos there are in each split.
        counts: How many of them each class has, by split.
        findings: The worst first.
    """

    names: tuple[str, ...] = attrs.field(default=(), repr=False)
    photos: Mapping[str, int] = attrs.field(factory=dict)
    counts: Mapping[str, Mapping[str, int]] = attrs.field(factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def serious(self) -> list[Finding]:
        """The findings that a person should do something about."""
        return [finding for finding in self.findings if finding.level != NOTE]

    @property
    def unreadable(self) -> dict[str, str]:
        """Why files are no photos, by their paths."""
        return {
            name: reason
            for finding in self.findings
            if finding.kind == UNREADABLE
            for (name,), reason in zip(finding.groups, finding.details, strict=True)
        }

    def as_json(self) -> dict[str, Any]:
        """Return the report made of what JSON has."""
        return {
            "photos": {split: dict(counts) for split, counts in self.counts.items()},
            "findings": [finding.as_json() for finding in self.findings],
        }


def is_report(folder: Path) -> bool:
    """Say whether a check has written a report to a folder."""
    try:
        report = parse_json((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(report, dict) and report.keys() >= Report().as_json().keys()
