"""Arrays of the drawing pad on a run's page: an exported encoder, and encodings at which to check it.

`gather` computes the arrays that are written to `arrays/encoder.npz` of a run folder:

```
description     JSON: `layers`, `mean` and `log_var` of the encoder (see `encoder_export`), or in their place
                `obstacle`, the reason why it can't be exported; in either case `divergence`, how the penalty follows
                from the posterior (kl, penalty or null, as for a learned prior); `beta`, its weight, or null where the
                objective is no weighted penalty; `likelihood`, the name of one that pages compute and its parameters,
                or null
weight_0_0 …    float16, the first weight of layer 0, and so on
check_mean      (checked, all units) float32, means of the first images of `arrays/explorer.npz`
check_log_var   (checked, all units) float32; absent for posteriors without a density
```
"""

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_vae import likelihoods, posteriors
from keras_vae.data.value_range import UNIT_RANGE
from keras_vae.errors import InputError
from keras_vae.objectives import ELBO
from keras_vae.runs import model_file
from keras_vae.runs.folder import Run

if TYPE_CHECKING:
    from keras_vae.models import VAE

N_CHECKED = 4  # images at which an export is checked
DRAWN_CHANNELS = (1, 3)  # of images that a page can draw
MAX_PIXELS = 20_000  # of an image, with all channels
LIKELIHOODS = (likelihoods.Bernoulli, likelihoods.ContinuousBernoulli, likelihoods.Gaussian)


def write(run: Run, vae: "VAE") -> None:
    """Writes `arrays/encoder.npz` of a run whose `arrays/explorer.npz` is written."""
    run.write_arrays("encoder", **gather(vae, run.arrays("explorer")["images"], run.value_range))


def ensure(run: Run) -> None:
    """Writes `arrays/encoder.npz` of a run that lacks it or whose file is damaged, if its model can be loaded."""
    if run.has_readable_arrays("encoder"):
        return
    try:
        vae = model_file.load(run, compile=False)
    except InputError:  # the page needs the model for its drawing pad only
        return
    write(run, vae)


def gather(vae: "VAE", images: np.ndarray, value_range: tuple[float, float] = UNIT_RANGE) -> dict[str, np.ndarray]:
    """Computes the arrays of `arrays/encoder.npz`.

    Args:
        vae: a trained model.
        images: `(n, height, width[, channels])` or `(n, columns)` uint8, those of the explorer.
        value_range: the limits of the images' values.

    Returns:
        The arrays by name, as listed in the module's description.
    """
    from keras_vae.networks import decoder_export, encoder_export

    try:
        _check_images(images, value_range)
        exported = encoder_export.export(vae.encoder, vae.posterior)
    except decoder_export.NotExportable as obstacle:
        return {"description": np.array(json.dumps({"obstacle": str(obstacle), **_loss(vae, value_range)}))}
    described = {"layers": exported.layers, "mean": exported.mean, "log_var": exported.log_var}
    described |= _loss(vae, value_range)
    weights = {f"weight_{i}_{j}": array for i, arrays in enumerate(exported.weights) for j, array in enumerate(arrays)}
    checked = images[:N_CHECKED].astype("float32") / 255
    encoding = vae.encode(checked.reshape(-1, *vae.image_shape))
    check = {"check_mean": encoding.mean.reshape(len(checked), -1)}
    if encoding.log_var is not None:
        log_var = np.broadcast_to(encoding.log_var, encoding.mean.shape)
        check["check_log_var"] = log_var.reshape(len(checked), -1)
    return {"description": np.array(json.dumps(described)), **weights, **check}


def _check_images(images: np.ndarray, value_range: tuple[float, float]) -> None:
    """Checks that a page can draw such images.

    Raises:
        NotExportable: if it can't.
    """
    from keras_vae.networks.decoder_export import NotExportable

    if images.ndim == 2:
        raise NotExportable("vectors, which can't be drawn")
    if value_range != UNIT_RANGE:
        raise NotExportable("values outside 0 to 1")
    channels = images.shape[3] if images.ndim == 4 else 1
    if channels not in DRAWN_CHANNELS:
        raise NotExportable(f"images of {channels} channels")
    if math.prod(images.shape[1:]) > MAX_PIXELS:
        raise NotExportable(f"images of {math.prod(images.shape[1:]):,} numbers")


def _loss(vae: "VAE", value_range: tuple[float, float]) -> dict[str, Any]:
    """How the loss follows from image, posterior and logits; null for parts that only Python can compute."""
    divergences = {posteriors.Posterior.divergence: "kl", posteriors.NoSampling.divergence: "penalty"}
    has_closed_form = vae.posterior.has_divergence and vae.prior.is_standard
    divergence = divergences.get(type(vae.posterior).divergence) if has_closed_form else None
    return {
        "divergence": divergence,
        "has_penalty": vae.posterior.has_divergence,
        "beta": float(vae.beta) if vae.posterior.has_divergence and isinstance(vae.objective, ELBO) else None,
        "likelihood": _likelihood(vae.likelihood) if value_range == UNIT_RANGE else None,
    }


def _likelihood(likelihood: likelihoods.Likelihood) -> dict[str, Any] | None:
    """Name and parameters of a likelihood that pages compute."""
    if type(likelihood) is likelihoods.OptimalGaussian:
        return {"name": likelihoods.Gaussian.name, "std": float(likelihood.std)}
    return {"name": likelihood.name, **likelihood.get_config()} if type(likelihood) in LIKELIHOODS else None
