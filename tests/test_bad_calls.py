"""Bad calls: every argument of every public function of arrays, damaged in every way, ends in an `InputError`.

The table holds one good call of each function. A damaged call may answer where the table allows it, with a reason. A
call by an equivalent type, such as a list in place of an array, must give the same answer.
"""

import dataclasses
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from keras_vae import InputError, Trajectory, diagnostics, geometry, measures, samplers, trajectory
from keras_vae.diagnostics import aggregate_posterior, two_sample_test
from keras_vae.measures import Measure
from keras_vae.studies import claims, curve_claims

MIN_CALLS = 500
MODULES: dict[str, ModuleType] = {
    "diagnostics": diagnostics,
    "geometry": geometry,
    "samplers": samplers,
    "trajectory": trajectory,
    "measures": measures,
    "claims": claims,
    "curve_claims": curve_claims,
}
# Results, which functions of the package construct.
RESULTS = {
    *("diagnostics.ActivePeriods", "diagnostics.AggregateDivergence", "diagnostics.Audit", "diagnostics.Discrepancy"),
    *("diagnostics.ElboTerms", "diagnostics.Estimate", "diagnostics.Evidence", "diagnostics.Marginals"),
    *("diagnostics.Orthogonality", "diagnostics.ProbabilisticPCA"),
    *("diagnostics.PrecisionRecall", "diagnostics.Radii", "diagnostics.TwoSampleTest", "diagnostics.Typicality"),
    *("diagnostics.UnitStatistics", "geometry.Plane", "claims.Interval"),
}
# Methods that `run_study` calls with functions of its results, and those of files, which have tests of their own.
OTHER_METHODS = {
    *(
        f"claims.{name}.{method}"
        for name in ("Claim", "Mean", "Ratio", "ExactRatio", "Bracket", "Gap", "Spread", "Proportion")
        for method in ("seeds", "interval", "formula", "note", "possible", "evaluate", "seeds_to_decide", "obstacle")
    ),
    *(
        f"curve_claims.{name}.{method}"
        for name in ("AtEqual", "GapAtEqual")
        for method in ("on_curve", "seeds", "interval", "formula", "note", "possible", "seeds_to_decide", "obstacle")
    ),
    *("trajectory.Trajectory.save", "trajectory.Trajectory.load"),
    "diagnostics.Gaussians.log_ratio_of",
    "measures.Measure.of",
    "trajectory.numbered_labels",  # of `LatentRecorder` and `Trajectory`
}
UNPACKED = {"trajectory.Trajectory.of_units"}  # takes its values one by one


@dataclasses.dataclass(frozen=True)
class Call:
    """A good call.

    Attributes:
        arguments: by name, for every parameter.
        allowed: reasons why an answer is right, by `"argument: damage"`; `*` stands for every damage.
        on: what the method belongs to.
        read: from the answer to numbers, where it is an object.
        finite: whether the answers are.
    """

    arguments: dict[str, Any]
    allowed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    on: Callable[[], Any] | None = None
    read: Callable[[Any], Any] = lambda answer: answer
    finite: bool = True


RNG = np.random.default_rng(0)
MEAN = RNG.standard_normal((24, 3))
LOG_VAR = RNG.normal(-1.0, 0.3, (24, 3))
ENCODINGS = {"mean": MEAN, "log_var": LOG_VAR}
FEATURES = RNG.standard_normal((24, 3))
LABELS = np.repeat([0, 1, 2], 8)
PROBABILITIES = RNG.dirichlet(np.ones(3), 24)
LOG_RATIOS = RNG.standard_normal(24)
PATH = RNG.random((4, 2, 5))
STEPS = np.arange(6)
FRAMES = RNG.standard_normal((6, 4, 3))


def recording() -> Trajectory:
    return Trajectory(STEPS, STEPS / 2, FRAMES, labels=np.arange(4))


def curved(z: np.ndarray) -> np.ndarray:
    """A decoder whose units change neighbouring pixels."""
    z = z.reshape(len(z), -1)
    return np.tanh(z) + 0.3 * np.roll(z, 1, axis=1)


OUT_OF_RANGE = {
    "log_var": -2000.0,
    **dict.fromkeys(("std", "epochs", "steps", "labels", "units", "real_radii", "probabilities"), -0.5),
    "center": 1e16,
}


