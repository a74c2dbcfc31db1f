"""An experiment: one configuration, trained into one run folder, in a way that repeats and survives a kill."""

import hashlib
import math
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from keras_vae import diagnostics, geometry, samplers
from keras_vae._utils import keras_import, memory
from keras_vae._utils.progress import ProgressReporter
from keras_vae.data import datasets
from keras_vae.errors import InputError
from keras_vae.networks import architecture
from keras_vae.runs import explorer_arrays
from keras_vae.runs.folder import Run, atomic

MAX_KEPT_ENCODINGS = 10_000  # test images whose encodings a run keeps
MANIFOLD_SIDE = 20
SAMPLES = 100
GRID_SIDES = {3: 5, 4: 3}  # images along each unit, by their number: 125 and 81 in all
MONITORED = 2000  # test images on which the units are measured while training
MEASUREMENTS_AN_EPOCH = 10
UNITS_IN_METRICS = 256
MOST_RECORDED_UNITS = 256  # whose trajectory is recorded
EVALUATION_BATCH = 1000
RECORDED_PER_LABEL = 6  # test images of each label that are followed
LARGEST_MEANS = 64e6  # bytes of test means that a run keeps, and as many of log variances
LARGEST_RECORDING = 256e6  # bytes, where `record_every` is left to us

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Config(BaseModel):
    """Every hyperparameter of a training; what it doesn't know it refuses.

    Attributes:
        architecture: as in `architecture`: `784-256-2`, `c32-c64-256-16`, `c64-c128-8x8x1024`.
        dataset: a name `datasets.load` knows, or the path of an `.npz`.
        epochs, batch_size, learning_rate: of Adam.
        posterior, likelihood, beta: as in `dense_vae`.
        warmup: epochs in which β rises linearly from 0; 0 for none.
        seed: behind initial weights, sampling noise, the order of the images and the choice of probes.
        record_every: optimizer steps between recorded frames of the trajectory; default 5, or what keeps the
            recording of many units under 256 MB.
        record_per_label: test images of each label that are followed.
        jit_compile: as in `VAE.compile`; `auto` uses XLA where it gains.
        decoder: dense layers of a decoder that doesn't mirror the encoder, as in `dense_vae`.

    Raises:
        InputError: naming the first argument that is out of range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: str
    dataset: str = "mnist"
    epochs: Count = 50
    posterior: Literal["diagonal", "isotropic", "iid", "none", "autoencoder"] = "diagonal"
    likelihood: Literal["bernoulli", "continuous-bernoulli", "gaussian"] = "bernoulli"
    beta: NotNegative = 1.0
    warmup: NotNegative = 0.0
    learning_rate: Positive = 1e-3
    batch_size: Count = 128
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    record_every: Count | None = None
    record_per_label: Count = RECORDED_PER_LABEL
    jit_compile: Literal["auto"] | bool = "auto"
    decoder: str | None = None

    def __init__(self, architecture: str, **others):
        try:
            super().__init__(architecture=architecture, **others)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "config"
            message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
            raise InputError(f"{name}: {message}; received {first['input']!r}.") from None

    @model_validator(mode="after")
    def _refuse_what_changes_nothing(self):
        if self.posterior == "autoencoder" and (self.warmup or self.beta != 1.0):
            raise ValueError("expected neither beta nor warmup for an autoencoder, which has nothing to weigh")
        return self

    @property
    def network(self) -> architecture.Architecture:
        return architecture.with_decoder(architecture.parse(self.architecture), self.decoder)

    @property
    def n_units(self) -> int:
        return self.network.n_units


def train(
    config: Config,
    folder: str | Path,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: ProgressReporter | None = None,
    data: datasets.Dataset | None = None,
) -> Run:
    """Trains a VAE into a run folder, with every array that drawing needs.

    The same configuration on the same machine with the same number of threads gives the same weights, bit for
    bit, also if the run was killed and resumed.

    Args:
        config: what to train on what.
        folder: the run folder; made if it isn't there.
        overwrite: replace a run that is there.
        resume: go on with an unfinished run of the same configuration (`epochs` may have grown); a finished one
            is returned as it is.
        quiet: print nothing.
        progress: told how far training has come, in place of one that prints.
        data: what `config.dataset` names, where it is loaded already.

    Raises:
        InputError: before anything is written, if configuration, data or folder are not usable.
        TrainingDiverged: if the loss stops being a number; the last checkpoint stays.
    """
    started = time.monotonic()
    memory.reset_peak()
    run = Run(folder)
    network = config.network
    if overwrite and resume:
        raise InputError("train: expected --resume or --overwrite; received both; choose one.")
    run.check_usable(overwrite, resume)
    progress = progress or ProgressReporter(quiet)
    data = data or datasets.load(config.dataset)
    network.check(data.image_shape)
    if config.batch_size > len(data.x_train):
        raise InputError(
            f"batch_size: expected no more than the {len(data.x_train)} training images of {data.name}; received "
            f"{config.batch_size}; make the batch smaller."
        )
    resumable = resume and (run.path / "config.json").is_file()
    if resumable:
        _check_same(run, config, data.digest)
        if run.finished:
            progress.message(f"{run.path} is finished already; nothing to do.")
            return run

    probes = _choose_probes(data, config.seed, config.record_per_label)
    every = _steps_between_frames(config, len(data.x_train), len(probes))
    progress.message(f"Training {config.architecture} on {config.dataset}, {config.epochs} epochs, into {run.path}")

    keras = keras_import.import_keras()
    from keras_vae.callbacks import LatentRecorder, UnitMonitor
    from keras_vae.networks import builders
    from keras_vae.runs.checkpoint import CheckpointCallback

    if resumable and run.config["backend"] != keras.backend.backend():
        raise InputError(
            f"resume: expected the backend of the run in {run.path}, {run.config['backend']}; received "
            f"{keras.backend.backend()}; set KERAS_BACKEND, or say --overwrite."
        )
    with run.lock():
        if resumable and run.finished:  # by a process that held the lock until now
            return run
        if overwrite:
            run.clear()
        vae = builders.build(network, data.image_shape, config.posterior, config.likelihood, config.beta, config.seed)
        vae.compile(keras.optimizers.Adam(config.learning_rate), jit_compile=config.jit_compile)
        vae.optimizer.build(vae.trainable_variables)
        recorder = LatentRecorder(data.x_test[probes], _labels(data.y_test, probes), every, _recorded_units(config))
        monitored = data.x_test[: memory.images_that_fit(config.n_units, MONITORED)]
        monitor = UnitMonitor(monitored, _steps_between_measurements(config, data, every))
        checkpoint = CheckpointCallback(run, recorder, monitor, progress, config.epochs, started)
        checkpoint.restore(vae)
        description = _describe(config, data, vae)
        if resumable:
            _tell_differences(run.config, description, progress)
        run.write_json("config.json", description)
        try:
            _fit(vae, data, config, [recorder, monitor, checkpoint], checkpoint.epochs_done)
            progress.message("Evaluating")
            run.write_arrays("trajectory", **recorder.trajectory.arrays())
            run.write_arrays("unit_history", **monitor.history.arrays())
            _finish(run, vae, data, config.seed, config.record_per_label, checkpoint.epochs_done, _seconds(checkpoint))
        except KeyboardInterrupt:
            progress.stop()
            progress.message(
                f"Stopped after epoch {checkpoint.epochs_done}, which is kept: on the command line go on with --resume; a "
                "recipe goes on by itself."
            )
            raise
        finally:
            progress.stop()
    return run


def _fit(vae, data: datasets.Dataset, config: Config, callbacks: list, epochs_done: int) -> None:
    from keras_vae.callbacks import BetaWarmup

    if config.warmup:
        callbacks = [*callbacks, BetaWarmup(config.warmup)]
    if epochs_done < config.epochs:
        vae.fit(
            data.x_train,
            batch_size=config.batch_size,
            epochs=config.epochs,
            initial_epoch=epochs_done,
            validation_data=data.x_test,
            validation_batch_size=memory.images_that_fit(config.n_units, EVALUATION_BATCH),
            callbacks=callbacks,
            verbose=0,
        )


def _steps_between_frames(config: Config, images: int, probes: int) -> int:
    """What is asked for, or five, or as many more as keep a recording of many units small."""
    steps = config.epochs * math.ceil(images / config.batch_size)
    bytes_a_frame = probes * min(config.n_units, MOST_RECORDED_UNITS) * 2 * 4
    if config.record_every:
        size = steps / config.record_every * bytes_a_frame
        if size > 1e9:
            raise InputError(
                f"record_every: expected steps between frames that keep the recording under 1 GB; "
                f"{config.record_every} make {size / 1e9:.1f} GB; choose a larger number."
            )
        return config.record_every
    return max(5, math.ceil(steps * bytes_a_frame / LARGEST_RECORDING))


def _recorded_units(config: Config) -> np.ndarray | None:
    """All units, or where there are very many, some of them, chosen by the seed."""
    if config.n_units <= MOST_RECORDED_UNITS:
        return None
    return np.sort(np.random.default_rng([config.seed, 2]).permutation(config.n_units)[:MOST_RECORDED_UNITS])


def _steps_between_measurements(config: Config, data: datasets.Dataset, every: int) -> int | None:
    """About ten measurements of the units an epoch, each at a step at which the recorder looks as well; of very many
    units one at its end."""
    if config.n_units > UNITS_IN_METRICS:
        return None
    steps = math.ceil(len(data.x_train) / config.batch_size)
    return every * max(1, round(steps / MEASUREMENTS_AN_EPOCH / every))


def adopt(model: str | Path, data: datasets.Dataset, folder: str | Path, seed: int = 0, overwrite: bool = False) -> Run:
    """Makes a run folder of a model that was trained elsewhere, so that it can be drawn and evaluated as any run.

    What only training knows, its history and trajectory, isn't in it. A folder that holds this model already is
    returned as it is.

    Args:
        model: a `.keras` file that holds a `VAE`.
        data: images of the model's shape.
        folder: of the run; made if it isn't there.
        seed: of everything that is drawn from the model.
        overwrite: replace a run that is there.

    Raises:
        InputError: if the file holds no `VAE`, images of another shape were given, or the folder holds another run.
    """
    started = time.monotonic()
    model, run = Path(model), Run(folder)
    if not model.is_file():
        raise InputError(f"model: expected a .keras file; found none at {model}.")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    if not overwrite and run.finished and run.config.get("adopted") == digest and _holds(run, data, seed):
        return run
    run.check_usable(overwrite, resume=False)
    from keras_vae.models import VAE

    try:
        vae = keras_import.import_keras().models.load_model(model, compile=False)
    except (OSError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"model: expected a .keras file that Keras can load; {model} is none: {reason}") from error
    if not isinstance(vae, VAE):
        raise InputError(f"model: expected a keras_vae.VAE in {model}; received a {type(vae).__name__}.")
    if tuple(vae.image_shape) != tuple(data.image_shape):
        raise InputError(
            f"dataset: expected images of {tuple(vae.image_shape)}, as {model.name} takes them; {data.name} has "
            f"{tuple(data.image_shape)}."
        )
    with run.lock():
        if overwrite:
            run.clear()
        vae.compile()
        config = {
            "architecture": model.stem,
            "dataset": data.name,
            "posterior": vae.posterior.name,
            "likelihood": type(vae.likelihood).__name__,
            "seed": seed,
        }
        run.write_json("config.json", {"config": config, "adopted": digest, **_surroundings(data)})
        train = {"train": None, "epoch_median": None, "total": round(time.monotonic() - started, 3)}
        _finish(run, vae, data, seed, RECORDED_PER_LABEL, None, train)
    return run


def _holds(run: Run, data: datasets.Dataset, seed: int) -> bool:
    return run.config["dataset"]["digest"] == data.digest and run.config["config"]["seed"] == seed


def _seconds(checkpoint) -> dict:
    epochs = checkpoint.seconds_of_epochs()
    return {
        "train": round(float(epochs.sum()), 3),
        "epoch_median": round(float(np.median(epochs)), 4),
        "total": round(checkpoint.seconds, 3),
    }


def _finish(
    run: Run, vae, data: datasets.Dataset, seed: int, per_label: int, epochs: int | None, seconds: dict
) -> None:
    """Evaluates and writes the model, the arrays that drawing needs and, last of all, the metrics."""
    with atomic(run.model_path) as temporary:
        vae.save(temporary)
    batch = memory.images_that_fit(math.prod(vae.latent_shape), EVALUATION_BATCH)
    results = {name: _evaluate(vae, x, batch) for name, x in (("train", data.x_train), ("test", data.x_test))}
    statistics = _write_arrays(run, vae, data, seed, per_label)
    metrics = {
        **results,
        "n_active": int(statistics.active.sum()),
        "n_units": int(statistics.active.size),
        "epochs": epochs,
        "parameters": {"encoder": vae.encoder.count_params(), "decoder": vae.decoder.count_params()},
        "peak_memory_gb": memory.peak_gb(),
        "seconds": seconds,
    }
    if statistics.active.size <= UNITS_IN_METRICS:
        metrics["units"] = _rows_of_units(statistics)
    run.write_json("metrics.json", metrics)
    run.remove_checkpoint()


def _evaluate(vae, x: np.ndarray, batch: int) -> dict:
    from keras_vae.runs.checkpoint import in_order

    results = vae.evaluate(x, batch_size=batch, verbose=0, return_dict=True)
    return {key: value for key, value in in_order(results).items() if key != "beta"}


def _write_arrays(run: Run, vae, data: datasets.Dataset, seed: int, per_label: int) -> diagnostics.UnitStatistics:
    n_units = math.prod(vae.latent_shape)
    x, y = data.x_test[:MAX_KEPT_ENCODINGS], data.y_test
    kept = memory.images_that_fit(n_units, len(x), LARGEST_MEANS)
    encoding = vae.encode(x[:kept])
    statistics = diagnostics.units(*encoding) if kept == len(x) else _statistics_in_parts(vae, x, n_units)
    columns = {name: array for name, array in statistics._asdict().items() if array is not None}
    run.write_arrays("units", **columns)

    arrays = {"mean": encoding.mean, "n_test": np.array(len(data.x_test))}
    if encoding.log_var is not None:
        arrays["log_var"] = encoding.log_var
    if y is not None:
        arrays["labels"] = y[:kept]
    run.write_arrays("encodings", **arrays)

    _write_grid(run, vae, "manifold", geometry.most_varying_units(statistics.var_mean), MANIFOLD_SIDE)
    for dimensions, side in GRID_SIDES.items():
        if statistics.var_mean.size >= dimensions:
            _write_grid(
                run, vae, f"grid_{dimensions}d", geometry.most_varying_units(statistics.var_mean, dimensions), side
            )
    matched = samplers.moment_matched(SAMPLES, *encoding, seed=seed)
    run.write_arrays("samples", images=vae.generate(SAMPLES, seed=seed), moment_matched=vae.decode(matched))
    shown = np.sort(_choose_probes(data, seed, per_label)[:20])
    if y is not None:
        shown = shown[np.argsort(y[shown], kind="stable")]
    run.write_arrays("reconstructions", originals=x[shown], images=vae.reconstruct(x[shown]))
    explorer_arrays.write(run, vae, data)
    return statistics


def _statistics_in_parts(vae, x: np.ndarray, units: int) -> diagnostics.UnitStatistics:
    """Statistics over more encodings than should be held at once."""
    batch = memory.images_that_fit(units, EVALUATION_BATCH)
    return diagnostics.units_from_batches(vae.encode(x[i : i + batch]) for i in range(0, len(x), batch))


def _write_grid(run: Run, vae, name: str, units: tuple[int, ...], side: int) -> None:
    """Images decoded at the prior's quantiles in these units, the others at 0."""
    z = geometry.latent_grid(side, units, np.zeros(math.prod(vae.latent_shape)))
    images = vae.decode(z.reshape(-1, *vae.latent_shape))
    run.write_arrays(name, units=np.array(units), side=np.array(side), images=images)


