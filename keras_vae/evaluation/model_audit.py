"""The audit of a model on its data: whether its latent space deserves the trust that sampling from N(0, I) puts in it.

What encodings alone say is `diagnostics.audit`; here are the data's likelihood, its code length, and what other
samplers than the prior would give.
"""

import math
from collections.abc import Callable

import numpy as np

from keras_vae import diagnostics, geometry, samplers
from keras_vae._utils import keras_import, memory
from keras_vae.data import datasets
from keras_vae.evaluation.judge import Judge

VERSION = 1
SAMPLES = 1000  # of an importance-weighted estimate, by default
IMAGES = 500  # whose likelihood is estimated
CHOICE = 0  # seed of which they are
MOST_NUMBERS = 2**30  # images × samples × units of it
AT_ONCE = 2000  # pairs of image and point that are decoded at once
MOST_FITTED = 2048  # units, above which no mixture is fitted
MOST_CODES, MOST_BYTES = 10_000, 64e6  # training images that one is fitted to, and what their means may take
NEAR = 0.5  # standard deviation of the neighbourhood of an image that is drawn from
SHOWN = 100  # images of each sampler
SHOWN_UNITS = 6  # whose marginals are drawn
CURVE = 400  # points of a drawn marginal
SIDE = 160  # of a drawn density of two units
SOURCES = {
    "prior": "N(0, I)",
    "moment_matched": "one Gaussian",
    "gaussian_mixture": "fitted mixture",
    "aggregate_posterior": "mixture of posteriors",
    "neighbourhood": "N(μ(x), ¼ I)",
}
SCORED = {
    "frechet": "Fréchet distance", "precision": "precision", "recall": "recall", "balance": "class balance",
    "entropy": "entropy",
}  # fmt: skip


