"""Migration of `evaluation.json` from earlier versions: keys are renamed, values unchanged."""

_EVALUATION = {
    "radius": "posterior_radius",
    "center": "mean_code_norm",
    "roundness": "principal_variance_ratio",
    "divergence": "gaussian_divergence",
    "label_accuracy": "knn_accuracy",
    "label_accuracy_plane": "knn_accuracy_pca",
}
_UNITS = {"born": "active_from", "died": "collapsed_at"}
_SAMPLERS = {"moment_matched": "moment_matched_test"}
_SCORES = {"balance": "class_balance"}
_AUDIT = {"rate": "elbo_terms"}


def migrate_evaluation(content: dict) -> dict:
    """Converts the content of an `evaluation.json` from version 5 to version 6; returns any other content unchanged."""
    if content.get("version") != 5:
        return content
    migrated = content | {"version": 6, "codes": _renamed(content["codes"], _EVALUATION)}
    if content["units"] is not None:
        migrated["units"] = [_renamed(row, _UNITS) for row in content["units"]]
    migrated["interpolation"] = {
        path: {**found, "midpoints": _renamed(found["midpoints"], _SCORES)} if "midpoints" in found else found
        for path, found in content["interpolation"].items()
    }
    if "samples" in content:
        samples = _renamed(content["samples"], _SAMPLERS)
        migrated["samples"] = {source: _renamed(scores, _SCORES) for source, scores in samples.items()}
        migrated["reconstructions"] = _renamed(content["reconstructions"], _SCORES)
    if content.get("audit", {}).get("version") == 1:
        migrated["audit"] = _audit(content["audit"])
    return migrated


def _audit(audit: dict) -> dict:
    samplers = dict(audit["samplers"])
    memorised = samplers.pop("remembered")
    samplers["nearest_is_source"] = {"fraction": memorised["share"], "chance": memorised["chance"]}
    samplers["scores"] = {name: _renamed(scores, _SCORES) for name, scores in samplers["scores"].items()}
    return _renamed(audit, _AUDIT) | {"version": 2, "samplers": samplers}


def _renamed(values: dict, names: dict[str, str]) -> dict:
    return {names.get(key, key): value for key, value in values.items()}
