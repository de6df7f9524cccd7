from __future__ import annotations

import builtins
import io
import struct

import numpy as np
import pytest
from PIL import Image

from colors import photo
from kerastl.data import conversion
from kerastl.data.conversion import as_pixels, complaint

RED = (200, 40, 50)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "YCbCr", "P", "RGBA"])
def test_colors_become_rgb(mode: str):
    image = photo(RED, 1)
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    pixels = as_pixels(saved(image.convert(mode), "TIFF"))
    assert pixels.shape == (40, 48, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.mean(axis=(0, 1)) - RED).max() < 14


def test_grey_of_one_bit_and_of_sixteen():
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    eight = (ramp / 257).round().astype(np.uint8)
    assert np.array_equal(as_pixels(saved(Image.fromarray(ramp), "TIFF"))[..., 0], eight)
    bits = as_pixels(saved(Image.fromarray(eight).convert("1"), "TIFF"))
    assert set(np.unique(bits)) == {0, 255}


def test_floating_point_values_are_taken_from_0_to_1_alone():
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    pixels = as_pixels(saved(Image.fromarray(ramp), "TIFF"))[..., 0]
    assert np.array_equal(pixels, (ramp * 255).round().astype(np.uint8))
    for values in (ramp * 7, ramp - 1):
        with pytest.raises(ValueError, match="floating-point values, of which 0 and 255"):
            as_pixels(saved(Image.fromarray(values), "TIFF"))


def test_what_is_seen_through_is_white():
    image = photo(RED, 1).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    pixels = np.array(image)
    pixels[:20] = 0
    image.putdata(pixels.reshape(-1))
    for kind in ("GIF", "PNG"):
        assert np.all(as_pixels(saved(image, kind, transparency=0))[:20] == 255)


@pytest.mark.parametrize("kind", ["TIFF", "HEIF"])
def test_photos_are_upright(kind: str):
    conversion._let_pillow_read_heif()
    image = Image.new("RGB", (100, 60), RED)
    image.paste((0, 0, 255), (0, 0, 100, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = as_pixels(saved(image, kind, exif=exif.tobytes()))
    assert pixels.shape[:2] == (100, 60)
    assert pixels[50, 55, 2] > 200
    assert pixels[50, 20, 0] > 150


def test_without_its_extra_a_heif_says_which_it_needs(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *more: object) -> object:
        if name == "pillow_heif":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    conversion._let_pillow_read_heif.cache_clear()
    monkeypatch.setattr(Image, "OPEN", {})
    monkeypatch.setattr(Image, "ID", [])
    monkeypatch.setattr(Image, "init", lambda: None)
    with pytest.raises(ValueError, match=r"a HEIF image; pip install 'kerastl\[heif\]'"):
        as_pixels(struct.pack(">I", 24) + b"ftypheic" + bytes(100))
    conversion._let_pillow_read_heif.cache_clear()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF"])
def test_a_file_that_breaks_off_says_so(kind: str):
    file = saved(photo(RED, 1, (100, 100)), kind)
    with pytest.raises(ValueError, match=r".") as caught:
        as_pixels(file[: len(file) // 2])
    assert "\n" not in str(caught.value)


def test_what_is_no_image():
    for file in (b"", b"nothing"):
        with pytest.raises(ValueError, match="not an image"):
            as_pixels(file)


def test_too_many_pixels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(conversion, "MOST_PIXELS", 1000)
    with pytest.raises(ValueError, match="48 x 40 pixels are no photo"):
        as_pixels(saved(photo(RED, 1), "TIFF"))


def test_a_png_is_looked_at_twice():
    sound = saved(photo(RED, 1), "PNG")
    assert complaint(sound) == ""
    assert complaint(saved(photo(RED, 1), "JPEG")) == ""
    # A text that says it is packed in a way that there is not.
    text = b"iCCPx\0\x07nothing"
    chunk = struct.pack(">I", len(text) - 4) + text + bytes(4)
    assert complaint(sound[:33] + chunk + sound[33:]) != ""
