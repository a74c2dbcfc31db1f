"""Base class of training objectives, their registry, and the evidence lower bound.

Importing this module does not import Keras.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from keras_vae._utils.lazy_keras import ops
from keras_vae._utils.registry import Registry
from keras_vae.errors import InputError


class Batch(NamedTuple):
    """A batch as an objective receives it; tensors of the backend, float32.

    Attributes:
        mean, log_var: parameters of q(z | x), `(batch, units…)`; log_var may broadcast to the mean.
        z: the sample of q(z | x) that was decoded, of the mean's shape; the mean, if the posterior isn't sampled.
        nll: −log p(x | z) of each image, nats, `(batch,)`.
        divergence: KL(q(z | x) ‖ p(z)) of each image (or the posterior's other penalty), nats, `(batch,)`.
        step: number of training steps before this one, a scalar.
        average: returns the (weighted) mean over the images of values `(batch, …)`.
        sample: draws z ~ q(z | x): `sample(k)` is `(k · batch, units…)`, k codes of the batch after each other; for an
            objective that states `draws_samples`.
        nll_of: −log p(x | z) of such codes, `(k · batch,)`.
        log_prior_ratio: log p(z) − log N(z; 0, I) of such codes, `(k · batch,)`; None if the prior is N(0, I).
    """

    mean: Any
    log_var: Any
    z: Any
    nll: Any
    divergence: Any
    step: Any
    average: Callable[[Any], Any]
    sample: Callable[[int], Any]
    nll_of: Callable[[Any], Any]
    log_prior_ratio: Callable[[Any], Any] | None = None


class Loss(NamedTuple):
    """The loss of a batch.

    Attributes:
        value: the loss, nats per image, a scalar.
        parts: further scalars that are logged, by the names in `Objective.parts`.
    """

    value: Any
    parts: dict[str, Any]


def flat_units(tensor):
    """`(batch, units…)` as `(batch, units)`; the number of units stays known where that of images is not."""
    return ops.reshape(tensor, (-1, math.prod(tensor.shape[1:])))


@dataclasses.dataclass(frozen=True)
class Objective:
    """Base class of objectives: loss = reconstruction + beta · penalty, nats per image.

    A new objective is a frozen dataclass whose fields are its settings. It overrides `penalty`, or `loss` if the loss
    is no such sum, and is registered under its `name`; registered with Keras as well, it is saved with a model.

    Attributes:
        name: identifier, as in `VAE(objective=name)`.
        description: a phrase for help texts and pages.
        parts: names of the scalars that are logged beside loss, reconstruction, kl, beta and elbo.
        needs_density: whether it needs a posterior with a mean and a variance, whose penalty is its KL from N(0, I).
        accepts_weights: whether images may have weights.
        accepts_learned_priors: whether the prior may be another than N(0, I).
        draws_samples: whether it calls `Batch.sample`. The noise of steps that are compiled together is then drawn
            within each step, so that it does not depend on their number.
        is_sum: whether the loss is the reconstruction plus a weighted penalty; tables say so where it is not.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.get("elbo")
    ELBO()
    >>> objectives.FreeBits(nats=0.1).get_config()
    {'nats': 0.1, 'group': 'unit'}
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]] = ("penalty",)
    needs_density: ClassVar[bool] = True
    accepts_weights: ClassVar[bool] = True
    accepts_learned_priors: ClassVar[bool] = False
    draws_samples: ClassVar[bool] = False
    is_sum: ClassVar[bool] = True

    def penalty(self, batch: Batch) -> Loss:
        """What is added to the reconstruction, before it is multiplied by beta; and its parts."""
        raise NotImplementedError(f"{type(self).__name__} must define penalty(batch) or loss(batch, beta).")

    def loss(self, batch: Batch, beta) -> Loss:
        """The loss of a batch.

        Args:
            batch: the batch, encoded and decoded.
            beta: weight of the penalty at this step, a scalar.
        """
        penalty, parts = self.penalty(batch)
        return Loss(batch.average(batch.nll) + beta * penalty, {**parts, "penalty": penalty})

    def check(self, posterior, beta: float) -> None:
        """Checks that a model with this posterior and weight can be trained.

        Raises:
            InputError: if it cannot.
        """
        if self.needs_density and posterior.divergence_name != "kl":
            raise InputError(
                f"objective: expected 'elbo' for posterior={posterior.name!r}, which has no KL from the prior; "
                f"received {self.name!r}; choose posterior='diagonal'."
            )

    def check_prior(self, prior) -> None:
        """Checks that a model with this prior can be trained.

        Raises:
            InputError: if it cannot.
        """
        if not prior.is_standard and not self.accepts_learned_priors:
            raise InputError(
                f"prior: expected 'standard-normal' for the objective {self.name!r}, whose terms are defined for "
                f"N(0, I); received {prior.name!r}; choose objective='elbo'."
            )

    def get_config(self) -> dict[str, Any]:
        """The settings, from which an equal objective can be made."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Objective":
        return cls(**config)


_REGISTRY = Registry("objective", Objective)


def register(cls: type[Objective]) -> type[Objective]:
    """Class decorator that registers an `Objective` under its `name`.

    Raises:
        InputError: if `cls` is not a subclass of `Objective` with a `name` of its own, or the name is registered for
            another class.
    """
    return _REGISTRY.register(cls)


def get(identifier: "str | Objective | None") -> Objective:
    """The objective of a registered name with its default settings, or the instance itself; the ELBO for None.

    Raises:
        InputError: if no objective is registered under that name.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.get("free-bits")
    FreeBits(nats=0.5, group='unit')
    """
    return _REGISTRY.get("elbo" if identifier is None else identifier)


def names() -> tuple[str, ...]:
    """The registered names.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.names()[:2]
    ('elbo', 'free-bits')
    """
    return _REGISTRY.names()


def descriptions() -> dict[str, str]:
    """A phrase for each registered name, for help texts and pages."""
    return _REGISTRY.descriptions()


def part_names() -> tuple[str, ...]:
    """The parts that registered objectives log beside their penalty.

    Example:

    >>> from keras_vae import objectives
    >>> "total_correlation" in objectives.part_names()
    True
    """
    parts = [part for cls in _REGISTRY.classes() for part in cls.parts if part != "penalty"]
    return tuple(dict.fromkeys(parts))


@register
@dataclasses.dataclass(frozen=True)
class ELBO(Objective):
    """The negative evidence lower bound with a weighted KL: reconstruction + beta · KL(q(z | x) ‖ p(z)).

    Kingma & Welling 2014; for beta other than 1 Higgins et al. 2017. A posterior without a density has its own penalty
    in place of the KL.

    Example:

    >>> import keras_vae as kv
    >>> kv.dense_vae("4-2", beta=4.0).objective
    ELBO()
    """

    name = "elbo"
    description = "reconstruction + β KL"
    parts = ()
    needs_density = False
    accepts_learned_priors = True

    def loss(self, batch: Batch, beta) -> Loss:
        """reconstruction + beta · KL."""
        return Loss(batch.average(batch.nll) + beta * batch.average(batch.divergence), {})
