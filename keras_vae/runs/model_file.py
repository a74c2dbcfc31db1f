"""Reading of `.keras` files: the model of a run, and models that were trained elsewhere."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_vae._utils import keras_import, readers
from keras_vae.errors import DamagedFileError
from keras_vae.runs.folder import ADVICE, Run
from keras_vae.runs.provenance import weights_digest

if TYPE_CHECKING:
    from keras_vae.models import VAE


def load_model(path: Path, advice: str, **options: Any) -> Any:
    """Loads a `.keras` file.

    Args:
        path: the file.
        advice: what to do if it is missing or damaged, as a part of a sentence.
        options: arguments of `keras.models.load_model`.

    Returns:
        The Keras object in it.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is damaged, or Keras can't load it.
    """
    readers.check_archive(path, advice)
    keras = keras_import.import_keras()
    try:
        return keras.models.load_model(path, **options)
    except Exception as error:  # Keras calls constructors that the file names with values from it: any error can occur
        problem = f"expected a .keras file that Keras can load; it can't ({readers.reason(error)})"
        raise DamagedFileError(path, problem, advice) from error


def load_vae(path: Path, advice: str, **options: Any) -> "VAE":
    """Loads a `.keras` file that holds a `VAE`.

    Args:
        path, advice, options: as in `load_model`.

    Raises:
        InputError: if there is no file.
        DamagedFileError: if it is damaged or holds something else.
    """
    found = load_model(path, advice, **options)
    from keras_vae.models import VAE

    if not isinstance(found, VAE):
        raise DamagedFileError(path, f"expected a keras_vae.VAE; it holds a {type(found).__name__}", advice)
    return found


def load(run: Run, **options: Any) -> "VAE":
    """Loads the model of a finished run.

    Args:
        run: the run.
        options: arguments of `keras.models.load_model`.

    Raises:
        InputError: if there is no model.
        DamagedFileError: if its file is damaged or holds another model. Runs of earlier versions have no digest of
            their weights; their models are compared by the shape of the images and the number of units.
    """
    vae, metrics = load_vae(run.model_path, ADVICE, **options), run.metrics
    expected = (tuple(run.config["dataset"]["image_shape"]), metrics["n_units"])
    received = (tuple(vae.image_shape), math.prod(vae.latent_shape))
    if received != expected:
        problem = "expected a model of images {} with {} latent units; received {} and {}".format(*expected, *received)
        raise DamagedFileError(run.model_path, problem, ADVICE)
    if metrics.get("weights_digest") not in (None, weights_digest(vae)):
        problem = "expected the weights that were trained in this run; it holds those of another model"
        raise DamagedFileError(run.model_path, problem, ADVICE)
    return vae
