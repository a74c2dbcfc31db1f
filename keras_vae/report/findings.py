"""Findings of a run: for a figure or a video, one sentence that states its result, the beginning of its caption."""

import contextlib
from collections.abc import Callable, Mapping

import numpy as np

from keras_vae import geometry
from keras_vae._utils.formatting import number
from keras_vae.errors import DamagedFileError
from keras_vae.measures import SAMPLERS
from keras_vae.runs.folder import Run

Evaluation = Mapping[str, dict]


def findings(run: Run, evaluation: Evaluation) -> dict[str, str]:
    """Sentences by file stem, for those figures and videos whose result can be stated.

    Args:
        run: a finished run.
        evaluation: the content of its `evaluation.json`; empty if there is none.
    """
    found = {}
    for stem, state in STATEMENTS.items():
        with contextlib.suppress(DamagedFileError):  # the figure is missing or was drawn before
            found[stem] = state(run, evaluation)
    return {stem: sentence for stem, sentence in found.items() if sentence}


def stated(captions: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Captions by file stem, each after its finding, if there is one.

    Example:
        >>> stated({"units": "KL of latent units.", "own": "Mine."}, {"units": "3 of 8 units are active."})
        {'units': '3 of 8 units are active. KL of latent units.', 'own': 'Mine.'}
    """
    has_finding = {
        stem for stem in found if stem in captions and not captions[stem].startswith(found[stem].rstrip("."))
    }
    return {stem: f"{found[stem]} {text}" if stem in has_finding else text for stem, text in captions.items()}


def active_units(run: Run) -> str:
    """How many latent units of a run are active."""
    n_active, n_units = run.metrics["n_active"], run.metrics["n_units"]
    verb = "is" if n_active == 1 else "are"
    return f"{n_active:,} of {n_units:,} latent unit{'' if n_units == 1 else 's'} {verb} active."


def _active_units(run: Run, evaluation: Evaluation) -> str:
    return active_units(run)


def _principal(run: Run, evaluation: Evaluation) -> str:
    mean = geometry.flat(run.arrays("encodings")["mean"])
    variances = np.linalg.svd(mean - mean.mean(0), compute_uv=False)[: len(mean)] ** 2
    if len(mean) < 2 or mean.shape[1] < 3 or not variances.sum():
        return ""
    share = variances[:2].sum() / variances.sum()
    return f"The first two principal components hold {share:.0%} of the variance of the means.".replace("%", " %")


def _samples(run: Run, evaluation: Evaluation) -> str:
    confidence = evaluation.get("samples", {}).get("prior", {}).get("confidence")
    if confidence is None:
        return ""
    return f"A classifier assigns samples of the prior to a class with a mean probability of {number(confidence)}."


def _reconstructions(run: Run, evaluation: Evaluation) -> str:
    loss = run.metrics["test"].get("reconstruction")
    return "" if loss is None else f"The reconstruction loss of test images is {number(loss)} nats per image."


def _interpolation(run: Run, evaluation: Evaluation) -> str:
    steps = evaluation.get("interpolation", {})
    if not {"linear", "cross_fade"} <= set(steps):
        return ""
    linear, fade = (number(steps[kind]["largest_step"]) for kind in ("linear", "cross_fade"))
    return f"The largest step is {linear} times the mean step on a linear path, {fade} times in a pixel cross-fade."


def _aggregate(run: Run, evaluation: Evaluation) -> str:
    encodings = (evaluation.get("audit") or {}).get("encodings")
    if not encodings:
        return ""
    low, high = (number(end) for end in encodings["divergence"]["interval"])
    return f"KL(q(z) ‖ N(0, I)) is within {low} … {high} nats."


def _samplers(run: Run, evaluation: Evaluation) -> str:
    scores = ((evaluation.get("audit") or {}).get("samplers") or {}).get("scores") or {}
    distances = {name: score["frechet"] for name, score in scores.items() if name in SAMPLERS}
    if not distances:
        return ""
    best = min(distances, key=lambda name: distances[name])
    return f"The smallest Fréchet distance, {number(distances[best])}, has z from {SAMPLERS[best]}."


def _trajectory(run: Run, evaluation: Evaluation) -> str:
    trajectory = run.trajectory if run.has_arrays("trajectory") else None
    if trajectory is None or trajectory.log_var is None:
        return ""
    first, last = (float(np.median(np.exp(0.5 * trajectory.log_var[i]))) for i in (0, -1))
    verb = "shrinks" if last < first else "grows"
    return f"The median standard deviation of the posteriors {verb} from {first:.2f} to {last:.2f}."


STATEMENTS: dict[str, Callable[[Run, Evaluation], str]] = {
    "units": _active_units,
    "principal": _principal,
    "samples": _samples,
    "reconstructions": _reconstructions,
    "interpolation": _interpolation,
    "aggregate": _aggregate,
    "samplers": _samplers,
    "trajectory": _trajectory,
}
