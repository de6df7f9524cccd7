"""Tell four kinds of candy apart, on photos that kerastl draws itself.

kerastl run candy --unfreeze-after 5
"""

from kerastl.data import TFDS
from kerastl.recipe import Backbone, Head, Recipe, Stage

recipe = Recipe(
    name="candy",
    data=TFDS("candy"),
    backbone=Backbone(
        "MobileNetV2",
        image_size=160,
        options={"alpha": 0.35},
        weights=("imagenet", None),
    ),
    head=Head(pooling="avg", dropout=0.2),
    stages=(
        Stage("frozen", epochs=5, learning_rate=3e-3),
        Stage("unfrozen", epochs=5, learning_rate=3e-4, unfreeze=0.3),
    ),
    batch_size=32,
)