def may(reason: str, *damages: str) -> dict[str, str]:
    """Damages, as `"argument: damage"`, that are legitimate."""
    return dict.fromkeys(damages, reason)


def rows(*arguments: str) -> dict[str, str]:
    """Arguments with any number of rows."""
    return may("any number of rows", *(f"{a}: {damage}" for a in arguments for damage in ("one row", "one row less")))


def fewer_rows(*arguments: str) -> dict[str, str]:
    """Arguments with any number of rows from two on."""
    return may("any number of rows from two on", *(f"{argument}: one row less" for argument in arguments))


def fewer_columns(*arguments: str) -> dict[str, str]:
    return may("any number of columns", *(f"{argument}: one column less" for argument in arguments))


def more_axes(*arguments: str) -> dict[str, str]:
    return may("units of any shape", *(f"{argument}: one axis more" for argument in arguments))


def absent(*arguments: str) -> dict[str, str]:
    return may("an optional argument", *(f"{argument}: None" for argument in arguments))


def diverged(*arguments: str) -> dict[str, str]:
    kinds = ("NaN", "infinity", "negative infinity", "huge")
    return may("recorded in a training that diverged", *(f"{a}: {kind}" for a in arguments for kind in kinds))


PRIOR = {"prior": diagnostics.GaussianMixture(np.ones(2), MEAN[:2], LOG_VAR[:2])}
PROGRESS = {"progress": lambda share: None}
LOG_VAR_SHAPES = may(
    "one variance per image, per unit or for all", "log_var: one axis less", "log_var: number", "log_var: one row"
)
SEED = may("seeds have no upper limit", "seed: huge")
CLAIM = (
    may("a region without a bound", "region: infinity within")
    | absent("published")
    | may("a value of either sign", "published: negative")
    | may("a claim without words", "words: no text")
)
RANDOM = SEED | may("different draws in every call", "seed: None")

