"""Findings of a run: for a figure or a video, one sentence that states its result.

The title of the figure and the beginning of its caption on a page are both taken from here:

    @register("stds")
    def stds(run: Run) -> str: ...
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_vae import geometry
from keras_vae._utils.data_words import worded
from keras_vae._utils.formatting import amount, change, count, number
from keras_vae.errors import DamagedFileError
from keras_vae.evaluation.tables import of_prior
from keras_vae.measures import SAMPLER_ARTICLES, SAMPLERS
from keras_vae.runs.folder import Run

Finding = Callable[[Run], str]
FINDINGS: dict[str, Finding] = {}  # by file stem


def register(*stems: str) -> Callable[[Finding], Finding]:
    """Registers a function of a run as the finding of the figures or videos with these file stems; a decorator.

    It returns a sentence without a full stop, or an empty text where nothing can be stated.
    """

    def registered(function: Finding) -> Finding:
        FINDINGS.update(dict.fromkeys(stems, function))
        return function

    return registered


def finding(run: Run, stem: str, damaged: list[DamagedFileError] | None = None) -> str:
    """The finding of a figure or video of a finished run, without a full stop; empty if there is none.

    It is empty too if a file that it needs is damaged: the figure may have been drawn before.

    Args:
        run: a finished run.
        stem: of the file of the figure or video.
        damaged: receives the error of a damaged file.
    """
    try:
        return worded(FINDINGS[stem](run), run.image_shape) if stem in FINDINGS else ""
    except DamagedFileError as error:
        if damaged is not None:
            damaged.append(error)
        return ""


def caption(run: Run, stem: str, text: str, damaged: list[DamagedFileError] | None = None) -> str:
    """A caption that begins with the finding, if there is one and the text does not begin with it already.

    Args:
        run, stem, damaged: as in `finding`.
        text: what the figure or video shows.
    """
    found, text = finding(run, stem, damaged), worded(text, run.image_shape)
    return text if not found or text.startswith(found) else f"{found}. {text}"


def active_units(run: Run) -> str:
    """How many latent units of a run are active."""
    return of_active_units(run.metrics["n_active"], run.metrics["n_units"])


def of_active_units(n_active: int, n_units: int) -> str:
    """How many of some latent units are active.

    Example:
        >>> of_active_units(3, 16)
        '3 of 16 latent units are active'
    """
    verb = "is" if n_active == 1 else "are"
    return f"{amount(n_active)} of {count(n_units, 'latent unit')} {verb} active"


# -- of the trained model ---------------------------------------------------------------------------------------

register("units")(active_units)


@register("traversals", "marginals")
def _largest_kl(run: Run) -> str:
    """How many units are active, and which has the largest KL."""
    arrays = run.arrays("units")
    if "kl" not in arrays or run.metrics["n_units"] < 2:
        return active_units(run)
    kl = arrays["kl"].ravel()
    largest = "largest KL from N(0, 1)" if run.has_learned_prior else "largest KL"
    return f"{active_units(run)}; unit {kl.argmax()} has the {largest}, {number(float(kl.max()))} nats"


@register("posteriors", "latent")
def _posteriors(run: Run) -> str:
    """The median radius of the posteriors in the plane, relative to that of the prior."""
    plane = run.arrays("manifold")["units"].tolist()
    _, std = run.flat_encodings
    if std is None:
        return "Codes are points: this model has no posterior density"
    return of_posteriors(std[:, plane], not run.has_learned_prior)


def of_posteriors(std: np.ndarray, standard_normal: bool = True) -> str:
    """The median radius of posteriors with standard deviations `(n, units of the plane)`, and that of N(0, I).

    Example:
        >>> of_posteriors(np.array([[0.5, 0.125]]))
        'The median posterior has a radius of 0.25, the prior of 1'
    """
    radius = float(np.median(np.sqrt(std.prod(axis=1))))
    return f"The median posterior has a radius of {number(radius)}{', the prior of 1' if standard_normal else ''}"


@register("magnification")
def _magnification(run: Run) -> str:
    """How much the magnification differs within the prior's 2σ circle."""
    arrays = run.arrays("magnification")
    axis = np.linspace(-1, 1, len(arrays["factor"])) * float(arrays["limit"])
    inside = arrays["factor"][np.hypot(axis, axis[:, None]) <= 2]
    low, high = np.quantile(inside, (0.1, 0.9)) if len(inside) else (0.0, 0.0)
    if low <= 0:
        return "In a part of the plane the decoded image does not change"
    return f"The decoder enlarges some areas of the plane {high / low:.2g} times as much as others"


@register("principal")
def _principal(run: Run) -> str:
    mean = geometry.flat(run.arrays("encodings")["mean"])
    variances = np.linalg.svd(mean - mean.mean(0), compute_uv=False)[: len(mean)] ** 2
    if len(mean) < 2 or mean.shape[1] < 3 or not variances.sum():
        return ""
    share = f"{variances[:2].sum() / variances.sum():.0%}".replace("%", " %")
    return f"The first two principal components hold {share} of the variance of the means"


@register("manifold")
def _manifold(run: Run) -> str:
    """How much neighbours on the grid of decoded images differ, relative to any two of its images."""
    arrays = run.arrays("manifold")
    side = int(arrays["side"])
    images = arrays["images"].reshape(len(arrays["images"]), -1).astype("float64")
    return of_neighbours(images.reshape(-1, side, images.shape[1]))


