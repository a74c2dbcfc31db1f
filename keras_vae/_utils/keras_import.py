"""Imports Keras without the log messages of its backend."""

import os
import sys
import tempfile

from keras_vae.errors import InputError


def import_keras():
    """Imports and returns Keras; messages of native libraries on stderr are shown only if the import fails."""
    if "keras" in sys.modules:
        import keras

        return keras
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow's libraries log to the file descriptor before they read that variable.
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import keras
        except BaseException as error:
            chatter.seek(0)
            os.write(kept, chatter.read())
            if isinstance(error, (ImportError, ValueError)) and os.environ.get("KERAS_BACKEND"):
                raise InputError(
                    f"KERAS_BACKEND: expected an installed backend (tensorflow, jax or torch); received "
                    f"{os.environ['KERAS_BACKEND']!r}, which can't be imported ({error})."
                ) from error
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    return keras
