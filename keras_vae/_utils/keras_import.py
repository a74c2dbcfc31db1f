"""Import of Keras without the start-up messages of its backend, and the backend's name without an import."""

import json
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from keras_vae._utils.user_folders import home
from keras_vae.errors import InputError


def import_keras() -> ModuleType:
    """Imports and returns Keras; output of native libraries to stderr is shown only if the import fails.

    Raises:
        InputError: if `KERAS_BACKEND` names a backend that can't be imported.
    """
    if "keras" in sys.modules:
        import keras

        return keras
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow's libraries log to the file descriptor before they read that variable.
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            import keras
        except Exception as error:  # an interruption shows nothing: its messages are those of every start
            messages.seek(0)
            os.write(stderr, messages.read())
            if isinstance(error, (ImportError, ValueError)) and os.environ.get("KERAS_BACKEND"):
                raise InputError(
                    f"KERAS_BACKEND: expected an installed backend (tensorflow, jax or torch); received "
                    f"{os.environ['KERAS_BACKEND']!r}, which can't be imported ({error})."
                ) from error
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    return keras


def backend_name() -> str:
    """The backend that Keras uses, by its rules: `KERAS_BACKEND`, else `keras.json`, else TensorFlow."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    folder = Path(os.environ["KERAS_HOME"]).expanduser() if "KERAS_HOME" in os.environ else home() / ".keras"
    try:
        settings = json.loads((folder / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = {}
    return str(settings.get("backend", "tensorflow")) if isinstance(settings, dict) else "tensorflow"
