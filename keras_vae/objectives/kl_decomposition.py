"""The KL of the ELBO in three parts, each with a weight: mutual information, total correlation, marginal KL."""

import dataclasses
import math
from typing import Any, Literal, NamedTuple, get_args

from keras_vae._utils.lazy_keras import ops
from keras_vae.errors import InputError
from keras_vae.objectives.objective import Batch, Loss, Objective, flat_units, register

Estimator = Literal["stratified", "weighted"]


class _LogDensities(NamedTuple):
    """Logarithms of densities at each z of a batch, `(batch,)`."""

    posterior: Any
    aggregate: Any
    product_of_marginals: Any
    prior: Any


@register
@dataclasses.dataclass(frozen=True)
class DecomposedKL(Objective):
    """penalty = mi · I(x; z) + tc · TC(z) + marginal · Σ_u KL(q(z_u) ‖ p(z_u)).

    Chen et al. 2018, equation 2 (β-TCVAE: tc above 1); with all weights 1 it is the KL, up to the noise of its
    estimate. The density q(z) at a code of the batch is estimated from the posteriors of the same batch of M images,
    out of N = `images`:

    - `stratified`: q̂(z) = q(z | x) / N + (N − 1) / (N (M − 1)) · Σ q(z | x') over the other images x'. It is unbiased
      given x, and exact for M = N: the average of minibatch stratified sampling (appendix C.2) over the orders of the
      batch.
    - `weighted`: q̂(z) = Σ q(z | x') / (N M), equation 6. Its logarithm is too small by log M where posteriors don't
      overlap and by about log N where they do; I(x; z) is too large by as much. The marginal KLs are too small by
      log N for each unit, and TC is too large by log N for each unit but one.

    The logarithm of an unbiased estimate is biased downwards (Jensen) as well: by up to about log(N / M), where a
    posterior overlaps with others of which a batch has none. Compare models by `diagnostics.audit`, not by these logged
    parts.

    Args:
        images: number of training images N, at least 2.
        mi, tc, marginal: weights, at least 0.
        estimator: `"stratified"` or `"weighted"`.

    Raises:
        InputError: if an argument is out of range.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.DecomposedKL(images=60_000, tc=6.0).tc
    6.0
    """

    images: int = 60_000
    mi: float = 1.0
    tc: float = 1.0
    marginal: float = 1.0
    estimator: Estimator = "stratified"

    name = "decomposed"
    description = "reconstruction + α I(x; z) + β TC + γ Σ KL of the units"
    parts = ("penalty", "mutual_information", "total_correlation", "marginal_kl")
    accepts_weights = False

    def __post_init__(self):
        from keras_vae._utils import checks  # imports NumPy, which the help of a command does not need

        checks.whole("images", self.images, low=2)
        for weight in ("mi", "tc", "marginal"):
            checks.number(weight, getattr(self, weight), low=0)
        if self.estimator not in get_args(Estimator):
            raise InputError(f"estimator: expected 'stratified' or 'weighted'; received {self.estimator!r}.")

    def penalty(self, batch: Batch) -> Loss:
        """The weighted sum of the three parts, each a mean over the batch."""
        log = self._log_densities(*(flat_units(tensor) for tensor in (batch.mean, batch.log_var, batch.z)))
        parts = {
            "mutual_information": ops.mean(log.posterior - log.aggregate),
            "total_correlation": ops.mean(log.aggregate - log.product_of_marginals),
            "marginal_kl": ops.mean(log.product_of_marginals - log.prior),
        }
        weights = (self.mi, self.tc, self.marginal)
        return Loss(sum(weight * part for weight, part in zip(weights, parts.values(), strict=True)), parts)

    def _log_densities(self, mean, log_var, z) -> _LogDensities:
        """Log densities of z `(batch, units)`, in nats."""
        log_var = ops.broadcast_to(log_var, ops.shape(mean))
        # of every z (rows) under every image's posterior (columns), by unit
        per_unit = _log_normal(z[:, None], mean[None], log_var[None])
        m = ops.shape(mean)[0]
        log_weight = self._log_weights(m)
        return _LogDensities(
            posterior=ops.sum(_log_normal(z, mean, log_var), axis=1),
            aggregate=ops.logsumexp(ops.sum(per_unit, axis=2) + log_weight, axis=1),
            product_of_marginals=ops.sum(ops.logsumexp(per_unit + log_weight[:, :, None], axis=1), axis=1),
            prior=ops.sum(_log_normal(z, 0.0, 0.0), axis=1),
        )

    def _log_weights(self, m):
        """Logarithms of the weights of the posteriors (columns) in q̂(z) at every z (rows), `(m, m)`."""
        size, n = ops.cast(m, "float32"), float(self.images)
        if self.estimator == "weighted":
            return ops.zeros((m, m)) - ops.log(n * size)
        others = math.log((n - 1) / n) - ops.log(ops.maximum(size - 1, 1.0))
        own = ops.eye(m)
        return own * -math.log(n) + (1 - own) * others


def _log_normal(z, mean, log_var):
    """log N(z; mean, exp(log_var)), of the broadcast shape."""
    return -0.5 * (math.log(2 * math.pi) + log_var + ops.square(z - mean) * ops.exp(-log_var))
