"""Variational autoencoders as functional Keras models, trained by Keras' own `fit`."""

import inspect
import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_vae import likelihoods
from keras_vae.errors import InputError
from keras_vae.fast_fit.epoch_order import EpochOrder, ordered
from keras_vae.fast_fit.policy import forget_program, resident_steps, traced
from keras_vae.layers import PACKAGE, BetaSchedule, GaussianSampling, kl_per_unit, random_seed, sum_per_image

POSTERIORS = ("diagonal", "isotropic", "none", "autoencoder")


class Encoding(NamedTuple):
    """q(z | x) of a batch of images: `mean` `(n, units…)`; `log_var` likewise, `(n, 1)` if one variance
    serves all units, or None where the posterior has no density."""

    mean: np.ndarray
    log_var: np.ndarray | None


@keras.saving.register_keras_serializable(PACKAGE)
class VAE(keras.Model):
    """A variational autoencoder made of an encoder and a decoder (Kingma & Welling 2014).

    The loss is `reconstruction + beta · kl`, in nats per image: sums over pixels and latent units, means over
    the batch (weighted ones where sample weights are given). `elbo` is −(reconstruction + kl) whatever β is,
    so it is to be *maximised*: `EarlyStopping("val_elbo", mode="max")`. Calling the model, or `predict`,
    gives a dictionary of `mean`, `log_var`, a sampled `z`, and `logits`.

    Args:
        encoder: Keras model from an image to `[mean, log_var]` (a pair, or a dictionary with those keys).
            With the posteriors `none` and `autoencoder` it puts out the mean alone.
        decoder: Keras model from z to logits of the image's shape. A sigmoid at its end belongs to the
            likelihood: leave it out.
        posterior: `diagonal`, a variance for every unit; `isotropic`, one variance for all units of an image;
            `none`, no sampling, with the quadratic penalty ½‖mean‖²; `autoencoder`, neither. The last two have
            no density, so they report a `penalty` or nothing in place of `kl` and `elbo`.
        likelihood: `bernoulli` (default), `continuous-bernoulli`, `gaussian`, or a `Likelihood`.
        beta: weight of the KL or penalty; `BetaWarmup` lets it rise.
        seed: integer behind the sampling noise and the order of the images; `None` chooses at random.
        dtype: dtype policy, as of any Keras layer; by default the global one.

    Raises:
        InputError: if the parts don't fit each other, or an argument is out of range.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        posterior: str = "diagonal",
        likelihood: str | likelihoods.Likelihood | None = None,
        beta: float = 1.0,
        seed: int | None = None,
        name: str = "vae",
        dtype=None,
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        seed = random_seed() if seed is None else seed
        check_choice("posterior", posterior, POSTERIORS)
        likelihood = likelihoods.get(likelihood)
        if posterior == "autoencoder" and beta != 1.0:
            raise InputError(f"beta: expected none for an autoencoder, which has nothing to weigh; received {beta!r}.")
        has_density = posterior in ("diagonal", "isotropic")

        image = keras.Input(encoder.inputs[0].shape[1:], dtype=encoder.inputs[0].dtype, name="image")
        outputs = _encoder_outputs(encoder(image), posterior)
        sampling = None
        if has_density:
            sampling = GaussianSampling(seed=seed, name="sampling", dtype=policy)
            outputs["z"] = sampling([outputs["mean"], outputs["log_var"]])
        else:
            outputs["z"] = outputs["mean"]
        _check_decoder(decoder, outputs["mean"].shape[1:], likelihood, image.shape[1:])
        outputs["logits"] = decoder(outputs["z"])

        super().__init__(inputs=image, outputs=outputs, name=name)
        self.dtype_policy = policy
        self.encoder, self.decoder = encoder, decoder
        self.posterior, self.likelihood, self.has_density = posterior, likelihood, has_density
        self.seed = seed
        self.sampling = sampling
        self.beta_schedule = None if posterior == "autoencoder" else BetaSchedule(beta, name="beta_schedule")
        self.epochs_seen = self.add_weight(
            name="epochs_seen", shape=(), dtype="int", initializer="zeros", trainable=False
        )
        self.image_shape = tuple(image.shape[1:])
        self.latent_shape = tuple(outputs["mean"].shape[1:])

        self._resident_steps, self._has_metrics = None, False
        self._loss_mean = keras.metrics.Mean("weighted_loss")
        self._reconstruction_mean = keras.metrics.Mean("reconstruction")
        self._divergence_mean = self._beta_mean = None
        if posterior != "autoencoder":
            self._divergence_mean = keras.metrics.Mean("kl" if has_density else "penalty")
            self._beta_mean = keras.metrics.Mean("beta")

    # -- training, by Keras' own steps ---------------------------------------------------------------------

    def compile(self, optimizer="adam", loss=None, jit_compile="auto", **kwargs) -> None:
        """Keras' `compile` without `loss`: the loss is the likelihood's and the posterior's.

        With `jit_compile="auto"`, arrays are trained on by the faster step (see `stepping`) where there is one;
        `False` keeps Keras' own.

        Raises:
            InputError: if a `loss` is given.
        """
        if loss is not None:
            raise InputError(
                f"compile: expected no loss, since a VAE's loss is reconstruction + beta · kl; received {loss!r}; "
                "choose VAE(likelihood=…) instead."
            )
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)
        self._has_metrics = bool(kwargs.get("metrics") or kwargs.get("weighted_metrics"))
        self._asked_jit_compile, self._asked_steps_per_execution = jit_compile, self.steps_per_execution
        forget_program(self)

    def get_compile_config(self) -> dict | None:
        config = super().get_compile_config()
        # What was asked for, not what that meant on this machine.
        return config and {**config, "jit_compile": self._asked_jit_compile}

    def make_train_function(self, force: bool = False) -> None:
        if self._resident_steps is None:
            super().make_train_function(force)
        else:
            self.train_function = self._resident_steps
            # Keras' iterator over the epoch is made by now; a validation's batches are counted as asked.
            self.steps_per_execution = self._asked_steps_per_execution

    def compile_from_config(self, config: dict) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def divergence(self, mean, log_var=None):
        """KL(q(z | x) ‖ N(0, I)) of every image in nats, `(batch,)`; ½‖mean‖² where q has no density."""
        if self.has_density:
            return sum_per_image(kl_per_unit(mean, log_var))
        return 0.5 * sum_per_image(ops.square(ops.cast(mean, "float32")))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """reconstruction + beta · kl of a batch, a float32 scalar; a target `y` is ignored."""
        logits = y_pred["logits"]
        x = _like_encoder_input(x, self.image_shape)
        weight = _weight_per_image(sample_weight)
        nll = self.likelihood(x, logits)
        reconstruction = _weighted_mean(nll, weight)
        self._reconstruction_mean.update_state(nll, sample_weight=weight)
        loss = reconstruction
        if self._divergence_mean is not None:
            divergence = self.divergence(y_pred["mean"], y_pred.get("log_var"))
            beta = self.beta_schedule(training=training)
            loss = loss + beta * _weighted_mean(divergence, weight)
            self._divergence_mean.update_state(divergence, sample_weight=weight)
            self._beta_mean.update_state(beta)
        for extra in self.losses:  # weight decay and the like, from the user's own layers
            loss = loss + ops.sum(ops.cast(extra, "float32"))
        total_weight = ops.shape(nll)[0] if weight is None else ops.sum(weight)
        self._loss_mean.update_state(loss, sample_weight=total_weight)
        return loss

    def get_metrics_result(self) -> dict:
        """Means so far: loss, reconstruction, kl (or penalty), beta, elbo."""
        results = super().get_metrics_result()
        # Keras weighs the batches' losses by their sizes; with sample weights that is not their mean.
        results["loss"] = results.pop("weighted_loss")
        if self.has_density:
            results["elbo"] = -(results["reconstruction"] + results["kl"])
        return results

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in its order."""
        names = [name for name in super().metrics_names if name != "weighted_loss"]
        return [*names, "elbo"] if self.has_density else names

    def fit(self, *args, **kwargs):
        """Keras' `fit`. The order of an array's images is a function of the model's seed and of how many epochs
        it has seen, so that it repeats, and a second `fit`, or one after loading, goes on in new orders.
        (Data that isn't an array comes in its own order, and so does an array with `steps_per_epoch`; a model that
        was compiled with metrics, which compare targets, is trained in Keras' order.)"""
        arguments = _bind(super().fit, args, kwargs)
        x = arguments["x"]
        _give_weights_a_target(arguments)
        validation = arguments.get("validation_data")
        if isinstance(validation, (tuple, list)):
            parts = dict(zip(("x", "y", "sample_weight"), validation, strict=False))
            _give_weights_a_target(parts)
            arguments["validation_data"] = tuple(parts.values())
        is_array = isinstance(x, np.ndarray) or ops.is_tensor(x)
        is_shuffled = arguments["shuffle"] is True and not arguments["steps_per_epoch"]
        if not (is_array and is_shuffled) or self._has_metrics:
            return super().fit(**arguments)
        stock = self.train_function
        try:
            self._put_in_order(arguments)
            return super().fit(**arguments)
        finally:
            if self._resident_steps is not None:
                self._resident_steps = None  # the data need not stay in memory
                self.train_function, self.steps_per_execution = stock, self._asked_steps_per_execution

    def _put_in_order(self, arguments: dict) -> None:
        """Replaces the arrays by their batches, after the same split that Keras would have made."""
        if arguments["class_weight"] is None and arguments["sample_weight"] is None:
            arguments["y"] = None  # which is ignored, and need not be an array
        elif arguments["class_weight"] is None:
            arguments["y"] = np.zeros(len(arguments["x"]), "float32")
        arrays = [arguments[key] for key in ("x", "y", "sample_weight") if arguments[key] is not None]
        arrays = [ops.convert_to_numpy(array) if ops.is_tensor(array) else np.asarray(array) for array in arrays]
        if not len(arrays[0]):
            raise InputError("x: expected at least one image; received none.")
        if len({len(array) for array in arrays}) > 1:
            raise InputError(f"fit: expected arrays of one length; received {[len(array) for array in arrays]}.")
        split = arguments.pop("validation_split")
        if split and arguments["validation_data"] is None:
            first = math.floor(len(arrays[0]) * (1.0 - split))
            if not 0 < first < len(arrays[0]):
                raise InputError(
                    f"validation_split: expected a part that leaves images on both sides of {len(arrays[0])}; received "
                    f"{split!r}."
                )
            arguments["validation_data"] = tuple(array[first:] for array in arrays)
            arrays = [array[:first] for array in arrays]
        batch_size = arguments.pop("batch_size")
        batch_size = 32 if batch_size is None else batch_size  # Keras' default
        if batch_size < 1:
            raise InputError(f"batch_size: expected at least 1; received {batch_size!r}.")
        arguments["validation_batch_size"] = arguments["validation_batch_size"] or batch_size
        given = getattr(arguments["callbacks"], "callbacks", arguments["callbacks"])  # of a CallbackList
        given = [] if given is None else given if isinstance(given, (list, tuple)) else [given]
        if arguments["class_weight"] is None and self.compiled:
            self.optimizer.build(self.trainable_variables)
            self._resident_steps = resident_steps(
                self, tuple(arrays), batch_size, self._asked_jit_compile, self.steps_per_execution, given
            )
        if self._resident_steps is None:
            batches, set_order = ordered(tuple(arrays), batch_size)
        else:
            batches, set_order = self._resident_steps.counted_batches(), self._resident_steps.set_order
            self.steps_per_execution = self._resident_steps.at_once
        arguments |= {"x": batches, "y": None, "sample_weight": None, "shuffle": False}
        first = [EpochOrder(set_order, self.seed, len(arrays[0]), self.epochs_seen)]
        arguments["callbacks"] = [*first, *given]

    def evaluate(self, *args, **kwargs):
        """Keras' `evaluate`, with the same noise every time: it repeats, and training's noise is left alone."""
        self._reset_evaluation_noise()
        # `fit` passes a private keyword, which isn't in the signature.
        private = {key: kwargs.pop(key) for key in list(kwargs) if key.startswith("_")}
        arguments = _bind(super().evaluate, args, kwargs)
        _give_weights_a_target(arguments)
        return super().evaluate(**arguments, **private)

    def predict(self, *args, **kwargs):
        """Keras' `predict`, with the same noise every time."""
        self._reset_evaluation_noise()
        return super().predict(*args, **kwargs)

    def _reset_evaluation_noise(self) -> None:
        if self.sampling is not None:
            self.sampling.reset_evaluation_noise()

    # -- looking -------------------------------------------------------------------------------------------

    def encode(self, x, batch_size: int = 1024) -> Encoding:
        """Mean and log variance of q(z | x); nothing is sampled.

        Args:
            x: images `(n, …)`, values in [0, 1].
            batch_size: images at a time.
        """
        parts = [_encoder_outputs(self.encoder(part, training=False), self.posterior) for part in _parts(x, batch_size)]
        arrays = {name: np.concatenate([ops.convert_to_numpy(part[name]) for part in parts]) for name in parts[0]}
        return Encoding(arrays["mean"], arrays.get("log_var"))

    def decode(self, z, batch_size: int = 1024) -> np.ndarray:
        """The expected images of latent points `z` `(n, units…)`: pixels, not logits.

        Raises:
            InputError: if there is no point, or points of another shape.
        """
        z = np.asarray(z, "float32")
        if z.shape[1:] != self.latent_shape:
            expected = ", ".join(map(str, ("n", *self.latent_shape)))
            raise InputError(f"z: expected latent points of shape ({expected}); received {z.shape}.")
        parts = _parts(z, batch_size)
        decode = self._expected_of_many if len(parts) > 1 else self._expected
        images, done = np.empty(0), 0
        for part in parts:
            pixels = ops.convert_to_numpy(decode(part))
            if not done:
                images = np.empty((sum(map(len, parts)), *pixels.shape[1:]), pixels.dtype)
            images[done : done + len(part)] = pixels
            done += len(part)
        return images

    def _expected(self, z):
        return self.likelihood.mean(ops.cast(self.decoder(z, training=False), "float32"))

    @cached_property
    def _expected_of_many(self):
        return traced(self._expected, self.latent_shape)

    def reconstruct(self, x, batch_size: int = 1024) -> np.ndarray:
        """The images decoded from the posterior means of `x`."""
        # part by part: the codes of all images may take more memory than the images
        return np.concatenate([self.decode(self.encode(part).mean) for part in _parts(x, batch_size)])

    def generate(self, n: int, seed: int | None = None) -> np.ndarray:
        """`n` images decoded from draws of the prior N(0, I); the same seed gives the same images."""
        rng = np.random.default_rng(seed)
        return self.decode(rng.standard_normal((n, *self.latent_shape), dtype="float32"))

    # -- saving --------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        serialize = keras.saving.serialize_keras_object
        return {
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "posterior": self.posterior,
            "likelihood": serialize(self.likelihood),
            "beta": self.beta_schedule.initial_beta if self.beta_schedule else 1.0,
            "seed": self.seed,
            "name": self.name,
            "dtype": serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> "VAE":
        config = dict(config)
        for part in ("encoder", "decoder", "likelihood", "dtype"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects=custom_objects)
        return cls(**config)


def _bind(method, args: tuple, kwargs: dict) -> dict:
    """All arguments of a call of Keras' method, by name."""
    bound = inspect.signature(method).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    return arguments | arguments.pop("kwargs", {})


def _give_weights_a_target(arguments: dict) -> None:
    """Adds a target that is ignored: without one, Keras drops the sample weights of arrays without a word."""
    weight = arguments.get("sample_weight")
    if weight is not None and np.ndim(weight) == 0:
        raise InputError(f"sample_weight: expected one weight an image, shape (images,); received {weight!r}.")
    if weight is not None and arguments.get("y") is None:
        arguments["y"] = np.zeros(len(arguments["sample_weight"]), "float32")


def check_choice(argument: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(f"{argument}: expected one of {', '.join(choices)}; received {value!r}.")


def _encoder_outputs(outputs, posterior: str) -> dict:
    """An encoder's outputs by name, whether it gave a tensor, a pair or a dictionary."""
    if isinstance(outputs, dict):
        outputs = [outputs[key] for key in ("mean", "log_var") if key in outputs]
    tensors = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    names = ("mean", "log_var") if posterior in ("diagonal", "isotropic") else ("mean",)
    if len(tensors) != len(names):
        raise InputError(
            f"encoder: expected {len(names)} output{'s' * (len(names) > 1)} ({', '.join(names)}) for the posterior "
            f"{posterior!r}; received {len(tensors)}."
        )
    named = dict(zip(names, tensors, strict=True))
    if "log_var" in named:
        mean, log_var = tuple(named["mean"].shape[1:]), tuple(named["log_var"].shape[1:])
        expected = mean if posterior == "diagonal" else (1,) * len(mean)
        if log_var != expected:
            raise InputError(
                f"encoder: expected a log_var of shape {expected} for the posterior {posterior!r} and a mean of "
                f"shape {mean}; received {log_var}."
            )
    return named


def _check_decoder(decoder: keras.Model, latent_shape: tuple, likelihood, image_shape: tuple) -> None:
    if tuple(decoder.inputs[0].shape[1:]) != tuple(latent_shape):
        raise InputError(
            f"decoder: expected an input of the encoder's latent shape {tuple(latent_shape)}; received "
            f"{tuple(decoder.inputs[0].shape[1:])}."
        )
    activation = getattr(decoder.layers[-1], "activation", None)
    if activation is keras.activations.sigmoid and getattr(likelihood, "applies_sigmoid", False):
        raise InputError(
            "decoder: expected logits, since the likelihood applies the sigmoid itself; received a last layer with "
            "a sigmoid; remove that activation."
        )
    if hasattr(likelihood, "check"):
        likelihood.check(tuple(image_shape), tuple(decoder.outputs[0].shape[1:]))


def _parts(array, size: int) -> list[np.ndarray]:
    """The array in pieces of `size`; a plain call on each spares `predict`'s tracing for every new shape."""
    array = np.asarray(array)
    if not len(array):
        raise InputError("expected at least one image or latent point; received none.")
    return [array[start : start + size] for start in range(0, len(array), size)]


def _like_encoder_input(x, image_shape: tuple):
    """Images as the encoder saw them: Keras adds or drops a channel axis of 1 on the way in."""
    if math.prod(x.shape[1:]) != math.prod(image_shape):
        raise InputError(f"x: expected images of shape {image_shape}; received {tuple(x.shape[1:])}.")
    return ops.reshape(x, (-1, *image_shape))


def _weight_per_image(sample_weight):
    if sample_weight is None:
        return None
    if math.prod(sample_weight.shape[1:]) != 1:
        raise InputError(
            f"sample_weight: expected one weight an image, shape (batch,); received {tuple(sample_weight.shape)}."
        )
    return ops.reshape(ops.cast(sample_weight, "float32"), (-1,))


def _weighted_mean(values, weight):
    if weight is None:
        return ops.mean(values)
    return ops.divide_no_nan(ops.sum(values * weight), ops.sum(weight))
