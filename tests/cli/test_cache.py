from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from kerastl.cache import Cache, id_of, ids_of

IDS = ids_of([id_of(b"photo")])


def test_what_is_kept_is_listed_and_cleared(program, tmp_path: Path):
    env = {"KERASTL_CACHE": str(tmp_path), "KERASTL_CACHE_LIMIT": "2GB"}
    cache = Cache(tmp_path / "rows")
    cache.table("photos-100", "0123", (100, 100, 3), np.uint8).add(IDS, np.zeros((1, 30000)))
    listed = program("cache", "list", cwd=tmp_path, env=env)
    assert listed.returncode == 0
    assert re.search(r"photos-100\S* +30\.\d kB +20\d\d-\d\d-\d\d", listed.stdout)
    assert "of at most 2.0 GB" in listed.stdout
    cleared = program("cache", "clear", cwd=tmp_path, env=env)
    assert "Removed 30." in cleared.stdout
    assert not cache.folder.exists()


def test_a_limit_that_is_no_size(program, tmp_path: Path):
    done = program("cache", "list", cwd=tmp_path, env={"KERASTL_CACHE_LIMIT": "much"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: KERASTL_CACHE_LIMIT must be a size such as 500MB or 20GB, not 'much'.\n"
    )


def test_a_second_run_computes_no_features_anew(
    within, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERASTL_CACHE_LIMIT", "1GB")
    sizes = []
    for dropout in ("0.1", "0.3"):
        done = within(
            "run", recipe_file, "--no-export", "--set", f"head.dropout={dropout}",
            "--set", "stages.unfrozen.epochs=1", cwd=tmp_path,
        )  # fmt: skip
        assert "without the cache" not in done.stdout
        cache = Cache(tmp_path / "cache" / "rows")
        sizes.append({kept.name: kept.size for kept in cache.kept()})
    # The photos, what is known of them, and the features of both stages' cuts.
    of_photos = [name for name in sizes[0] if name.startswith(("photos-", "facts", "copies"))]
    features = [name for name in sizes[0].keys() - {*of_photos} if "agreement" not in name]
    assert any(name.startswith("photos-") for name in of_photos)
    assert len(features) == 2
    assert sizes[0] == sizes[1]


@pytest.mark.slow
def test_a_run_goes_on_without_a_cache_that_cannot_be_written(
    program, recipe_file: Path, tmp_path: Path
):
    (tmp_path / "cache").write_text("this is no folder")
    env = {"KERASTL_CACHE": str(tmp_path / "cache")}
    done = program("run", recipe_file, "--no-export", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "Going on without the cache" in done.stdout
