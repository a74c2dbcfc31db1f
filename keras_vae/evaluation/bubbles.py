"""The soap bubbles of a latent space: how far the images' Gaussians lie from the prior, and what lies in them.

In many dimensions a Gaussian N(μ, I) has its mass near a sphere of radius √d around μ, a bubble. Whether bubbles
overlap depends on which are meant, and on what overlapping means, so several answers stand side by side: by exact
densities (see `diagnostics.overlap`), by radii, and by what is decoded from them.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from keras_vae import diagnostics, geometry, posteriors, samplers
from keras_vae._utils import keras_import, memory
from keras_vae.data import datasets
from keras_vae.errors import InputError
from keras_vae.evaluation.judge import Judge
from keras_vae.runs.folder import Run

VERSION = 1
FEWEST_POINTS, MOST_POINTS = 256, 2048  # drawn from each distribution whose overlap is estimated
COORDINATES = 2**22  # of such points that are computed with at once
IMAGES = 1000  # test images whose codes are described
MIXTURES = (1, 10, 100, 1000, 10_000, 100_000)  # numbers of training bubbles at which the overlap is asked for
KINDS = {"identity": "N(μ, I)", "posterior": "N(μ, σ²)"}  # what is a bubble: as the question has it, or the posterior
ENDS = {"value": "", "low": ", low", "high": ", high"}
DECODED = {"accuracy": "same class", "distance": "distance", "frechet": "Fréchet distance", "confidence": "confidence"}
STROKE = 0.5  # a pixel above is part of one
BINS = 200
SHOWN = 10


def bubbles(run: Run, data: datasets.Dataset, judge: Judge | None = None) -> dict:
    """Measures the bubbles of a finished run, and writes `bubbles.json` and `arrays/bubbles.npz`.

    Takes a pass over all training images: on 2 cores seconds for a few units, minutes for 65,536.

    Args:
        run: a finished run whose posterior has a density.
        data: what it was trained on.
        judge: tells the class of decoded images; without one, decoded images are not judged.

    Returns:
        The content of `bubbles.json`:
        `codes`: of test images: root mean square of μ, quantiles of |μ| and σ over units and images, the share of σ
        between 0.9 and 1.1, ‖μ‖, KL.
        `radii`: mean and standard deviation of ‖z‖ under the prior, one posterior and the aggregate posterior, and the
        share of the prior's draws within two thicknesses (2/√2) of a bubble's shell.
        `overlap`: with the prior: `one`, quartiles over test images of one bubble's, exactly; for each kind of bubble
        `mixture`, of the mixture over some or all training bubbles, and what the population's lies between: `low`, that
        of a mixture over half of the test images (the overlap is concave in q, so what a mixture of random images has
        is, on average, no more than the population), and `high`, a bound by a test with the training mixture's density
        on points from the other half's bubbles.
        `decoded`: by where z was drawn from, the judge's scores, the share of images that show the class of the one
        they were made from, their distance to it (root mean square over images and pixels), and the share of `strokes`,
        pixels above ½.
    """
    config, path = run.config, run.path / "bubbles.json"
    if not posteriors.get(config["config"]["posterior"]).has_density:
        raise InputError(
            f"bubbles: expected a run whose posterior has a density (such as diagonal); {run.path} has "
            f"{config['config']['posterior']!r}."
        )
    run.require_finished()
    if data.digest != config["dataset"]["digest"]:
        raise InputError(f"bubbles: expected the data that {run.path} was trained on; {data.name} has changed since.")
    if len(data.x_test) < 2:
        raise InputError("bubbles: expected at least two test images, one for either bound; received one.")
    if path.is_file():
        found = run.bubbles
        same_judge = judge is None or found.get("judge") == judge.identity
        if found.get("version") == VERSION and same_judge:
            return found
    vae = keras_import.import_keras().models.load_model(run.model_path)
    rng = np.random.default_rng([run.config["config"]["seed"], 4])
    chosen = rng.permutation(len(data.x_test))[:IMAGES]
    result = {"version": VERSION, "units": math.prod(vae.latent_shape)}
    described, arrays = _describe(vae, data.x_test[chosen], rng)
    overlaps, more = _overlaps(vae, data, rng)
    result |= described
    result["overlap"] |= overlaps
    arrays |= more
    if judge is not None:
        result["decoded"], images = _decoded(vae, data, judge, rng)
        arrays |= images
        result["judge"] = judge.identity
    result["peak_memory_gb"] = memory.peak_gb()
    run.write_arrays("bubbles", **arrays)
    run.write_json("bubbles.json", result)
    return result


def _points(vae) -> int:
    """Fewer where each of them costs more."""
    return int(np.clip(COORDINATES // math.prod(vae.latent_shape), FEWEST_POINTS, MOST_POINTS))


def _encoded(vae, x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Means and log variances `(n, units)` of some images at a time."""
    at_once = memory.images_that_fit(math.prod(vae.latent_shape), 1000)
    for i in range(0, len(x), at_once):
        mean, log_var = map(geometry.flat, vae.encode(x[i : i + at_once]))
        yield mean, np.broadcast_to(log_var, mean.shape)  # of an isotropic posterior, one variance serves all


