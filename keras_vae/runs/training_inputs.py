"""What a training needs: configuration, data, and the plan of its recording, checked before anything is written."""

from typing import NamedTuple

from keras_vae._utils.items import Items
from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import Dataset, DynamicBinarization, load
from keras_vae.data.value_range import value_range
from keras_vae.errors import InputError
from keras_vae.runs import provenance, recording, run_data
from keras_vae.runs.config import Config
from keras_vae.runs.devices import Devices
from keras_vae.runs.folder import Run


class TrainingInputs(NamedTuple):
    """Checked inputs of a training.

    Attributes:
        config: the configuration, which names a likelihood.
        data: the data set on which the model is evaluated: binary images if the configuration binarizes them.
        images: the training images as `VAE.fit` takes them.
        plan: which encodings are recorded, and when.
    """

    config: Config
    data: Dataset
    images: Items | DynamicBinarization
    plan: recording.RecordingPlan


def checked(
    config: Config,
    run: Run,
    overwrite: bool,
    resume: bool,
    data: Dataset | None,
    progress: ProgressReporter,
    used: Devices,
) -> TrainingInputs:
    """Loads the data and checks that it fits configuration, folder and devices; see `training.train`.

    Raises:
        InputError: if configuration, data, folder or devices are not usable.
    """
    if not isinstance(config, Config):
        raise InputError(f"config: expected a Config; received {type(config).__name__}.")
    if not isinstance(data, Dataset | None):
        raise InputError(f"data: expected a Dataset, as load returns it; received {type(data).__name__}.")
    if data is not None and data.options != config.data_options:
        raise InputError(
            f"data: expected a data set that was read with the data_options of config, {config.data_options.given()}; "
            f"received one that was read with {data.options.given()}; use the same for both."
        )
    network = config.network
    if overwrite and resume:
        raise InputError("train: expected resume=True or overwrite=True; received both; choose one.")
    used.check_batch_size(config.batch_size)
    if used.writes:
        run.check_usable(overwrite, resume)
    given = data or load(
        config.dataset, cache=run_data.cache_folder(run), progress=progress, **config.data_options.given()
    )
    network.check(given.image_shape)
    if config.batch_size > len(given.train):
        raise InputError(
            f"batch_size: expected no more than the {len(given.train)} training images of {given.name}; received "
            f"{config.batch_size}; make the batch smaller."
        )
    config = config.with_likelihood(given.image_shape, value_range(given.train))
    data = run_data.binarized(given) if config.binarize else given
    if used.writes and resume and run.is_run():
        provenance.check_resumable(run, config, data)
    dynamic = config.binarize == "dynamic"
    images = DynamicBinarization(given.x_train, config.seed) if dynamic else data.train
    return TrainingInputs(config, data, images, recording.plan(config, data))
