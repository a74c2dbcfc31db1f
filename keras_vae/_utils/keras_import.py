"""Import of Keras without the start-up messages of its backend."""

import os
import sys
import tempfile
from types import ModuleType

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
        except BaseException as error:
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