CALLS = {
    "diagnostics.Gaussians": Call(
        {**ENCODINGS, "dtype": "float64"},
        read=lambda found: found.log_ratio(MEAN),
        allowed=LOG_VAR_SHAPES | may("variances of 1", "log_var: None"),
    ),
    "diagnostics.Gaussians.log_ratio": Call(
        {"z": MEAN}, on=lambda: diagnostics.Gaussians(MEAN, LOG_VAR, "float64"), allowed=rows("z")
    ),
    "diagnostics.GaussianMixture": Call(
        {"weight": np.abs(MEAN[:, 0]), **ENCODINGS},
        read=lambda found: found.log_ratio(MEAN),
        allowed=LOG_VAR_SHAPES,
    ),
    "diagnostics.GaussianMixture.log_ratio": Call({"z": MEAN}, on=lambda: PRIOR["prior"], allowed=rows("z")),
    "diagnostics.GaussianMixture.log_density": Call({"z": MEAN}, on=lambda: PRIOR["prior"], allowed=rows("z")),
    "diagnostics.GaussianMixture.sample": Call({"n": 5, "seed": 0}, on=lambda: PRIOR["prior"], allowed=RANDOM),
    "diagnostics.GaussianMixture.marginal": Call(
        {"units": np.array([1, 0])}, on=lambda: PRIOR["prior"], read=lambda found: found.mean, allowed=rows("units")
    ),
    "diagnostics.MixtureRatio": Call(
        {"z": MEAN}, read=lambda found: found._prepared, allowed=rows("z") | more_axes("z") | fewer_columns("z")
    ),
    "diagnostics.MixtureRatio.add": Call(
        {"components": diagnostics.Gaussians(MEAN)}, on=lambda: diagnostics.MixtureRatio(MEAN)
    ),
    "diagnostics.UnitHistory": Call(
        {"steps": STEPS, "epochs": STEPS / 2, **dict.fromkeys(("var_mean", "kl", "mean_var"), np.abs(FRAMES[:, 0]))},
        read=vars,
        allowed=diverged("var_mean", "kl", "mean_var") | absent("kl", "mean_var"),
        finite=False,
    ),
    "diagnostics.ElboTerms.bits_per_pixel": Call(
        {"pixels": 784},
        on=lambda: diagnostics.ElboTerms(prior=20.0, reconstruction=80.0, posterior=-5.0),
        allowed=may("images of any size", "pixels: huge"),
    ),
    "diagnostics.aggregate_divergence": Call(
        {**ENCODINGS, "seed": 0, **PROGRESS, **PRIOR}, allowed=LOG_VAR_SHAPES | absent("prior")
    ),
    "diagnostics.audit": Call(
        {**ENCODINGS, "seed": 0, "quiet": True, **PRIOR},
        read=lambda found: found.as_dict(),
        allowed=LOG_VAR_SHAPES | absent("prior"),
    ),
    "diagnostics.class_balance": Call(
        {"probabilities": PROBABILITIES, "labels": LABELS}, allowed=rows("probabilities", "labels")
    ),
    "diagnostics.classifier_two_sample_test": Call(
        {**ENCODINGS, "seed": 0, **PROGRESS, **PRIOR}, allowed=LOG_VAR_SHAPES | absent("prior")
    ),
    "diagnostics.confidence": Call({"probabilities": PROBABILITIES}, allowed=rows("probabilities")),
    "diagnostics.describe": Call({"content": diagnostics.audit(MEAN[:10], LOG_VAR[:10], quiet=True).as_dict()}),
    "diagnostics.elbo_terms": Call(
        {**ENCODINGS, "reconstruction": 80.0},
        allowed=LOG_VAR_SHAPES | may("the likelihood of a density", "reconstruction: negative"),
    ),
    "diagnostics.entropy": Call({"probabilities": PROBABILITIES}, allowed=rows("probabilities")),
    "diagnostics.expected_deviation": Call({"units": 8}),
    "diagnostics.fit_mixture": Call(
        {"points": FEATURES, "components": 2, "seed": 0},
        read=lambda found: found.means_,
        allowed=fewer_rows("points") | fewer_columns("points") | may("a maximum", "components: huge"),
    ),
    "diagnostics.flat_encodings": Call({**ENCODINGS, "dtype": "float64"}, allowed=LOG_VAR_SHAPES),
    "diagnostics.frechet_distance": Call({"a": FEATURES, "b": FEATURES + 1.0}, allowed=fewer_rows("a", "b")),
    "diagnostics.gaussian_divergence": Call({"codes": FEATURES}, allowed=fewer_rows("codes") | fewer_columns("codes")),
    "diagnostics.gaussian_entropy": Call({"variance": 0.5}),
    "diagnostics.gaussian_total_correlation": Call(ENCODINGS, allowed=LOG_VAR_SHAPES | absent("log_var")),
    "diagnostics.gaussian_overlap": Call(
        {"mean": MEAN}, allowed=rows("mean") | more_axes("mean") | fewer_columns("mean")
    ),
    "diagnostics.linear_elbo": Call(
        {"x": FEATURES, **ENCODINGS, "weights": FEATURES[:3], "bias": FEATURES[0], "noise_var": 0.5},
        allowed=LOG_VAR_SHAPES,
    ),
    "diagnostics.probabilistic_pca": Call(
        {"x": FEATURES, "n_units": 1, "noise_var": 0.5},
        read=lambda found: found.log_likelihood,
        allowed=fewer_rows("x") | fewer_columns("x") | absent("noise_var"),
    ),
    "diagnostics.held_out_linear_r2": Call(
        {"inputs": FEATURES, "factors": FEATURES[:, :2] + 1.0, "seed": 0},
        allowed=SEED | fewer_columns("inputs", "factors"),
    ),
    "diagnostics.held_out_r2": Call(
        {"inputs": FEATURES, "factors": FEATURES[:, :2] + 1.0, "seed": 0},
        allowed=SEED | fewer_columns("inputs", "factors"),
    ),
    "diagnostics.importance_log_weights": Call(
        {
            "log_likelihood": lambda images, z: -np.square(z).sum(axis=1),
            **ENCODINGS,
            "samples": 3,
            "seed": 0,
            "batch_size": 50,
            **PRIOR,
        },
        allowed=LOG_VAR_SHAPES | SEED | absent("prior") | may("a maximum", "batch_size: huge"),
    ),
    "diagnostics.importance_weighted_evidence": Call(
        {"log_weights": RNG.standard_normal((5, 30))}, allowed=fewer_rows("log_weights") | fewer_columns("log_weights")
    ),
    "diagnostics.kl_per_unit": Call(ENCODINGS, allowed=LOG_VAR_SHAPES | more_axes("mean")),
    "diagnostics.knn_accuracy": Call(
        {"codes": FEATURES, "labels": LABELS, "k": 3, "seed": 0},
        allowed=RANDOM | fewer_columns("codes") | may("names of classes", "labels: strings"),
    ),
    "diagnostics.largest_step": Call({"images": PATH}, allowed=fewer_rows("images") | fewer_columns("images")),
    "diagnostics.marginal_density": Call({"mean": MEAN[:, 0], "std": np.exp(LOG_VAR[:, 0])}),
    "diagnostics.marginals": Call({**ENCODINGS, "seed": 0, **PROGRESS}, allowed=LOG_VAR_SHAPES | SEED),
    "diagnostics.min_typical_units": Call({"epsilon": 0.2, "max_units": 1000}),
    "diagnostics.mmd": Call({**ENCODINGS, "seed": 0, **PRIOR}, allowed=LOG_VAR_SHAPES | SEED | absent("prior")),
    "diagnostics.nearest": Call(
        {"images": FEATURES, "references": FEATURES[::-1], "batch_size": 10},
        allowed=rows("images", "references") | may("a maximum", "batch_size: huge"),
    ),
    "diagnostics.neighbour_distances": Call(
        {"features": FEATURES, "k": 3}, allowed=fewer_rows("features") | fewer_columns("features")
    ),
    "diagnostics.overlap": Call(
        {"under_p": LOG_RATIOS, "under_q": LOG_RATIOS + 1.0},
        allowed=fewer_rows("under_p", "under_q")
        | may("a ratio of disjoint densities", "under_p: huge", "under_q: huge"),
    ),
    "diagnostics.overlap_bound": Call(
        {"under_p": LOG_RATIOS, "under_q": LOG_RATIOS + 1.0},
        allowed=rows("under_p", "under_q") | may("a ratio of disjoint densities", "under_p: huge", "under_q: huge"),
    ),
    "diagnostics.pareto_k": Call(
        {"log_weights": RNG.standard_normal((5, 30))}, allowed=rows("log_weights") | fewer_columns("log_weights")
    ),
    "diagnostics.pixel_entropy": Call(
        {"images": PROBABILITIES},
        allowed=rows("images")
        | fewer_columns("images")
        | may("images of any shape", "images: one axis more", "images: one axis less", "images: flat"),
    ),
    "diagnostics.precision_recall": Call(
        {
            "real": FEATURES,
            "generated": FEATURES + 0.1,
            "k": 3,
            "real_radii": diagnostics.neighbour_distances(FEATURES, 3),
        },
        allowed=absent("real_radii"),
    ),
    "diagnostics.radii": Call({**ENCODINGS, "seed": 0}, allowed=LOG_VAR_SHAPES | SEED),
    "diagnostics.radius_density": Call({"units": 8, "points": 50}),
    "diagnostics.magnification": Call(
        {"decode": lambda z: np.tanh(z.reshape(len(z), -1)), "z": MEAN, "step": 0.02},
        allowed=rows("z") | fewer_columns("z") | more_axes("z") | may("images of any shape", "decode: returns columns"),
    ),
    "diagnostics.distance_to_orthogonality": Call(
        {"decode": curved, "z": MEAN, "step": 0.02, "units": (0, 2)},
        read=lambda found: (found.distance, found.cosine, found.distances, found.cosines, found.singular_ratios),
        allowed=rows("z") | more_axes("z") | absent("units") | may("images of any shape", "decode: returns columns"),
    ),
    "diagnostics.replacement_loss": Call(
        {"nll": lambda z: np.square(z).sum(axis=1), "z": MEAN, "seed": 0, **PRIOR},
        allowed=SEED | rows("z") | absent("prior"),
    ),
    "diagnostics.typical_probability": Call({"units": 8, "epsilon": 0.1}),
    "diagnostics.typicality": Call(
        {"variance": 0.5, "units": (2, 8), "epsilon": 0.1, "draws": 10, "seed": 0}, allowed=SEED
    ),
    "diagnostics.units": Call(ENCODINGS, allowed=LOG_VAR_SHAPES | absent("log_var") | more_axes("mean")),
    "diagnostics.units_from_batches": Call(
        {"batches": [(MEAN, LOG_VAR), (MEAN + 1.0, LOG_VAR)]},
        allowed=may("arrays in a list are one array", "batches: pair"),
    ),
    "diagnostics.whiten": Call({"codes": FEATURES}, allowed=fewer_rows("codes") | fewer_columns("codes")),
    "geometry.flat": Call(
        {"codes": PATH},
        allowed=diverged("codes")
        | rows("codes")
        | fewer_columns("codes")
        | may("units of any shape", "codes: one axis more", "codes: one axis less"),
        finite=False,
    ),
    "geometry.latent_grid": Call({"n": 3, "units": (0, 2), "center": MEAN[0]}),
    "geometry.linear_path": Call({"first": MEAN, "last": MEAN + 1.0, "n": 3}),
    "geometry.most_varying_units": Call(
        {"var_mean": np.abs(MEAN[0]), "n": 2},
        allowed=may("a maximum", "n: huge")
        | may(
            "units of any shape",
            "var_mean: one axis more",
            "var_mean: one axis less",
            "var_mean: number",
            "var_mean: one row",
            "var_mean: one row less",
        ),
    ),
    "geometry.principal_plane": Call({"codes": MEAN}, allowed=fewer_rows("codes") | fewer_columns("codes")),
    "geometry.prior_quantiles": Call({"n": 3}),
    "geometry.reach": Call({"mean": MEAN[:, :2], "std": np.exp(LOG_VAR[:, :2])}, allowed=absent("std")),
    "geometry.scatter_limit": Call({"mean": MEAN[:, :2], "share": 0.5}, allowed=rows("mean")),
    "geometry.spherical_path": Call({"first": MEAN, "last": MEAN + 1.0, "n": 3}),
    "geometry.view_from": Call(
        {"azimuth": 30.0, "elevation": 20.0},
        allowed=may("angles of either sign", "azimuth: negative", "elevation: negative"),
    ),
    "samplers.aggregate_posterior": Call(
        {"n": 5, **ENCODINGS, "seed": 0}, allowed=LOG_VAR_SHAPES | RANDOM | absent("log_var") | more_axes("mean")
    ),
    "samplers.gaussian_mixture": Call(
        {"n": 5, **ENCODINGS, "components": 2, "seed": 0},
        allowed=LOG_VAR_SHAPES | RANDOM | absent("log_var") | may("a maximum", "components: huge"),
    ),
    "samplers.moment_matched": Call(
        {"n": 5, **ENCODINGS, "seed": 0}, allowed=LOG_VAR_SHAPES | RANDOM | absent("log_var") | more_axes("mean")
    ),
    "samplers.neighbourhood": Call(
        {"mean": MEAN, "std": np.exp(LOG_VAR), "seed": 0},
        allowed=RANDOM
        | more_axes("mean")
        | may("one deviation per image, per unit or for all", "std: one axis less", "std: number", "std: one row"),
    ),
    "samplers.prior": Call(
        {"n": 5, "shape": (1, 3), "seed": 0, "density": PRIOR["prior"]}, allowed=RANDOM | absent("density")
    ),
    "trajectory.Trajectory": Call(
        {
            "steps": STEPS,
            "epochs": STEPS / 2,
            "mean": FRAMES,
            "log_var": FRAMES,
            "labels": np.arange(4),
            "images": PATH,
            "units": np.arange(3),
            "class_names": ("a", "b", "c", "d"),
        },
        read=vars,
        allowed=diverged("mean", "log_var", "images")
        | may("recorded in a training that diverged", "log_var: out of range")
        | absent("log_var", "labels", "images", "units", "class_names")
        | may("names of classes", "labels: strings")
        | fewer_columns("images"),
        finite=False,
    ),
    "trajectory.Trajectory.between": Call(
        {"first": 1.0, "last": 2.0},
        on=recording,
        read=lambda found: found.epochs,
        allowed=may("an open end", "last: infinity", "first: negative"),
    ),
    "trajectory.Trajectory.every": Call(
        {"n": 2}, on=recording, read=lambda found: found.steps, allowed=may("the first frame alone", "n: huge")
    ),
    "trajectory.Trajectory.merged": Call(
        {"other": Trajectory(STEPS + 0, STEPS / 2, FRAMES)}, on=recording, read=lambda found: found.steps
    ),
    "trajectory.Trajectory.of_units": Call({"units": (0, 2)}, on=recording, read=lambda found: found.mean),
    "trajectory.Trajectory.points": Call(
        {"which": np.array([0, 2])}, on=recording, read=lambda found: found.mean, allowed=rows("which")
    ),
    "measures.Measure": Call(
        {"key": "area", "label": "area of images", "unit": "pixels", "better": "higher", "bounds": (0.0, 1.0)},
        read=vars,
        allowed=absent("better")
        | may("a quantity without a unit", "unit: no text")
        | may("a quantity without a bound", "bounds: infinity within"),
        finite=False,
    ),
    "measures.add": Call({"measure": Measure("area", "area of images")}),
    "measures.find": Call({"key": "area", "own": [Measure("area", "area of images")]}, read=vars),
    "measures.remove": Call({"key": "area"}),
    "claims.Claim": Call(
        {"words": "", "measure": "loss", "region": (0.0, 1.0), "published": 0.5}, read=vars, allowed=CLAIM, finite=False
    ),
    "claims.Mean": Call(
        {
            "words": "",
            "measure": "loss",
            "region": (0.0, 1.0),
            "of": {"a": 1.0, "b": -1.0},
            "resolution": 0.0,
            "published": 0.5,
        },
        read=vars,
        allowed=CLAIM,
        finite=False,
    ),
    **{
        f"claims.{name}": Call(
            {"words": "", "measure": "loss", "region": (0.0, 1.0), "of": ("a", "b"), "published": 0.5},
            read=vars,
            allowed=CLAIM,
            finite=False,
        )
        for name in ("Ratio", "ExactRatio", "Spread")
    },
    "claims.Gap": Call(
        {
            "words": "",
            "measure": "loss",
            "region": (0.0, 1.0),
            "low": "kl",
            "high": "elbo",
            "of": ("a", "b"),
            "published": 0.5,
        },
        read=vars,
        allowed=CLAIM,
        finite=False,
    ),
    "claims.Bracket": Call(
        {
            "words": "",
            "measure": "loss",
            "region": (0.0, 1.0),
            "low": "kl",
            "high": "elbo",
            "of": "a",
            "published": 0.5,
        },
        read=vars,
        allowed=CLAIM,
        finite=False,
    ),
    "claims.Proportion": Call(
        {"words": "", "measure": "loss", "region": (0.0, 1.0), "of": "a", "published": 0.5},
        read=vars,
        allowed=CLAIM,
        finite=False,
    ),
    **{
        f"curve_claims.{name}": Call(
            {
                "words": "",
                "measure": "loss",
                "region": (0.0, 1.0),
                "config": "a",
                "curve": ("b", "c"),
                "along": "reconstruction",
                "weight": 0.5,
                "published": 0.5,
                **bounds,
            },
            read=vars,
            allowed=CLAIM | may("a weight of either sign", "weight: negative"),
            finite=False,
        )
        for name, bounds in {"AtEqual": {}, "GapAtEqual": {"low": "kl", "high": "elbo"}}.items()
    },
    "claims.mean_interval": Call(
        {"values": LOG_RATIOS, "resolution": 0.0, "confidence": 0.9},
        allowed=rows("values")
        | may("a missing value", "values: NaN")
        | may("no seed, no estimate", "values: empty", "values: no rows")
        | may("an estimate without an interval", "values: infinity", "values: negative infinity"),
        finite=False,
    ),
    "claims.verdict": Call(
        {"interval": claims.Interval(0.5, 0.2, 0.8), "region": (0.0, 1.0)},
        allowed=may("a region without a bound", "region: infinity within"),
    ),
}