def _rows_of_units(statistics: diagnostics.UnitStatistics) -> list[dict]:
    columns = {name: column.tolist() for name, column in statistics._asdict().items() if column is not None}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _choose_probes(data: datasets.Dataset, seed: int, per_label: int) -> np.ndarray:
    """Indices of test images to follow: some of each label in turn, chosen by the seed."""
    rng = np.random.default_rng([seed, 1])
    order = rng.permutation(min(len(data.x_test), MAX_KEPT_ENCODINGS))
    if data.y_test is None:
        return order[: 10 * per_label]
    y = data.y_test[order]
    of_label = [order[y == label][:per_label] for label in np.unique(y)]
    # One of each label, then another of each: any beginning of the list holds all labels alike.
    return np.array([rows[i] for i in range(per_label) for rows in of_label if i < len(rows)])


def _labels(y: np.ndarray | None, which: np.ndarray) -> np.ndarray | None:
    return None if y is None else y[which]


def _describe(config: Config, data: datasets.Dataset, vae) -> dict:
    """config.json: all that is needed to make the run again."""
    from keras_vae.fast_fit.policy import can_compile_epoch

    jit = bool(vae.jit_compile or can_compile_epoch(vae, (data.x_train,), config.batch_size, config.jit_compile))
    return {"config": config.model_dump(), "jit_compile": jit, **_surroundings(data)}


