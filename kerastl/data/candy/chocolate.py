"""The colours of chocolate, shared by everything made of it."""

from __future__ import annotations

from kerastl.data.drawing.lettering import Colour

CHOCOLATES: tuple[Colour, ...] = ((112, 66, 40), (92, 52, 32), (128, 78, 48), (74, 42, 28))
