"""The measures of a finished and evaluated run, as a study compares them."""

from keras_vae.evaluation import model_audit
from keras_vae.evaluation.training_curves import training_curves
from keras_vae.measures import EVALUATED_SAMPLERS, SCORES
from keras_vae.runs.folder import Run


def run_measures(run: Run) -> dict[str, float]:
    """The numbers of a finished and evaluated run by their keys in `keras_vae.measures`, on test images."""
    metrics, evaluation = run.metrics, run.evaluation
    row = {key: metrics["test"][key] for key in ("loss", "reconstruction", "kl", "penalty") if key in metrics["test"]}
    row["parameters"] = sum(metrics["parameters"].values())
    row["active_units"] = metrics["n_active"]
    row["collapsed_units"] = int(run.arrays("units")["collapsed"].sum())
    if evaluation["units"] is not None:  # it is None for very many units
        row["units_collapsed_in_training"] = sum(unit.get("collapsed_at") is not None for unit in evaluation["units"])
    row |= evaluation["codes"]
    for source in EVALUATED_SAMPLERS:
        row |= _scores(evaluation.get("samples", {}).get(source, {}), source)
    reconstructions = evaluation.get("reconstructions", {})
    row |= _scores(reconstructions, "reconstructions")
    if "accuracy" in reconstructions:
        row["accuracy.reconstructions"] = reconstructions["accuracy"]
    row |= _interpolation(evaluation["interpolation"])
    if "audit" in evaluation:
        row |= model_audit.audit_measures(evaluation["audit"])
    return row | training_curves(run)


def _scores(scores: dict[str, float], source: str) -> dict[str, float]:
    return {f"{score.key}.{source}": scores[score.key] for score in SCORES if score.key in scores}


def _interpolation(interpolation: dict) -> dict[str, float]:
    row = {}
    for path, found in interpolation.items():
        row[f"largest_step.{path}"] = found["largest_step"]
        if "midpoints" in found:
            row |= _scores(found["midpoints"], f"{path}_midpoints")
            cross_fade = interpolation["cross_fade"]["midpoints"]["frechet"]
            row[f"frechet_over_cross_fade.{path}"] = found["midpoints"]["frechet"] / cross_fade
    return row
