"""Base class of callbacks that send a training to a tracker: when something is sent, and what."""

import contextlib
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_vae import diagnostics
from keras_vae._utils import checks
from keras_vae._utils.files import complete
from keras_vae.callbacks import LatentRecorder
from keras_vae.diagnostics.unit_statistics import unchecked_units
from keras_vae.errors import InputError
from keras_vae.plots import run_figures
from keras_vae.report import audit_text
from keras_vae.runs.folder import Run
from keras_vae.trackers import model_view, pictures
from keras_vae.trajectory import Trajectory

MIN_AUDITED = 2  # encodings


class Codes(NamedTuple):
    """Encodings with what describes them, as a tracker keeps them.

    Attributes:
        mean: `(n, units)`.
        log_var: of that shape, or None.
        labels: `(n,)` integers, or None.
        class_names: names of the labels 0, 1, …, or None.
        images: `(n, height, width[, channels])` in [0, 1], or None.
    """

    mean: np.ndarray
    log_var: np.ndarray | None
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    images: np.ndarray | None

    @property
    def label_names(self) -> list[str] | None:
        """The label of each as text, or None."""
        if self.labels is None:
            return None
        names = self.class_names or ()
        return [names[label] if label < len(names) else str(label) for label in self.labels.tolist()]

    @property
    def kl(self) -> np.ndarray | None:
        """KL(q(z | x) ‖ N(0, I)) of each in nats, `(n,)`; None without a density."""
        if self.log_var is None:
            return None
        return 0.5 * (self.mean**2 + np.exp(self.log_var) - 1 - self.log_var).sum(axis=1)


