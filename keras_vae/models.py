"""Variational autoencoders as functional Keras models, trained by Keras' own `fit`."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_vae import likelihoods, objectives, posteriors, priors
from keras_vae._utils import checks
from keras_vae._utils.items import Items
from keras_vae.diagnostics.encodings import LOG_VAR_RANGE
from keras_vae.errors import InputError
from keras_vae.fast_fit import image_shapes, keras_internals
from keras_vae.fast_fit.functions import loss_of_replica, traced
from keras_vae.fast_fit.ordered_fit import OrderedFitModel
from keras_vae.fast_fit.output_layers import ends_with_probabilities
from keras_vae.fast_fit.support import Support
from keras_vae.layers import MAX_SEED, PACKAGE, BetaSchedule, GaussianSampling, random_seed

# Compiled steps and the graph contain these; replacing one would have no effect.
FIXED_ATTRIBUTES = (
    "encoder", "decoder", "posterior", "likelihood", "objective", "prior", "seed", "sampling", "beta_schedule",
    "epochs_seen", "image_shape", "latent_shape",
)  # fmt: skip
METRIC_ARGUMENTS = ("metrics", "weighted_metrics")
WRAPPING = (
    "wrap it in a functional model, keras.Model(x, part(x)) for x = keras.Input(shape), or use the layers KLDivergence "
    "and GaussianSampling in a model of your own"
)

for _class in (*likelihoods.BUILT_IN, *objectives.BUILT_IN, *priors.BUILT_IN):
    keras.saving.register_keras_serializable(PACKAGE)(_class)


class Encoding(NamedTuple):
    """Parameters of q(z | x) for a batch of images.

    Attributes:
        mean: posterior means `(n, units…)`.
        log_var: log variances of the mean's shape, or `(n, 1)` if one variance applies to all units; None for a
            posterior without a density.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> mean, log_var = kv.dense_vae("4-3", posterior="isotropic", seed=0).encode(np.zeros((5, 4)))
    >>> mean.shape, log_var.shape
    ((5, 3), (5, 1))
    """

    mean: np.ndarray
    log_var: np.ndarray | None


@keras.saving.register_keras_serializable(PACKAGE)
class VAE(OrderedFitModel):
    """Variational autoencoder with any encoder and decoder (Kingma & Welling 2014).

    The loss is `reconstruction + beta · kl`, in nats per image: sums over pixels and latent units, means over
    the batch (weighted ones where sample weights are given). The metric `elbo` is −(reconstruction + kl), always at
    β = 1, and is to be maximised: `EarlyStopping("val_elbo", mode="max")`. Calling the model, or `predict`,
    returns a dictionary of `mean`, `log_var`, a sampled `z`, and `logits`.

    Args:
        encoder: Keras model from an image to `[mean, log_var]` (a pair, or a dictionary with those keys).
            With the posteriors `none` and `autoencoder` it outputs the mean alone.
        decoder: Keras model from z to logits of the image's shape. A final sigmoid belongs to the likelihood: leave it
            out.
        posterior: the name of a variational family or a `posteriors.Posterior`. `diagonal`: a variance for every unit.
            `isotropic`: one variance for all units of an image. `iid`: `isotropic` with an encoder that repeats one
            mean for every unit. `none`: no sampling, with the quadratic penalty ½‖mean‖². `autoencoder`: neither. The
            last two have no density: they report a `penalty`, or nothing, in place of `kl` and `elbo`.
        likelihood: `bernoulli` (default), `continuous-bernoulli`, `gaussian`, `gaussian-optimal`, `gaussian-per-pixel`,
            with settings as in `"gaussian std=0.5"`, or a `Likelihood`.
        beta: weight of the KL or penalty, finite and at least 0; `BetaWarmup` raises it from 0.
        seed: integer from which the sampling noise and the order of the images derive; `None` chooses one at random.
        name: name of the model.
        dtype: dtype policy, as of any Keras layer; by default the global one.
        objective: what is minimised: `elbo` (default), the name of another class in `objectives`, or an instance with
            settings of its own.
        prior: `standard-normal` (default), `mixture` or `vamp`, with settings as in `"mixture components=20"`, or a
            `priors.Prior`. A learned prior's KL is estimated from the sample of z that is decoded.
        *args: refused.
        **kwargs: `trainable`, as of any Keras model; others are refused.

    Attributes:
        encoder, decoder: the two Keras models.
        posterior: a `posteriors.Posterior`; its `name` is the identifier.
        likelihood: a `Likelihood`.
        objective: an `objectives.Objective`.
        prior: a `priors.Prior`.
        has_density: whether q(z | x) has a density.
        image_shape, latent_shape: shapes of one image and of its code.
        epochs_seen: variable that counts the epochs trained.

    Raises:
        InputError: if encoder, decoder, posterior, likelihood, objective and prior are incompatible, or an argument is
            out of range.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> image, z = keras.Input((4,)), keras.Input((2,))
    >>> encoder = keras.Model(image, [keras.layers.Dense(2)(image), keras.layers.Dense(2)(image)])
    >>> decoder = keras.Model(z, keras.layers.Dense(4)(z))
    >>> vae = kv.VAE(encoder, decoder, seed=0)
    >>> vae.compile("adam")
    >>> history = vae.fit(np.zeros((8, 4), "float32"), verbose=0)
    >>> sorted(history.history)
    ['beta', 'elbo', 'kl', 'loss', 'reconstruction']
    >>> vae.encode(np.zeros((3, 4), "float32")).mean.shape
    (3, 2)
    >>> vae.generate(5, seed=1).shape
    (5, 4)
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        posterior: str | posteriors.Posterior = "diagonal",
        likelihood: str | likelihoods.Likelihood | None = None,
        beta: float = 1.0,
        seed: int | None = None,
        name: str = "vae",
        dtype=None,
        objective: str | objectives.Objective | None = None,
        prior: str | priors.Prior | None = None,
        *args,
        **kwargs,
    ):
        # Keras' `clone_model` calls only constructors with `*args` and `**kwargs`, as `VAE(inputs, outputs)`, which is
        # refused below; otherwise it returns a plain functional model without the loss and the methods of a VAE.
        if args or not set(kwargs) <= {"trainable"}:
            raise InputError(f"VAE: expected no other arguments; received {[*args, *kwargs]}.")
        _check_part("encoder", encoder)
        _check_part("decoder", decoder)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        seed = random_seed() if seed is None else checks.whole("seed", seed, low=0, high=MAX_SEED)
        posterior, likelihood = posteriors.get(posterior), likelihoods.get(likelihood)
        objective, prior = objectives.get(objective), priors.get(prior)
        objective.check(posterior, beta)
        prior.check(posterior)
        objective.check_prior(prior)
        if not posterior.has_divergence and beta != 1.0:
            raise InputError(
                f"beta: expected none, since it has no effect for posterior={posterior.name!r}, which has no KL term; "
                f"received {beta!r}; remove it."
            )

        image = keras.Input(encoder.inputs[0].shape[1:], dtype=encoder.inputs[0].dtype, name="image")
        mean, log_var = posteriors.parse_encoder_outputs(encoder(image), posterior)
        sampling = GaussianSampling(seed=seed, name="sampling", dtype=policy) if posterior.samples else None
        z = mean if sampling is None else sampling([mean, log_var])
        _check_decoder(decoder, mean.shape[1:], likelihood, image.shape[1:])
        outputs = {"mean": mean, "log_var": log_var, "z": z, "logits": decoder(z)}
        outputs = {key: tensor for key, tensor in outputs.items() if tensor is not None}

        super().__init__(inputs=image, outputs=outputs, name=name, **kwargs)
        self.dtype_policy = policy
        self.encoder, self.decoder = encoder, decoder
        self.posterior, self.likelihood, self.objective, self.prior = posterior, likelihood, objective, prior
        self.seed = seed
        self.sampling = sampling
        self.beta_schedule = BetaSchedule(beta, name="beta_schedule") if posterior.has_divergence else None
        self.epochs_seen = self.add_weight(
            name="epochs_seen", shape=(), dtype="int", initializer="zeros", trainable=False
        )
        self.image_shape, self.latent_shape = tuple(image.shape[1:]), tuple(mean.shape[1:])
        likelihood.build(self, self.image_shape)
        prior.build(self)

        self._loss_mean = keras.metrics.Mean("weighted_loss")
        self._reconstruction_mean = keras.metrics.Mean("reconstruction")
        self._divergence_mean = keras.metrics.Mean(posterior.divergence_name) if posterior.has_divergence else None
        self._beta_mean = keras.metrics.Mean("beta") if posterior.has_divergence else None
        self._part_means = {part: keras.metrics.Mean(part) for part in objective.parts}
        self._output_keys = tuple(outputs)
        self._metric_outputs: frozenset[str] = frozenset()
        self._fixed = FIXED_ATTRIBUTES

    @property
    def has_density(self) -> bool:
        """Whether q(z | x) has a density, so that the model reports `kl` and `elbo`."""
        return self.posterior.has_density

    @property
    def beta(self) -> keras.Variable:
        """The final weight of the KL or penalty, a scalar variable; setting it takes effect in compiled steps as well.

        Raises:
            AttributeError: if the posterior has no penalty.
        """
        if self.beta_schedule is None:
            raise AttributeError(f"a VAE with posterior={self.posterior.name!r} has no beta")
        return self.beta_schedule.beta

    @beta.setter
    def beta(self, value: float) -> None:
        if self.beta_schedule is None:
            raise InputError(
                f"beta: expected none, since it has no effect for posterior={self.posterior.name!r}, which has no KL "
                f"term; received {value!r}; remove it."
            )
        keras_internals.synchronize_weights(self)  # a value set by a callback would be overwritten
        self.beta_schedule.beta = value

    def __setattr__(self, name: str, value) -> None:
        if name in self.__dict__.get("_fixed", ()) and value is not getattr(self, name):
            raise InputError(
                f"{name}: expected no other value after the model was constructed, since its compiled steps would not "
                f"use it; construct another VAE({name}=…) instead."
            )
        super().__setattr__(name, value)

    # -- training, by Keras' own steps ---------------------------------------------------------------------

    def compile(self, optimizer="adam", loss=None, jit_compile="auto", **kwargs) -> None:
        """Keras' `compile` without `loss`: likelihood and posterior define the loss.

        Args:
            optimizer: as in Keras.
            loss: must be None.
            jit_compile: `"auto"` compiles many steps into one call where that is faster, True wherever it is possible,
                False never.
            **kwargs: other arguments of Keras' `compile`. `metrics` and `weighted_metrics` are dictionaries from the
                names of outputs; those of `logits` compare with the images, the others need targets in `fit`.

        Raises:
            InputError: if a `loss` is given, or metrics are not in a dictionary by outputs.
        """
        if loss is not None:
            raise InputError(
                f"compile: expected no loss, since a VAE's loss is reconstruction + beta · kl; received {loss!r}; "
                "choose VAE(likelihood=…) instead."
            )
        names = [self._outputs_of_metrics(argument, kwargs.get(argument)) for argument in METRIC_ARGUMENTS]
        self._metric_outputs = frozenset().union(*names)
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)

    def _outputs_of_metrics(self, argument: str, metrics) -> set[str]:
        """The names of the outputs that have metrics."""
        if not metrics:
            return set()
        if not isinstance(metrics, dict) or not set(metrics) <= set(self._output_keys):
            raise InputError(
                f"{argument}: expected a dictionary from outputs ({', '.join(self._output_keys)}) to metrics, such as "
                f"{{'logits': 'mse'}}; received {metrics!r}."
            )
        return set(metrics)

    def compile_from_config(self, config: dict) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def divergence(self, mean, log_var=None, z=None):
        """The penalty of each image, before it is multiplied by β: `posterior.divergence`.

        With a learned prior, the estimate of the KL from one sample: `prior.divergence`.

        Args:
            mean: `(batch, units…)`.
            log_var: log variances of the mean's shape, or of one that broadcasts to it.
            z: a sample of each posterior, of the mean's shape, which only a learned prior needs.

        Returns:
            A float32 tensor `(batch,)`, nats.

        Raises:
            InputError: if the prior is learned and there is no `z`.
        """
        if self.prior.is_standard:
            return self.posterior.divergence(mean, log_var)
        if z is None:
            raise InputError(
                f"z: expected samples of the posteriors, since the KL from the prior {self.prior.name!r} has no closed "
                "form; received None."
            )
        return self.prior.divergence(z, mean, log_var)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The objective on a batch, by default reconstruction + beta · kl, a float32 scalar; `y` is ignored."""
        x = _like_encoder_input(x, self.image_shape)
        weight = _weight_per_image(sample_weight)
        if training:
            self.likelihood.update(x, y_pred["logits"], weight)
        nll = self.likelihood(x, y_pred["logits"])
        total_weight = ops.shape(nll)[0] if weight is None else ops.sum(weight)
        self._reconstruction_mean.update_state(nll, sample_weight=weight)
        if self.beta_schedule is not None and self._divergence_mean is not None and self._beta_mean is not None:
            z = () if self.prior.is_standard else (y_pred["z"],)
            divergence = self.divergence(y_pred["mean"], y_pred.get("log_var"), *z)
            batch = self._batch_of_objective(x, y_pred, nll, divergence, weight, training)
            beta = self.beta_schedule(training=training)
            loss, parts = self.objective.loss(batch, beta)
            self._divergence_mean.update_state(divergence, sample_weight=weight)
            self._beta_mean.update_state(beta)
            for name, mean in self._part_means.items():
                mean.update_state(parts[name], sample_weight=total_weight)
        else:
            loss = _weighted_mean(nll, weight)
        for extra in self.losses:  # such as regularisation losses of the user's layers
            loss = loss + ops.sum(ops.cast(extra, "float32"))
        self._loss_mean.update_state(loss, sample_weight=total_weight)
        return loss_of_replica(loss)

    def _batch_of_objective(self, x, y_pred: dict, nll, divergence, weight, training) -> objectives.Batch:
        if weight is not None and not self.objective.accepts_weights:
            raise InputError(
                f"sample_weight: expected none, since the objective {self.objective.name!r} compares the images of a "
                "batch; received weights; remove them."
            )
        mean, log_var = y_pred["mean"], y_pred.get("log_var")

        def repeated(tensor, k: int):
            return ops.tile(tensor, (k, *(1,) * (len(tensor.shape) - 1)))

        def sample(k: int):
            if self.sampling is None:
                return repeated(mean, k)
            return self.sampling([repeated(mean, k), repeated(log_var, k)], training=training)

        def nll_of(z):
            k = ops.shape(z)[0] // ops.shape(x)[0]
            return self.likelihood(repeated(x, k), self.decoder(z, training=training))

        return objectives.Batch(
            mean=ops.cast(mean, "float32"),
            log_var=None if log_var is None else ops.cast(log_var, "float32"),
            z=ops.cast(y_pred["z"], "float32"),
            nll=nll,
            divergence=divergence,
            step=None if self.beta_schedule is None else self.beta_schedule.step,
            average=lambda values: _weighted_mean(values, weight),
            sample=sample,
            nll_of=nll_of,
            log_prior_ratio=None if self.prior.is_standard else self.prior.log_ratio,
        )

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        """Keras' `compute_metrics`; the target of `logits` is the image unless `y`, a dictionary, holds another."""
        if self._metric_outputs:
            y = self._metric_targets(x, y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _metric_targets(self, x, y, y_pred: dict) -> dict:
        """A target for every output, as Keras requires; those of outputs without a metric are not used."""
        logits = y_pred["logits"]
        images = ops.reshape(_like_encoder_input(x, self.image_shape), (-1, *logits.shape[1:]))
        self.check_targets(y)
        given = {"logits": images, **(y if isinstance(y, dict) else {})}
        return {name: given.get(name, predicted) for name, predicted in y_pred.items()}

    def check_targets(self, y) -> None:
        """Checks that there is a target for every output with a metric; that of `logits` is the image.

        Raises:
            InputError: if there is none.
        """
        missing = self._metric_outputs - {"logits", *(y if isinstance(y, dict) else ())}
        if missing:
            raise InputError(
                f"y: expected a dictionary with targets for the outputs that have metrics; received none for "
                f"{', '.join(sorted(missing))}."
            )

    def image_support(self) -> Support | None:
        """The values of images that the likelihood is defined for; None if any are, or the loss is a subclass's own."""
        if self.likelihood.support is None or type(self).compute_loss is not VAE.compute_loss:
            return None
        return Support(*self.likelihood.support, type(self.likelihood).__name__)

    def get_metrics_result(self) -> dict:
        """Means since the last reset: loss, reconstruction, kl (or penalty), beta, elbo."""
        results = super().get_metrics_result()
        # Keras weights the losses of batches by batch size; with sample weights that is not the weighted mean.
        results["loss"] = results.pop("weighted_loss")
        if self._reports_elbo:
            results["elbo"] = -(results["reconstruction"] + results["kl"])
        return results

    @property
    def metrics_names(self) -> list[str]:
        """The names of the values that `evaluate` returns, in their order."""
        names = [name for name in super().metrics_names if name != "weighted_loss"]
        return [*names, "elbo"] if self._reports_elbo else names

    @property
    def _reports_elbo(self) -> bool:
        return self.posterior.divergence_name == "kl"

    def evaluate(self, *args, **kwargs):
        """Keras' `evaluate`, with the same noise in every call, separate from the noise of training."""
        self._reset_evaluation_noise()
        return super().evaluate(*args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Keras' `predict`, with the same noise in every call; arrays are checked as in `encode`."""
        x = image_shapes.as_images("x", x, self.image_shape)
        self._reset_evaluation_noise()
        return super().predict(_finite("x", x) if isinstance(x, np.ndarray) else x, *args, **kwargs)

    def _reset_evaluation_noise(self) -> None:
        if self.sampling is not None:
            self.sampling.reset_evaluation_noise()

    # -- inference -----------------------------------------------------------------------------------------

    def encode(self, x, batch_size: int = 1024) -> Encoding:
        """Mean and log variance of q(z | x); nothing is sampled.

        Args:
            x: images `(n, …)`, values in [0, 1].
            batch_size: images encoded at a time.

        Returns:
            An `Encoding`: mean `(n, units…)` and log_var, of that shape or `(n, 1)`; None without a density. Log
            variances are limited to −80 … 80, within which variances and precisions are finite in float32.

        Raises:
            InputError: if there is no image, or the images have another shape or are not finite.
        """
        x = self._finite_images(x)
        parsed = [
            posteriors.parse_encoder_outputs(self.encoder(batch, training=False), self.posterior)
            for batch in _batches("x", x, batch_size)
        ]
        means, log_vars = zip(*parsed, strict=True)
        if log_vars[0] is None:
            return Encoding(_concatenated(means), None)
        return Encoding(_concatenated(means), np.clip(_concatenated(log_vars), *LOG_VAR_RANGE))

    def decode(self, z, batch_size: int = 1024) -> np.ndarray:
        """The expected images E[x | z] of latent points: pixels, not logits.

        Args:
            z: latent points `(n, units…)`.
            batch_size: points decoded at a time.

        Returns:
            Images `(n, …)`.

        Raises:
            InputError: if there is no point, or the points have another shape or are not finite.
        """
        z = checks.as_array("z", z).astype("float32", copy=False)
        if z.shape[1:] != self.latent_shape:
            expected = ", ".join(map(str, ("n", *self.latent_shape)))
            raise InputError(f"z: expected latent points of shape ({expected}); received {z.shape}.")
        batches = _batches("z", _finite("z", z), batch_size)
        decode = self._expected_of_many if len(batches) > 1 else self._expected
        images, done = np.empty(0), 0
        for batch in batches:
            pixels = ops.convert_to_numpy(decode(batch))
            if not done:
                images = np.empty((len(z), *pixels.shape[1:]), pixels.dtype)
            images[done : done + len(batch)] = pixels
            done += len(batch)
        return images

    def _expected(self, z):
        return self.likelihood.mean(ops.cast(self.decoder(z, training=False), "float32"))

    @cached_property
    def _expected_of_many(self):
        return traced(self._expected, self.latent_shape, self)

    def reconstruct(self, x, batch_size: int = 1024) -> np.ndarray:
        """The images decoded from the posterior means of `x`.

        Args:
            x: images `(n, …)`, values in [0, 1].
            batch_size: images encoded at a time.

        Returns:
            Images `(n, …)`.

        Raises:
            InputError: as in `encode`.
        """
        # Batch by batch: the codes of all images may take more memory than the images.
        return np.concatenate(
            [self.decode(self.encode(batch).mean) for batch in _batches("x", self._finite_images(x), batch_size)]
        )

    def _finite_images(self, x) -> np.ndarray | Items:
        """Images in the shape of the encoder's input, without NaN and infinity.

        Items of a file stay there, to be read batch by batch: they were checked when the data set was loaded.
        """
        if isinstance(x, Items) and x.is_mapped and tuple(x.shape[1:]) == tuple(self.image_shape):
            return x
        x = image_shapes.as_images("x", checks.as_array("x", x), self.image_shape)
        return _finite("x", x)

    def generate(self, n: int, seed: int | None = None) -> np.ndarray:
        """Images decoded from samples of the prior.

        Args:
            n: number of images, at least 1.
            seed: integer; the same seed gives the same images. None draws new ones in every call.

        Returns:
            Images `(n, …)`.

        Raises:
            InputError: if `n` is not a whole number of at least 1.
        """
        return self.decode(self.sample_prior(n, checks.seed(seed, none=True)))

    def sample_prior(self, n: int, seed: int | np.random.Generator | None = None) -> np.ndarray:
        """Latent points drawn from the model's prior.

        Args:
            n: number of points, at least 1.
            seed: integer; the same seed gives the same points. None draws new ones in every call; a generator continues
                from its state.

        Returns:
            `(n, units…)` float32.

        Raises:
            InputError: if `n` is not a whole number of at least 1.

        Example:

        >>> import keras_vae as kv
        >>> kv.dense_vae("4-2", prior="mixture", seed=0).sample_prior(5, seed=0).shape
        (5, 2)
        """
        from keras_vae import samplers  # imports SciPy, which building and training a model do not need

        return samplers.prior(n, self.latent_shape, seed, self.prior.density())

    # -- saving --------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        serialize = keras.saving.serialize_keras_object
        by_name = posteriors.is_restored_by_name(self.posterior)
        return {
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "posterior": self.posterior.name if by_name else serialize(self.posterior),
            "likelihood": serialize(self.likelihood),
            "beta": self.beta_schedule.initial_beta if self.beta_schedule else 1.0,
            "seed": self.seed,
            "name": self.name,
            "dtype": serialize(self.dtype_policy),
            **({} if type(self.objective) is objectives.ELBO else {"objective": serialize(self.objective)}),
            **({} if type(self.prior) is priors.StandardNormal else {"prior": serialize(self.prior)}),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> "VAE":
        config = dict(config)
        for key in ("encoder", "decoder", "likelihood", "dtype", "posterior", "objective", "prior"):
            if isinstance(config.get(key), dict):  # a built-in posterior is saved by its name
                config[key] = keras.saving.deserialize_keras_object(config[key], custom_objects=custom_objects)
        return cls(**config)


def _not_a_part(name: str, part) -> str:
    if keras.tree.flatten(part) and all(isinstance(one, keras.KerasTensor) for one in keras.tree.flatten(part)):
        return (
            f"{name}: expected a Keras model; received the tensors of a functional model; to copy a VAE (keras.models."
            "clone_model cannot), use copy.deepcopy(vae), or kv.VAE.from_config(vae.get_config()) for new weights."
        )
    return f"{name}: expected a Keras model; received {type(part).__name__}; {WRAPPING}."


def _check_part(name: str, part) -> None:
    """Checks that an encoder or decoder is a model whose graph is known, with one input of known shape."""
    if not isinstance(part, keras.Model):
        raise InputError(_not_a_part(name, part))
    inputs, outputs = getattr(part, "inputs", None), getattr(part, "outputs", None)
    if not inputs or not outputs:
        raise InputError(
            f"{name}: expected a functional model, or a Sequential one that begins with keras.Input; received a "
            f"{type(part).__name__} whose inputs are not known; {WRAPPING}."
        )
    if len(inputs) != 1:
        raise InputError(
            f"{name}: expected a model with one input; received {len(inputs)}; for conditions and other further inputs "
            "use the layers KLDivergence and GaussianSampling in a model of your own."
        )
    if None in inputs[0].shape[1:]:
        raise InputError(
            f"{name}: expected an input of known sizes; received {tuple(inputs[0].shape[1:])}; give keras.Input a "
            "size for every axis, or use the layers KLDivergence and GaussianSampling in a model of your own."
        )
    if name == "decoder" and len(outputs) != 1:
        raise InputError(f"decoder: expected a model with one output, the logits; received {len(outputs)}.")


def _check_decoder(
    decoder: keras.Model, latent_shape: tuple, likelihood: likelihoods.Likelihood, image_shape: tuple
) -> None:
    if tuple(decoder.inputs[0].shape[1:]) != tuple(latent_shape):
        raise InputError(
            f"decoder: expected an input of the encoder's latent shape {tuple(latent_shape)}; received "
            f"{tuple(decoder.inputs[0].shape[1:])}."
        )
    if likelihood.applies_sigmoid and ends_with_probabilities(decoder):
        raise InputError(
            "decoder: expected logits, since the likelihood applies the sigmoid itself; received an output that has "
            "passed a sigmoid or softmax; remove that activation."
        )
    likelihood.check(tuple(image_shape), tuple(decoder.outputs[0].shape[1:]))


def _batches(name: str, array, size: int) -> "_Slices":
    """The array in batches of `size`. (Calling the model on each avoids `predict`, which retraces for new shapes.)"""
    array = array if isinstance(array, Items) else checks.as_array(name, array)
    size = checks.whole("batch_size", size)
    if not array.size:
        raise InputError(f"{name}: expected at least one image or latent point; received shape {array.shape}.")
    return _Slices(array, size)


class _Slices(Sequence):
    """The parts of an array in its order; those of `Items` are read when they are requested."""

    def __init__(self, array: np.ndarray | Items, size: int):
        self._array, self._size = array, size

    def __len__(self) -> int:
        return math.ceil(len(self._array) / self._size)

    def __getitem__(self, i):
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self._array[i * self._size : (i + 1) * self._size]


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    """The images or latent points, which may be none, after a check that they are finite as float32."""
    limit = np.finfo("float32").max
    if array.size and not (-limit <= array.min() and array.max() <= limit):
        n_bad = np.count_nonzero(~(np.abs(array) <= limit).reshape(len(array), -1).all(axis=1))
        raise InputError(
            f"{name}: expected finite numbers in float32; received NaN or infinity in {n_bad} of {len(array)}; remove "
            "them."
        )
    return array


def _concatenated(batches: Sequence) -> np.ndarray:
    return np.concatenate([ops.convert_to_numpy(batch) for batch in batches])


def _like_encoder_input(x, image_shape: tuple):
    """Images in the shape of the encoder's input: Keras may have added or removed a channel axis of length 1."""
    if None not in x.shape[1:] and math.prod(x.shape[1:]) != math.prod(image_shape):
        raise InputError(f"x: expected images of shape {image_shape}; received {tuple(x.shape[1:])}.")
    return ops.reshape(x, (-1, *image_shape))


def _weight_per_image(sample_weight):
    if sample_weight is None:
        return None
    if math.prod(sample_weight.shape[1:]) != 1:
        raise InputError(
            f"sample_weight: expected one weight per image, shape (batch,); received {tuple(sample_weight.shape)}."
        )
    return ops.reshape(ops.cast(sample_weight, "float32"), (-1,))


def _weighted_mean(values, weight):
    """The mean over the images, of values `(batch, …)`."""
    if weight is None:
        return ops.mean(values) if len(values.shape) == 1 else ops.mean(values, axis=0)
    weight = ops.reshape(weight, (-1, *(1,) * (len(values.shape) - 1)))
    return ops.divide_no_nan(ops.sum(values * weight, axis=0), ops.sum(weight))
