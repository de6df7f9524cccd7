from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerastl.cache import Cache
from kerastl.data import copies
from kerastl.data.copies import kept_near_copies
from kerastl.data.near_copies import near_copies


def scene(seed: int, size: int = 160) -> Image.Image:
    """A picture of some smooth spots."""
    random = np.random.default_rng(seed)
    down, right = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    image = np.full((size, size, 3), random.uniform(0, 255, 3))
    for _ in range(12):
        y, x, radius = random.uniform(0, 1, 3) * (1, 1, 0.3) + (0, 0, 0.05)
        inside = ((down - y) ** 2 + (right - x) ** 2 < radius**2)[..., np.newaxis]
        image = np.where(inside, random.uniform(0, 255, 3), image)
    return Image.fromarray(image.astype(np.uint8))


def thumbnails(images: list[Image.Image]) -> np.ndarray:
    small = (image.convert("L").resize((32, 32), Image.Resampling.BOX) for image in images)
    return np.stack([np.asarray(each) for each in small])


def means(images: list[Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(each.convert("RGB")).mean(axis=(0, 1)) for each in images]).astype(
        np.uint8
    )


def copies_in(images: list[Image.Image]) -> np.ndarray:
    return near_copies(thumbnails(images), means(images))


def compressed(image: Image.Image, quality: int = 40) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def cropped(image: Image.Image, share: float = 0.03) -> Image.Image:
    width, height = image.size
    return image.crop(
        (
            round(share * width),
            round(share * height),
            round((1 - share) * width),
            round((1 - share) * height),
        )
    )


@pytest.mark.parametrize("turn", range(8))
def test_each_way_to_turn_a_copy_is_found(turn: int):
    image = scene(0)
    turned = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if turn & 4 else image
    turned = turned.rotate(90 * (turn & 3))
    photos = [scene(1), image, scene(2), compressed(cropped(turned)), scene(3)]
    assert copies_in(photos).tolist() == [[1, 3]]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: compressed(image, 10),
        lambda image: image.resize((70, 90)),
        cropped,
        lambda image: image.crop((0, 5, 160, 160)),
        lambda image: Image.eval(image, lambda value: round(0.7 * value + 40)),
    ],
)
def test_small_changes_do_not_hide_a_copy(change):
    photos = [scene(0), scene(1), change(scene(0))]
    assert copies_in(photos).tolist() == [[0, 2]]


def test_other_photos_are_no_copies_and_nothing_is_like_nothing():
    photos = [scene(seed) for seed in range(60)]
    assert len(copies_in(photos)) == 0
    flat = [Image.new("RGB", (40, 40), (grey,) * 3) for grey in (0, 0, 128, 255)]
    assert len(copies_in(flat)) == 0
    assert near_copies(np.zeros((0, 32, 32), np.uint8), np.zeros((0, 3), np.uint8)).shape == (0, 2)


def test_the_same_thing_in_another_colour_is_no_copy_but_without_colours_it_is():
    image = scene(0)
    red, green, blue = image.split()
    other = Image.merge("RGB", (blue, red, green))
    # Of the same grey levels, but in another hue.
    grey = np.asarray(image.convert("L"), np.float32)[..., np.newaxis]
    hues = np.array([(1.0, 0.2, 0.2), (0.2, 0.2, 1.0)])
    hues /= 2 * hues @ np.array([[0.299], [0.587], [0.114]])
    tinted = [Image.fromarray((grey * hue).clip(0, 255).astype(np.uint8)) for hue in hues]
    assert len(copies_in(tinted)) == 0
    assert copies_in([tinted[0], image.convert("L")]).tolist() == [[0, 1]]
    assert len(copies_in([image, other])) == 0


def test_more_photos_than_are_compared_at_once(monkeypatch: pytest.MonkeyPatch):
    photos = [scene(seed % 20) for seed in range(40)]
    expected = [[seed, seed + 20] for seed in range(20)]
    monkeypatch.setattr("kerastl.data.near_copies._ROWS_AT_ONCE", 7)
    monkeypatch.setattr("kerastl.data.near_copies._PAIRS_AT_ONCE", 3)
    assert copies_in(photos).tolist() == expected


@pytest.mark.parametrize("seeds", [[0, 1], [0, 0, 1]])
def test_the_same_photos_are_compared_once(
    seeds: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    images = [scene(seed) for seed in seeds]
    photos = thumbnails(images), means(images)
    first = kept_near_copies(*photos, Cache(tmp_path))
    monkeypatch.setattr(copies, "near_copies", None)
    assert np.array_equal(kept_near_copies(*photos, Cache(tmp_path)), first)
    assert len(first) == len(seeds) - 2


def test_planted_copies_of_real_photos(test_data: Path):
    paths = sorted((test_data / "flowers").glob("*/*/*"))
    random = np.random.default_rng(0)
    originals = [Image.open(path).convert("RGB") for path in paths]
    chosen = random.choice(len(paths), 200, replace=False)
    planted = []
    for number in chosen:
        image = cropped(originals[number])
        image = image.resize((round(0.6 * image.width), round(0.6 * image.height)))
        image = image.rotate(90 * int(random.integers(0, 4)), expand=True)
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        planted.append(compressed(image, int(random.integers(40, 90))))
    pairs = copies_in(originals + planted)
    found = {(one, other - 800) for one, other in pairs.tolist() if one < 800 <= other}
    right = {(number, place) for place, number in enumerate(chosen.tolist())}
    assert len(found & right) >= 190
    # Seven pairs are nearly the same photos in truth.
    among = [pair for pair in pairs.tolist() if pair[1] < 800]
    assert len(among) <= 8


def test_of_photos_that_are_all_alike_the_copies_are_found_and_only_those():
    random = np.random.default_rng(0)
    down, right = np.mgrid[-1:1:32j, -1:1:32j]
    face = 200 * np.exp(-3 * (down**2 + right**2))
    # Each is the same spot in the middle with marks of its own.
    marks = random.normal(0, 12, (300, 8, 8)).repeat(4, axis=1).repeat(4, axis=2)
    photos = (face + marks).clip(0, 255).astype(np.uint8)
    photos = np.concatenate([photos, photos[::10, :, ::-1] // 2 + 20])
    found = near_copies(photos, np.full((330, 3), 90, np.uint8))
    assert found.tolist() == [[10 * number, 300 + number] for number in range(30)]
