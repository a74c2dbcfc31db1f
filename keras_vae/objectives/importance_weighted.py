"""The importance-weighted bound of k samples, with the ordinary or the doubly reparameterised gradient."""

import dataclasses
import math

from keras_vae._utils.lazy_keras import ops
from keras_vae.errors import InputError
from keras_vae.objectives.objective import Batch, Loss, Objective, register


@register
@dataclasses.dataclass(frozen=True)
class ImportanceWeighted(Objective):
    """loss = −E log (1/k) Σ_i w_i, w_i = p(x, z_i) / q(z_i | x), z_i ~ q(z | x).

    Burda, Grosse & Salakhutdinov 2016, equation 8; for k = 1 it is the ELBO with a sampled KL. A step decodes k codes
    per image. `reconstruction`, `kl` and `elbo` are logged for one of the samples, as for other objectives.

    Args:
        k: samples per image, at least 1.
        doubly_reparameterized: use the gradient of Tucker et al. 2019, equation 8, for the encoder, whose
            signal-to-noise ratio does not fall with k. It decodes the codes twice.

    Raises:
        InputError: if `k` is not a whole number of at least 1.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.ImportanceWeighted(k=50).k
    50
    """

    k: int = 5
    doubly_reparameterized: bool = False

    name = "importance-weighted"
    description = "the importance-weighted bound of k samples"
    parts = ("iw_bound",)
    accepts_learned_priors = True
    draws_samples = True
    is_sum = False

    def __post_init__(self):
        from keras_vae._utils import checks  # imports NumPy, which the help of a command does not need

        checks.whole("k", self.k)

    def check(self, posterior, beta: float) -> None:
        """Checks the posterior, and that beta is 1: the bound has no KL that could be weighted."""
        super().check(posterior, beta)
        if beta != 1.0:
            raise InputError(f"beta: expected 1 for the objective {self.name!r}; received {beta:g}; remove it.")

    def loss(self, batch: Batch, beta) -> Loss:
        """The negative bound; beta is 1."""
        z, nll = batch.z, batch.nll
        if self.k > 1:
            more = batch.sample(self.k - 1)
            z = ops.concatenate([z, more])
            nll = ops.concatenate([nll, batch.nll_of(more)])
        log_weights = self._log_weights(z, nll, batch.mean, batch.log_var, batch)
        bound = batch.average(ops.logsumexp(log_weights, axis=0) - math.log(self.k))
        value = -bound
        if self.doubly_reparameterized:
            surrogate = self._doubly_reparameterized(z, ops.stop_gradient(log_weights), batch)
            value = ops.stop_gradient(value - surrogate) + surrogate  # the bound's value, the surrogate's gradient
        return Loss(value, {"iw_bound": bound})

    def _doubly_reparameterized(self, z, log_weights, batch: Batch):
        """A scalar with the gradients of the source, of shares v of the weights w.

        That of the decoder is −Σ v · d log p(x | z), that of the encoder −Σ v² · (d log w / dz) · dz.
        """
        share = ops.softmax(log_weights, axis=0)  # v, (k, batch)
        factor = ops.reshape(share, (-1, *(1,) * (len(z.shape) - 1)))
        # Of the same value; its gradient is that of z, times v.
        z = factor * z + (1 - factor) * ops.stop_gradient(z)
        fixed = ops.stop_gradient(batch.mean), ops.stop_gradient(batch.log_var)
        return -batch.average(ops.sum(share * self._log_weights(z, batch.nll_of(z), *fixed, batch), axis=0))

    def _log_weights(self, z, nll, mean, log_var, batch: Batch):
        """log p(x | z) + log p(z) − log q(z | x), `(k, batch)`."""
        if batch.log_prior_ratio is not None:
            nll = nll - batch.log_prior_ratio(z)
        shape = (self.k, *ops.shape(mean))
        z = ops.reshape(z, shape)
        log_ratio = 0.5 * (ops.square(z - mean) * ops.exp(-log_var) + log_var - ops.square(z))
        log_ratio = ops.sum(log_ratio, axis=tuple(range(2, len(z.shape))))
        return log_ratio - ops.reshape(nll, (self.k, -1))
