"""Scores of single items by a trained VAE: reconstruction, KL and −ELBO of each, in nats."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_vae._utils import checks, keras_import, memory
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.errors import InputError

if TYPE_CHECKING:
    from keras_vae.models import VAE

N_SAMPLES = 16  # of z per item, by default
MAX_SAMPLES = 100_000
MAX_BATCH = 1000  # items; fewer where their samples of z or their numbers would exceed `memory.MAX_CODES_BYTES`


class ItemScores(NamedTuple):
    """Encodings and scores of n items.

    Attributes:
        mean: posterior means `(n, units…)`.
        log_var: log variances of that shape, or one that broadcasts to it; None without a density.
        scores: arrays `(n,)` in nats by name. `reconstruction_at_mean` is −log p(x | z) at z = mean, `kl` the KL of the
            posterior from the prior (`penalty`, if the posterior's divergence is none), `neg_elbo_at_mean` their sum.
            `reconstruction_16_samples` is the mean of −log p(x | z) over 16 samples of z from the posterior, the
            Monte Carlo estimate of its expectation, and `neg_elbo_16_samples` that of −ELBO. With a learned prior `kl`
            is an estimate by the same samples, too.

    Example:
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> found = kv.score(kv.dense_vae("4-2", seed=0), np.zeros((3, 4)), samples=0)
        >>> found.mean.shape, sorted(found.scores)
        ((3, 2), ['kl', 'neg_elbo_at_mean', 'reconstruction_at_mean'])
    """

    mean: np.ndarray
    log_var: np.ndarray | None
    scores: dict[str, np.ndarray]

    @property
    def ranked_by(self) -> str:
        """The score that ranks the items where none is chosen: −ELBO, else the reconstruction, of samples if any."""
        for kind in ("neg_elbo_", "reconstruction_"):
            names = [name for name in self.scores if name.startswith(kind)]
            if names:
                return names[-1]
        raise InputError("scores: expected a reconstruction; received none.")

    def columns(self) -> dict[str, np.ndarray]:
        """The scores, means and log variances as arrays by name."""
        log_var = {} if self.log_var is None else {"log_var": self.log_var}
        return {**self.scores, "mean": self.mean, **log_var}


def score(vae: "VAE", x: Any, samples: int = N_SAMPLES, seed: int = 0) -> ItemScores:
    """Scores each item by itself: how well a model reconstructs it, and how far its posterior is from the prior.

    Items that resemble no training image have a large −ELBO as a rule; −ELBO is not the log-likelihood, and simple
    images, such as uniform ones, may have a small one (Nalisnick et al. 2019, "Do Deep Generative Models Know What They
    Don't Know?").

    Where an item is so far from the training's that a variance or a square exceeds the range of float32, its scores are
    infinite or NaN.

    Args:
        vae: a trained model.
        x: items `(n, …)` as the model takes them.
        samples: samples of z per item, for the Monte Carlo estimates; 0 for none, at least 1 for a learned prior.
        seed: of the samples; those of an item depend on the seed and on its position in `x`.

    Returns:
        An `ItemScores`; its names of scores state how each was computed.

    Raises:
        InputError: if there is no item, or the items have another shape or are not finite; if `samples` is negative;
            if `vae` is no VAE.

    Example:
        >>> import numpy as np
        >>> import keras_vae as kv
        >>> x = np.random.default_rng(0).random((20, 4), "float32")
        >>> found = kv.score(kv.dense_vae("4-2", seed=0), x, samples=8)
        >>> list(found.scores)[:3]
        ['reconstruction_at_mean', 'kl', 'neg_elbo_at_mean']
        >>> highest = np.argsort(-found.scores["neg_elbo_8_samples"])[:3]
    """
    keras_import.import_keras()
    from keras_vae.models import VAE

    if not isinstance(vae, VAE):
        raise InputError(f"vae: expected a keras_vae.VAE; received {type(vae).__name__}.")
    x = checks.as_array("x", x)
    checks.require_shape("x", x, ("n ≥ 0", "…"))
    size, scorer = batch_size(vae, samples), Scorer(vae, samples, seed)
    batches = [scorer(x[i : i + size]) for i in range(0, max(1, len(x)), size)]
    log_vars = [batch.log_var for batch in batches if batch.log_var is not None]
    return ItemScores(
        np.concatenate([batch.mean for batch in batches]),
        np.concatenate(log_vars) if log_vars else None,
        {name: np.concatenate([batch.scores[name] for batch in batches]) for name in batches[0].scores},
    )


def _n_samples(vae: "VAE", samples: int) -> int:
    """The checked number of samples of z per item."""
    samples = checks.whole("samples", samples, low=0, high=MAX_SAMPLES)
    if not samples and not vae.prior.is_standard:
        raise InputError(
            f"samples: expected at least 1 for the prior {vae.prior.name!r}, from which the KL has no closed form; "
            "received 0."
        )
    return samples


def batch_size(vae: "VAE", samples: int) -> int:
    """The number of items that are scored at a time: their numbers and their samples of z fit into memory."""
    samples = _n_samples(vae, samples)
    largest = max(math.prod(vae.latent_shape) * max(1, samples), math.prod(vae.image_shape))
    return memory.images_that_fit(largest, MAX_BATCH)


class Scorer:
    """Scores items batch by batch; the samples do not depend on the sizes of the batches.

    Args:
        vae, samples, seed: as of `score`.
    """

    def __init__(self, vae: "VAE", samples: int = N_SAMPLES, seed: int = 0):
        self._keras = keras_import.import_keras()
        from keras_vae.fast_fit.functions import compiled

        self._vae, self._samples = vae, _n_samples(vae, samples)
        self._rng = stream(checks.seed(seed), Stream.ITEM_SCORES)
        self._compiled_nll = compiled(lambda x, z: vae.likelihood(x, vae.decoder(z, training=False)), vae)

    def __call__(self, x: np.ndarray) -> ItemScores:
        """The scores of the next items `(n, …)`."""
        vae, scores = self._vae, {}
        mean, log_var = vae.encode(x, batch_size=max(1, len(x)))
        name, divergence = vae.posterior.divergence_name, None
        scores["reconstruction_at_mean"] = self._nll(x, mean)
        noise = self._noise(len(x)) if vae.posterior.samples and self._samples and log_var is not None else None
        if name is not None:
            divergence = scores[name] = self._divergence(mean, log_var, noise)
        if name == "kl":
            scores["neg_elbo_at_mean"] = scores["reconstruction_at_mean"] + divergence
        if noise is not None and log_var is not None:
            suffix = "1_sample" if self._samples == 1 else f"{self._samples}_samples"
            scores[f"reconstruction_{suffix}"] = self._expected_nll(x, mean, log_var, noise)
            if name == "kl":
                scores[f"neg_elbo_{suffix}"] = scores[f"reconstruction_{suffix}"] + divergence
        return ItemScores(mean, log_var, scores)

    def _noise(self, n: int) -> np.ndarray:
        """Noise for the samples of z of the next `n` items."""
        return self._rng.standard_normal((n, self._samples, *self._vae.latent_shape), dtype="float32")

    def _divergence(self, mean: np.ndarray, log_var: np.ndarray | None, noise: np.ndarray | None) -> np.ndarray:
        """The penalty of each item; for a learned prior the mean of its estimates over samples of z."""
        if self._vae.prior.is_standard or log_var is None or noise is None:
            return self._keras.ops.convert_to_numpy(self._vae.divergence(mean, log_var))
        with np.errstate(over="ignore", invalid="ignore"):
            std = np.exp(0.5 * log_var)
            drawn = [self._vae.divergence(mean, log_var, mean + std * noise[:, k]) for k in range(self._samples)]
        arrays = [self._keras.ops.convert_to_numpy(divergence) for divergence in drawn]
        return np.mean(arrays, axis=0, dtype="float64").astype("float32")

    def _expected_nll(self, x: np.ndarray, mean: np.ndarray, log_var: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """The mean of −log p(x | z) over samples of z."""
        with np.errstate(over="ignore", invalid="ignore"):  # of items that are far from those of the training
            std = np.exp(0.5 * log_var)
            drawn = [self._nll(x, mean + std * noise[:, k]) for k in range(self._samples)]
        return np.mean(drawn, axis=0, dtype="float64").astype("float32")

    def _nll(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """−log p(x | z) of each item at its own latent point, nats `(n,)`."""
        x = x.reshape(len(x), *self._vae.image_shape)
        tensors = (self._keras.ops.convert_to_tensor(array, "float32") for array in (x, z))
        return self._keras.ops.convert_to_numpy(self._compiled_nll(*tensors))