def public_names() -> set[str]:
    """The public functions and classes of the modules, and the methods with arguments of the classes."""
    found = set()
    for part, module in MODULES.items():
        names = getattr(module, "__all__", None) or [n for n, o in vars(module).items() if is_defined_in(o, module)]
        for name in names:
            item = getattr(module, name)
            if inspect.isfunction(item) or inspect.isclass(item):
                found.add(f"{part}.{name}")
            if inspect.isclass(item):
                found |= {f"{part}.{name}.{method}" for method in methods_with_arguments(item)}
    return found


def is_defined_in(item: Any, module: ModuleType) -> bool:
    defined = inspect.isfunction(item) or inspect.isclass(item)
    return defined and item.__module__ == module.__name__ and not item.__name__.startswith("_")


def methods_with_arguments(item: type) -> Iterator[str]:
    for name, method in vars(item).items():
        function = method.__func__ if isinstance(method, classmethod) else method
        if (
            inspect.isfunction(function)
            and not name.startswith("_")
            and len(inspect.signature(function).parameters) > 1
        ):
            yield name


def function_of(name: str) -> Callable:
    part, *path = name.split(".")
    if len(path) == 2:
        return getattr(CALLS[name].on(), path[1])
    return getattr(MODULES[part], path[0])


def call(name: str, arguments: dict[str, Any]) -> Any:
    """The answer, as numbers; a warning is an error."""
    function = function_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if name in UNPACKED:
            (value,) = arguments.values()
            answer = function(*(value if isinstance(value, tuple) else (value,)))
        else:
            answer = function(**arguments)
        return CALLS[name].read(answer)


