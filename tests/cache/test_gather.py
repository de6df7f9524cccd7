from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Never

import numpy as np
import pytest

from kerastl.cache import Cache, NoPlaceError, Numbers, Table, gather, id_of, ids_of

IDS = ids_of(id_of(bytes([number])) for number in range(10))
VALUES = np.arange(40, dtype=np.float32).reshape(10, 4)


class Computing:
    """Computes rows, three at a time, and remembers which."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def __call__(self, numbers: Numbers) -> Iterator[tuple[Numbers, np.ndarray]]:
        for start in range(0, len(numbers), 3):
            some = numbers[start : start + 3]
            self.numbers += some.tolist()
            yield some, VALUES[some]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "rows", limit=10**6)


def opened(cache: Cache) -> Table:
    return cache.table("numbers", "key", (4,), np.float32)


def test_what_is_missing_is_computed_and_kept(cache: Cache):
    first, second, third = Computing(), Computing(), Computing()
    rows, there = gather(cache, opened(cache), IDS[:4], first)
    assert there.all()
    np.testing.assert_array_equal(rows[:], VALUES[:4])
    rows, _ = gather(cache, opened(cache), IDS, second)
    np.testing.assert_array_equal(rows[:], VALUES)
    gather(cache, opened(cache), IDS, third)
    assert (first.numbers, second.numbers, third.numbers) == ([0, 1, 2, 3], [4, 5, 6, 7, 8, 9], [])


def test_equal_ids_are_computed_once(cache: Cache):
    computing = Computing()
    rows, there = gather(cache, opened(cache), IDS[[2, 2, 2]], computing)
    assert computing.numbers == [0]
    assert there.all()
    assert len(rows) == 3


def test_what_cannot_be_computed_is_told(cache: Cache):
    rows, there = gather(cache, opened(cache), IDS, lambda numbers: Computing()(numbers[:4]))
    assert there.tolist() == [True] * 4 + [False] * 6
    assert len(rows) == 4


@pytest.fixture(params=["a file is in its place", "it is too small", "the disk is full"])
def unwritable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if request.param == "it is too small":
        return Cache(tmp_path / "rows", limit=10)
    if request.param == "the disk is full":

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("kerastl.cache.block.os.replace", full)
        return Cache(tmp_path / "rows", limit=10**6)
    (tmp_path / "rows").write_text("no folder")
    return Cache(tmp_path / "rows", limit=10**6)


def test_without_a_cache_that_can_be_written_rows_are_in_memory_and_that_is_said(
    unwritable: Cache, capsys: pytest.CaptureFixture[str]
):
    rows, there = gather(unwritable, opened(unwritable), IDS, Computing())
    assert there.all()
    np.testing.assert_array_equal(rows[:], VALUES)
    assert "Going on without the cache" in capsys.readouterr().out
    gather(unwritable, opened(unwritable), IDS, Computing())
    assert capsys.readouterr().out == ""
    with pytest.raises(NoPlaceError):
        gather(unwritable, opened(unwritable), IDS, Computing(), most_in_memory=159)


def test_that_the_cache_takes_nothing_is_found_before_anything_is_computed(tmp_path: Path):
    (tmp_path / "rows").write_text("no folder")
    cache, computing = Cache(tmp_path / "rows"), Computing()
    gather(cache, opened(cache), IDS, computing)
    assert computing.numbers == list(range(10))


def test_where_the_cache_takes_no_more_what_it_has_is_used(cache: Cache):
    gather(cache, opened(cache), IDS[:4], Computing())
    full, computing = Cache(cache.folder, limit=10), Computing()
    rows, there = gather(full, opened(full), IDS, computing)
    assert there.all()
    np.testing.assert_array_equal(rows[:], VALUES)
    assert computing.numbers == [4, 5, 6, 7, 8, 9]


def test_a_cache_that_nobody_may_look_into_is_done_without(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
):
    def forbidden(*_: object) -> Never:
        raise PermissionError(13, "Permission denied")

    for name in ("glob", "exists", "mkdir"):
        monkeypatch.setattr(Path, name, forbidden)
    rows, there = gather(cache, opened(cache), IDS, Computing())
    assert there.all()
    np.testing.assert_array_equal(rows[:], VALUES)


def test_rows_that_another_run_removes_meanwhile_are_computed_anew(
    cache: Cache, capsys: pytest.CaptureFixture[str]
):
    gather(cache, opened(cache), IDS[:4], Computing())

    def clearing(numbers: Numbers) -> Iterator[tuple[Numbers, np.ndarray]]:
        cache.clear()
        yield from Computing()(numbers)

    rows, there = gather(cache, opened(cache), IDS, clearing)
    assert there.all()
    np.testing.assert_array_equal(rows[:], VALUES)
    assert "rows were removed from it meanwhile" in capsys.readouterr().out


_WRITING = """
import sys
from pathlib import Path
import numpy as np
from kerastl.cache import Cache, id_of, ids_of
table = Cache(Path(sys.argv[1]), limit=10**9).table("numbers", "key", (100_000,), np.float32)
for number in range(10**6):
    table.add(ids_of([id_of(b"%d" % number)]), np.full((1, 100_000), number, np.float32))
    print(number, flush=True)
