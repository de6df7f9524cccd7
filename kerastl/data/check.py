"""Photos are looked at before anything is learned from them: splits -> a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from kerastl.cache import Cache
from kerastl.console import say
from kerastl.data.facts import facts_of
from kerastl.data.findings import NOTE, UNREADABLE, Finding, Looked, findings_of
from kerastl.data.folder import ImageFolder
from kerastl.recipe import SQUASH, Recipe, Splits

if TYPE_CHECKING:
    from kerastl.data.photos import Photos


@attrs.frozen
class Report:
    """What a check of photos found.

    Args:
        counts: How many files each class has in each split.
        findings: The worst first.
    """

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


def check(splits: Splits, cache: Cache, photos: Mapping[str, Photos] | None = None) -> Report:
    """Look at all photos, each file once, and at what they are together.

    Args:
        splits: The photos, as files.
        cache: Where what is known of unchanged files is found and kept.
        photos: The photos of each split, where they are decoded and squashed already.
    """
    parts = splits.by_name()
    facts = {
        name: facts_of(split, cache, photos[name] if photos else None)
        for name, split in parts.items()
    }
    counts = {
        name: Counter(splits.classes[label] for label in split.labels)
        for name, split in parts.items()
        if len(split)
    }
    return Report(counts, tuple(findings_of(Looked.at(splits, facts), cache)))


def check_before(
    recipe: Recipe, splits: Splits, photos: Mapping[str, Photos], cache: Cache
) -> list[dict[str, Any]]:
    """Say what a person should know of the photos before training.

    Args:
        recipe: What is run; photos that are no files are not looked at.
        splits: Its photos.
        photos: The same, decoded; which files are none was said before.
        cache: Where what is known of unchanged files is found and kept.

    Returns:
        All that was found, made of what JSON has.
    """
    if not isinstance(recipe.data, ImageFolder):
        return []
    root = str(recipe.data.root)
    report = check(splits, cache, photos if recipe.resize == SQUASH else None)
    news = [finding for finding in report.serious if finding.kind != UNREADABLE]
    for finding in news:
        say(f"{finding.level.capitalize()}: {finding.summary(root)}")
    if news:
        say(f"What is meant is shown by: kerastl check {root}")
    found: list[dict[str, Any]] = report.as_json()["findings"]
    return found
