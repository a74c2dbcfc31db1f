"""InfoVAE: the KL of each posterior exchanged for the discrepancy between the aggregate posterior and the prior."""

import dataclasses

from keras_vae._utils.lazy_keras import ops
from keras_vae.objectives.objective import Batch, Loss, Objective, flat_units, register


@register
@dataclasses.dataclass(frozen=True)
class InfoVAE(Objective):
    """penalty = (1 − alpha) · KL + (alpha + scale − 1) · MMD²(q(z), N(0, I)).

    Zhao et al. 2019, equation 6, with the maximum mean discrepancy as divergence (MMD-VAE: alpha 1). The kernel is
    exp(−‖a − b‖² / 2d), whose expectations over the batch's posteriors are in closed form, as in `diagnostics.mmd`; the
    estimate excludes pairs of an image with itself, so that it is unbiased and can be negative.

    Args:
        alpha: share of the KL that is taken away, in [0, 1].
        scale: λ of the source; the weight of the discrepancy, alpha + scale − 1, must be at least 0.

    Raises:
        InputError: if an argument is out of range.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.InfoVAE(alpha=1.0, scale=500.0).get_config()
    {'alpha': 1.0, 'scale': 500.0}
    """

    alpha: float = 1.0
    scale: float = 500.0

    name = "info-vae"
    description = "reconstruction + (1 − α) KL + (α + λ − 1) MMD²"
    parts = ("penalty", "discrepancy")
    accepts_weights = False

    def __post_init__(self):
        from keras_vae._utils import checks  # imports NumPy, which the help of a command does not need

        checks.number("alpha", self.alpha, low=0, high=1)
        checks.number("scale", self.scale, low=1 - self.alpha)

    def penalty(self, batch: Batch) -> Loss:
        """The weighted sum of the mean KL and MMD² of the batch."""
        mean, variance = flat_units(batch.mean), ops.exp(flat_units(batch.log_var))
        discrepancy = _mmd(mean, ops.broadcast_to(variance, ops.shape(mean)))
        kl = batch.average(batch.divergence)
        value = (1 - self.alpha) * kl + (self.alpha + self.scale - 1) * discrepancy
        return Loss(value, {"discrepancy": discrepancy})


def _mmd(mean, variance):
    """The unbiased estimate of MMD² between the mixture of N(mean, variance) and N(0, I); 0 for a single image."""
    d, n = mean.shape[1], ops.cast(ops.shape(mean)[0], "float32")
    among_prior = (d / (d + 2)) ** (d / 2)
    with_prior = _expected_kernel(ops.square(mean), 1.0 + variance, d)
    pairs = _expected_kernel(ops.square(mean[:, None] - mean[None]), variance[:, None] + variance[None], d)
    others = pairs * (1 - ops.eye(ops.shape(mean)[0]))
    return ops.sum(others) / ops.maximum(n * (n - 1), 1.0) - 2 * ops.mean(with_prior) + among_prior


def _expected_kernel(squared, variance, d: int):
    """E exp(−‖a − b‖² / 2d) of independent Gaussians, from squared differences of means and sums of variances."""
    width = d + variance
    return ops.exp(-0.5 * ops.sum(squared / width + ops.log(width / d), axis=-1))
