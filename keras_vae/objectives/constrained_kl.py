"""Objectives that hold the KL at a value other than 0: free bits and controlled capacity."""

import dataclasses
from typing import Literal, get_args

from keras_vae._utils.lazy_keras import ops
from keras_vae.errors import InputError
from keras_vae.objectives.objective import Batch, Loss, Objective, register

Group = Literal["unit", "channel", "all"]


@register
@dataclasses.dataclass(frozen=True)
class FreeBits(Objective):
    """Free bits: the KL of each group of latent units, averaged over the batch, costs nothing below `nats`.

    penalty = Σ_groups max(nats, E_batch KL of the group): Kingma et al. 2016, equation 15. A group below `nats` has no
    gradient of the KL, so that it isn't driven to collapse.

    Args:
        nats: the KL per group that costs nothing, at least 0.
        group: `"unit"`: every latent unit is a group. `"channel"`: the units of one channel of a latent map are.
            `"all"`: all units are one group.

    Raises:
        InputError: if an argument is out of range.

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae import objectives
    >>> vae = kv.dense_vae("784-256-8", objective=objectives.FreeBits(nats=0.5), seed=0)
    >>> vae.objective.nats
    0.5
    """

    nats: float = 0.5
    group: Group = "unit"

    name = "free-bits"
    description = "reconstruction + β Σ max(nats, KL of a group of units)"

    def __post_init__(self):
        from keras_vae._utils import checks  # imports NumPy, which the help of a command does not need

        checks.number("nats", self.nats, low=0)
        if self.group not in get_args(Group):
            raise InputError(f"group: expected 'unit', 'channel' or 'all'; received {self.group!r}.")

    def check_prior(self, prior) -> None:
        """Checks that the KL has a part for each group: that from a learned prior is one number per image."""
        if not prior.is_standard and self.group != "all":
            raise InputError(
                f"group: expected 'all' for the prior {prior.name!r}, whose units are not independent; received "
                f"{self.group!r}; set group='all', or choose the prior 'standard-normal'."
            )

    def penalty(self, batch: Batch) -> Loss:
        """Σ max(nats, mean KL) over the groups."""
        from keras_vae.layers import kl_per_unit

        if batch.log_prior_ratio is not None:
            return Loss(ops.maximum(batch.average(batch.divergence), self.nats), {})
        kl = kl_per_unit(batch.mean, batch.log_var)
        if self.group == "all":
            kl = ops.sum(kl, axis=tuple(range(1, len(kl.shape))), keepdims=True)
        elif self.group == "channel" and len(kl.shape) > 2:
            kl = ops.sum(kl, axis=tuple(range(1, len(kl.shape) - 1)))
        return Loss(ops.sum(ops.maximum(batch.average(kl), self.nats)), {})


@register
@dataclasses.dataclass(frozen=True)
class Capacity(Objective):
    """Controlled capacity: penalty = gamma · |KL − C|, where C rises linearly to `nats` over the first `steps` steps.

    Burgess et al. 2018, equation 8. KL is the mean over the batch.

    Args:
        nats: the final capacity C, nats per image, at least 0.
        steps: training steps over which C rises from 0; 0 for a constant C.
        gamma: weight of the deviation, above 0.

    Raises:
        InputError: if an argument is out of range.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.Capacity(nats=10.0, steps=1000).get_config()
    {'nats': 10.0, 'steps': 1000, 'gamma': 10.0}
    """

    nats: float = 25.0
    steps: int = 0
    gamma: float = 10.0

    name = "capacity"
    description = "reconstruction + γ |KL − C|, C rising"
    parts = ("penalty", "capacity")
    accepts_learned_priors = True

    def __post_init__(self):
        from keras_vae._utils import checks  # imports NumPy, which the help of a command does not need

        checks.number("nats", self.nats, low=0)
        checks.whole("steps", self.steps, low=0)
        checks.number("gamma", self.gamma, low=0, open_low=True)

    def penalty(self, batch: Batch) -> Loss:
        """γ |KL − C| of the batch."""
        progress = ops.minimum(ops.cast(batch.step, "float32") / max(self.steps, 1), 1.0) if self.steps else 1.0
        capacity = self.nats * progress * ops.ones(())
        kl = batch.average(batch.divergence)
        return Loss(self.gamma * ops.abs(kl - capacity), {"capacity": capacity})