def measures(found: dict) -> dict[str, float]:
    """The numbers of `bubbles.json` by name, for a study."""
    codes, radii, overlap = found["codes"], found["radii"], found["overlap"]
    row = {
        "root mean square of μ": codes["rms_mean"],
        "share of σ within 0.9 … 1.1": codes["share_std_near_1"],
        "median ‖μ‖": codes["norm"],
        "KL per unit": codes["kl"] / found["units"],
        "overlap of one bubble": overlap["one"]["median"],
        "thickness of the shell": radii["prior"]["std"],
        "thickness / radius": radii["prior"]["std"] / radii["prior"]["mean"],
        "‖z‖ / √d of one posterior": radii["posterior"]["mean"] / radii["root_d"],
        "‖z‖ / √d of the aggregate": radii["aggregate"]["mean"] / radii["root_d"],
        "prior within a bubble's shell": radii["prior_within_shell"],
    }
    for kind, name in KINDS.items():
        mixture, low, high = list(overlap[kind]["mixture"].values())[-1], overlap[kind]["low"], overlap[kind]["high"]
        row |= {f"overlap of the mixture, {name}{suffix}": mixture[key] for key, suffix in ENDS.items()}
        row[f"overlap of the population at least, {name}"], row[f"… at most, {name}"] = low["value"], high["value"]
        row[f"overlap of the population, {name}"] = 0.5 * (low["value"] + high["value"])
        row[f"overlap of the population, {name}, low"] = low["low"]
        row[f"overlap of the population, {name}, high"] = high["high"]
    decoded = found.get("decoded", {})
    names = KINDS | {"reconstruction": "μ", "prior": "N(0, I)"}
    for source in (source for source in names if source in decoded):
        for key, name in DECODED.items():
            if key in decoded[source]:
                row[f"{name}, from {names[source]}"] = decoded[source][key]
        row[f"strokes, from {names[source]}"] = decoded[source]["strokes"] / decoded["original"]["strokes"]
    return row


# -- codes and radii -------------------------------------------------------------------------------------------


