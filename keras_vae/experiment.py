"""An experiment: one configuration, trained into one run folder, in a way that repeats and survives a kill."""

import math
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from keras_vae import architecture, datasets, diagnostics, geometry, startup
from keras_vae.errors import InputError, TrainingDiverged
from keras_vae.progress import Narrator
from keras_vae.runs import Run, atomic
from keras_vae.trajectory import Trajectory

LARGEST_ENCODING = 10_000  # test images whose encodings a run keeps
MANIFOLD_SIDE = 20
SAMPLES = 100
UNITS_IN_METRICS = 256
EVALUATION_BATCH = 1000
QUANTITIES = ("loss", "reconstruction", "kl", "penalty", "beta", "elbo")  # in the order they are written in

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Config(BaseModel):
    """Every hyperparameter of a training; what it doesn't know it refuses.

    Attributes:
        architecture: dense layers, as `784-256-2`.
        dataset: a name `datasets.load` knows, or the path of an `.npz`.
        epochs, batch_size, learning_rate: of Adam.
        posterior, likelihood, beta: as in `VAE`.
        warmup: epochs in which β rises linearly from 0; 0 for none.
        seed: behind initial weights, sampling noise, the order of the images and the choice of probes.
        record_every: optimizer steps between recorded frames of the trajectory.
        record_per_label: test images of each label that are followed.

    Raises:
        InputError: naming the first argument that is out of range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: str
    dataset: str = "mnist"
    epochs: Count = 50
    posterior: Literal["diagonal", "isotropic", "none", "autoencoder"] = "diagonal"
    likelihood: Literal["bernoulli", "continuous-bernoulli", "gaussian"] = "bernoulli"
    beta: NotNegative = 1.0
    warmup: NotNegative = 0.0
    learning_rate: Positive = 1e-3
    batch_size: Count = 128
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    record_every: Count = 5
    record_per_label: Count = 6

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
    def sizes(self) -> tuple[int, ...]:
        return architecture.parse(self.architecture)


def train(
    config: Config, folder: str | Path, overwrite: bool = False, resume: bool = False, quiet: bool = False
) -> Run:
    """Trains a dense VAE into a run folder, with every array that drawing needs.

    The same configuration on the same machine with the same number of threads gives the same weights, bit for
    bit, also if the run was killed and resumed.

    Args:
        config: what to train on what.
        folder: the run folder; made if it isn't there.
        overwrite: replace a run that is there.
        resume: go on with an unfinished run of the same configuration (`epochs` may have grown); a finished one
            is returned as it is.
        quiet: print nothing.

    Raises:
        InputError: before anything is written, if configuration, data or folder are not usable.
        TrainingDiverged: if the loss stops being a number; the last checkpoint stays.
    """
    started = time.monotonic()
    run = Run(folder)
    sizes = config.sizes
    run.check_usable(overwrite, resume)
    narrator = Narrator(quiet)
    narrator.say(f"Training {config.architecture} on {config.dataset}, {config.epochs} epochs, into {run.path}")
    data = datasets.load(config.dataset)
    architecture.check(sizes, data.image_shape)
    if config.batch_size > len(data.x_train):
        raise InputError(
            f"batch_size: expected no more than the {len(data.x_train)} training images of {data.name}; received "
            f"{config.batch_size}; make the batch smaller."
        )
    resumable = resume and not overwrite and (run.path / "config.json").is_file()
    if resumable:
        _check_same(run, config, data.digest)
        if run.finished:
            narrator.say(f"{run.path} is finished already; nothing to do.")
            return run

    keras = startup.import_keras()
    import keras_vae as kv

    with run.lock():
        if overwrite:
            run.clear()
        vae = kv.dense_vae(
            config.architecture, data.image_shape, config.posterior, config.likelihood, config.beta, config.seed
        )
        vae.compile(keras.optimizers.Adam(config.learning_rate))
        vae.optimizer.build(vae.trainable_variables)
        run.write_json("config.json", _describe(config, data, vae))
        probes = _choose_probes(data, config)
        recorder = kv.LatentRecorder(data.x_test[probes], _labels(data.y_test, probes), every=config.record_every)
        progress = _Progress(run, vae, recorder, narrator, config, len(data.x_train), started)
        progress.restore(run.load_checkpoint())
        try:
            _fit(vae, data, config, recorder, progress)
            _finish(run, vae, data, recorder, progress)
        except KeyboardInterrupt:
            narrator.stop()
            narrator.say(f"Stopped after epoch {progress.epochs_done}; go on with --resume.")
            raise
        finally:
            narrator.stop()
    return run


def _fit(vae, data: datasets.Dataset, config: Config, recorder, progress: "_Progress") -> None:
    import keras_vae as kv

    callbacks = [recorder, progress.callback()]
    if config.warmup:
        callbacks.append(kv.BetaWarmup(config.warmup))
    if progress.epochs_done < config.epochs:
        vae.fit(
            data.x_train,
            batch_size=config.batch_size,
            epochs=config.epochs,
            initial_epoch=progress.epochs_done,
            validation_data=data.x_test,
            validation_batch_size=EVALUATION_BATCH,
            callbacks=callbacks,
            verbose=0,
        )


class _Progress:
    """What a training has reached: kept in checkpoints, taken up from them, told to whoever watches."""

    def __init__(self, run: Run, vae, recorder, narrator: Narrator, config: Config, images: int, started: float):
        self.run, self.vae, self.recorder, self.narrator, self.config = run, vae, recorder, narrator, config
        self.steps_per_epoch = math.ceil(images / config.batch_size)
        self.rows: list[dict] = []
        self.epochs_done = 0
        self._started = started
        self._seconds_before = 0.0

    @property
    def seconds(self) -> float:
        """Of work in this process and in those that were killed before it, up to their last checkpoint."""
        return self._seconds_before + time.monotonic() - self._started

    def restore(self, checkpoint: tuple[dict, dict] | None) -> None:
        if checkpoint is None:
            return
        arrays, state = checkpoint
        trajectory = {key.removeprefix("trajectory/"): a for key, a in arrays.items() if key.startswith("trajectory/")}
        for i, variable in enumerate(self._variables()):
            variable.assign(arrays[f"variable/{i}"])
        self.rows, self.epochs_done = state["history"], state["epoch"]
        self._seconds_before = state["seconds"]
        steps = self.epochs_done * self.steps_per_epoch
        self.recorder.resume_from(Trajectory(**trajectory), steps, self.epochs_done)
        self.narrator.say(f"Resuming after epoch {self.epochs_done}")

    def _variables(self) -> list:
        """All state of the training; unlike Keras' own backup, with the seed generators'."""
        return [*self.vae.variables, *self.vae.optimizer.variables]

    def end_epoch(self, row: dict) -> None:
        self.rows.append(row)
        self.epochs_done = len(self.rows)
        arrays = {f"variable/{i}": np.asarray(v) for i, v in enumerate(self._variables())}
        arrays |= {f"trajectory/{name}": array for name, array in self.recorder.trajectory.arrays().items()}
        self.run.save_checkpoint(arrays, {"epoch": self.epochs_done, "history": self.rows, "seconds": self.seconds})
        self.run.write_history(self.rows)

    def callback(self):
        import keras

        progress = self

        class Watch(keras.callbacks.Callback):
            """Ends every epoch with a row of history and a checkpoint; stops at a loss that is no number."""

            def on_train_begin(self, logs=None):
                total = progress.config.epochs * progress.steps_per_epoch
                progress.narrator.start("training", total, progress.epochs_done * progress.steps_per_epoch)

            def on_epoch_begin(self, epoch, logs=None):
                self.epoch, self.began = epoch, time.perf_counter()
                self.trained = None

            def on_train_batch_end(self, batch, logs=None):
                step = self.epoch * progress.steps_per_epoch + batch + 1
                if not math.isfinite(logs["loss"]):
                    raise TrainingDiverged(
                        f"The loss became {logs['loss']} at step {step} (epoch {self.epoch + 1}); training has "
                        f"stopped; try a learning rate below {progress.config.learning_rate:g} or another likelihood."
                    )
                progress.narrator.advance(step, f"epoch {self.epoch + 1} · loss {logs['loss']:.1f}")

            def on_test_begin(self, logs=None):
                self.trained = time.perf_counter() - self.began

            def on_epoch_end(self, epoch, logs=None):
                seconds = self.trained or time.perf_counter() - self.began
                progress.end_epoch({"epoch": epoch + 1, **_in_order(logs), "seconds": round(seconds, 4)})
                progress.narrator.note(
                    f"epoch {epoch + 1}/{progress.config.epochs}  loss {logs['loss']:.2f}  "
                    f"test {logs['val_loss']:.2f}  {seconds:.1f} s"
                )

            def on_train_end(self, logs=None):
                progress.narrator.stop()

        return Watch()


def _finish(run: Run, vae, data: datasets.Dataset, recorder, progress: _Progress) -> None:
    """Evaluates and writes the model, the arrays that drawing needs and, last of all, the metrics."""
    progress.narrator.say("Evaluating")
    with atomic(run.model_path) as temporary:
        vae.save(temporary)
    results = {name: _evaluate(vae, x) for name, x in (("train", data.x_train), ("test", data.x_test))}
    statistics = _write_arrays(run, vae, data, recorder, progress.config)
    seconds = [row["seconds"] for row in progress.rows]
    metrics = {
        **results,
        "n_active": int(statistics.active.sum()),
        "n_units": int(statistics.active.size),
        "epochs": progress.epochs_done,
        "parameters": {"encoder": vae.encoder.count_params(), "decoder": vae.decoder.count_params()},
        "seconds": {
            "train": round(sum(seconds), 3),
            "epoch_median": round(float(np.median(seconds)), 4),
            "total": round(progress.seconds, 3),
        },
    }
    if statistics.active.size <= UNITS_IN_METRICS:
        metrics["units"] = _rows_of_units(statistics)
    run.write_json("metrics.json", metrics)
    run.remove_checkpoint()


def _evaluate(vae, x: np.ndarray) -> dict:
    results = vae.evaluate(x, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    return {key: value for key, value in _in_order(results).items() if key != "beta"}


def _in_order(logs: dict) -> dict:
    """Keras' logs in a reader's order; β belongs to the training alone."""
    keys = [*QUANTITIES, *(f"val_{key}" for key in QUANTITIES if key != "beta")]
    return {key: round(float(logs[key]), 5) for key in keys if key in logs}


def _write_arrays(run: Run, vae, data: datasets.Dataset, recorder, config: Config) -> diagnostics.UnitStatistics:
    x, y = data.x_test[:LARGEST_ENCODING], data.y_test
    encoding = vae.encode(x)
    statistics = diagnostics.units(*encoding)
    columns = {name: array for name, array in statistics._asdict().items() if array is not None}
    run.write_arrays("units", **columns)

    kept = {"mean": encoding.mean, "n_test": np.array(len(data.x_test))}
    if encoding.log_var is not None:
        kept["log_var"] = encoding.log_var
    if y is not None:
        kept["labels"] = y[: len(x)]
    run.write_arrays("encodings", **kept)
    run.write_arrays("trajectory", **recorder.trajectory.arrays())

    plane = geometry.liveliest_plane(statistics.var_mean)
    grid = geometry.latent_grid(MANIFOLD_SIDE, plane, np.zeros(len(statistics.var_mean)))
    run.write_arrays("manifold", plane=np.array(plane), side=np.array(MANIFOLD_SIDE), z=grid, images=vae.decode(grid))
    run.write_arrays("samples", images=vae.generate(SAMPLES, seed=config.seed))
    shown = np.sort(_choose_probes(data, config)[:20])
    if y is not None:
        shown = shown[np.argsort(y[shown], kind="stable")]
    run.write_arrays("reconstructions", originals=x[shown], images=vae.reconstruct(x[shown]))
    return statistics


def _rows_of_units(statistics: diagnostics.UnitStatistics) -> list[dict]:
    columns = {name: column.tolist() for name, column in statistics._asdict().items() if column is not None}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _choose_probes(data: datasets.Dataset, config: Config) -> np.ndarray:
    """Indices of test images to follow: some of each label in turn, chosen by the seed."""
    rng = np.random.default_rng([config.seed, 1])
    order = rng.permutation(min(len(data.x_test), LARGEST_ENCODING))
    if data.y_test is None:
        return order[: 10 * config.record_per_label]
    y = data.y_test[order]
    of_label = [order[y == label][: config.record_per_label] for label in np.unique(y)]
    # One of each label, then another of each: any beginning of the list holds all labels alike.
    return np.array([rows[i] for i in range(config.record_per_label) for rows in of_label if i < len(rows)])


def _labels(y: np.ndarray | None, which: np.ndarray) -> np.ndarray | None:
    return None if y is None else y[which]


def _describe(config: Config, data: datasets.Dataset, vae) -> dict:
    """config.json: all that is needed to make the run again."""
    import keras

    packages = ("keras-vae", "keras", keras.backend.backend(), "numpy")
    return {
        "config": config.model_dump(),
        "dataset": {
            "name": data.name,
            "digest": data.digest,
            "train": len(data.x_train),
            "test": len(data.x_test),
            "image_shape": list(data.image_shape),
        },
        "backend": keras.backend.backend(),
        "jit_compile": bool(vae.jit_compile),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "machine": platform.machine(),
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _check_same(run: Run, config: Config, digest: str) -> None:
    """Refuses to resume a run of another configuration or other data; `epochs` may have grown."""
    before = run.config
    wanted, had = config.model_dump(), before["config"]
    differing = [key for key in wanted if key != "epochs" and wanted[key] != had.get(key)]
    if differing:
        key = differing[0]
        raise InputError(
            f"resume: expected the configuration of the run in {run.path}, {key}={had.get(key)!r}; received "
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
