"""Photos are looked at before anything is learned from them: splits -> a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from kerastl.cache import Cache
from kerastl.console import say
from kerastl.data.facts import Facts
from kerastl.data.findings import NOTE, UNREADABLE, Finding, Looked, findings_of
from kerastl.labelled import Labelled


@attrs.frozen
class Report:
    """What a check of photos found.

    Args:
        names: The paths of all files.
        files: How many there are in each split.
        counts: How many of them each class has.
        findings: The worst first.
    """

    names: tuple[str, ...] = attrs.field(repr=False)
    files: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...]

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


def check(labelled: Labelled, facts: Facts, cache: Cache) -> Report:
    """Tell what is wrong with photos, or may be.

    Args:
        labelled: The photos.
        facts: What is known of each.
        cache: Where what takes long is found and kept.
    """
    looked = Looked.at(labelled, facts)
    findings = tuple(findings_of(looked, cache))
    return Report(looked.names, Counter(looked.splits), looked.counts(), findings)


def check_before(
    labelled: Labelled, facts: Facts, place: str, cache: Cache
) -> list[dict[str, Any]]:
    """Say what a person should know of the photos before training.

    Args:
        labelled: The photos in their splits.
        facts: What is known of each.
        place: The path that `kerastl check` takes; empty where there is none.
        cache: Where what takes long is found and kept.

    Returns:
        All that was found, made of what JSON has.
    """
    report = check(labelled, facts, cache)
    # Which files are none is said where they are read.
    news = [finding for finding in report.serious if finding.kind != UNREADABLE]
    for finding in news:
        say(f"{finding.level.capitalize()}: {finding.summary(labelled.root)}")
    if news and place:
        say(f"What is meant is shown by: kerastl check {place}")
    found: list[dict[str, Any]] = report.as_json()["findings"]
    return found
