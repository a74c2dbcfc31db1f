"""Base class of models whose `fit` orders images reproducibly and compiles many steps into one call."""

import contextlib
import math
import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_vae._utils.items import Items
from keras_vae.errors import InputError
from keras_vae.fast_fit import fit_arguments, image_checks, image_shapes, keras_internals
from keras_vae.fast_fit.batches import changeable_batches, ordered_batches, validation_batches
from keras_vae.fast_fit.epoch_images import EpochImages, ImageReplacement
from keras_vae.fast_fit.epoch_order import EpochOrder
from keras_vae.fast_fit.policy import compiled_epoch
from keras_vae.fast_fit.progress_bar import with_bar
from keras_vae.fast_fit.support import Support


class OrderedFitModel(keras.Model):
    """Keras model that trains on arrays in an order determined by its seed and the epoch's number.

    For models whose loss ignores targets. Subclasses define `seed`, an integer, and `epochs_seen`, an integer variable
    that is saved with the model.
    """

    image_shape: tuple[int, ...]  # of one image; a subclass need not know it
    seed: int
    epochs_seen: keras.Variable
    steps_per_execution: int  # of keras.Model

    _compiled_epoch: Any = None  # while `fit` uses one
    _program_cache: Any = None
    _has_compiled_metrics = False

    def image_support(self) -> Support | None:
        """The values of images that the loss is defined for; None if any are."""
        return None

    def check_targets(self, y) -> None:
        """Checks the targets of arrays before anything is compiled; raises `InputError` if one is missing."""

    def compile(self, optimizer="adam", *, jit_compile="auto", **kwargs) -> None:
        """Keras' `compile`; `jit_compile` also decides whether `fit` compiles many steps into one call.

        Args:
            optimizer: as in Keras.
            jit_compile: `"auto"` compiles many steps into one call where that is faster, True wherever it is possible,
                False never.
            **kwargs: other arguments of Keras' `compile`.
        """
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)
        self._has_compiled_metrics = bool(kwargs.get("metrics") or kwargs.get("weighted_metrics"))
        self._requested_jit_compile, self._requested_steps = jit_compile, self.steps_per_execution
        # Compiled steps contain the optimizer and the trainable variables, so they are discarded here.
        self._program_cache = keras_internals.ProgramCache()

    def get_compile_config(self) -> dict | None:
        config = super().get_compile_config()
        # The requested value, not the one that Keras chose on this machine.
        return config and {**config, "jit_compile": self._requested_jit_compile}

    def make_train_function(self, force: bool = False):
        if self._compiled_epoch is None:
            return super().make_train_function(force)
        self.train_function = self._compiled_epoch
        # Keras' iterator over the epoch exists by now; for validation the requested number of steps applies.
        self.steps_per_execution = self._requested_steps
        return self.train_function

    def fit(self, *args, **kwargs) -> keras.callbacks.History:
        """Keras' `fit`, with a reproducible order of images.

        The order of an array's images is a function of the model's seed and of the number of epochs trained so far. A
        second `fit`, or one after loading, continues with new orders. Keras' order is used
        for data that is not an array, for an array with `steps_per_epoch`, and for a model that was compiled with
        metrics (which compare targets).

        Images that change from epoch to epoch (`data.DynamicBinarization`) are trained on as an array is.

        Raises:
            InputError: if images have another shape than `image_shape`, or are outside `image_support`.
        """
        arguments = fit_arguments.bind(super().fit, args, kwargs)
        changing = self._take_changing_images(arguments)
        arguments["x"] = self._as_images("x", arguments["x"])
        arguments["validation_data"] = self._validation_as_images(arguments["validation_data"])
        if fit_arguments.is_array(arguments["x"]):
            self.check_targets(arguments["y"])
        support = self.image_support()
        if support is not None:
            arguments["x"] = image_checks.checked("x", arguments["x"], support)
            arguments["validation_data"] = image_checks.check_validation_data(arguments["validation_data"], support)
            fit_arguments.warn_of_ignored_targets(arguments, self._has_compiled_metrics)
        fit_arguments.add_missing_targets(arguments)
        fit_arguments.add_missing_validation_targets(arguments)
        if isinstance(arguments["validation_data"], Items):
            size = arguments["validation_batch_size"] or arguments["batch_size"] or fit_arguments.DEFAULT_BATCH_SIZE
            arguments["validation_data"] = ordered_batches((arguments["validation_data"],), size)[0]
        with image_checks.refusals([arguments["x"], arguments["validation_data"]], support):
            history = self._fit(arguments, changing)
        _warn_if_diverged(history.history.get("loss", []))
        return history

    def _take_changing_images(self, arguments: dict) -> EpochImages | None:
        """Replaces images that change from epoch to epoch by those of the next one; returns them, or None."""
        images = arguments["x"]
        if not isinstance(images, EpochImages):
            return None
        arguments["x"] = images.of_epoch(int(self.epochs_seen))
        is_ordered = fit_arguments.is_shuffled_array(arguments) and not self._has_compiled_metrics
        if not is_ordered or arguments["validation_split"]:
            raise InputError(
                f"x: expected no compiled metrics, shuffle=False, steps_per_epoch and validation_split with "
                f"{type(images).__name__}, whose images change from epoch to epoch; received some; remove them."
            )
        return images

    def _fit(self, arguments: dict, changing: EpochImages | None = None) -> keras.callbacks.History:
        if self._has_compiled_metrics or not fit_arguments.is_shuffled_array(arguments):
            if isinstance(arguments["x"], Items):
                arguments["x"] = arguments["x"].array
            return super().fit(**arguments)
        arrays = fit_arguments.take_arrays(arguments)
        batch_size = fit_arguments.take_batch_size(arguments)
        callbacks = fit_arguments.take_callbacks(arguments)
        arguments["shuffle"] = False
        arguments["validation_data"] = validation_batches(
            arguments["validation_data"], arguments["validation_batch_size"]
        )
        epoch = None
        if arguments["class_weight"] is None and self.compiled:  # Keras applies class weights to its own batches
            self.optimizer.build(self.trainable_variables)
            epoch = compiled_epoch(
                self, arrays, batch_size, self._requested_jit_compile, self.steps_per_execution, callbacks
            )
        if epoch is not None:
            with contextlib.suppress(keras_internals.TrainFunctionIgnored):  # raised before the first step
                return self._fit_compiled(epoch, arguments, callbacks, changing)
        if changing is not None:
            batches = changeable_batches(arrays, batch_size)
            order = self._epoch_order(batches.set_order, len(arrays[0]))
            callbacks = [*self._replacement(changing, batches), order, *callbacks]
            return super().fit(x=batches, callbacks=callbacks, **arguments)
        batches, set_order = ordered_batches(arrays, batch_size)
        return super().fit(x=batches, callbacks=[self._epoch_order(set_order, len(arrays[0])), *callbacks], **arguments)

    def _fit_compiled(
        self, epoch, arguments: dict, callbacks: list, changing: EpochImages | None
    ) -> keras.callbacks.History:
        check, order = keras_internals.TrainFunctionCheck(epoch), self._epoch_order(epoch.set_order, epoch.n)
        replacement = self._replacement(changing, epoch)
        with keras_internals.train_function_replaced(self, epoch.steps_per_call):
            self._compiled_epoch = epoch
            try:
                return super().fit(
                    x=epoch.placeholder_batches(),
                    callbacks=with_bar([check, *replacement, order, *callbacks], arguments["verbose"]),
                    **arguments,
                )
            finally:
                self._compiled_epoch = None  # releases the data

    def _replacement(self, changing: EpochImages | None, batches) -> list[keras.callbacks.Callback]:
        """The callback that replaces changing images, if there are any."""
        return [] if changing is None else [ImageReplacement(changing, batches.set_images, self.epochs_seen)]

    def _epoch_order(self, set_order, n: int) -> EpochOrder:
        return EpochOrder(set_order, self.seed, n, self.epochs_seen)

    def evaluate(self, *args, **kwargs):
        """Keras' `evaluate`; sample weights need no target."""
        # Keras' `fit` passes private keywords, which are not in the signature.
        private = {key: kwargs.pop(key) for key in list(kwargs) if key.startswith("_")}
        arguments = fit_arguments.bind(super().evaluate, args, kwargs)
        arguments["x"] = self._as_images("x", arguments["x"])
        if fit_arguments.is_array(arguments["x"]):
            self.check_targets(arguments["y"])
        support = None if private else self.image_support()  # `fit` has checked its validation data
        if support is not None:
            arguments["x"] = image_checks.checked("x", arguments["x"], support)
        fit_arguments.add_missing_targets(arguments)
        if isinstance(arguments["x"], Items):
            if arguments["y"] is None:
                size = arguments.pop("batch_size") or fit_arguments.DEFAULT_BATCH_SIZE
                arguments["x"] = ordered_batches((arguments["x"],), size)[0]
            else:
                arguments["x"] = arguments["x"].array
        with image_checks.refusals([arguments["x"]], support):
            return super().evaluate(**arguments, **private)

    def train_on_batch(self, x, *args, **kwargs):
        """Keras' `train_on_batch`, after a check of the images."""
        return super().train_on_batch(self._checked_batch(x), *args, **kwargs)

    def test_on_batch(self, x, *args, **kwargs):
        """Keras' `test_on_batch`, after a check of the images."""
        return super().test_on_batch(self._checked_batch(x), *args, **kwargs)

    def _checked_batch(self, x):
        x, support = self._as_images("x", x), self.image_support()
        if support is not None:
            image_checks.check_arrays("x", x, support)
        return x

    def _as_images(self, name: str, x):
        return image_shapes.as_images(name, x, self.image_shape) if hasattr(self, "image_shape") else x

    def _validation_as_images(self, data):
        """`validation_data` with its images in the shape of the model's: a tuple, or data of any other kind."""
        if isinstance(data, (tuple, list)) and data:
            return type(data)([self._as_images("validation_data", data[0]), *data[1:]])
        return self._as_images("validation_data", data)


def _warn_if_diverged(losses: Sequence[float]) -> None:
    if len(losses) and not math.isfinite(losses[-1]):
        warnings.warn(
            f"fit: the loss is {losses[-1]} after the last epoch; scale the images, lower the learning rate, or pass "
            "keras.callbacks.TerminateOnNaN().",
            stacklevel=3,
        )