def of_neighbours(grid: np.ndarray) -> str:
    """How much neighbours on a grid of images `(rows, columns, pixels)` differ, relative to any two of its images.

    Differences are root mean squares of ‖x − x′‖.

    Example:
        >>> of_neighbours(np.arange(4.0).reshape(1, 4, 1))
        'Neighbouring images differ by 55 % of the difference of any two images of the grid'
    """
    images = grid.reshape(-1, grid.shape[2])
    # The mean over pairs of different images, of which there are n (n − 1).
    overall = 2 * np.square(images - images.mean(axis=0)).sum() / max(len(images) - 1, 1)
    if not overall:
        return "All images of the grid are equal"
    steps = [np.square(np.diff(grid, axis=axis)).sum(axis=2).ravel() for axis in (0, 1)]
    share = np.sqrt(np.concatenate(steps).mean() / overall)
    return f"Neighbouring images differ by {100 * share:.0f} % of the difference of any two images of the grid"


@register("reconstructions", "coordinates")
def _reconstructions(run: Run) -> str:
    loss = run.metrics["test"].get("reconstruction")
    return "" if loss is None else f"The reconstruction loss of test images is {number(loss)} nats per image"


@register("neighbours")
def _neighbours(run: Run) -> str:
    return of_distances(run.arrays("neighbours"))


def of_distances(arrays: Mapping[str, np.ndarray]) -> str:
    """The median distances of samples and of reconstructed test images to the nearest training image.

    Example:
        >>> of_distances({"sample_distances": np.array([5.0]), "test_distances": np.array([5.1])})
        'Median distance to training images: samples 5.00, reconstructions 5.10'
    """
    samples, test = (float(np.median(arrays[f"{name}_distances"])) for name in ("sample", "test"))
    return f"Median distance to training images: samples {samples:.2f}, reconstructions {test:.2f}"


# -- of the training ------------------------------------------------------------------------------------


@register("loss")
def _loss(run: Run) -> str:
    history = run.history
    return of_losses(history["epoch"], history["val_loss"])


def of_losses(epochs: np.ndarray, losses: np.ndarray) -> str:
    """How the test loss changed over epochs `(n,)`, and its minimum where it is not the last.

    Example:
        >>> of_losses(np.array([1, 2, 3]), np.array([190.0, 150.0, 152.0]))
        'The test loss fell from 190.0 to 152.0 nats per image; its minimum was 150.0 in epoch 2'
    """
    first, last = losses[0], losses[-1]
    if len(losses) == 1 or not np.isfinite(losses).all():
        return f"The test loss is {number(last)} nats per image in epoch {epochs[-1]}" if np.isfinite(last) else ""
    text = f"The test loss {change(first, last)} nats per image"
    lowest = int(losses.argmin())
    is_last = number(losses[lowest]) == number(last)
    return text if is_last else f"{text}; its minimum was {number(losses[lowest])} in epoch {epochs[lowest]}"


@register("trajectory")
def _trajectory(run: Run) -> str:
    trajectory = run.trajectory if run.has_arrays("trajectory") else None
    if trajectory is None or trajectory.log_var is None:
        return ""
    first, last = (f"{np.median(np.exp(0.5 * trajectory.log_var[i])):.2f}" for i in (0, -1))
    verb = "shrinks" if float(last) < float(first) else "grows"
    course = f"stays at {last}" if first == last else f"{verb} from {first} to {last}"
    return f"The median standard deviation of the posteriors {course}"


# -- of the evaluation ------------------------------------------------------------------------------------------


def _evaluated(run: Run) -> dict[str, Any]:
    """The content of evaluation.json; empty if there is none."""
    return run.evaluation if run.has_evaluation else {}


def _audit(run: Run) -> dict[str, Any]:
    return _evaluated(run).get("audit") or {}


@register("samples")
def _samples(run: Run) -> str:
    confidence = _evaluated(run).get("samples", {}).get("prior", {}).get("confidence")
    if confidence is None:
        return ""
    return f"A classifier assigns samples of the prior to a class with a mean probability of {number(confidence)}"


@register("interpolation")
def _interpolation(run: Run) -> str:
    steps = _evaluated(run).get("interpolation", {})
    if not {"linear", "cross_fade"} <= set(steps):
        return ""
    linear, fade = (number(steps[kind]["largest_step"]) for kind in ("linear", "cross_fade"))
    return f"The largest step is {linear} times the mean step on a linear path, {fade} times in a pixel cross-fade"


@register("aggregate")
def _aggregate(run: Run) -> str:
    encodings = _audit(run).get("encodings")
    return of_divergence(encodings) if encodings else ""


def of_divergence(encodings: Mapping[str, Any]) -> str:
    """The interval of KL(q(z) ‖ p), from the content of `diagnostics.Audit.as_dict`.

    Example:
        >>> of_divergence({"divergence": {"interval": [0.1, 2.5]}})
        'KL(q(z) ‖ N(0, I)) is within 0.10 … 2.50 nats'
    """
    low, high = (number(end) for end in encodings["divergence"]["interval"])
    prior = "p" if encodings.get("standard_normal") else "N(0, I)"  # p: a learned prior
    return f"KL(q(z) ‖ {prior}) is within {low} … {high} nats"


@register("samplers")
def _samplers(run: Run) -> str:
    scores = (_audit(run).get("samplers") or {}).get("scores") or {}
    distances = {name: score["frechet"] for name, score in scores.items() if name in SAMPLERS}
    if not distances:
        return ""
    best = min(distances, key=lambda name: distances[name])
    source = f"{SAMPLER_ARTICLES.get(best, '')}{of_prior(SAMPLERS, run.has_learned_prior)[best]}"
    return f"Samples with z from {source} have the smallest Fréchet distance, {number(distances[best])}"
