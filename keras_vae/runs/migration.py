"""Migration of `evaluation.json` from earlier versions: keys are renamed, values unchanged."""

from collections.abc import Callable
from typing import Any

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
_NEAREST = {"share": "fraction"}
_AUDIT = {"rate": "elbo_terms"}
_SAMPLER_AUDIT = {"remembered": "nearest_is_source"}


def migrate_evaluation(content: Any) -> Any:
    """Converts the content of an `evaluation.json` from version 5 to version 6; returns any other content unchanged.

    Parts that are missing or have another type are left as they are: the form of the result is checked afterwards.
    """
    if not isinstance(content, dict) or content.get("version") != 5:
        return content
    migrated: Any = {**content, "version": 6}
    for key, function in _PARTS.items():
        migrated = _changed(migrated, key, function)
    return migrated


def _audit(audit: Any) -> Any:
    if not isinstance(audit, dict) or audit.get("version") != 1:
        return audit
    return _changed({**_renamed(audit, _AUDIT), "version": 2}, "samplers", _sampler_audit)


def _sampler_audit(samplers: Any) -> Any:
    scored = _changed(_renamed(samplers, _SAMPLER_AUDIT), "scores", lambda scores: _each(scores, _scores))
    return _changed(scored, "nearest_is_source", lambda found: _renamed(found, _NEAREST))


def _scores(scores: Any) -> Any:
    return _renamed(scores, _SCORES)


def _changed(content: Any, key: str, function: Callable[[Any], Any]) -> Any:
    """A copy with one value changed, if there is one."""
    return {**content, key: function(content[key])} if isinstance(content, dict) and key in content else content


def _each(content: Any, function: Callable[[Any], Any]) -> Any:
    """A copy with every value changed."""
    if isinstance(content, dict):
        return {key: function(value) for key, value in content.items()}
    return [function(value) for value in content] if isinstance(content, list) else content


def _renamed(values: Any, names: dict[str, str]) -> Any:
    return {names.get(key, key): value for key, value in values.items()} if isinstance(values, dict) else values


_PARTS: dict[str, Callable[[Any], Any]] = {
    "codes": lambda codes: _renamed(codes, _EVALUATION),
    "units": lambda rows: _each(rows, lambda row: _renamed(row, _UNITS)),
    "interpolation": lambda paths: _each(paths, lambda path: _changed(path, "midpoints", _scores)),
    "samples": lambda samples: _each(_renamed(samples, _SAMPLERS), _scores),
    "reconstructions": _scores,
    "audit": _audit,
}
