"""Trackers: what is sent to TensorBoard and MLflow is read back by their own readers."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from matplotlib.text import Text

import keras_vae as kv
from keras_vae import InputError
from keras_vae.trackers import MLflowTracker, TensorBoardTracker, model_view, pictures, projector
from keras_vae.trackers.model_view import Decoded
from keras_vae.trackers.tracker import Codes, codes_of_run

N, SIDE = 40, 8
IMAGES = np.random.default_rng(0).random((N, SIDE, SIDE), "float32")
NAMES = np.array(["cat", "dog"])[np.arange(N) % 2]
EPOCHS = 3
PICTURES = {"latent_plane", "reconstructions", "samples"}


@pytest.fixture(scope="module")
def offline():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("GIT_PYTHON_REFRESH", "quiet")
        yield


@pytest.fixture(scope="module")
def mlflow(offline):
    return pytest.importorskip("mlflow", reason="MLflow is not installed")


@pytest.fixture(scope="module")
def store(mlflow, tmp_path_factory):
    """The URI of a local store; MLflow keeps its files below the working folder."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield f"sqlite:///{folder}/mlflow.db"


@pytest.fixture(scope="module", autouse=True)
def small_pictures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "DPI", 20)
        yield


@pytest.fixture(scope="module")
def event_accumulator():
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    return pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="no TensorBoard")


def vae() -> kv.VAE:
    model = kv.dense_vae(f"{SIDE * SIDE}-2", image_shape=(SIDE, SIDE), seed=0)
    model.compile("sgd", run_eagerly=True)  # without the time for tracing
    return model


