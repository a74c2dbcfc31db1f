"""Files of TensorBoard's Embedding Projector: means as points, with labels and images.

```
tensors.tsv            a row per point, a column per unit
metadata.tsv           index, label and KL from N(0, I) of each point
sprite.png             the images of the points, row by row
projector_config.pbtxt which files belong together
```

Format: https://www.tensorflow.org/tensorboard/tensorboard_projector_plugin
"""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from keras_vae._utils.files import atomic, write_text
from keras_vae.diagnostics.encodings import random_images

MAX_POINTS = 10_000  # that the Projector draws; of more, a random subset is written
MAX_SPRITE_PIXELS = 8_192  # along each side, which the Projector loads
MAX_IMAGE_PIXELS = 64  # along each side of the image of a point


def write(
    folder: Path,
    name: str,
    mean: np.ndarray,
    columns: Mapping[str, Sequence[object]],
    images: np.ndarray | None = None,
) -> None:
    """Writes the files of one set of points, and replaces those of an earlier one.

    Args:
        folder: receives the files: a folder that TensorBoard reads events from.
        name: of the points.
        mean: `(n, units)`.
        columns: properties of the points by name, a value per point each.
        images: `(n, height, width[, channels])` in [0, 1], or None.
    """
    part = random_images(len(mean), MAX_POINTS, np.random.default_rng(0))
    write_text(folder / "tensors.tsv", _table(mean[part].tolist()))
    table = {"index": part.tolist(), **{key: [values[i] for i in part] for key, values in columns.items()}}
    rows = [*map(list, zip(*table.values(), strict=True))]
    if len(table) > 1:  # a single column has no heading
        rows.insert(0, list(table))
    write_text(folder / "metadata.tsv", _table(rows))
    config = [f'tensor_name: "{name}"', 'tensor_path: "tensors.tsv"', 'metadata_path: "metadata.tsv"']
    if images is not None:
        side = _write_sprite(folder / "sprite.png", images[part])
        size = f"single_image_dim: {side}"
        config.append(f'sprite {{ image_path: "sprite.png" {size} {size} }}')
    lines = "\n".join(f"  {line}" for line in config)
    write_text(folder / "projector_config.pbtxt", f"embeddings {{\n{lines}\n}}\n")


def _table(rows: Sequence[Sequence[object]]) -> str:
    """Rows as lines of values that tabs separate."""
    return "".join("\t".join(_cell(value) for value in row) + "\n" for row in rows)


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())


def _write_sprite(path: Path, images: np.ndarray) -> int:
    """Writes all images as one square picture of square cells; returns the side of a cell in pixels."""
    per_row = math.ceil(math.sqrt(len(images)))
    side = min(MAX_IMAGE_PIXELS, MAX_SPRITE_PIXELS // per_row, max(images.shape[1:3]))
    sprite = Image.new("RGB", (per_row * side, per_row * side))
    for i, values in enumerate(images):
        pixels = np.round(255 * np.clip(values, 0, 1)).astype("uint8")
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels).convert("RGB")
        image.thumbnail((side, side))
        left, top = side * (i % per_row), side * (i // per_row)
        sprite.paste(image, (left + (side - image.width) // 2, top + (side - image.height) // 2))
    with atomic(path) as temporary:
        file = io.BytesIO()
        sprite.save(file, format="png")
        temporary.write_bytes(file.getvalue())
    return side
