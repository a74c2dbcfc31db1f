"""The audit of a model on its data: aggregate posterior against prior, likelihood of test images, scores of samplers.

`diagnostics.audit` needs encodings alone; this audit needs the model and its data. Divergence, MMD², classifier,
likelihood and samples refer to the model's prior; marginals of units, radii and typicality to N(0, I).
"""

import math
from collections.abc import Callable

import numpy as np

from keras_vae import data as datasets
from keras_vae import diagnostics
from keras_vae._utils import checks
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.evaluation import audit_arrays
from keras_vae.evaluation.judge import Judge
from keras_vae.evaluation.likelihood import N_IMPORTANCE_SAMPLES, likelihood_and_elbo_terms
from keras_vae.evaluation.sampler_scores import score_samplers
from keras_vae.measures import SAMPLERS, SCORES

VERSION = 2  # of the content of evaluation.json's `audit`
MAX_EXPONENT = 700  # e^710 exceeds the largest float64


def audit(
    vae,
    data: datasets.Dataset,
    mean: np.ndarray,
    log_var: np.ndarray | None,
    judge: Judge | None = None,
    seed: int = 0,
    samples: int = N_IMPORTANCE_SAMPLES,
    log: Callable[[str], None] = lambda text: None,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Audits a model.

    Args:
        vae: a `VAE`.
        data: the data that it was trained on.
        mean, log_var: encodings of test images, `(n, units…)`; `log_var` is None for a posterior without density.
        judge: the classifier that scores samples; without one, samples are drawn but not scored.
        seed: of all draws.
        samples: importance samples per image of the likelihood, at least 2.
        log: called with a line of text before each part.

    Returns:
        The numbers for `evaluation.json`, and the arrays that figures need. The numbers are `encodings`
        (`diagnostics.Audit.as_dict`), `own_typicality` (typicality of draws under the posterior they come from, which
        is an identity), `elbo_terms` (−ELBO in three terms) and `likelihood` (`diagnostics.Evidence`), which are None
        without a density, and `samplers` (scores of generated images by sampler).

    Raises:
        InputError: unless the encodings are finite, `samples` is at least 2 and `seed` at least 0.
    """
    samples, seed = checks.whole("samples", samples, low=2), checks.seed(seed)
    result = {"version": VERSION, "samples": samples, "judge": None if judge is None else judge.identity}
    result |= dict.fromkeys(("encodings", "own_typicality", "elbo_terms", "likelihood"))
    arrays = {}
    if vae.has_density:
        log("Comparing the aggregate posterior with the prior")
        flat = diagnostics.flat_encodings(mean, log_var)
        found = diagnostics.audit(*flat, seed, quiet=True, prior=vae.prior.density())
        result["encodings"] = found.as_dict()
        arrays = audit_arrays.arrays(*flat, found, seed)
        result["own_typicality"] = _own_typicality(*flat, seed)
        log("Estimating the likelihood of test images")
        result["likelihood"], result["elbo_terms"] = likelihood_and_elbo_terms(vae, data, seed, samples)
    log("Scoring samplers")
    result["samplers"], images = score_samplers(vae, data, judge, seed)
    return result, arrays | images


def _own_typicality(mean: np.ndarray, log_var: np.ndarray, seed: int) -> dict:
    """Figure 3 of "Why Bigger is Not Better", from a draw of each image's posterior: see `diagnostics.typicality`."""
    squares = np.square(stream(seed, Stream.OWN_TYPICALITY).standard_normal(mean.shape)).sum(axis=1)
    n = mean.shape[1]
    deviation = (squares / n - 1) / 2
    entropy = np.mean(0.5 * (math.log(2 * math.pi * math.e) + log_var), axis=1)
    return {
        "deviation": float(np.abs(deviation).mean()),
        "expected": diagnostics.expected_deviation(n),
        "relative": float(np.median(np.abs(deviation) / np.abs(entropy))),
        "literal": float(np.quantile(np.abs(np.expm1(np.minimum(-n * deviation, MAX_EXPONENT))), 0.75)),
        "entropy": float(entropy.mean()),
    }


def audit_measures(found: dict) -> dict[str, float]:
    """The numbers of an audit by their keys in `keras_vae.measures`.

    Where the estimate of KL(q(z) ‖ p) is saturated, its upper end and the numbers that depend on it are missing.
    """
    row = {}
    if found["encodings"]:
        row = _latent_space(found["encodings"], found["own_typicality"]) | _likelihood(found["likelihood"])
        row = {key: value for key, value in row.items() if math.isfinite(value)}
    scores = found["samplers"]["scores"]
    for sampler in (name for name in SAMPLERS if name in scores):
        row |= {f"{score.key}.{sampler}": scores[sampler][score.key] for score in SCORES}
        row[f"frechet_prior_over.{sampler}"] = scores["prior"]["frechet"] / scores[sampler]["frechet"]
    row["nearest_is_source"] = found["samplers"]["nearest_is_source"]["fraction"]
    return row


def _latent_space(encodings: dict, own_typicality: dict) -> dict[str, float]:
    divergence, radii, marginals = (encodings[name] for name in ("divergence", "radii", "marginals"))
    active = np.array(encodings["active"])
    n_active = max(active.sum(), 1)
    low, high = divergence["interval"]
    tc_low, tc_high = (math.nan if bound is None else bound for bound in encodings["total_correlation"])
    marginal_kl, variance = (np.array(marginals[name], "float64") for name in ("kl", "variance"))  # None becomes NaN
    row = {
        "aggregate_kl.low": low,
        "aggregate_kl_per_active_unit.low": low / n_active,
        "aggregate_tc.low": tc_low,
        "information.low": max(divergence["mean_kl"] - high, 0.0),
        "saturated": float(divergence["saturated"]),
        "marginal_kl_sum": float(marginal_kl.sum()),
        "radius_ratio": radii["mean"] / radii["prior_mean"],
        "typical_fraction": radii["typical"],
        "outside_fraction": radii["outside"],
        "mmd": encodings["mmd"]["value"],
        "typicality_relative": own_typicality["relative"],
        "typicality_literal": own_typicality["literal"],
    }
    if not divergence["saturated"]:
        row["aggregate_kl"], row["aggregate_kl.high"] = 0.5 * (low + high), high
        row["aggregate_tc"], row["aggregate_tc.high"] = 0.5 * (tc_low + tc_high), tc_high
        row["aggregate_kl_per_active_unit"] = 0.5 * (low + high) / n_active
        row["aggregate_kl_per_active_unit.high"] = high / n_active
    if active.any():
        row["marginal_kl_active"] = float(marginal_kl[active].mean())
        row["variance_active"] = float(variance[active].mean())
    if encodings["separation"]:
        row["c2st_auc"] = encodings["separation"]["auc"]
    return row


def _likelihood(likelihood: dict) -> dict[str, float]:
    row = {"log_likelihood": likelihood["value"], "likelihood_gap": likelihood["gap"]}
    if likelihood["unreliable"] is not None:
        row["pareto_k_above_07"] = likelihood["unreliable"]
    return row
