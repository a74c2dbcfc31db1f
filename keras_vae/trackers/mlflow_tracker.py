"""MLflow: a callback that logs metrics, pictures, the audit and files to a tracking server or a local store."""

import atexit
import io
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
from PIL import Image

from keras_vae._utils import checks
from keras_vae._utils.files import PARTIAL_PREFIX, write_npz
from keras_vae.errors import InputError
from keras_vae.runs.config import Config
from keras_vae.runs.folder import Run
from keras_vae.trackers.tracker import Codes, Tracker, as_run, audit_scalars

MAX_VALUE_CHARACTERS = 6_000  # of a parameter
DEFAULT_EXPERIMENT = "Default"  # which every store of MLflow has


class MLflowTracker(Tracker):
    """Logs a training to a run of MLflow: parameters, all losses, pictures, the audit, and the encodings.

    At the end of every epoch it logs the parts of the history and, with `x`, the number of active units. Every `every`
    epochs and at the end it logs pictures: the latent plane, reconstructions, and samples of the prior. At the end it
    logs the audit of the encodings of `x` as metrics, `audit.txt` and `audit.json`, and `encodings.npz`, which
    `keras-vae evaluate` reads. Works with a `VAE` and with any Keras model; on all backends. A second `fit` continues
    the run. A training that is interrupted leaves a run marked as killed when Python ends.

    Args:
        x: images `(n, …)` whose encodings are logged, some hundred or thousand; for an encoder of several inputs a list
            or dictionary of arrays. None for metrics alone.
        y: their labels, `(n,)` whole numbers of 0 or more, or text, or None.
        every: epochs between pictures.
        encoder: a Keras model that outputs `[mean, log_var]`, or the mean alone; default `model.encoder`.
        decoder: a Keras model from latent points to images, for samples; default `model.decoder`.
        audit: whether to log the audit.
        uri: of the tracking server or store, such as `sqlite:///mlflow.db`; default MLflow's own setting.
        experiment: name of the experiment, which is created where it is missing; default MLflow's `Default`.
        name: of the run.
        params: further parameters of the run, a dictionary or a `Config`.

    Without `uri`, `experiment` and `name`, an active run (`mlflow.start_run()`) is used, and stays active.

    Attributes:
        run_id: of MLflow's run; None before the first training.

    Raises:
        InputError: if MLflow is not installed, its server or store can't be reached, or an argument has another form.

    Example:
        >>> import importlib.util, keras_vae as kv
        >>> if importlib.util.find_spec("mlflow"):  # `vae.fit(…, callbacks=[tracker])`
        ...     tracker = kv.trackers.MLflowTracker(uri="sqlite:///mlflow.db", experiment="digits", params={"units": 2})
    """

    def __init__(
        self,
        x: Any = None,
        y: Any = None,
        every: int = 1,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        audit: bool = True,
        uri: str | None = None,
        experiment: str | None = None,
        name: str | None = None,
        params: Mapping[str, Any] | Config | None = None,
    ):
        super().__init__(x, y, every, encoder, decoder, audit)
        for argument, value in (("uri", uri), ("experiment", experiment), ("name", name)):
            if value is not None and not checks.text(argument, value).strip():
                raise InputError(f"{argument}: expected text, or None for the default; received {value!r}.")
        self._params = _parameters(params)
        self._mlflow = _import_mlflow()
        self._uri, self._experiment, self._name = uri, experiment, name
        self._client: Any = None
        self._is_own = True  # whether this object began the run, and ends it
        self.run_id: str | None = None

    def log_run(self, run: Run | str | Path, draw: bool = True) -> str:
        """Logs a finished run: settings, history, figures, audit, and all files of its folder as artifacts.

        Nothing is trained or decoded.

        Args:
            run: a run, or its folder.
            draw: whether to draw missing figures first.

        Returns:
            The identifier of MLflow's run.

        Raises:
            InputError: if there is no finished run, or the server or store can't be reached.
        """
        run = as_run(run)
        self._name = self._name or run.path.absolute().name
        self._send_run(run, draw)
        for path in sorted(run.path.rglob("*")):
            if path.is_file() and not path.name.startswith(PARTIAL_PREFIX):
                folder = path.parent.relative_to(run.path).as_posix()
                self._client.log_artifact(self.run_id, str(path), None if folder == "." else folder)
        self._close()
        return str(self.run_id)

    def _faults(self) -> tuple[type[Exception], ...]:
        return (OSError, self._mlflow.exceptions.MlflowException)

    def _open(self) -> None:
        try:
            if self._client is None:
                self._begin()
            elif self._is_own:
                self._client.update_run(self.run_id, "RUNNING")
        except self._faults() as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"MLflowTracker: expected a tracking server or store at {self._uri or 'the URI of MLflow'}; it can't "
                f"be used ({reason}); pass another uri=."
            ) from error
        if self._is_own:
            atexit.register(self._end_interrupted)

    def _begin(self) -> None:
        """Creates the run, or uses the active one."""
        active = self._mlflow.active_run()
        client = self._mlflow.MlflowClient(tracking_uri=self._uri)
        if active is not None and self._uri is self._experiment is self._name is None:
            self._is_own, self.run_id = False, active.info.run_id
        else:
            self.run_id = client.create_run(self._experiment_id(client), run_name=self._name).info.run_id
        self._client = client

    def _experiment_id(self, client: Any) -> str:
        name = self._experiment or DEFAULT_EXPERIMENT
        found = client.get_experiment_by_name(name)
        return client.create_experiment(name) if found is None else found.experiment_id

    def _send_settings(self, settings: Mapping[str, Any]) -> None:
        known = self._client.get_run(self.run_id).data.params  # which MLflow does not change
        for name, value in {**_parameters(settings), **self._params}.items():
            if name not in known:
                self._client.log_param(self.run_id, name, str(value)[:MAX_VALUE_CHARACTERS])

    def _send_scalars(self, values: Mapping[str, float], epoch: int) -> None:
        metric, now = self._mlflow.entities.Metric, int(1000 * time.time())
        metrics = [metric(name, value, now, epoch) for name, value in values.items()]
        self._client.log_batch(self.run_id, metrics)

    def _send_picture(self, name: str, png: bytes, epoch: int) -> None:
        with Image.open(io.BytesIO(png)) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._client.log_image(self.run_id, pixels, key=name, step=epoch, synchronous=True)

    def _send_audit(self, text: str, content: dict[str, Any], epoch: int) -> None:
        self._send_scalars(audit_scalars(content), epoch)
        self._client.log_text(self.run_id, text + "\n", "audit.txt")
        self._client.log_text(self.run_id, json.dumps(content, indent=2) + "\n", "audit.json")

    def _send_codes(self, codes: Codes, epoch: int) -> None:
        labels = codes.labels if codes.class_names is None else np.array(codes.label_names)
        arrays = {"mean": codes.mean, "log_var": codes.log_var, "labels": labels}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "encodings.npz")
            write_npz(path, {name: array for name, array in arrays.items() if array is not None}, compressed=True)
            self._client.log_artifact(self.run_id, str(path))

    def _close(self) -> None:
        if self._is_own:
            atexit.unregister(self._end_interrupted)
            self._client.set_terminated(self.run_id, "FINISHED")

    def _end_interrupted(self) -> None:
        with self._sending():
            self._client.set_terminated(self.run_id, "KILLED")


def _parameters(params: Mapping[str, Any] | Config | None) -> dict[str, Any]:
    """Parameters by name, without those that are None."""
    found = params.model_dump() if isinstance(params, Config) else params
    if found is not None and not isinstance(found, Mapping):
        raise InputError(f"params: expected a dictionary or a Config; received a value of type {type(found).__name__}.")
    wrong = [name for name in found or {} if not isinstance(name, str)]
    if wrong:
        raise InputError(f"params: expected names of parameters as text; received {wrong[0]!r}.")
    return {name: value for name, value in (found or {}).items() if value is not None}


def _import_mlflow() -> ModuleType:
    """Imports and returns MLflow.

    Raises:
        InputError: if it is not installed.
    """
    try:
        import mlflow
    except ImportError as error:
        raise InputError(
            f"MLflowTracker: expected MLflow to be installed; it is not ({error}); install it with pip install "
            "'keras-vae[mlflow]'."
        ) from error
    return mlflow
