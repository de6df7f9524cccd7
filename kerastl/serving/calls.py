"""How an export of each format is called: what its model card shows."""

from __future__ import annotations

from kerastl.serving.about import About

_READ = """\
photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
photo = @RESIZED@
pixels = np.asarray(photo, "float32")[np.newaxis]
"""
# As squares are made of photos in training.
_RESIZED = {
    "squash": "photo.resize((@SIZE@, @SIZE@), Image.Resampling.BILINEAR)",
    "crop": "ImageOps.fit(photo, (@SIZE@, @SIZE@), Image.Resampling.BILINEAR)",
    "pad": "ImageOps.pad(photo, (@SIZE@, @SIZE@), Image.Resampling.BILINEAR)",
}

_SAVED_MODEL = """\
```python
import pathlib
import tensorflow as tf

served = tf.saved_model.load(".")  # this folder
photos = tf.constant([pathlib.Path("photo.jpg").read_bytes()])
answer = served.signatures["serving_default"](photos=photos)
print(answer["label"], answer["probability"], answer["error"])
```

Under TensorFlow Serving, with the folder above this one:

```
docker run -p 8501:8501 -v "$(dirname "$PWD"):/models/@NAME@" \\
  -e MODEL_NAME=@NAME@ tensorflow/serving
echo '{"instances": [{"b64": "'$(base64 -w0 photo.jpg)'"}]}' |
  curl -d @- http://localhost:8501/v1/models/@NAME@:predict
```

A file that is no photo has an `error`, and the label is empty. Other signatures: `image` and
`image_uint8` take pixels, `embed` gives the features, and `explain` where the class is seen, if the
head allows it. No kerastl is needed."""

_KERAS = """\
```python
import zipfile
import keras
import numpy as np
from PIL import Image, ImageOps

@READ@
model = keras.saving.load_model("model.keras", compile=False)
classes = zipfile.ZipFile("model.keras").read("classes.txt").decode().splitlines()
(probabilities,) = model.predict(pixels)
print(dict(zip(classes, probabilities)))
```"""

_LITERT = """\
```python
import zipfile
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

@READ@
ask = Interpreter("model.tflite").get_signature_runner("serving_default")
classes = zipfile.ZipFile("model.tflite").read("classes.txt").decode().splitlines()
(probabilities,) = ask(images=pixels)["probabilities"]
print(dict(zip(classes, probabilities)))
```"""

_ONNX = """\
```python
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

@READ@
session = onnxruntime.InferenceSession("model.onnx")
classes = session.get_modelmeta().custom_metadata_map["classes.txt"].splitlines()
((probabilities,),) = session.run(["probabilities"], {"images": pixels})
print(dict(zip(classes, probabilities)))
```"""

_CALLS = {"saved_model": _SAVED_MODEL, "keras": _KERAS, "litert": _LITERT, "onnx": _ONNX}


def call(kind: str, about: About) -> str:
    """Return how an export is called, as Markdown.

    Args:
        kind: Its format.
        about: What it says of itself.
    """
    text = _CALLS[kind].replace("@READ@\n", _READ).replace("@RESIZED@", _RESIZED[about.resize])
    return text.replace("@SIZE@", str(about.image_size)).replace("@NAME@", about.name)