def _surroundings(data: datasets.Dataset) -> dict:
    """Data, software and machine."""
    import keras

    packages = ("keras-vae", "keras", keras.backend.backend(), "numpy")
    return {
        "dataset": {
            "name": data.name,
            "digest": data.digest,
            "train": len(data.x_train),
            "test": len(data.x_test),
            "image_shape": list(data.image_shape),
        },
        "backend": keras.backend.backend(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "machine": platform.machine(),
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _tell_differences(before: dict, now: dict, progress: ProgressReporter) -> None:
    """A resumed run is exact only on the same machine with the same software; where it isn't, say so."""
    differing = [key for key in ("versions", "machine", "threads", "jit_compile") if before.get(key) != now[key]]
    if differing:
        progress.message(f"Since this run began, {', '.join(differing)} changed: its last digits may differ.")


def _check_same(run: Run, config: Config, digest: str) -> None:
    """Refuses to resume a run of another configuration or other data; `epochs` may have grown."""
    before = run.config
    # A run of an earlier version lacks what was added to the configuration since.
    usual = Config(config.architecture).model_dump()
    wanted, had = config.model_dump(), usual | before["config"]
    differing = [key for key in wanted if key not in ("epochs", "dataset") and wanted[key] != had[key]]
    if differing:
        key = differing[0]
        raise InputError(
            f"resume: expected the configuration of the run in {run.path}, {key}={had[key]!r}; received "
            f"{wanted[key]!r}; repeat it, or say --overwrite."
        )
    if before["dataset"]["digest"] != digest:
        raise InputError(
            f"resume: expected the data that {run.path} was trained on; {config.dataset} has changed since."
        )
    if config.epochs < had["epochs"] or (run.finished and config.epochs != had["epochs"]):
        state = "finished with" if run.finished else "planned for"
        raise InputError(
            f"resume: the run in {run.path} is {state} {had['epochs']} epochs; received {config.epochs}; repeat that "
            "number" + ("" if run.finished else " or a larger one") + ", or say --overwrite."
        )
