from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from colors import photo
from kerastl.cache import Cache
from kerastl.data import read_photos
from kerastl.data.reader import read_image
from kerastl.errors import DataError
from kerastl.labelled import Split

RED = (200, 40, 50)


def test_photos_come_in_order_whatever_their_sizes(tmp_path: Path):
    colors = [(20 * number, 0, 0) for number in range(12)]
    paths = []
    for number, color in enumerate(colors):
        path = tmp_path / f"{number:02}.png"
        photo(color, number, (20 + 7 * number, 40)).save(path)
        paths.append(str(path))
    photos = read_photos(Split(paths, range(12)), 32)
    assert photos.images.shape == (12, 32, 32, 3)
    assert photos.images.dtype == np.uint8
    assert photos.labels.tolist() == list(range(12))
    assert photos.skipped == ()
    means = photos.images[..., 0].mean(axis=(1, 2))
    assert np.all(np.diff(means) > 5)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
def test_formats_that_tensorflow_decodes(tmp_path: Path, kind: str):
    path = tmp_path / "photo"
    photo(RED, 1).save(path, kind)
    photos = read_photos(Split([str(path)], [0]), 32)
    assert np.abs(photos.images.mean(axis=(0, 1, 2)) - RED).max() < 12


@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
def test_photos_are_upright_and_the_same_as_in_a_saved_model(
    tmp_path: Path,
    resize: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    image = photo(RED, 1, (120, 80))
    image.paste((40, 190, 60), (0, 0, 80, 40))
    image.paste((20, 20, 220), (0, 0, 20, 120))
    paths = [tmp_path / f"{orientation}.jpg" for orientation in range(9)]
    for orientation, path in enumerate(paths):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(path, exif=exif)
    # A comment before the tables, and what is no JPEG.
    image.save(tmp_path / "comment.jpg", comment="seen at noon")
    image.save(tmp_path / "other.png")
    paths += [tmp_path / "comment.jpg", tmp_path / "other.png"]
    found = read_photos(Split(map(str, paths), [0] * len(paths)), 64, resize=resize).images
    # Neither a decoder that was given what is not its own, nor a function that is traced each time.
    assert "Not a JPEG" not in capfd.readouterr().err
    assert "retracing" not in caplog.text
    expected = [read_image(path.read_bytes(), 64, resize).numpy() for path in paths]
    np.testing.assert_array_equal(found, np.stack(expected))
    for path, pixels in zip(paths, found, strict=True):
        if resize == "squash":
            upright = ImageOps.exif_transpose(Image.open(path))
            theirs = np.asarray(upright.resize((64, 64), Image.Resampling.BILINEAR), np.float32)
            assert np.abs(pixels - theirs).mean() < 2, path


@pytest.mark.parametrize(("kind", "mode"), [("TIFF", "RGB"), ("PPM", "RGB"), ("TIFF", "CMYK")])
def test_formats_that_only_pillow_decodes_are_converted(tmp_path: Path, kind: str, mode: str):
    path = tmp_path / "photo.jpg"
    photo(RED, 1).convert(mode).save(path, kind)
    photos = read_photos(Split([str(path)], [0]), 32)
    assert photos.skipped == ()
    assert np.abs(photos.images.mean(axis=(0, 1, 2)) - RED).max() < 12


@pytest.mark.parametrize("kept", ["nowhere", "now", "before"])
def test_what_is_no_photo_is_named_and_skipped(tmp_path: Path, kept: str):
    good = io.BytesIO()
    photo(RED, 1, (200, 200)).save(good, "JPEG")
    files = {
        "a.jpg": good.getvalue(),
        "b.jpg": b"this is no photo",
        "c.jpg": b"",
        "d.jpg": good.getvalue()[: len(good.getvalue()) // 2],
        "e.jpg": good.getvalue(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    paths = [str(tmp_path / name) for name in ("a.jpg", "vanished.jpg", *list(files)[1:])]
    cache = None if kept == "nowhere" else Cache(tmp_path / "cache")
    if kept == "before":
        read_photos(Split(paths, range(6)), 32, cache=cache)
    photos = read_photos(Split(paths, range(6)), 32, cache=cache)
    assert [Path(name).name for name in photos.names] == ["a.jpg", "e.jpg"]
    assert photos.labels.tolist() == [0, 5]
    assert photos.images.shape == (2, 32, 32, 3)
    assert np.array_equal(photos.images[:1], photos.images[1:])
    reasons = {Path(one.name).name: one.reason for one in photos.skipped}
    assert reasons.keys() == {"b.jpg", "c.jpg", "d.jpg", "vanished.jpg"}
    assert reasons["b.jpg"] == "not an image"
    assert "truncated" in reasons["d.jpg"]
    assert all(reasons.values())


def test_16_bits_are_scaled_and_not_cut_off(tmp_path: Path):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    paths = [str(tmp_path / name) for name in ("a.png", "b.tif")]
    for path in paths:
        Image.fromarray(ramp).save(path)
    png, tif = read_photos(Split(paths, [0, 0]), 64).images.astype(int)
    assert np.abs(png - tif).max() <= 1


def test_a_name_that_is_no_unicode(tmp_path: Path):
    name = os.fsdecode(os.fsencode(str(tmp_path)) + b"/gr\xfcn.jpg")
    photo(RED, 1).save(tmp_path / "a.jpg")
    os.rename(tmp_path / "a.jpg", name)
    assert len(read_photos(Split([name], [0]), 32)) == 1


def test_a_decompression_bomb_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "bomb.tif"
    photo(RED, 1).save(path)
    (skipped,) = read_photos(Split([str(path)], [0]), 32).skipped
    assert skipped.reason == "more pixels than any photo has"


def test_nothing_to_read():
    photos = read_photos(Split([], []), 32)
    assert len(photos) == 0
    assert photos.images.shape == (0, 32, 32, 3)


def test_a_file_that_is_changed_while_it_is_read_is_not_kept_as_what_it_was(tmp_path: Path):
    before, after = (encoded(color) for color in (RED, (0, 0, 255)))
    contents = iter([before, after, after])
    split = Split(("a.jpg",), (0,), lambda _: tf.data.Dataset.from_tensors(next(contents)))
    cache = Cache(tmp_path)
    photos = read_photos(split, 32, cache=cache)
    assert [one.reason for one in photos.skipped] == ["the file was changed while it was read"]
    again = Split(("a.jpg",), (0,), lambda _: tf.data.Dataset.from_tensors(before))
    found = read_photos(again, 32, cache=cache).images[:]
    assert np.abs(found.mean(axis=(0, 1, 2)) - RED).max() < 12


def encoded(color: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    photo(color, 1).save(file, "PNG")
    return file.getvalue()


def test_photos_for_which_there_is_no_place_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(RED))
    monkeypatch.setattr("kerastl.data.photos._MOST_BYTES", 100)
    with pytest.raises(DataError, match=r"1 decoded photos have no place.*Raise KERASTL_CACHE"):
        read_photos(Split([str(path)], [0]), 32, cache=Cache(tmp_path / "rows", limit=10))


def test_of_odd_files_each_is_used_or_named(test_data: Path):
    folder = test_data / "odd_images"
    paths = sorted(str(path) for path in folder.iterdir() if path.name != "outcomes.csv")
    photos = read_photos(Split(paths, [0] * len(paths)), 96)
    assert len(photos) + len(photos.skipped) == len(paths) == 223
    assert all(one.reason and "\n" not in one.reason for one in photos.skipped)
    skipped = {one.name for one in photos.skipped}
    # There is a picture in each file that Pillow opens but for one of measurements.
    opened = {name for name in skipped if _opens(name)}
    assert opened == {str(folder / "pillow__10ct_32bit_128.tiff")}
    assert not [name for name in photos.names if not _opens(name)]


def _opens(name: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(name) as image:
            image.load()
    except Exception:
        return False
    return True
