"""Soap bubbles: overlap of the Gaussians around the codes with the prior, and the images decoded from them.

In many dimensions a Gaussian N(μ, I) has its mass near a sphere of radius √d around μ, a bubble. Whether bubbles
overlap depends on which Gaussians are compared and on the definition of overlap. Several measures are therefore
computed: from exact densities (see `diagnostics.overlap`), from radii, and from decoded images.
"""

import math
import os

from keras_vae import data as datasets
from keras_vae import posteriors
from keras_vae._utils import memory
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.errors import DamagedFileError, InputError
from keras_vae.evaluation.bubble_codes import describe_codes
from keras_vae.evaluation.bubble_images import decode_bubbles
from keras_vae.evaluation.bubble_overlaps import overlaps_with_prior
from keras_vae.evaluation.judge import Judge
from keras_vae.measures import BUBBLE_KINDS, BUBBLE_SOURCES
from keras_vae.runs import model_file, run_data
from keras_vae.runs.folder import Run

VERSION = 1  # of the content of bubbles.json
N_DESCRIBED_IMAGES = 1000  # test images whose codes are described


def measure_bubbles(run: Run, data: datasets.Dataset, judge: Judge | None = None) -> dict:
    """Measures the bubbles of a finished run and writes `bubbles.json` and `arrays/bubbles.npz`.

    It encodes all training images: on 2 cores this takes seconds for a few units and minutes for 65,536.

    Args:
        run: a finished run whose posterior has a density.
        data: the data that the run was trained on.
        judge: the classifier of decoded images; without one, decoded images are not classified.

    Returns:
        The content of `bubbles.json`: `codes` and `radii` (see `bubble_codes.describe_codes`), `overlap` (see
        `bubble_overlaps.overlaps_with_prior`; its `one` holds quartiles over test images of the exact overlap of one
        bubble) and `decoded` (see `bubble_images.decode_bubbles`).

    Raises:
        InputError: if the run isn't finished, its posterior has no density, its prior is not N(0, I), its data has
            changed, or there are fewer than two test images.
    """
    config = run.config
    if not posteriors.get(config["config"]["posterior"]).has_density:
        raise InputError(
            f"bubbles: expected a run whose posterior has a density (such as diagonal); {run.path} has "
            f"{config['config']['posterior']!r}."
        )
    if run.has_learned_prior:
        raise InputError(
            f"bubbles: expected a run whose prior is N(0, I), to which distances and overlaps refer; {run.path} has "
            f"{config['config']['prior']!r}."
        )
    run.require_finished()
    run.check_data(data)
    if len(data.x_test) < 2:
        raise InputError(
            f"bubbles: expected at least two test images, one for either bound; received {len(data.x_test)}."
        )
    found = _valid_bubbles(run, judge)
    if found is not None:
        return found
    run.check_writable()
    data = run_data.as_trained(run, data)
    vae = model_file.load(run)
    # One generator for all parts: the draws depend on their order.
    rng = stream(config["config"]["seed"], Stream.BUBBLES)
    described = rng.permutation(len(data.x_test))[:N_DESCRIBED_IMAGES]
    result = {"version": VERSION, "units": math.prod(vae.latent_shape)}
    codes, arrays = describe_codes(vae, data.x_test[described], rng)
    overlaps, overlap_arrays = overlaps_with_prior(vae, data, rng)
    result |= codes
    result["overlap"] |= overlaps
    arrays |= overlap_arrays
    if judge is not None:
        result["decoded"], images = decode_bubbles(vae, data, judge, rng)
        arrays |= images
        result["judge"] = judge.identity
    result["peak_memory_gb"] = memory.peak_gb()
    run.write_arrays("bubbles", **arrays)
    run.write_json("bubbles.json", result)
    return result


def _valid_bubbles(run: Run, judge: Judge | None) -> dict | None:
    """The measurements in the run folder, if they are complete, of this version and by the same judge."""
    if not os.path.lexists(run.path / "bubbles.json"):
        return None
    try:
        found = run.bubbles
    except DamagedFileError:  # they can be repeated, so that the user need not delete the file
        return None
    same_judge = judge is None or found.get("judge") == judge.identity
    return found if found["version"] == VERSION and same_judge else None


def bubble_measures(found: dict) -> dict[str, float]:
    """The numbers of `bubbles.json` by their keys in `keras_vae.measures`."""
    codes, radii, overlap = found["codes"], found["radii"], found["overlap"]
    row = {
        "mean_rms": codes["rms_mean"],
        "std_near_1": codes["share_std_near_1"],
        "mean_norm": codes["norm"],
        "kl_per_unit": codes["kl"] / found["units"],
        "overlap_single": overlap["one"]["median"],
        "shell_thickness": radii["prior"]["std"],
        "shell_thickness_ratio": radii["prior"]["std"] / radii["prior"]["mean"],
        "radius_ratio.posterior": radii["posterior"]["mean"] / radii["root_d"],
        "radius_ratio.aggregate": radii["aggregate"]["mean"] / radii["root_d"],
        "prior_in_shell": radii["prior_within_shell"],
    }
    for kind in BUBBLE_KINDS:
        mixture, low, high = list(overlap[kind]["mixture"].values())[-1], overlap[kind]["low"], overlap[kind]["high"]
        row[f"overlap_mixture.{kind}"] = mixture["value"]
        row[f"overlap_mixture.{kind}.low"], row[f"overlap_mixture.{kind}.high"] = mixture["low"], mixture["high"]
        row[f"overlap_population_lower_bound.{kind}"] = low["value"]
        row[f"overlap_population_upper_bound.{kind}"] = high["value"]
        row[f"overlap_population.{kind}"] = 0.5 * (low["value"] + high["value"])
        row[f"overlap_population.{kind}.low"], row[f"overlap_population.{kind}.high"] = low["low"], high["high"]
    return {f"bubbles.{key}": value for key, value in (row | _decoded_measures(found.get("decoded", {}))).items()}


def _decoded_measures(decoded: dict) -> dict[str, float]:
    row = {}
    for source in (source for source in BUBBLE_SOURCES if source in decoded):
        for key in ("accuracy", "distance", "frechet", "confidence"):
            if key in decoded[source]:
                row[f"{key}.{source}"] = decoded[source][key]
        if decoded["original"]["strokes"]:  # of dark images no pixel is one of a stroke
            row[f"strokes.{source}"] = decoded[source]["strokes"] / decoded["original"]["strokes"]
    return row