def damages(argument: str, value: Any) -> dict[str, Any]:
    """Bad values in place of a good one, by what is wrong with them."""
    always = {
        "None": None,
        "text": "text",
        "object": object(),
        "complex": 1j,
        "empty": [],
        "ragged": [[1.0], [1.0, 2.0]],
    }
    if isinstance(value, np.ndarray):
        return always | damaged_arrays(argument, value)
    if callable(value):
        return always | ({} if argument == "progress" else damaged_functions(value))
    if isinstance(value, bool):
        return {}  # every object is true or false
    numbers = {"NaN": math.nan, "infinity": math.inf, "huge": 10**30, "boolean": True, "digits": "1", "list": [1, 2]}
    if isinstance(value, str):
        return {name: bad for name, bad in (always | numbers).items() if not isinstance(bad, str)} | {"no text": ""}
    if isinstance(value, tuple) and all(isinstance(number, int | float) for number in value):
        within = {f"{name} within": (value[0], bad) for name, bad in (numbers | always).items() if name != "boolean"}
        return always | within | {"negative": -1, "negative within": (value[0], -1)}
    if isinstance(value, int):
        zero = {} if argument == "seed" else {"zero": 0}
        return always | numbers | zero | {"negative": -1, "fraction": 1.5}
    if isinstance(value, float):
        return always | numbers | {"negative": -1.0}
    return always | numbers | {"pair": (value, value), "mapping": {"a": "text"}}


