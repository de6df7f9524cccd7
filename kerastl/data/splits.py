"""Divides labelled photos into splits: class by class, groups and copies together, for good."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from kerastl.console import counted, say
from kerastl.data.groups import Group, counts_of, groups_of
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
        DataError: There are no such photos, of one class alone, or of a class too few.
    """
    from kerastl.cache import Cache
    from kerastl.data.facts import known_of

    cache, division, labelled = Cache(), division or Division(), source.find()
    labelled.require_two_classes(source)
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
    earlier = _earlier(labelled, division.file) if division.file else {}
    pinned = _held_back(labelled, division) | earlier
    groups = groups_of(labelled, facts, _pool(labelled, division, pinned), len(shares), cache)
    for group in groups:
        where = {pinned[number] for number in group.photos if number in pinned}
        group.part = next((part for part in (TEST, VALIDATION, TRAIN) if part in where), "")
        group.is_fixed = bool(where)
    _assign(groups, shares, seed, labelled.classes)
    splits = [split or TRAIN for split in labelled.splits]
    for group in groups:
        for number in group.photos:
            # What the data give to learn from is held back by no copy of it that they hold back.
            if not (group.is_fixed and labelled.splits[number] == TRAIN):
                splits[number] = _split_of(group.part, division)
    for number, split in pinned.items():
        splits[number] = split
    return attrs.evolve(labelled, splits=tuple(splits))


def _earlier(labelled: Labelled, file: str) -> dict[int, str]:
    """Return the split of each photo that an earlier division knows, and say which that is."""
    lock = read_lock(file)
    earlier = lock.splits_of(labelled)
    new = len(labelled.splits) - len(earlier)
    say(f"Splits as in {lock.path}: {counted(len(earlier), 'photo')} of it, and {new} new")
    return earlier


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


def _held_back(labelled: Labelled, division: Division) -> dict[int, str]:
    """Return the photos that the data hold back, and where; copies of them are to follow.

    Where the data say of all photos where they belong, copies have no choice. Folds have their own.
    """
    if "" not in labelled.splits:
        return {}
    held_back = {TEST} if division.fold else {VALIDATION, TEST}
    return {number: split for number, split in enumerate(labelled.splits) if split in held_back}


def _pool(labelled: Labelled, division: Division, pinned: Mapping[int, str]) -> list[int]:
    """Return the photos that may be moved, and those that stay and may have copies."""
    free = {"", TRAIN, VALIDATION} if division.fold else {"", TRAIN}
    return [i for i, split in enumerate(labelled.splits) if split in free or i in pinned]


def _assign(
    groups: Sequence[Group], shares: Mapping[str, float], seed: int, classes: Sequence[str]
) -> None:
    """Give each group that has none a part."""
    drawn = {group.name: _drawn(group.name, seed) for group in groups}
    concerned = [group for group in groups if not group.is_fixed or group.part in shares]
    ordered = sorted(concerned, key=lambda group: drawn[group.name])
    strata: dict[int, list[Group]] = defaultdict(list)
    for group in ordered:
        strata[group.stratum].append(group)
        if not group.is_fixed:
            group.part = _part_at(drawn[group.name], shares)
    for _, some in sorted(strata.items()):
        _even_out(some, shares)
    _require(ordered, shares, classes)
    _fill(ordered, shares)


def _drawn(name: str, seed: int) -> float:
    """Return a number from 0 to 1 that only the name and the seed decide."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8]) / 2**64


def _part_at(number: float, shares: Mapping[str, float]) -> str:
    for part, share in shares.items():
        if number < share:
            return part
        number -= share
    return list(shares)[-1]


def _require(groups: Sequence[Group], shares: Mapping[str, float], classes: Sequence[str]) -> None:
    """Make sure that each class can be in each part, unless that is no more to be decided."""
    for label, count in sorted(counts_of(groups).items()):
        some = [group for group in groups if label in group.labels]
        if count >= len(shares) or all(group.is_fixed for group in some):
            continue
        photos = sum(len(group.photos) for group in some)
        together = f" in {counted(count, 'group')} that stay together" if photos > count else ""
        folds = sum(part.isdecimal() for part in shares)
        drawn = [part for part in shares if part in (VALIDATION, TEST)]
        drawn += [f"{folds} folds"] if folds else []
        raise DataError(
            f"Class {classes[label]!r} has {counted(photos, 'photo')}{together}; at least "
            f"{len(shares)} are needed to draw {' and '.join(drawn)} from the training photos."
        )


def _even_out(groups: Sequence[Group], shares: Mapping[str, float]) -> None:
    """Move groups of a class, those first that fell lowest, until each part is near its share."""
    total = sum(len(group.photos) for group in groups)
    wanted = {part: share * total for part, share in shares.items()}
    excess = {part: -count for part, count in wanted.items()}
    free: dict[str, list[Group]] = {part: [] for part in shares}
    for group in groups:
        excess[group.part] = excess.get(group.part, 0.0) + len(group.photos)
        if not group.is_fixed:
            free[group.part].append(group)
    while move := _move(free, excess, wanted):
        group, target = move
        for part, sign in ((group.part, -1), (target, 1)):
            excess[part] += sign * len(group.photos)
        free[group.part].remove(group)
        free[target].append(group)
        group.part = target


def _move(
    free: Mapping[str, Sequence[Group]], excess: Mapping[str, float], wanted: Mapping[str, float]
) -> tuple[Group, str] | None:
    """Return a group that is to be moved, and where to; None if all is well or cannot be bettered.

    What is moved makes the parts differ less from their shares, so that there is an end.
    """
    by_excess = sorted(wanted, key=lambda part: excess[part])
    for part in by_excess:
        count = excess[part] + wanted[part]
        ends: list[tuple[str, str]] = []
        if count < max(1, math.floor(_LEAST * wanted[part])):
            ends = [(source, part) for source in reversed(by_excess)]
        elif part != TRAIN and count > max(1, math.ceil(_MOST * wanted[part])):
            ends = [(part, target) for target in by_excess]
        for source, target in ends:
            gap = excess[source] - excess[target]
            for group in free[source]:
                if len(group.photos) < gap:
                    return group, target
    return None


def _fill(groups: Sequence[Group], shares: Mapping[str, float]) -> None:
    """Give each part a group of each class, as far as there are groups that can be moved."""
    counts = counts_of(groups)
    for label in sorted(counts, key=lambda label: (counts[label], label)):
        for part in shares:
            inside = Counter(group.part for group in groups if label in group.labels)
            can_move = [
                group
                for group in groups
                if label in group.labels and not group.is_fixed and inside[group.part] > 1
            ]
            if not inside[part] and can_move:
                # From where there are most; of those the smallest.
                most = max(can_move, key=lambda group: inside[group.part]).part
                those = [group for group in can_move if group.part == most]
                min(those, key=lambda group: len(group.photos)).part = part
