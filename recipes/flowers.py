"""Tell five kinds of flowers apart: daisies, dandelions, roses, sunflowers, tulips.

kerastl run flowers
"""

from kerastl.data import TFDS
from kerastl.recipe import Backbone, Head, Recipe, Stage

recipe = Recipe(
    name="flowers",
    data=TFDS("tf_flowers"),
    backbone=Backbone("EfficientNetV2B0", image_size=224),
    head=Head(pooling="avg", dropout=0.2),
    stages=(
        Stage("frozen", epochs=5, learning_rate=1e-2),
        Stage("unfrozen", epochs=8, learning_rate=3e-4, unfreeze=0.6),
    ),
    batch_size=32,
)