class Sent(TensorBoardTracker):
    """A tracker that keeps what it sends."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.scalars, self.names, self.closed = [], [], 0

    def _open(self):
        pass

    def _send_settings(self, settings):
        self.settings = dict(settings)

    def _send_scalars(self, values, epoch):
        self.scalars.append((epoch, dict(values)))

    def _send_picture(self, name, png, epoch):
        assert png.startswith(b"\x89PNG")
        self.names.append((epoch, name))

    def _send_audit(self, text, content, epoch):
        self.text = text

    def _send_codes(self, codes, epoch):
        self.codes = codes

    def _close(self):
        self.closed += 1


@pytest.fixture
def sent(monkeypatch):
    """`Sent`, whether or not the packages are installed."""
    monkeypatch.setattr("keras_vae.trackers.tensorboard_tracker._import_writer", lambda: None)
    return Sent


@pytest.fixture(scope="module")
def trained(event_accumulator, mlflow, store, tmp_path_factory):
    """A training with both trackers: model, history, trackers, and a client of MLflow."""
    model = kv.dense_vae(f"{SIDE * SIDE}-2", image_shape=(SIDE, SIDE), seed=0)
    model.compile("sgd")
    board = TensorBoardTracker(tmp_path_factory.mktemp("board"), IMAGES, NAMES, every=2)
    flow = MLflowTracker(IMAGES, NAMES, every=2, uri=store, experiment="toy", name="a", params={"data": "noise"})
    options = {"validation_data": IMAGES[:10], "epochs": EPOCHS, "batch_size": 20, "verbose": 0}
    history = model.fit(IMAGES, callbacks=[board, flow], **options)
    return model, history.history, board, flow, mlflow.MlflowClient(store)


def accumulated(event_accumulator, folder: Path):
    found = event_accumulator.EventAccumulator(str(folder))
    found.Reload()
    return found


def test_tensorboard_reads_the_history(trained, event_accumulator):
    _, history, board, *_ = trained
    for folder, prefix in (("train", ""), ("validation", "val_")):
        events = accumulated(event_accumulator, board.log_dir / folder)
        for name in ("loss", "reconstruction", "kl", "beta", "elbo"):
            if prefix + name in history:
                scalars = events.Scalars(name)
                assert [event.step for event in scalars] == [1, 2, 3]
                np.testing.assert_allclose([event.value for event in scalars], history[prefix + name], rtol=1e-6)


def test_tensorboard_reads_pictures_and_audit(trained, event_accumulator):
    model, _, board, *_ = trained
    events = accumulated(event_accumulator, board.log_dir / "train")
    assert set(events.Tags()["images"]) == PICTURES
    assert [event.step for event in events.Images("samples")] == [2, 3]
    (audit,) = events.Tensors("audit/text_summary")
    assert b"of 2 units" in audit.tensor_proto.string_val[0]
    mean_kl = kv.diagnostics.audit(*model.encode(IMAGES), quiet=True).divergence.mean_kl
    assert events.Scalars("audit/mean_kl")[0].value == pytest.approx(mean_kl, rel=1e-4)


def test_the_projector_reads_points_labels_and_images(trained):
    text_format = pytest.importorskip("google.protobuf.text_format")
    plugin = pytest.importorskip("tensorboard.plugins.projector.projector_config_pb2")
    from PIL import Image

    model, _, board, *_ = trained
    folder = board.log_dir / "train"
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), plugin.ProjectorConfig())
    (embedding,) = config.embeddings
    points = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
    np.testing.assert_allclose(points, model.encode(IMAGES).mean, rtol=1e-4, atol=1e-5)
    head, *rows = [line.split("\t") for line in (folder / embedding.metadata_path).read_text().splitlines()]
    assert head == ["index", "label", "KL from N(0, I)"]
    assert [row[1] for row in rows] == NAMES.tolist()
    with Image.open(folder / embedding.sprite.image_path) as sprite:
        assert sprite.size == (7 * SIDE, 7 * SIDE)  # 40 images, 7 in a row
        pixels = np.asarray(sprite)[:SIDE, SIDE : 2 * SIDE, 0]
    np.testing.assert_allclose(pixels / 255, IMAGES[1], atol=0.005)
    assert list(embedding.sprite.single_image_dim) == [SIDE, SIDE]


def test_mlflow_reads_parameters_and_history(trained):
    _, history, _, flow, client = trained
    run = client.get_run(flow.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "a"
    assert run.data.params | {"data": "noise", "epochs": "3", "posterior": "diagonal"} == run.data.params
    for name, values in history.items():
        found = sorted(client.get_metric_history(flow.run_id, name), key=lambda metric: metric.step)
        assert [metric.step for metric in found] == [1, 2, 3]
        np.testing.assert_allclose([metric.value for metric in found], values, rtol=1e-6)
    assert "audit/mean_kl" in run.data.metrics


def test_mlflow_reads_files(trained, mlflow, tmp_path):
    model, _, _, flow, client = trained
    names = [artifact.path for artifact in client.list_artifacts(flow.run_id)]
    assert {"audit.txt", "audit.json", "encodings.npz", "images"} <= set(names)
    with np.load(client.download_artifacts(flow.run_id, "encodings.npz", str(tmp_path))) as arrays:
        np.testing.assert_allclose(arrays["mean"], model.encode(IMAGES).mean, rtol=1e-4, atol=1e-5)
        assert arrays["labels"].tolist() == NAMES.tolist()
    images = [artifact.path for artifact in client.list_artifacts(flow.run_id, "images")]
    for name in PICTURES:
        assert sum(name in path and path.endswith(".png") for path in images) == 2


def test_a_second_fit_continues_the_run_of_mlflow(trained):
    model, _, _, flow, client = trained
    before = flow.run_id
    flow.audit, flow.every = False, 100
    model.fit(IMAGES, verbose=0, callbacks=[flow])
    assert flow.run_id == before
    assert max(metric.step for metric in client.get_metric_history(before, "loss")) == 4
    assert client.get_run(before).info.status == "FINISHED"


def test_an_active_run_of_mlflow_is_used_and_stays_active(mlflow, store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    with mlflow.start_run() as active:
        tracker = MLflowTracker(params=kv.Config("64-2"))
        vae().fit(IMAGES, verbose=0, callbacks=[tracker])
        assert tracker.run_id == active.info.run_id
        assert mlflow.active_run() is not None
        params = mlflow.MlflowClient().get_run(active.info.run_id).data.params
    assert params["architecture"] == "64-2"
    assert "warmup_shape" in params


def test_a_finished_run_is_sent_to_both(audited_run, event_accumulator, mlflow, store, tmp_path):
    TensorBoardTracker(tmp_path / "board").log_run(audited_run, draw=False)
    events = accumulated(event_accumulator, tmp_path / "board" / "train")
    loss = [event.value for event in events.Scalars("loss")]
    np.testing.assert_allclose(loss, audited_run.history["loss"], rtol=1e-6)
    assert "audit/mean_kl" in events.Tags()["scalars"]
    assert (tmp_path / "board" / "train" / "sprite.png").is_file()
    flow, client = MLflowTracker(uri=store), mlflow.MlflowClient(store)
    identifier = flow.log_run(audited_run, draw=False)
    assert {"config.json", "arrays", "model.keras"} <= {a.path for a in client.list_artifacts(identifier)}
    assert client.get_run(identifier).data.params["architecture"] == audited_run.config["config"]["architecture"]


def test_any_keras_model_with_the_layers_is_tracked(sent, tmp_path):
    x, image = IMAGES.reshape(N, -1), keras.Input((SIDE * SIDE,))
    mean, log_var = kv.KLDivergence()([keras.layers.Dense(2)(image), keras.layers.Dense(2)(image)])
    z = kv.GaussianSampling(seed=0)([mean, log_var])
    model = keras.Model(image, keras.layers.Dense(SIDE * SIDE, activation="sigmoid")(z))
    model.compile("sgd", loss="mse", run_eagerly=True)
    tracker = sent(tmp_path, x, encoder=keras.Model(image, [mean, log_var]))
    model.fit(x, x, verbose=0, callbacks=[tracker])
    assert {name for _, name in tracker.names} == PICTURES - {"samples"}
    assert "of 2 units" in tracker.text
    latent = keras.Input((2,))
    tracker = sent(
        tmp_path, x, encoder=tracker._encoder, decoder=keras.Model(latent, model.layers[-1](latent)), audit=False
    )
    model.fit(x, x, verbose=0, callbacks=[tracker])
    assert {name for _, name in tracker.names} == PICTURES
    assert not hasattr(tracker, "text")


def test_a_learned_prior_is_that_of_samples_plane_and_audit(sent, tmp_path, monkeypatch):
    model = kv.dense_vae(f"{SIDE * SIDE}-3", image_shape=(SIDE, SIDE), prior="mixture components=2", seed=0)
    model.compile("sgd", run_eagerly=True)
    drawn = []
    monkeypatch.setattr(pictures, "draw", lambda frame, images: drawn.append((frame, images)) or {})
    tracker = sent(tmp_path, IMAGES)
    model.fit(IMAGES, verbose=0, callbacks=[tracker])
    ((frame, images),) = drawn
    density = model.prior.density()
    np.testing.assert_allclose(images.prior.mean, density.mean)
    z = kv.samplers.prior(len(images.samples), (3,), model_view.SAMPLE_SEED, density)
    np.testing.assert_allclose(images.samples, model.decode(z), rtol=1e-5)
    assert (
        str(kv.diagnostics.audit(tracker.codes.mean, tracker.codes.log_var, quiet=True, prior=density)) == tracker.text
    )
    monkeypatch.undo()
    texts = {
        name: [text.get_text() for text in figure.findobj(Text)]
        for name, figure in pictures.draw(frame, images).items()
    }
    assert any("draws of the learned prior" in text for text in texts["samples"])
    assert not any(text[1:] == "σ" for text in texts["latent_plane"])  # no rings of N(0, I)


def test_epochs_of_scalars_and_pictures(sent, tmp_path):
    tracker, model = sent(tmp_path, IMAGES, every=2, audit=False), vae()
    for _ in range(2):
        model.fit(IMAGES, epochs=3, verbose=0, callbacks=[tracker])
    assert [epoch for epoch, _ in tracker.scalars] == [1, 2, 3, 4, 5, 6]
    assert [epoch for epoch, name in tracker.names if name == "samples"] == [2, 3, 4, 6]
    assert tracker.scalars[0][1].keys() >= {"loss", "kl", "active_units"}
    assert tracker.closed == 2
    assert tracker.settings["epochs"] == 3


def test_scalars_alone_need_no_encoder(sent, tmp_path):
    tracker = sent(tmp_path)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse", run_eagerly=True)
    model.fit(np.zeros((8, 4)), np.zeros((8, 1)), verbose=0, callbacks=[tracker])
    assert tracker.scalars == [(1, {"loss": 0.0})]
    assert tracker.names == []


def test_a_diverged_training_has_no_pictures_and_no_error(sent, tmp_path):
    tracker, model = sent(tmp_path, IMAGES), vae()
    model.encoder.set_weights([np.full_like(weight, np.nan) for weight in model.encoder.get_weights()])
    with pytest.warns(UserWarning, match="the loss is nan"):
        model.fit(IMAGES, verbose=0, callbacks=[tracker])
    assert tracker.names == []
    assert not hasattr(tracker, "codes")


def test_what_cannot_be_sent_is_a_warning_and_training_goes_on(sent, tmp_path, monkeypatch):
    def fail(self, values, epoch):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sent, "_send_scalars", fail)
    model = vae()
    with pytest.warns(UserWarning, match="not sent .*No space left.* the training goes on"):
        history = model.fit(IMAGES, epochs=2, verbose=0, callbacks=[sent(tmp_path)])
    assert len(history.history["loss"]) == 2


@pytest.mark.parametrize(
    ("package", "create"),
    [("tensorboardX", lambda folder: TensorBoardTracker(folder)), ("mlflow", lambda folder: MLflowTracker())],
)
def test_a_missing_package_is_one_sentence(package, create, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=r"to be installed; it is not .*; install it with pip install") as caught:
        create(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        *(({"every": value}, "every: expected") for value in (0, -1, 1.5, np.nan, "5", True, None)),
        *(({"audit": value}, "audit: expected True or False") for value in (0, "no", None)),
        *(({"x": value}, "x") for value in ([], 5, "images", {}, [[1], [1, 2]])),
        *(({"x": IMAGES, "y": value}, "y: expected") for value in ([1], 3, "labels", -np.ones(N))),
        ({"y": [1]}, "x: expected images"),
        ({"x": IMAGES * np.nan}, "x: "),
        ({"x": IMAGES, "encoder": "no"}, "encoder: expected a Keras model"),
        ({"x": IMAGES, "decoder": "no"}, "decoder: expected a Keras model"),
        ({"log_dir": 3}, "log_dir: expected the path"),
        ({"log_dir": ""}, "log_dir: expected the path"),
    ],
)
def test_bad_arguments(options, problem, sent, tmp_path):
    with pytest.raises(InputError, match=f"^{problem}"):
        sent(**{"log_dir": tmp_path, **options})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"uri": ""}, "uri: expected text"),
        ({"experiment": 3}, "experiment: expected text"),
        ({"name": " "}, "name: expected text"),
        ({"params": [1]}, "params: expected a dictionary or a Config"),
        ({"params": {1: 2}}, "params: expected names"),
    ],
)
def test_bad_arguments_of_mlflow(options, problem, mlflow):
    with pytest.raises(InputError, match=f"^{problem}"):
        MLflowTracker(**options)


def test_a_store_that_cannot_be_used_is_one_sentence(mlflow):
    tracker = MLflowTracker(uri="nonsense://here")
    with pytest.raises(InputError, match=r"^MLflowTracker: expected a tracking server or store"):
        vae().fit(IMAGES, verbose=0, callbacks=[tracker])


def test_a_model_without_encoder_is_refused(sent, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse", run_eagerly=True)
    with pytest.raises(InputError, match=r"^Sent: expected a model with an encoder.*leave x out"):
        model.fit(np.zeros((8, 4)), np.zeros((8, 1)), verbose=0, callbacks=[sent(tmp_path, np.zeros((8, 4)))])


def test_runs_are_required(sent, tmp_path):
    with pytest.raises(InputError, match=r"^run: expected a run or its folder"):
        sent(tmp_path).log_run(3)
    with pytest.raises(InputError, match=r"^run: expected a run folder"):
        sent(tmp_path).log_run(tmp_path)


def test_codes_of_a_run_have_labels_and_images(toy_run):
    codes = codes_of_run(toy_run)
    assert codes.images is not None
    assert len(codes.mean) == len(codes.labels) == len(codes.images)


def test_kl_and_names_of_codes():
    codes = Codes(np.array([[1.0, 0.0]]), np.zeros((1, 2)), np.array([1]), ("a",), None)
    assert codes.kl.tolist() == [0.5]
    assert codes.label_names == ["1"]  # without a name


@pytest.mark.parametrize("shape", [(5, 7), (5, 16), (5, 4, 6), (5, 4, 6, 1), (5, 4, 6, 3)])
def test_pictures_of_vectors_and_images(shape):
    values = np.random.default_rng(0).normal(size=shape).astype("float32")
    found = pictures.as_pictures(values)
    assert found.ndim >= 3
    assert len(found) == 5
    assert found.min() >= 0
    assert found.max() <= 1


def test_pictures_that_cannot_be_drawn_are_left_out():
    frame = kv.Trajectory([1], [1.0], np.zeros((1, 3, 1)))  # one unit has no plane
    images = np.zeros((3, 4, 4), "float32")
    assert pictures.draw(frame, Decoded(images, None, None)) == {}
    assert list(pictures.draw(frame, Decoded(images, images, images * np.nan))) == ["reconstructions"]


def test_files_of_the_projector_are_replaced_and_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(projector, "MAX_POINTS", 9)
    mean = np.arange(60.0).reshape(30, 2)
    for _ in range(2):
        projector.write(tmp_path, "points", mean, {"label": [f"a\tb\n{i}" for i in range(30)]}, np.ones((30, 4, 9, 3)))
    rows = (tmp_path / "tensors.tsv").read_text().splitlines()
    labels = [line.split("\t") for line in (tmp_path / "metadata.tsv").read_text().splitlines()]
    assert len(rows) == 9
    assert len(labels) == 10
    assert [row.split("\t")[0] for row in rows] == [f"{mean[int(index), 0]:.6g}" for index, _ in labels[1:]]
    assert labels[1][1].startswith("a b ")
    assert (tmp_path / "projector_config.pbtxt").read_text().count("embeddings") == 1
    projector.write(tmp_path, "points", mean, {})
    assert len((tmp_path / "metadata.tsv").read_text().splitlines()) == 9  # one column has no heading
    assert "sprite" not in (tmp_path / "projector_config.pbtxt").read_text()
