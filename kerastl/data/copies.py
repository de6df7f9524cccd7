"""Finds photos that are copies of one another; what was found is kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerastl.cache import Cache, code_of, gather, id_of, ids_of
from kerastl.data.facts import Facts
from kerastl.data.near_copies import Pairs, Thumbnails, near_copies


def kept_near_copies(thumbnails: Thumbnails, means: npt.NDArray[np.uint8], cache: Cache) -> Pairs:
    """Return near-copies, found again where the same photos were compared before.

    Args:
        thumbnails: Grey, uint8 `[photos, side, side]`.
        means: The mean of each colour, uint8 `[photos, 3]`.
        cache: Where it is looked for and kept.
    """
    one = ids_of([id_of(thumbnails.tobytes(), means.tobytes())])
    key = id_of(code_of("kerastl.data.near_copies"), one.tobytes()).hex()
    found: list[Pairs] = []

    def pairs() -> Pairs:
        if not found:
            found.append(near_copies(thumbnails, means))
        return found[0]

    # How many there are is kept beside them: rows are of one size.
    counts, _ = gather(
        cache,
        cache.table("copies-count", key, (1,), np.int64),
        one,
        lambda numbers: [(numbers, np.array([[len(pairs())]]))],
    )
    count = int(counts[:].item())
    table = cache.table("copies", key, (count, 2), np.int64)
    rows, _ = gather(cache, table, one, lambda numbers: [(numbers, pairs()[np.newaxis])])
    return rows[:].reshape(-1, 2)


def all_copies(facts: Facts, cache: Cache) -> tuple[Pairs, Pairs]:
    """Return the pairs of photos that are copies to the byte, and those of near-copies.

    Args:
        facts: What is known of each; files that are no photos are in no pair.
        cache: Where it is looked for and kept.

    Returns:
        Numbers of photos `[pairs, 2]`. Of files that are the same, one is compared with others.
    """
    sound = np.flatnonzero(facts["reason"] == b"")
    ids = facts["id"][sound]
    _, firsts, same = np.unique(ids, axis=0, return_index=True, return_inverse=True)
    some = facts[sound][firsts]
    near = firsts[kept_near_copies(some["thumbnail"], some["mean"], cache)]
    others = np.setdiff1d(np.arange(len(sound)), firsts)
    exact = np.stack([firsts[same.reshape(-1)[others]], others], axis=1)
    return sound[exact], sound[near]
