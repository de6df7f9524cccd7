from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from colors import photo
from kerastl.data.reader import read_image


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def test_pixels_are_whole_numbers_so_that_bytes_keep_them():
    image = read_image(encoded(photo((200, 40, 50), 1)), 24).numpy()
    assert image.shape == (24, 24, 3)
    assert image.dtype == np.float32
    assert np.array_equal(image, image.astype(np.uint8).astype(np.float32))


def test_it_is_the_same_function_in_a_graph():
    photos = [encoded(photo((200, 40, 50), seed, (30 + seed, 50))) for seed in range(3)]
    eager = np.stack([read_image(each, 24) for each in photos])
    graph = tf.data.Dataset.from_tensor_slices(photos).map(lambda each: read_image(each, 24))
    assert np.array_equal(eager, np.stack(list(graph.as_numpy_iterator())))


@pytest.mark.parametrize("size", [(48, 48), (300, 200), (20, 90)])
def test_it_resizes_as_pillow_does(size: tuple[int, int]):
    image = photo((120, 90, 60), 5, size)
    ours = read_image(encoded(image), 40).numpy()
    theirs = np.asarray(image.resize((40, 40), Image.Resampling.BILINEAR), np.float32)
    assert np.abs(ours - theirs).mean() < 2


def test_it_takes_the_first_frame_and_grey_and_palette():
    frames = [photo(color, 1) for color in ((200, 0, 0), (0, 0, 200))]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    red = read_image(file.getvalue(), 24).numpy().mean(axis=(0, 1))
    assert red[0] > 150
    assert red[2] < 50
    for mode in ("L", "P", "1"):
        assert read_image(encoded(frames[0].convert(mode)), 24).shape == (24, 24, 3)


def test_real_photos_are_resized_as_pillow_does(test_data: Path):
    differences = []
    for path in sorted((test_data / "flowers" / "val").glob("*/*"))[::20]:
        ours = read_image(path.read_bytes(), 160).numpy()
        with Image.open(path) as image:
            theirs = image.convert("RGB").resize((160, 160), Image.Resampling.BILINEAR)
        differences.append(np.abs(ours - np.asarray(theirs, np.float32)).mean())
    assert np.mean(differences) < 2


def _gradient(height: int, width: int) -> Image.Image:
    """A large photo of smooth colours, whose first pixel is not like its last."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = np.stack([rows, columns, np.sin(9 * rows * columns) / 2 + 0.5], axis=-1)
    return Image.fromarray((255 * waves).astype(np.uint8))


@pytest.mark.parametrize("factor", [1, 2.5, 4, 9, 20])
def test_a_large_jpeg_is_reduced_while_it_is_decoded_and_stays_the_same(
    factor: float, monkeypatch: pytest.MonkeyPatch
):
    file = encoded(_gradient(round(64 * factor), round(96 * factor)), "JPEG")
    ours = read_image(file, 64).numpy()
    monkeypatch.setattr("kerastl.data.reader._FRACTIONS", ())
    assert np.abs(ours - read_image(file, 64).numpy()).mean() < 1.5
    png = encoded(Image.open(io.BytesIO(file)))
    assert np.abs(ours - read_image(png, 64).numpy()).mean() < 1.5
