"""The candy example: photos that kerastl draws itself, so that a first run needs no download."""

from __future__ import annotations

KINDS: tuple[str, ...] = ("kit-kat", "mars", "skittles", "smarties")
SIZE: tuple[int, int] = (224, 224)


def draw(label: int, seed: int) -> bytes:
    """Draw one casual photo of one kind of candy; the same arguments give the same bytes.

    Args:
        label: index into `KINDS`.
        seed: any non-negative integer; each is another photo.

    Returns:
        A JPEG file, RGB, `SIZE` pixels (height, width).

    Raises:
        IndexError: if `label` names none of the `KINDS`.
        ValueError: if `seed` is negative.
    """
    if not 0 <= label < len(KINDS):
        raise IndexError(f"expected a label from 0 to {len(KINDS) - 1}, received {label}")
    from kerastl.data.candy import scene

    return scene.photograph(label, seed, SIZE)
