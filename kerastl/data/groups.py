"""Photos that have to be in the same split: of one person or occasion, and copies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from kerastl.console import say
from kerastl.labelled import Labelled

if TYPE_CHECKING:
    from kerastl.cache import Cache
    from kerastl.data.facts import Facts

Pairs = list[tuple[int, int]]


@attrs.define(eq=False)
class Group:
    """Photos that stay together.

    Args:
        name: What tells the group from others, whatever is added to it or beside it.
        photos: Their numbers.
        stratum: The class that most of them are of.
        part: Where they are.
        is_fixed: Whether they have to stay there.
    """

    name: str
    photos: list[int]
    stratum: int
    part: str = ""
    is_fixed: bool = False


def groups_of(
    labelled: Labelled, facts: Facts, pool: Sequence[int], least: int, cache: Cache
) -> list[Group]:
    """Return the photos of the pool in groups; files that are no photos are in none.

    Args:
        labelled: All photos.
        facts: What is known of each.
        pool: The numbers of those that are to be divided.
        least: How many groups a class needs. One that has fewer because its photos are copies of
            one another, as they are of nothing in front of a fixed camera, is taken apart: that is
            said.
        cache: Where copies are found and kept.
    """
    from kerastl.data.copies import all_copies

    sound = [number for number in pool if not facts["reason"][number]]
    strata = _strata(labelled, sound)
    exact, near = (
        [(one, other) for one, other in pairs.tolist() if one in strata and other in strata]
        for pairs in all_copies(facts, cache)
    )
    same = [*_named_alike(labelled, sound), *exact]
    groups = _joined(labelled, facts, strata, same + near)
    thin = {stratum for stratum, count in _counts(groups, strata).items() if count < least}
    apart = [pair for pair in near if thin.isdisjoint(strata[number] for number in pair)]
    if len(apart) < len(near):
        groups = _joined(labelled, facts, strata, same + apart)
        for stratum in sorted(thin):
            say(
                f"Warning: the photos of class {labelled.classes[stratum]!r} are copies of one "
                "another, and are in several splits nevertheless: they are all there is of it."
            )
    return groups


def _counts(groups: Sequence[Group], strata: Mapping[int, int]) -> Counter[int]:
    counts = Counter(dict.fromkeys(strata.values(), 0))
    counts.update(group.stratum for group in groups)
    return counts


def _strata(labelled: Labelled, numbers: Sequence[int]) -> dict[int, int]:
    """Return the class of each photo by its number; of several classes the rarest, of none -1."""
    labels = {number: labelled.photos.labels[number] for number in numbers}
    several = {
        number: label if isinstance(label, tuple) else (label,) for number, label in labels.items()
    }
    counts = Counter(label for some in several.values() for label in some)
    return {
        number: min(some, key=lambda label: (counts[label], label), default=-1)
        for number, some in several.items()
    }


def _named_alike(labelled: Labelled, numbers: Sequence[int]) -> Pairs:
    if not labelled.groups:
        return []
    first: dict[str, int] = {}
    named = [number for number in numbers if labelled.groups[number]]
    return [(first.setdefault(labelled.groups[number], number), number) for number in named]


def _joined(
    labelled: Labelled, facts: Facts, strata: Mapping[int, int], pairs: Pairs
) -> list[Group]:
    """Return the groups that pairs make of photos."""
    import numpy as np

    from kerastl.data.copies import components

    members = components(np.array(pairs, np.int64).reshape(-1, 2), len(labelled.splits))
    together: dict[int, list[int]] = defaultdict(list)
    for number in strata:
        together[members[number]].append(number)
    return [
        Group(
            _name(labelled, facts, photos),
            photos,
            Counter(strata[number] for number in photos).most_common(1)[0][0],
        )
        for photos in together.values()
    ]


def _name(labelled: Labelled, facts: Facts, photos: Sequence[int]) -> str:
    """Return the name of a group: that which it was given, or what its first photo is.

    The first is that of the shortest name: copies are called `photo (1).jpg`, `photo_small.jpg`.
    """
    names = {labelled.groups[number] for number in photos} - {""} if labelled.groups else set()
    if names:
        return "group " + min(names, key=lambda name: (len(name), name))
    ids: dict[int, str] = {number: facts["id"][number].tobytes().hex() for number in photos}
    called = {number: Path(labelled.photos.names[number]).name for number in photos}
    return ids[min(photos, key=lambda number: (len(called[number]), called[number], ids[number]))]