"""


def test_runs_that_write_at_once_and_are_killed_leave_only_whole_rows(tmp_path: Path):
    command = [sys.executable, "-c", _WRITING, str(tmp_path)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = []
    for writer in writers:
        assert writer.stdout is not None
        for _ in range(5):
            writer.stdout.readline()
        writer.kill()
        said.append(5 + len(writer.communicate()[0].splitlines()))
    table = Cache(tmp_path, limit=10**9).table("numbers", "key", (100_000,), np.float32)
    ids = ids_of(id_of(b"%d" % number) for number in range(max(said)))
    rows, there = table.find(ids)
    assert there.all()
    for number in range(len(rows)):
        assert (rows[number : number + 1] == number).all()


def wide(cache: Cache, name: str) -> Table:
    return cache.table(name, name, (1000,), np.float32)


def zeros(numbers: Numbers) -> list[tuple[Numbers, np.ndarray]]:
    return [(numbers, np.zeros((len(numbers), 1000), np.float32))]


def test_a_run_does_not_remove_what_it_uses_itself(tmp_path: Path):
    cache = Cache(tmp_path / "rows", limit=10_000)
    for name in ("photos", "features", "more"):
        rows, _ = gather(cache, wide(cache, name), IDS[:1], zeros)
        assert len(rows) == 1
    assert {kept.name.split("-")[0] for kept in cache.kept()} == {"photos", "features"}
    assert len(cache.complaints) == 1


def test_what_was_not_used_for_longest_has_to_go(tmp_path: Path):
    before, cache = (Cache(tmp_path / "rows", limit=10_000) for _ in range(2))
    for name in ("old", "used"):
        gather(before, wide(before, name), IDS[:1], zeros)
        time.sleep(0.02)
    # Somebody uses the older one.
    wide(before, "old").find(IDS[:1])
    gather(cache, wide(cache, "new"), IDS[:1], zeros)
    assert [kept.name.split("-")[0] for kept in cache.kept()] == ["new", "old"]
    assert cache.size() <= cache.limit
    assert cache.clear() > 8000
    assert cache.size() == 0


def test_what_killed_runs_have_left_is_removed_in_the_end(cache: Cache, tmp_path: Path):
    opened(cache).add(IDS, VALUES)
    (folder,) = cache.folder.iterdir()
    old, young = folder / "old.partial", folder / "young.partial"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (0, 0))
    cache.trim()
    assert (old.exists(), young.exists()) == (False, True)
    assert opened(cache).find(IDS)[1].all()


@pytest.mark.parametrize(("text", "expected"), [("500MB", 5 * 10**8), ("1.5 GB", 15 * 10**8)])
def test_the_limit_can_be_set(monkeypatch: pytest.MonkeyPatch, text: str, expected: int):
    monkeypatch.setenv("KERASTL_CACHE_LIMIT", text)
    assert Cache().limit == expected
