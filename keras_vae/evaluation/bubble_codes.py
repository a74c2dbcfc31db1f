"""Statistics of codes as bubbles: means, standard deviations and distances from the origin."""

import math
from collections.abc import Iterator

import numpy as np
import scipy

from keras_vae import diagnostics, geometry, samplers
from keras_vae._utils import memory

MIN_POINTS, MAX_POINTS = 256, 2048  # drawn from each distribution
MAX_COORDINATES = 2**22  # of the drawn points
N_BINS = 200
N_FINE_BINS = 4000  # of |μ| and σ, from which quantiles are read
NEAR_1 = (0.9, 1.1)  # the range of σ that counts as near 1


def n_points(vae) -> int:
    """The number of points to draw from each distribution: fewer for more latent units."""
    return int(np.clip(MAX_COORDINATES // math.prod(vae.latent_shape), MIN_POINTS, MAX_POINTS))


def encoded(vae, x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Means and log variances `(n, units)` of images, in chunks that fit into memory."""
    chunk = memory.images_that_fit(math.prod(vae.latent_shape), 1000)
    for i in range(0, len(x), chunk):
        mean, log_var = map(geometry.flat, vae.encode(x[i : i + chunk]))
        yield mean, np.broadcast_to(log_var, mean.shape)  # an isotropic posterior has one variance for all units


def describe_codes(vae, x: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict[str, np.ndarray]]:
    """Statistics of the codes of test images and of distances from the origin.

    Args:
        vae: a `VAE` whose posterior has a density.
        x: test images.
        rng: source of all draws.

    Returns:
        Numbers and arrays. The numbers: `codes` with the root mean square of μ, quantiles of |μ| and σ over units and
        images, the fraction of σ between 0.9 and 1.1, the median ‖μ‖ and the mean KL in nats; `radii` with mean
        and standard deviation of ‖z‖ under the prior, one posterior and the aggregate posterior, and the fraction of
        the prior's draws within two thicknesses (2/√2) of a bubble's shell; `overlap.one`, quartiles of the exact
        overlap of N(μ, I) and N(0, I).
    """
    d = math.prod(vae.latent_shape)
    prior = rng.standard_normal((n_points(vae), d), dtype="float32")
    means_and_stds = _MeansAndStds()
    chunks: dict[str, list[np.ndarray]] = {"norm": [], "kl": [], "distance": [], "within": []}
    one_posterior = np.empty(0)
    for mean, log_var in encoded(vae, x):
        std = np.exp(0.5 * log_var)
        means_and_stds.add(mean, std)
        chunks["norm"].append(np.linalg.norm(mean, axis=1))
        chunks["kl"].append(diagnostics.kl_per_unit(mean, log_var).sum(axis=1, dtype="float64"))
        chunks["distance"].append(np.linalg.norm(samplers.neighbourhood(mean, std, rng), axis=1))
        if not len(one_posterior):
            repeated = np.repeat(mean[:1], len(prior), axis=0)
            one_posterior = np.linalg.norm(samplers.neighbourhood(repeated, std[0], rng), axis=1)
        chunks["within"].append(_within_shell(prior, mean))
    norms, kls = np.concatenate(chunks["norm"]), np.concatenate(chunks["kl"])
    radii = {"posterior": one_posterior, "aggregate": np.concatenate(chunks["distance"])}
    shell = scipy.stats.chi(d)  # the exact distribution of the prior's radii
    quartiles = np.quantile(diagnostics.gaussian_overlap(norms[:, None]), (0.25, 0.5, 0.75))
    numbers = {
        "codes": {**means_and_stds.numbers(), "norm": float(np.median(norms)), "kl": float(kls.mean())},
        "radii": {
            "root_d": math.sqrt(d),
            "prior": {"mean": float(shell.mean()), "std": float(shell.std())},
            **{name: {"mean": float(r.mean()), "std": float(r.std())} for name, r in radii.items()},
            "prior_within_shell": float(np.mean(chunks["within"])),
        },
        "overlap": {"one": dict(zip(("low", "median", "high"), quartiles.tolist(), strict=True))},
    }
    radii["prior"] = np.linalg.norm(prior, axis=1)
    arrays = {f"radius_{name}": r.astype("float32") for name, r in radii.items()}
    return numbers, means_and_stds.arrays() | arrays | {"norms": norms, "kl": kls}


def _within_shell(prior: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The fraction of pairs of a prior draw and a bubble with | ‖z − μ‖ − √d | < √2."""
    # ‖z − μ‖² for every pair, without an array of differences
    squared = (
        np.square(prior).sum(axis=1, dtype="float64")[:, None]
        - 2.0 * (prior @ mean.T)
        + np.square(mean).sum(axis=1, dtype="float64")
    )
    return np.asarray((np.abs(np.sqrt(np.maximum(squared, 0)) - math.sqrt(prior.shape[1])) < math.sqrt(2)).mean())


class _MeansAndStds:
    """Histograms and moments of μ and σ over units and images, accumulated in chunks."""

    def __init__(self):
        self.edges = {"mean": np.linspace(-4, 4, N_BINS + 1), "std": np.linspace(0, 1.5, N_BINS + 1)}
        self.counts = {name: np.zeros(N_BINS, "int64") for name in self.edges}
        self._fine_edges = np.concatenate([[0], np.geomspace(1e-5, 10, N_FINE_BINS)])
        self._fine_counts = {name: np.zeros(N_FINE_BINS, "int64") for name in self.edges}
        self._n, self._squares, self._near_1 = 0, 0.0, 0

    def add(self, mean: np.ndarray, std: np.ndarray) -> None:
        for name, values in (("mean", mean), ("std", std)):
            edges = self.edges[name]
            self.counts[name] += np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
            self._fine_counts[name] += np.histogram(np.clip(np.abs(values), 0, 10), self._fine_edges)[0]
        self._squares += np.square(mean, dtype="float64").sum()
        self._near_1 += int(((std > NEAR_1[0]) & (std < NEAR_1[1])).sum())
        self._n += mean.size

    def numbers(self) -> dict[str, float]:
        return {
            "rms_mean": math.sqrt(self._squares / self._n),
            "abs_mean_99": self._quantile("mean", 0.99),
            "std_01": self._quantile("std", 0.01),
            "std_50": self._quantile("std", 0.50),
            "std_99": self._quantile("std", 0.99),
            "share_std_near_1": self._near_1 / self._n,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        counts = {f"{name}_counts": array for name, array in self.counts.items()}
        return counts | {f"{name}_edges": array for name, array in self.edges.items()}

    def _quantile(self, name: str, fraction: float) -> float:
        """A quantile, accurate to the width of a fine bin."""
        counts = self._fine_counts[name]
        i = int(np.searchsorted(np.cumsum(counts), fraction * counts.sum()))
        return float(self._fine_edges[min(i + 1, len(self._fine_edges) - 1)])
