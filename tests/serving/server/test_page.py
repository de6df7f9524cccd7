"""The page, as a person sees it in a browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from browser import Page, page_at
from served import Served, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(finished) -> Iterator[Served]:
    directory, _ = finished
    with serving(directory, "--max-size", "1") as served:
        yield served


@pytest.fixture
def page(server, tmp_path: Path) -> Iterator[Page]:
    with page_at(server.address, tmp_path / "chromium") as opened:
        opened.wait_for("document.querySelector('h1').textContent === 'colors'")
        yield opened


def answered(page: Page) -> None:
    page.wait_for("document.querySelector('article[data-state]') !== null")


def text(page: Page) -> str:
    return page.value("document.querySelector('article').innerText")


def test_a_photo_is_answered_with_bars_and_a_heat_map(page, server, photos: Path):
    file = photos / "red" / "red_00.jpg"
    answer = httpx.post(f"{server.address}/predict", content=file.read_bytes(), timeout=60)
    (expected,) = answer.json()["predictions"]
    page.pick(file)
    answered(page)
    told = f"{expected['label']} {100 * expected['probability']:.1f} %"
    assert page.value("document.querySelector('h2').textContent") == told
    rows = page.value("[...document.querySelectorAll('li')].map((row) => row.innerText)")
    assert [row.split()[0] for row in rows] == [one["label"] for one in expected["top"]]
    assert page.value("document.querySelectorAll('.frame canvas').length") == 1
    before = page.picture()
    page.value("document.querySelector('.where input').click()")
    page.wait_for("getComputedStyle(document.querySelector('canvas')).opacity === '0'")
    assert different(before, page.picture())
    assert page.trouble == []


def test_what_is_no_photo_is_told(page, tmp_path: Path, photos: Path):
    (tmp_path / "notes.txt").write_text("no photo")
    page.pick(tmp_path / "notes.txt")
    answered(page)
    assert "not an image" in text(page)
    assert "notes.txt" in text(page)
    page.pick(photos / "blue" / "blue_00.jpg")
    page.wait_for("document.querySelectorAll('article[data-state=answered]').length === 1")
    assert "blue_00.jpg" in text(page)


def test_what_is_too_large_is_not_sent(page, tmp_path: Path):
    (tmp_path / "large.jpg").write_bytes(bytes(2_000_000))
    page.pick(tmp_path / "large.jpg")
    answered(page)
    assert "The file has 2.0 MB; the server takes 1." in text(page)


def test_a_server_that_is_gone_is_told(finished, photos: Path, tmp_path: Path):
    directory, _ = finished
    with serving(directory) as served, page_at(served.address, tmp_path / "chromium") as page:
        page.wait_for("document.querySelector('h1').textContent === 'colors'")
        assert served.stop() == (0, f"Model: {directory}\n")
        page.pick(photos / "red" / "red_00.jpg")
        answered(page)
        assert "The server cannot be reached." in text(page)


def test_it_is_dark_where_that_is_liked_and_fits_a_telephone(page, photos: Path):
    page.pick(photos / "green" / "green_00.jpg")
    answered(page)
    light, dark = (np.median(np.asarray(seen(page.picture(dark=dark)))) for dark in (False, True))
    assert light > 200
    assert dark < 60
    page.picture(width=360)
    assert page.value("document.documentElement.scrollWidth") <= 360


def test_it_can_be_used_without_a_mouse(page):
    for kind in ("keyDown", "keyUp"):
        page.do("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert page.value("document.activeElement.id") == "file"
    label = page.value("document.activeElement.labels[0].innerText")
    assert label.startswith("Drop a photo here, or pick one")
    assert page.value("document.querySelector('[aria-live=polite]') !== null")


def seen(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB")


def different(one: bytes, other: bytes) -> bool:
    return bool((np.asarray(seen(one)) != np.asarray(seen(other))).any())