def audit(
    vae,
    data: datasets.Dataset,
    mean: np.ndarray,
    log_var: np.ndarray | None,
    judge: Judge | None = None,
    seed: int = 0,
    samples: int = SAMPLES,
    log: Callable[[str], None] = lambda text: None,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Audits a model.

    Args:
        vae: a `VAE`.
        data: what it was trained on.
        mean, log_var: its encodings of test images; `log_var` is None for a posterior without density.
        judge: scores samples; without one, they are only drawn.
        seed: of everything that is drawn.
        samples: K of the importance-weighted likelihood, at least 2.
        log: is told what is being done, before each part.

    Returns:
        Numbers, and arrays to draw. The numbers:
        `encodings`: of `diagnostics.Audit.as_dict`; `own_typicality`: how typical draws are under the posterior they
        come from, an identity; `rate`: −ELBO in three terms; `likelihood`: see `diagnostics.Evidence`, with what it
        is of. All four are None without a density.
        `samplers`: scores of images by where z was drawn from, and what it takes to read them.
    """
    result = {"version": VERSION, "samples": samples, "judge": judge and judge.identity}
    result |= dict.fromkeys(("encodings", "own_typicality", "rate", "likelihood"))
    arrays = {}
    if vae.has_density:
        log("Comparing the aggregate posterior with the prior")
        flat = diagnostics.flat_encodings(mean, log_var)
        found = diagnostics.audit(*flat, seed)
        result["encodings"] = found.as_dict()
        arrays |= _drawn_marginals(*flat, found) | _drawn_radii(*flat, seed) | _drawn_density(*flat)
        result["own_typicality"] = _own_typicality(*flat, seed)
        log("Estimating the likelihood of test images")
        result["likelihood"], result["rate"] = _likelihood(vae, data, seed, samples)
    log("Drawing from the samplers")
    result["samplers"], images = _samplers(vae, data, judge, seed)
    return result, arrays | images


def measures(found: dict) -> dict[str, float]:
    """The numbers of an audit by name, for a study; without an upper end of KL where the result is saturated."""
    row = {}
    if found["encodings"]:
        encodings = found["encodings"]
        divergence, radius, units = (encodings[name] for name in ("divergence", "radii", "marginals"))
        active = np.array(encodings["active"])
        low, high = divergence["interval"]
        alone, variance = (np.array(units[name], "float64") for name in ("kl", "variance"))  # None becomes NaN
        row = {
            "KL(q(z) ‖ p), low": low,
            "KL(q(z) ‖ p) per active unit, low": low / max(active.sum(), 1),
            "I(x; z) at least": max(divergence["mean_kl"] - high, 0.0),
            "saturated": float(divergence["saturated"]),
            "KL of units alone": float(alone.sum()),
            "‖z‖ / that of the prior": radius["mean"] / radius["prior_mean"],
            "typical under the prior": radius["typical"],
            "further out than 97.5 % of the prior": radius["outside"],
            "MMD²": encodings["mmd"]["value"],
            "|−log q/n − h| relative to |h|": found["own_typicality"]["relative"],
            "|q / e^(−nh) − 1|": found["own_typicality"]["literal"],
            "log p(x)": found["likelihood"]["value"],
            "log p(x) less the ELBO": found["likelihood"]["gap"],
        }
        if not divergence["saturated"]:
            row["KL(q(z) ‖ p), high"] = high
            row["KL(q(z) ‖ p) per active unit, high"] = high / max(active.sum(), 1)
            row["KL(q(z) ‖ p)"] = 0.5 * (low + high)
            row["KL(q(z) ‖ p) per active unit"] = 0.5 * (low + high) / max(active.sum(), 1)
        if active.any():
            row["KL of an active unit alone"] = float(alone[active].mean())
            row["variance of an active unit"] = float(variance[active].mean())
        if encodings["separation"]:
            row["AUC"] = encodings["separation"]["auc"]
        if found["likelihood"]["unreliable"] is not None:
            row["share with Pareto k > 0.7"] = found["likelihood"]["unreliable"]
        row = {name: value for name, value in row.items() if math.isfinite(value)}
    scores = found["samplers"]["scores"]
    for source, name in SOURCES.items():
        if source in scores:
            for score in SCORED:
                row[f"{SCORED[score]}, {name}"] = scores[source][score]
            row[f"Fréchet distance, prior / {name}"] = scores["prior"]["frechet"] / scores[source]["frechet"]
    row["remembered"] = found["samplers"]["remembered"]["share"]
    return row


# -- the latent space ----------------------------------------------------------------------------------------------


def _drawn_marginals(mean: np.ndarray, log_var: np.ndarray, found: diagnostics.Audit) -> dict[str, np.ndarray]:
    """Densities of the units whose marginals are furthest from N(0, 1), on a few points each."""
    std = np.exp(0.5 * log_var)
    furthest = np.argsort(-np.nan_to_num(found.marginals.kl), kind="stable")[:SHOWN_UNITS]
    grid = np.linspace(-5, 5, CURVE)
    densities = []
    for unit in furthest:
        points, density = diagnostics.marginal_density(mean[:, unit], std[:, unit])
        densities.append(np.interp(grid, points, density, 0, 0) if len(points) else np.full(CURVE, np.nan))
    return {"marginal_units": furthest, "marginal_grid": grid, "marginals": np.array(densities)}


def _drawn_density(mean: np.ndarray, log_var: np.ndarray) -> dict[str, np.ndarray]:
    """The density q(z) of two units on a square grid."""
    if mean.shape[1] != 2:
        return {}
    limit = max(3.0, geometry.scatter_limit(mean))
    side = np.linspace(-limit, limit, SIDE)
    z = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    mixture = diagnostics.MixtureRatio(z)
    for i in range(0, len(mean), 500):
        mixture.add(diagnostics.Gaussians(mean[i : i + 500], log_var[i : i + 500]))
    density = np.exp(mixture.log_ratio - 0.5 * np.square(z).sum(axis=1)) / (2 * math.pi)
    return {"density": density.reshape(SIDE, SIDE).astype("float32"), "density_limit": np.array(limit)}


def _drawn_radii(mean: np.ndarray, log_var: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    return {"radii": np.linalg.norm(samplers.neighbourhood(mean, np.exp(0.5 * log_var), seed), axis=1)}


def _own_typicality(mean: np.ndarray, log_var: np.ndarray, seed: int) -> dict:
    """Figure 3 of "Why Bigger is Not Better", from a draw of each image's posterior: see `diagnostics.typicality`."""
    squares = np.square(np.random.default_rng([seed, 5]).standard_normal(mean.shape)).sum(axis=1)
    n = mean.shape[1]
    away = (squares / n - 1) / 2
    entropy = np.mean(0.5 * (math.log(2 * math.pi * math.e) + log_var), axis=1)
    return {
        "deviation": float(np.abs(away).mean()),
        "expected": diagnostics.expected_deviation(n),
        "relative": float(np.median(np.abs(away) / np.abs(entropy))),
        "literal": float(np.quantile(np.abs(np.expm1(np.minimum(-n * away, 700))), 0.75)),
        "entropy": float(entropy.mean()),
    }


# -- the data ------------------------------------------------------------------------------------------------------


def log_likelihood(vae, x: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """log p(x | z) in nats of (indices of images of `x`, latent points), as `importance_log_weights` asks for it."""
    keras = keras_import.import_keras()
    from keras_vae.fast_fit.functions import compiled

    known = keras.ops.convert_to_tensor(x)

    def negative(images, z):
        return vae.likelihood(keras.ops.take(known, images, axis=0), vae.decoder(z, training=False))

    run = compiled(negative, vae)

    def given(images, z):
        z = keras.ops.convert_to_tensor(z.reshape(-1, *vae.latent_shape))
        return -keras.ops.convert_to_numpy(run(keras.ops.convert_to_tensor(images), z))

    return given


def _likelihood(vae, data: datasets.Dataset, seed: int, samples: int) -> tuple[dict, dict]:
    """Importance-weighted log p(x) of some test images, and the rate of the same; binary ones where it must be."""
    units = math.prod(vae.latent_shape)
    n = int(np.clip(MOST_NUMBERS // (samples * units), 2, min(IMAGES, len(data.x_test))))
    # The same images, binarised alike, for every model of the data.
    x = data.x_test[np.sort(np.random.default_rng(CHOICE).permutation(len(data.x_test))[:n])]
    counts = vae.likelihood.needs_binary_data
    binary = counts and bool(((x == 0) | (x == 1)).all())
    binarized = counts and not binary
    if binarized:
        x = datasets.binarize(x)
    mean, log_var = vae.encode(x, batch_size=memory.images_that_fit(units, 1000))
    at_once = memory.images_that_fit(units, AT_ONCE)
    weights = diagnostics.importance_log_weights(log_likelihood(vae, x), mean, log_var, samples, seed, at_once)
    found = diagnostics.importance_weighted(weights)
    # The mean log weight is the ELBO: what isn't KL of it is reconstruction.
    elbo, kl = float(weights.mean()), diagnostics.rate(mean, log_var, 0.0).kl
    rate = diagnostics.rate(mean, log_var, -elbo - kl)
    of = (
        "binarised test images (each pixel 1 with its grey value as probability, seed 0)"
        if binarized
        else "test images"
    )
    described = {
        "of": of,
        "images": n,
        **{key: value for key, value in found._asdict().items() if key not in ("pareto_k", "curve")},
        "pareto_k": float(np.median(found.pareto_k)) if np.isfinite(np.median(found.pareto_k)) else None,
        "curve": {str(k): value for k, value in found.curve.items()},
        "elbo": elbo,
        "gap": found.value - elbo,
    }
    bits = rate.bits_per_pixel(math.prod(data.image_shape)) if binary or binarized else None
    return described, {"of": of, **rate._asdict(), "kl": rate.kl, "total": rate.total, "bits_per_pixel": bits}


# -- samplers ------------------------------------------------------------------------------------------------------


def _samplers(vae, data: datasets.Dataset, judge: Judge | None, seed: int) -> tuple[dict, dict[str, np.ndarray]]:
    """Images by where z is drawn from, all interchangeable; how good they are, and how much the mixture remembers."""
    n = judge.n if judge else SHOWN
    units = math.prod(vae.latent_shape)
    # What is fitted is fitted to training images: samples are scored against test images.
    few = memory.images_that_fit(units, min(len(data.x_train), MOST_CODES), MOST_BYTES)
    known = np.random.default_rng([seed, 10]).permutation(len(data.x_train))[:few]
    mean, log_var = vae.encode(data.x_train[known], batch_size=memory.images_that_fit(units, 1000))
    draws = {
        "prior": lambda n, rng: samplers.prior(n, vae.latent_shape, rng),
        "moment_matched": lambda n, rng: samplers.moment_matched(n, mean, log_var, rng),
    }
    if units <= MOST_FITTED and few > 1:
        draws["gaussian_mixture"] = lambda n, rng: samplers.gaussian_mixture(n, mean, log_var, seed=rng)
    scores, images = {}, {}
    for name, draw in draws.items():
        rng = np.random.default_rng(seed)
        images[name] = np.concatenate([vae.decode(draw(part, rng)) for part in memory.chunk_sizes(n, units)])
    # These two need images to draw around: the mixture is of training images, whose places it could have remembered.
    source = np.random.default_rng([seed, 8]).permutation(len(data.x_train))[:n]
    images["aggregate_posterior"] = _around(vae, data.x_train[source], seed)
    images["neighbourhood"] = _around(vae, data.x_train[source], seed, NEAR)
    if judge is not None:
        scores = {name: judge.score(decoded)._asdict() for name, decoded in images.items()}
        scores["floor"] = judge.floor._asdict()
    nearest = diagnostics.nearest(images["aggregate_posterior"], data.x_train)
    remembered = {"share": float((nearest == source).mean()), "chance": 1 / len(data.x_train)}
    shown = {f"samples_{name}": drawn[:SHOWN] for name, drawn in (images | {"data": data.x_train[source]}).items()}
    return {"scores": scores, "remembered": remembered, "images": n}, shown


def _around(vae, x: np.ndarray, seed: int, std: float | None = None) -> np.ndarray:
    """An image decoded from around each image's code: from N(μ(x), std² I), or from its posterior."""
    rng = np.random.default_rng([seed, 9])
    at_once = memory.images_that_fit(math.prod(vae.latent_shape), 1000)
    parts = []
    for i in range(0, len(x), at_once):
        mean, log_var = vae.encode(x[i : i + at_once])
        own = 0.0 if log_var is None else np.exp(0.5 * log_var)
        parts.append(vae.decode(samplers.neighbourhood(mean, own if std is None else std, rng)))
    return np.concatenate(parts)