class Tracker(keras.callbacks.Callback):
    """Base class of trackers; subclasses define the methods that send.

    Args:
        x, y, every, encoder, decoder, audit: as in the subclasses.
    """

    steps_between_calls = 0  # no bound: any number of steps may be executed at once

    def __init__(
        self,
        x: Any,
        y: Any,
        every: int,
        encoder: keras.Model | None,
        decoder: keras.Model | None,
        audit: bool,
    ):
        super().__init__()
        if x is None and (y is not None or encoder is not None or decoder is not None):
            raise InputError("x: expected images, since y=, encoder= or decoder= is given; received None.")
        if decoder is not None and not isinstance(decoder, keras.Model):
            raise InputError(f"decoder: expected a Keras model; received {type(decoder).__name__}.")
        if not isinstance(audit, bool):
            raise InputError(f"audit: expected True or False; received {audit!r}.")
        self.every, self.audit = checks.whole("every", every), audit
        self._recorder = None if x is None else LatentRecorder(x, y, every=None, encoder=encoder)
        self._encoder, self._decoder = encoder, decoder
        self._epochs = 0  # completed, in all calls of `fit`
        self._earlier = 0  # those of earlier calls, where Keras counts from 0 again

    # -- sending, by the subclasses --------------------------------------------------------------------------

    def _open(self) -> None:
        """Begins or continues a training."""
        raise NotImplementedError

    def _send_settings(self, settings: Mapping[str, Any]) -> None:
        """Sends hyperparameters by name."""
        raise NotImplementedError

    def _send_scalars(self, values: Mapping[str, float], epoch: int) -> None:
        """Sends numbers by name; names that begin with `val_` are those of validation data."""
        raise NotImplementedError

    def _send_picture(self, name: str, png: bytes, epoch: int) -> None:
        """Sends a PNG or GIF."""
        raise NotImplementedError

    def _send_audit(self, text: str, content: dict[str, Any], epoch: int) -> None:
        """Sends an audit: its text, and the content of `diagnostics.Audit.as_dict`."""
        raise NotImplementedError

    def _send_codes(self, codes: Codes, epoch: int) -> None:
        """Sends encodings."""
        raise NotImplementedError

    def _close(self) -> None:
        """Ends the training."""
        raise NotImplementedError

    # -- called by Keras -------------------------------------------------------------------------------------

    def set_params(self, params):
        super().set_params(params)
        if self._recorder is not None:
            self._recorder.set_params(params)

    def set_model(self, model):
        super().set_model(model)
        if self._recorder is not None:
            self._recorder.set_model(model)

    def on_train_begin(self, logs=None):
        if self._recorder is not None:
            if self._encoder is None and getattr(self.model, "encoder", None) is None:
                raise InputError(
                    f"{type(self).__name__}: expected a model with an encoder; received one without; pass it as "
                    "encoder=, or leave x out to send scalars alone."
                )
            self._recorder.on_train_begin(logs)
        self._is_first_epoch = True
        self._open()
        with self._sending():
            self._send_settings(settings(self.model, self.params))

    def on_epoch_begin(self, epoch, logs=None):
        if self._recorder is not None:
            self._recorder.on_epoch_begin(epoch, logs)
        if self._is_first_epoch:
            self._earlier = max(0, self._epochs - epoch)
        self._is_first_epoch = False

    def on_train_batch_end(self, batch, logs=None):
        if self._recorder is not None:
            self._recorder.on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._epochs = self._earlier + epoch + 1
        if self._recorder is not None:
            self._recorder.on_epoch_end(epoch, logs)
        scalars = {name: float(value) for name, value in (logs or {}).items()}
        if self._recorder is not None:
            frame = self._recorder.since(-1)
            log_var = None if frame.log_var is None else frame.log_var[-1]
            scalars["active_units"] = float(unchecked_units(frame.mean[-1], log_var).active.sum())
        with self._sending():
            self._send_scalars(scalars, self._epochs)
        if self._epochs % self.every == 0:
            self._send_pictures()

    def on_train_end(self, logs=None):
        if self._recorder is not None:
            self._recorder.on_train_end(logs)
            if len(self._recorder):
                if self._epochs % self.every:
                    self._send_pictures()
                self._send_end(self._recorder.since(-1))
        with self._sending():
            self._close()

    def _send_pictures(self) -> None:
        if self._recorder is None:
            return
        frame = self._recorder.since(-1)
        if not _is_finite(frame):  # the training diverges
            return
        images = model_view.decoded(self.model, self._decoder, self._recorder.x, frame.images, frame.mean[-1])
        for name, figure in pictures.draw(frame, images).items():
            with self._sending():
                self._send_picture(name, pictures.png(figure), self._epochs)

    def _send_end(self, frame: Trajectory) -> None:
        """Sends the encodings at the end of training, and their audit."""
        if not _is_finite(frame):
            return
        codes = codes_of(frame)
        with self._sending():
            self._send_codes(codes, self._epochs)
        if self.audit and codes.log_var is not None and len(codes.mean) >= MIN_AUDITED:
            found = diagnostics.audit(codes.mean, codes.log_var, quiet=True, prior=model_view.prior_of(self.model))
            with self._sending():
                self._send_audit(str(found), found.as_dict(), self._epochs)

    @contextlib.contextmanager
    def _sending(self) -> Iterator[None]:
        """Context in which something is sent: what can't be sent is a warning, and the training goes on."""
        try:
            yield
        except self._faults() as error:
            reason = " ".join(str(error).split())
            warnings.warn(f"{type(self).__name__}: not sent ({reason}); the training goes on.", stacklevel=2)

    def _faults(self) -> tuple[type[Exception], ...]:
        """Exceptions of a disk or a server."""
        return (OSError,)

    # -- finished runs ---------------------------------------------------------------------------------------

    def _send_run(self, run: Run, draw: bool) -> None:
        """Sends what a run folder holds: settings, history, figures, video, audit and encodings."""
        run.require_finished()
        if draw:
            run_figures.draw_what_is_missing(run, video=False)
        self._open()
        self._send_settings(run.config["config"])
        epoch = int(run.metrics["epochs"] or 0)
        if run.has_history:
            history = run.history
            for i, number in enumerate(history["epoch"].tolist()):
                values = {name: float(column[i]) for name, column in history.items() if name != "epoch"}
                self._send_scalars(values, int(number))
        self._send_scalars({"active_units": float(run.metrics["n_active"])}, epoch)
        for path in complete(run.path / "figures", "*.png"):
            self._send_picture(path.stem, path.read_bytes(), epoch)
        if run.has_evaluation:
            self._send_evaluation(run, epoch)
        self._send_codes(codes_of_run(run), epoch)

    def _send_evaluation(self, run: Run, epoch: int) -> None:
        evaluation = run.evaluation
        encodings = (evaluation.get("audit") or {}).get("encodings")
        if encodings:
            text = "\n\n".join([*audit_text.sentences(evaluation), diagnostics.describe(encodings)])
            self._send_audit(text, encodings, epoch)


