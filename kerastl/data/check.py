"""Photos are looked at before anything is learned from them: splits -> a report."""

from __future__ import annotations

from kerastl.cache import Cache
from kerastl.console import say
from kerastl.data.facts import Facts
from kerastl.data.findings import Looked, findings_of
from kerastl.data.report import UNREADABLE, Report
from kerastl.labelled import Labelled


def check(labelled: Labelled, facts: Facts, cache: Cache) -> Report:
    """Tell what is wrong with photos, or may be.

    Args:
        labelled: The photos.
        facts: What is known of each.
        cache: Where what takes long is found and kept.
    """
    looked = Looked.at(labelled, facts)
    findings = tuple(findings_of(looked, cache))
    return Report(looked.names, looked.photos(), looked.counts(), findings)


def check_before(labelled: Labelled, facts: Facts, cache: Cache) -> Report:
    """Tell the same, and say what a person should know of it before training."""
    report = check(labelled, facts, cache)
    # Which files are none is said where they are read.
    news = [finding for finding in report.serious if finding.kind != UNREADABLE]
    for finding in news:
        say(f"{finding.level.capitalize()}: {finding.summary(labelled.root)}")
    return report