def damaged_arrays(argument: str, value: np.ndarray) -> dict[str, Any]:
    def with_first(number: float) -> np.ndarray:
        changed = value.astype("float64")
        changed.flat[0] = number
        return changed

    damaged = {
        "NaN": with_first(np.nan),
        "infinity": with_first(np.inf),
        "negative infinity": with_first(-np.inf),
        "huge": with_first(1e30),
        "complex numbers": value + 1j,
        "strings": value.astype(str),
        "objects": value.astype(object),
        "dates": value.astype("int64").astype("datetime64[D]"),
        "masked": np.ma.array(value, mask=value == value.flat[0]),
        "no rows": value[:0],
        "one axis more": value[None],
        "one axis less": value[0],
        "number": 5.0,
        "one row": value[:1],
        "one row less": value[:-1],
    }
    if argument in OUT_OF_RANGE:
        damaged["out of range"] = with_first(OUT_OF_RANGE[argument])
    if value.ndim > 1:
        damaged |= {"no columns": value[..., :0], "one column less": value[..., :-1], "flat": value.ravel()}
    return damaged


def damaged_functions(function: Callable) -> dict[str, Any]:
    return {
        "returns fewer": lambda *arguments: function(*arguments)[:-1],
        "returns columns": lambda *arguments: function(*arguments)[:, None],
        "returns NaN": lambda *arguments: function(*arguments) * np.nan,
        "returns complex numbers": lambda *arguments: function(*arguments) + 1j,
        "returns strings": lambda *arguments: function(*arguments).astype(str),
        "returns None": lambda *arguments: None,
        "returns a number": lambda *arguments: 1.0,
    }