def _is_finite(frame: Trajectory) -> bool:
    """Whether all means and log variances are finite."""
    return bool(np.isfinite(frame.mean).all() and (frame.log_var is None or np.isfinite(frame.log_var).all()))


def settings(model: keras.Model, params: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters of a model in training, by name.

    Args:
        model: a compiled model.
        params: those of a Keras callback.
    """
    found = {"epochs": params.get("epochs"), "steps_per_epoch": params.get("steps")}
    if model.built:
        found["parameters"] = model.count_params()
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        found |= {"optimizer": optimizer.name, "learning_rate": float(optimizer.learning_rate)}
    for name in ("posterior", "likelihood", "objective", "prior"):
        part = getattr(model, name, None)
        if part is not None:
            found[name] = getattr(part, "name", type(part).__name__)
    if hasattr(model, "latent_shape"):
        found |= {"units": math.prod(model.latent_shape), "backend": keras.backend.backend()}
    return {name: value for name, value in found.items() if value is not None}


def audit_scalars(content: Mapping[str, Any]) -> dict[str, float]:
    """The main numbers of an audit, by name, from the content of `diagnostics.Audit.as_dict`."""
    low, high = content["divergence"]["interval"]
    found = {
        "active_units": content["n_active"],
        "mean_kl": content["divergence"]["mean_kl"],
        "kl_to_prior_low": low,
        "kl_to_prior_high": high,
        "typical": content["radii"]["typical"],
        "mmd": content["mmd"]["value"],
        "two_sample_auc": (content["separation"] or {}).get("auc"),
    }
    return {f"audit/{name}": float(value) for name, value in found.items() if value is not None}


def codes_of(frame: Trajectory) -> Codes:
    """The encodings of a trajectory's last frame."""
    log_var = None if frame.log_var is None else frame.log_var[-1]
    images = None if frame.images is None else _small_pictures(frame.images)
    class_names = None if frame.class_names is None else tuple(frame.class_names)
    return Codes(frame.mean[-1], log_var, frame.labels, class_names, images)


def _small_pictures(images: np.ndarray) -> np.ndarray | None:
    """Images as pictures, `(n, height, width[, channels])` in [0, 1]; None where they have another shape."""
    if images.ndim not in (2, 3, 4) or images.shape[3:] not in ((), (1,), (3,), (4,)):
        return None
    return pictures.as_pictures(images)


def codes_of_run(run: Run) -> Codes:
    """The encodings of test images in a run; with their images where its explorer has them, which may be fewer."""
    if run.has_readable_arrays("explorer"):
        arrays = run.arrays("explorer")
        images = _small_pictures(arrays["images"])
        mean = arrays["mean"].astype("float32")
        return Codes(mean, None, arrays.get("labels"), run.class_names, images)
    encodings, (mean, std) = run.arrays("encodings"), run.flat_encodings
    log_var = None if std is None else 2 * np.log(std)
    return Codes(mean, log_var, encodings.get("labels"), run.class_names, None)


def as_run(run: Run | str | Path) -> Run:
    """A run, or the folder of one."""
    if not isinstance(run, Run | str | Path):
        raise InputError(f"run: expected a run or its folder; received a value of type {type(run).__name__}.")
    return run if isinstance(run, Run) else Run.open(run)
