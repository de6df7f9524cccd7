"""Divides labelled photos into splits: class by class, groups and copies together, for good."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from kerastl.console import say
from kerastl.data.groups import Group, groups_of
from kerastl.data.lock import read_lock
from kerastl.errors import DataError, UsageError
from kerastl.labelled import TEST, TRAIN, VALIDATION, DataSource, Division, Labelled, Splits

if TYPE_CHECKING:
    from kerastl.cache import Cache
    from kerastl.data.facts import Facts

# A class has at least, and at most, so many times its share of photos in a split. Between these
# chance decides, so that a photo stays where it is when others come.
_LEAST, _MOST = 0.5, 1.5


def load_splits(source: DataSource, seed: int, division: Division | None) -> Splits:
    """Return the splits of a source; those that it does not have are drawn.

    Raises:
        DataError: There are no such photos, or a class has too few.
    """
    from kerastl.cache import Cache
    from kerastl.data.facts import known_of

    cache, division, labelled = Cache(), division or Division(), source.find()
    if not is_divided(labelled, division):
        labelled, facts = known_of(labelled, cache)
        labelled = divide(labelled, facts, division, seed, cache)
    return labelled.parted()


def is_divided(labelled: Labelled, division: Division) -> bool:
    """Say whether the source itself says where each photo belongs."""
    return not division.file and len(_shares(labelled, division)) == 1


def divide(
    labelled: Labelled, facts: Facts, division: Division, seed: int, cache: Cache
) -> Labelled:
    """Return the photos with a split for each.

    Splits that the source gives stay as they are. The others are drawn from its photos for
    training: each group goes where a hash of the seed and of its name falls, which is a property
    of the group alone. Where by this chance a class has far less or more than its share in a split,
    as few groups as needed are moved. scikit-learn's splitters have neither groups that come later
    nor classes of a few photos in mind.

    Args:
        labelled: The photos.
        facts: What is known of each.
        division: The shares, or the fold, or an earlier division.
        seed: Decides which photo goes where.
        cache: Where copies are found and kept.

    Raises:
        DataError: A class has fewer photos, or groups of them, than there are splits.
        UsageError: The earlier division cannot be read, or the shares leave nothing.
    """
    shares = _shares(labelled, division)
    pinned = read_lock(division.file).splits_of(labelled) if division.file else {}
    pool = _pool(labelled, division, pinned)
    groups = groups_of(labelled, facts, pool, len(shares), cache)
    for group in groups:
        where = {pinned[number] for number in group.photos if number in pinned}
        group.part = next((part for part in (TEST, VALIDATION, TRAIN) if part in where), "")
        group.is_fixed = bool(where)
    _assign(groups, shares, seed, labelled.classes)
    splits = [split or TRAIN for split in labelled.splits]
    for group in groups:
        for number in group.photos:
            splits[number] = _split_of(group.part, division)
    for number, split in pinned.items():
        splits[number] = split
    if division.file:
        new = len(set(pool) - set(pinned))
        say(f"Splits as in {division.file}: {len(pinned)} photos of it, and {new} new ones")
    return attrs.evolve(labelled, splits=tuple(splits))


def _shares(labelled: Labelled, division: Division) -> dict[str, float]:
    """Return the share of each part that is to be drawn; all that is left is for training."""
    test = {} if TEST in labelled.splits or not division.test else {TEST: division.test}
    rest = 1 - sum(test.values())
    fold = division.fold_of()
    if fold:
        return test | {f"{number}": rest / fold[1] for number in range(fold[1])}
    if VALIDATION in labelled.splits or not division.validation:
        return test | {TRAIN: rest}
    if rest <= division.validation:
        raise UsageError(
            f"Shares of {division.validation} for validation and {division.test} for the test "
            "leave nothing to learn from."
        )
    return test | {VALIDATION: division.validation, TRAIN: rest - division.validation}


def _split_of(part: str, division: Division) -> str:
    """Return the split that a part belongs to: of the folds, one is for validation."""
    fold = division.fold_of()
    if fold is None or part == TEST:
        return part
    return VALIDATION if part == f"{fold[0]}" else TRAIN


def _pool(labelled: Labelled, division: Division, pinned: Mapping[int, str]) -> list[int]:
    """Return the photos that may be moved, and those that are where an earlier division says."""
    free = {"", TRAIN, VALIDATION} if division.fold else {"", TRAIN}
    return [i for i, split in enumerate(labelled.splits) if split in free or i in pinned]


def _assign(
    groups: Sequence[Group], shares: Mapping[str, float], seed: int, classes: Sequence[str]
) -> None:
    """Give each group that has none a part."""
    drawn = {group.name: _drawn(group.name, seed) for group in groups}
    strata: dict[int, list[Group]] = defaultdict(list)
    for group in sorted(groups, key=lambda group: drawn[group.name]):
        strata[group.stratum].append(group)
        if not group.is_fixed:
            group.part = _part_at(drawn[group.name], shares)
    for stratum, some in sorted(strata.items()):
        # Photos without any label are no class of which each split needs some.
        if stratum >= 0:
            _require(some, shares, classes[stratum])
            _even_out(some, shares)


def _drawn(name: str, seed: int) -> float:
    """Return a number from 0 to 1 that only the name and the seed decide."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8]) / 2**64


def _part_at(number: float, shares: Mapping[str, float]) -> str:
    for part, share in shares.items():
        if number < share:
            return part
        number -= share
    return list(shares)[-1]


def _require(groups: Sequence[Group], shares: Mapping[str, float], name: str) -> None:
    if len(groups) >= len(shares):
        return
    photos = sum(len(group.photos) for group in groups)
    together = f" in {len(groups)} groups that stay together" if photos > len(groups) else ""
    drawn = " and ".join(part for part in shares if part in (VALIDATION, TEST)) or "folds"
    raise DataError(
        f"Class {name!r} has {photos} photos{together}; at least {len(shares)} are needed to "
        f"draw {drawn} from the training photos."
    )


def _even_out(groups: Sequence[Group], shares: Mapping[str, float]) -> None:
    """Move groups of a class, those first that fell lowest, until each part is near its share."""
    total = sum(len(group.photos) for group in groups)
    wanted = {part: share * total for part, share in shares.items()}
    for _ in groups:
        inside = {part: [g for g in groups if g.part == part] for part in shares}
        excess = {
            part: sum(len(group.photos) for group in some) - wanted[part]
            for part, some in inside.items()
        }
        ends = _ends(inside, excess, wanted)
        if ends is None:
            return
        source, target = ends
        free = [group for group in inside[source] if not group.is_fixed]
        if not inside[target] and len(inside[source]) > 1:
            free.sort(key=lambda group: len(group.photos))
        else:
            gap = excess[source] - excess[target]
            free = [group for group in free if len(group.photos) < gap]
        if not free:
            return
        free[0].part = target


def _ends(
    inside: Mapping[str, Sequence[Group]], excess: Mapping[str, float], wanted: Mapping[str, float]
) -> tuple[str, str] | None:
    """Return from which part a group is to be moved, and to which; None if all is well."""
    most = max(
        (part for part in excess if len(inside[part]) > 1),
        key=lambda part: excess[part],
        default=None,
    )
    least = min(excess, key=lambda part: excess[part])
    for part, more in excess.items():
        count = more + wanted[part]
        if most and (not count or count < math.floor(_LEAST * wanted[part])):
            return most, part
        if part != TRAIN and len(inside[part]) > 1 and count > math.ceil(_MOST * wanted[part]):
            return part, least
    return None