def _describe(vae, x: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
    """Where the codes of some test images are, how wide, and how far from the origin draws from them come to lie."""
    d, points = math.prod(vae.latent_shape), _points(vae)
    edges = {"mean": np.linspace(-4, 4, BINS + 1), "std": np.linspace(0, 1.5, BINS + 1)}
    counts = {name: np.zeros(BINS, "int64") for name in edges}
    absolute = np.concatenate([[0], np.geomspace(1e-5, 10, 4000)])
    absolute_counts = {name: np.zeros(len(absolute) - 1, "int64") for name in edges}
    squares, near_one, norms, kls, distances, own, within = 0.0, 0, [], [], [], [], []
    prior = rng.standard_normal((points, d), dtype="float32")
    shell = stats.chi(d)
    for mean, log_var in _encoded(vae, x):
        std = np.exp(0.5 * log_var)
        for name, values in (("mean", mean), ("std", std)):
            counts[name] += np.histogram(np.clip(values, edges[name][0], edges[name][-1]), edges[name])[0]
            absolute_counts[name] += np.histogram(np.clip(np.abs(values), 0, 10), absolute)[0]
        squares += np.square(mean, dtype="float64").sum()
        near_one += int(((std > 0.9) & (std < 1.1)).sum())
        norms.append(np.linalg.norm(mean, axis=1))
        kls.append(0.5 * (np.square(mean) + np.square(std) - 1 - log_var).sum(axis=1, dtype="float64"))
        distances.append(np.linalg.norm(samplers.neighbourhood(mean, std, rng), axis=1))
        if not own:
            one = np.repeat(mean[:1], points, axis=0)
            own.append(np.linalg.norm(samplers.neighbourhood(one, std[0], rng), axis=1))
        # ‖z − μ‖² for every pair, without the pairs' differences
        squared = (
            np.square(prior).sum(axis=1, dtype="float64")[:, None]
            - 2.0 * (prior @ mean.T)
            + np.square(mean).sum(axis=1, dtype="float64")
        )
        within.append((np.abs(np.sqrt(np.maximum(squared, 0)) - math.sqrt(d)) < math.sqrt(2)).mean())
    norms, kls, n = np.concatenate(norms), np.concatenate(kls), len(x) * d
    radii = {"posterior": own[0], "aggregate": np.concatenate(distances)}
    one = np.quantile(diagnostics.gaussian_overlap(norms[:, None]), (0.25, 0.5, 0.75))
    described = {
        "codes": {
            "rms_mean": math.sqrt(squares / n),
            "abs_mean_99": _quantile(absolute, absolute_counts["mean"], 0.99),
            "std_01": _quantile(absolute, absolute_counts["std"], 0.01),
            "std_50": _quantile(absolute, absolute_counts["std"], 0.50),
            "std_99": _quantile(absolute, absolute_counts["std"], 0.99),
            "share_std_near_1": near_one / n,
            "norm": float(np.median(norms)),
            "kl": float(kls.mean()),
        },
        "radii": {
            "root_d": math.sqrt(d),
            "prior": {"mean": float(shell.mean()), "std": float(shell.std())},  # exactly
            **{name: {"mean": float(r.mean()), "std": float(r.std())} for name, r in radii.items()},
            "prior_within_shell": float(np.mean(within)),
        },
        "overlap": {"one": dict(zip(("low", "median", "high"), one.tolist(), strict=True))},
    }
    arrays = {f"{name}_counts": array for name, array in counts.items()}
    arrays |= {f"{name}_edges": array for name, array in edges.items()}
    radii["prior"] = np.linalg.norm(prior, axis=1)
    arrays |= {f"radius_{name}": r.astype("float32") for name, r in radii.items()}
    return described, arrays | {"norms": norms, "kl": kls}


def _quantile(edges: np.ndarray, counts: np.ndarray, share: float) -> float:
    """A quantile of what was counted in bins, to a bin's width."""
    i = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
    return float(edges[min(i + 1, len(edges) - 1)])


# -- overlaps --------------------------------------------------------------------------------------------------


def _overlaps(vae, data: datasets.Dataset, rng: np.random.Generator) -> tuple[dict, dict]:
    """The prior's overlap with mixtures of training bubbles, and its bound with the population, of either kind."""
    points = _points(vae)
    x = data.x_train[rng.permutation(len(data.x_train))]
    sizes = sorted({min(n, len(x)) for n in MIXTURES})
    order = rng.permutation(len(data.x_test))
    known, held_out = np.array_split(data.x_test[order], 2)
    prior = samplers.prior(points, vae.latent_shape, rng)
    under_prior = {kind: diagnostics.MixtureRatio(prior) for kind in KINDS}
    under_held_out = {kind: diagnostics.MixtureRatio(_draws(vae, held_out[:points], kind, rng)) for kind in KINDS}
    from_known = rng.integers(0, len(known), points)
    known_pair = {
        kind: [diagnostics.MixtureRatio(z) for z in (prior, _draws(vae, known[from_known], kind, rng))]
        for kind in KINDS
    }
    # Points of each mixture need the densities of its own components only.
    under_mixture = {
        (kind, n): diagnostics.MixtureRatio(_draws(vae, x[rng.integers(0, n, points)], kind, rng))
        for kind in KINDS
        for n in sizes
    }
    values = {kind: [] for kind in KINDS}
    for n, mean, log_var in _up_to(sizes, vae, x):
        for kind in KINDS:
            components = _components(kind, mean, log_var)
            waiting = [ratio for (k, size), ratio in under_mixture.items() if k == kind and size >= n]
            for ratio in (under_prior[kind], under_held_out[kind], *waiting):
                ratio.add(components)
            if n in sizes and under_prior[kind].components == n:
                pair = under_prior[kind].log_ratio, under_mixture[kind, n].log_ratio
                values[kind].append(diagnostics.overlap(*pair))
    for mean, log_var in _encoded(vae, known):
        for kind, pair in known_pair.items():
            components = _components(kind, mean, log_var)
            for ratio in pair:
                ratio.add(components)
    result = {}
    for kind in KINDS:
        low = diagnostics.overlap(*(ratio.log_ratio for ratio in known_pair[kind]))
        high = diagnostics.overlap_bound(under_prior[kind].log_ratio, under_held_out[kind].log_ratio)
        result[kind] = {
            "mixture": {str(n): e._asdict() for n, e in zip(sizes, values[kind], strict=True)},
            "low": low._asdict(),
            "high": high._asdict(),
        }
    arrays = {"sizes": np.array(sizes)}
    arrays |= {f"mixture_{kind}": np.array(values[kind]) for kind in KINDS}
    return result, arrays


def _components(kind: str, mean: np.ndarray, log_var: np.ndarray) -> diagnostics.Gaussians:
    return diagnostics.Gaussians(mean, log_var if kind == "posterior" else None)


def _draws(vae, x: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """One point of each image's bubble, `(n, units)`."""
    return np.concatenate(
        [
            samplers.neighbourhood(mean, 1.0 if kind == "identity" else np.exp(0.5 * log_var), rng)
            for mean, log_var in _encoded(vae, x)
        ]
    )


def _up_to(sizes: Sequence[int], vae, x: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Encodings in parts that end at each of the sizes, with how many images have come by then."""
    done = 0
    for size in sizes:
        for mean, log_var in _encoded(vae, x[done:size]):
            done += len(mean)
            yield done, mean, log_var


# -- what is decoded -------------------------------------------------------------------------------------------


def _decoded(vae, data: datasets.Dataset, judge: Judge, rng: np.random.Generator) -> tuple[dict, dict]:
    """What comes out for z from the prior, from bubbles, from posteriors, and for the codes themselves."""
    order = rng.permutation(judge.others)
    x, y = data.x_test[order], data.y_test[order].astype("int64")
    shown = np.array([np.flatnonzero(y == label)[0] for label in np.unique(y)][:SHOWN])
    scale = {"identity": 1.0, "posterior": None, "reconstruction": 0.0}
    images = {name: [] for name in scale}
    for mean, log_var in _encoded(vae, x):
        for name, std in scale.items():
            std = np.exp(0.5 * log_var) if std is None else std
            z = samplers.neighbourhood(mean, std, rng)
            images[name].append(vae.decode(z.reshape(-1, *vae.latent_shape)))
    images = {name: np.concatenate(parts) for name, parts in images.items()}
    prior = [
        vae.decode(samplers.prior(n, vae.latent_shape, rng))
        for n in memory.chunk_sizes(judge.n, math.prod(vae.latent_shape))
    ]
    images["prior"] = np.concatenate(prior)
    result = {"original": {"accuracy": _accuracy(judge, x, y), "strokes": float((x > STROKE).mean())}}
    for name, decoded in images.items():
        result[name] = {**judge.score(decoded)._asdict(), "strokes": float((decoded > STROKE).mean())}
        if name != "prior":
            result[name]["accuracy"] = _accuracy(judge, decoded, y)
            result[name]["distance"] = float(np.sqrt(np.square(decoded - x).mean()))
    arrays = {f"images_{name}": decoded[shown] for name, decoded in images.items() if name != "prior"}
    codes = vae.encode(x[shown]).mean
    for i in (2, 3):  # more draws around the same images
        arrays[f"images_identity_{i}"] = vae.decode(samplers.neighbourhood(codes, 1.0, rng))
    return result, arrays | {"images_original": x[shown], "images_prior": images["prior"][: 2 * SHOWN]}


def _accuracy(judge: Judge, images: np.ndarray, labels: np.ndarray) -> float:
    return float((judge.classify(images).argmax(axis=1) == labels).mean())