def equivalents(value: Any) -> dict[str, Any]:
    """The same value in other types."""
    if isinstance(value, np.ndarray):
        wide = np.repeat(value, 2, axis=0)
        return {"list": value.tolist(), "columns first": np.asfortranarray(value), "every second row": wide[::2]}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return {"list": list(value)}
    if isinstance(value, int):
        return {"NumPy's integer": np.int64(value), "array": np.array(value)}
    if isinstance(value, float):
        return {"NumPy's number": np.float64(value), "array": np.array(value)}
    return {}


def is_finite(answer: Any) -> bool:
    if isinstance(answer, Mapping):
        return all(map(is_finite, answer.values()))
    if isinstance(answer, tuple | list):
        return all(map(is_finite, answer))
    if isinstance(answer, np.ndarray | float):
        return bool(np.isfinite(answer).all())
    return True


def assert_equal(answer: Any, expected: Any) -> None:
    if isinstance(expected, Mapping):
        assert answer.keys() == expected.keys()
        answer, expected = list(answer.values()), list(expected.values())
    if isinstance(expected, tuple | list):
        assert len(answer) == len(expected)
        for one, other in zip(answer, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, np.ndarray | float):
        np.testing.assert_allclose(answer, expected, rtol=1e-6, atol=1e-9)
    else:
        assert answer == expected


