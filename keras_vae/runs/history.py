"""Losses of an epoch or an evaluation, in the order and precision in which they are written to files."""

from collections.abc import Mapping

QUANTITIES = ("loss", "reconstruction", "kl", "penalty", "beta", "elbo")
DECIMALS = 5


def ordered_losses(logs: Mapping[str, float]) -> dict[str, float]:
    """Keras' logs in the order of `QUANTITIES`, then those of validation, which has no beta; rounded.

    Args:
        logs: by name, as passed to callbacks and returned by `evaluate`; other entries are ignored.
    """
    keys = [*QUANTITIES, *(f"val_{key}" for key in QUANTITIES if key != "beta")]
    return {key: round(float(logs[key]), DECIMALS) for key in keys if key in logs}
