"""TensorBoard: a callback that writes its event files and the files of the Embedding Projector."""

import io
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from keras_vae._utils.files import check_writable
from keras_vae.errors import InputError
from keras_vae.runs.folder import Run
from keras_vae.trackers import projector
from keras_vae.trackers.tracker import Codes, Tracker, as_run, audit_scalars

TRAINING, VALIDATION = "train", "validation"  # folders of event files: curves of one name share a chart
VALIDATION_PREFIX = "val_"
_NUMBERS = itertools.count()  # of event files of this process


class TensorBoardTracker(Tracker):
    """Sends a training to TensorBoard: all losses, pictures, the audit, and the encodings to its Embedding Projector.

    At the end of every epoch it sends the parts of the history and, with `x`, the number of active units. Every
    `every` epochs and at the end it sends pictures: the latent plane, reconstructions, and samples of the prior. At the
    end it sends the audit of the encodings of `x`, and writes them with labels and images for the Projector. Works with
    a `VAE` and with any Keras model; on all backends. Training and validation are folders of their own below `log_dir`,
    so that their curves share a chart. A second `fit` continues the curves.

    Args:
        log_dir: folder of the event files; `tensorboard --logdir` with it or a folder above it shows them.
        x: images `(n, …)` whose encodings are sent, some hundred or thousand; for an encoder of several inputs a list
            or dictionary of arrays. None for scalars alone.
        y: their labels, `(n,)` whole numbers of 0 or more, or text, or None.
        every: epochs between pictures.
        encoder: a Keras model that outputs `[mean, log_var]`, or the mean alone; default `model.encoder`.
        decoder: a Keras model from latent points to images, for samples; default `model.decoder`.
        audit: whether to send the audit.

    Raises:
        InputError: if tensorboardX is not installed, or an argument has another form.
        WriteError: if the folder can't be written to.

    Example:
        >>> import importlib.util, numpy as np, keras_vae as kv
        >>> x = np.zeros((40, 8, 8), "float32")
        >>> if importlib.util.find_spec("tensorboardX"):  # `vae.fit(…, callbacks=[tracker])`
        ...     tracker = kv.trackers.TensorBoardTracker("logs/first", x, every=5)
    """

    def __init__(
        self,
        log_dir: str | Path,
        x: Any = None,
        y: Any = None,
        every: int = 1,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        audit: bool = True,
    ):
        super().__init__(x, y, every, encoder, decoder, audit)
        if not isinstance(log_dir, str | Path) or not str(log_dir):
            raise InputError(f"log_dir: expected the path of a folder; received {log_dir!r}.")
        self.log_dir = Path(log_dir)
        _import_writer()
        self._writers: dict[str, Any] = {}

    def log_run(self, run: Run | str | Path, draw: bool = True) -> Path:
        """Sends a finished run: history, figures, audit and encodings. Nothing is trained or decoded.

        Args:
            run: a run, or its folder.
            draw: whether to draw missing figures first.

        Returns:
            The folder of the event files.

        Raises:
            InputError: if there is no finished run.
        """
        try:
            self._send_run(as_run(run), draw)
        finally:
            self._close()
        return self.log_dir

    def _open(self) -> None:
        check_writable(self.log_dir)
        self._writer(TRAINING)

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            # Names of files contain the second: those of one second would replace each other.
            suffix = f".{os.getpid()}.{next(_NUMBERS)}"
            self._writers[name] = _import_writer()(logdir=str(self.log_dir / name), filename_suffix=suffix)
        return self._writers[name]

    def _send_settings(self, settings: Mapping[str, Any]) -> None:
        rows = "".join(f"| {name} | {value} |\n" for name, value in settings.items() if value is not None)
        self._writer(TRAINING).add_text("settings", f"| setting | value |\n| --- | --- |\n{rows}", 0)

    def _send_scalars(self, values: Mapping[str, float], epoch: int) -> None:
        for name, value in values.items():
            is_validation = name.startswith(VALIDATION_PREFIX)
            writer = self._writer(VALIDATION if is_validation else TRAINING)
            writer.add_scalar(name.removeprefix(VALIDATION_PREFIX), value, epoch)
        for writer in self._writers.values():
            writer.flush()

    def _send_picture(self, name: str, png: bytes, epoch: int) -> None:
        with Image.open(io.BytesIO(png)) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._writer(TRAINING).add_image(name, pixels, epoch, dataformats="HWC")

    def _send_audit(self, text: str, content: dict[str, Any], epoch: int) -> None:
        block = "\n".join(f"    {line}" for line in text.splitlines())  # Markdown of text as it stands
        self._writer(TRAINING).add_text("audit", block, epoch)
        self._send_scalars(audit_scalars(content), epoch)

    def _send_codes(self, codes: Codes, epoch: int) -> None:
        columns: dict[str, Any] = {}
        if codes.label_names is not None:
            columns["label"] = codes.label_names
        if codes.kl is not None:
            columns["KL from N(0, I)"] = codes.kl.tolist()
        projector.write(self.log_dir / TRAINING, f"means after epoch {epoch}", codes.mean, columns, codes.images)

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _import_writer() -> Any:
    """The class that writes event files.

    Raises:
        InputError: if its package is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise InputError(
            f"TensorBoardTracker: expected tensorboardX to be installed; it is not ({error}); install it with pip "
            "install 'keras-vae[tensorboard]'."
        ) from error
    return SummaryWriter