ARGUMENTS = [(name, argument) for name, good in CALLS.items() for argument in good.arguments]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Fewer trees and mixtures, and measures as before."""
    monkeypatch.setattr(two_sample_test, "TREES", 2)
    monkeypatch.setattr(aggregate_posterior, "CANDIDATE_COMPONENTS", (1,))
    monkeypatch.setattr(measures, "MEASURES", dict(measures.MEASURES))


def test_the_table_is_complete():
    names = public_names() - RESULTS - OTHER_METHODS
    assert names == set(CALLS), "expected one good call of each public function in the table"
    for name in CALLS:
        function = function_of(name)
        parameters = set(inspect.signature(function).parameters)
        assert parameters == set(CALLS[name].arguments), f"{name}: expected a value for each of {sorted(parameters)}"
        known = {f"{a}: {damage}" for a, value in CALLS[name].arguments.items() for damage in damages(a, value)}
        assert set(CALLS[name].allowed) <= known, f"{name}: allows damages that do not exist"


def test_the_campaign_is_large():
    assert sum(len(damages(argument, CALLS[name].arguments[argument])) for name, argument in ARGUMENTS) >= MIN_CALLS


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_bad_calls(name, argument):
    good, wrong = CALLS[name], []
    for damage, bad in damages(argument, good.arguments[argument]).items():
        allowed = good.allowed.get(f"{argument}: {damage}")
        try:
            answer = call(name, good.arguments | {argument: bad})
        except InputError as error:
            message = str(error)
            if allowed:
                wrong.append(f"{damage}: expected an answer ({allowed}); received {message}")
            elif not message.endswith((".", "?")) or "; received" not in message or "\n" in message:
                wrong.append(f"{damage}: not a sentence: {message}")
        except Exception as error:  # whatever it is, it is the finding
            wrong.append(f"{damage}: {type(error).__name__}: {error}")
        else:
            if not allowed:
                wrong.append(f"{damage}: answers {answer!r:.80}")
            elif good.finite and not is_finite(answer):
                wrong.append(f"{damage}: answers {answer!r:.80}, which is not finite")
    assert not wrong, "\n".join([f"{name}({argument}):", *wrong])


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_calls_by_equivalent_types(name, argument):
    good = CALLS[name]
    others = equivalents(good.arguments[argument])
    if not others or name in UNPACKED:
        return
    expected = call(name, good.arguments)
    assert not good.finite or is_finite(expected)
    for value in others.values():
        assert_equal(call(name, good.arguments | {argument: value}), expected)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_booleans_are_refused_or_count_as_0_and_1(name, argument):
    good = CALLS[name].arguments
    if not isinstance(good[argument], np.ndarray):
        return
    booleans = good[argument] > good[argument].flat[0]
    try:
        answer = call(name, good | {argument: booleans})
    except InputError:
        return
    assert_equal(answer, call(name, good | {argument: booleans.astype("float64")}))
