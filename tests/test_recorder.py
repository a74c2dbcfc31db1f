"""The recorder for training loops of any library: frames, accepted and refused outputs, imports."""

import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest

import keras_vae as kv

X = np.random.default_rng(0).random((6, 8, 8)).astype("float32")


class Model:
    """Means that move by 1 and log variances that shrink by 1 in every step."""

    def __init__(self, units=(2,)):
        self.step, self.shape = 0, (len(X), *units)

    def __call__(self, x):
        return np.full(self.shape, self.step, "float32"), np.full(self.shape, -self.step, "float64")


def recorded(encode, steps=3, **options) -> kv.Recorder:
    recorder = kv.Recorder(encode, X, **options)
    for step in range(steps):
        encode.step = step
        recorder.record(step, step / 2)
    return recorder


def test_a_frame_is_kept_for_each_call():
    recorder = recorded(Model(), labels=list("aabbab"))
    found = recorder.trajectory
    assert (len(recorder), found.steps.tolist(), found.epochs.tolist()) == (3, [0, 1, 2], [0, 0.5, 1])
    assert found.mean.dtype == found.log_var.dtype == "float32"
    assert found.mean[:, 5, 1].tolist() == [0, 1, 2]
    assert found.log_var[:, 0, 0].tolist() == [0, -1, -2]
    assert (found.labels.tolist(), found.class_names) == ([0, 0, 1, 1, 0, 1], ("a", "b"))
    np.testing.assert_array_equal(found.images, X)


def test_both_recorders_keep_the_same_frames(images):
    vae = kv.dense_vae("64-2", image_shape=(8, 8), seed=0)
    vae.compile("sgd")
    of_keras, own = kv.LatentRecorder(images[:6], every=None, units=[1]), kv.Recorder(vae.encode, images[:6], units=[1])
    own.record(0, 0)
    vae.fit(images, batch_size=32, verbose=0, callbacks=[of_keras])
    own.record(3, 1)
    for name, array in of_keras.trajectory.arrays().items():
        np.testing.assert_allclose(own.trajectory.arrays()[name], array, atol=1e-6, err_msg=name)


def test_units_of_several_axes_are_flattened_and_chosen():
    model = Model(units=(4, 2, 2))
    assert recorded(model).trajectory.mean.shape == (3, 6, 16)
    assert recorded(model, units=[15, 0]).trajectory.units.tolist() == [15, 0]
    with pytest.raises(kv.InputError, match="from 0 to 15, the model's latent units; received"):
        recorded(model, units=[16])


@pytest.mark.parametrize(
    "outputs",
    [
        lambda mean: [mean, mean, "a sample of z"],
        lambda mean: namedtuple("Posterior", "mean log_var")(mean, mean),
        lambda mean: {"log_var": mean, "kl": 0, "mean": mean},
        lambda mean: (mean.tolist(), mean[:, :1].tolist()),
        lambda mean: (mean.astype("float16"), 0.0),
    ],
)
def test_outputs_in_any_form(outputs):
    recorder = kv.Recorder(lambda x: outputs(np.zeros((6, 2))), X)
    recorder.record(0, 0)
    assert recorder.trajectory.log_var.shape == (1, 6, 2)


def test_without_a_density():
    recorder = kv.Recorder(lambda x: (np.zeros((6, 2)), None), X)
    recorder.record(0, 0)
    assert recorder.trajectory.log_var is None


MEAN = np.zeros((6, 2))


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (MEAN, r"\(mean, log_var\).*received one array of shape \(6, 2\)"),
        ((MEAN,), "received a tuple of length 1"),
        (None, "received a value of type NoneType"),
        ({"mu": MEAN, "logvar": MEAN}, "received a dictionary of mu, logvar"),
        ((MEAN[:5], MEAN[:5]), r"a mean for each of 6 images; received shape \(5, 2\)"),
        ((MEAN[:, 0], MEAN[:, 0]), r"mean of encode at step 0: expected shape \(points, units…\)"),
        ((MEAN, MEAN[:, :0]), "log_var of encode at step 0: expected at least one number"),
        ((MEAN, np.zeros((6, 3))), "log_var of encode at step 0: expected a shape that broadcasts"),
        ((MEAN, np.zeros(2)), r"log_var of encode at step 0: expected shape \(6, 2\), as the mean"),
        ((MEAN + np.nan, MEAN), "mean of encode at step 0: expected finite numbers"),
        ((MEAN, MEAN - np.inf), "log_var of encode at step 0: expected finite numbers"),
        (("a", "b"), "mean of encode at step 0: expected an array of real numbers"),
        ((MEAN + 1j, MEAN), "expected an array of real numbers"),
        ((object(), MEAN), "expected an array of real numbers"),
    ],
)
def test_other_outputs_are_refused(outputs, message):
    recorder = kv.Recorder(lambda x: outputs, X)
    with pytest.raises(kv.InputError, match=message) as caught:
        recorder.record(0, 0)
    assert "\n" not in str(caught.value)
    assert len(recorder) == 0


def test_a_refused_frame_leaves_the_recording_as_it_was():
    model = Model()
    recorder = recorded(model)
    model.shape = (6, 3)
    with pytest.raises(kv.InputError, match=r"means of shape \(6, 2\), as in the first frame"):
        recorder.record(3, 2)
    recorder.encode = lambda x: (MEAN, None)
    with pytest.raises(kv.InputError, match="log_var in all frames or in none"):
        recorder.record(2, 1)
    assert recorder.trajectory.steps.tolist() == [0, 1, 2]


def test_a_step_is_recorded_once_and_time_does_not_go_back():
    model = Model()
    recorder = recorded(model)
    model.step = 7
    recorder.record(2, 1.5)  # the same step again replaces its frame
    assert recorder.trajectory.mean[:, 0, 0].tolist() == [0, 1, 7]
    assert recorder.trajectory.epochs[-1] == 1.5
    with pytest.raises(kv.InputError, match="step: expected at least 2, that of the last frame; received 1"):
        recorder.record(1, 2)
    with pytest.raises(kv.InputError, match=r"epoch: expected at least 1\.5"):
        recorder.record(3, 0)
    with pytest.raises(kv.InputError, match="step: expected a whole number"):
        recorder.record(2.5, 2)


def test_refused_arguments():
    for arguments, message in (
        (("encode", X), "encode: expected a function"),
        ((Model(), X[:0]), "x: expected at least one image"),
        ((Model(), None), "x: expected at least one image"),
        ((Model(), X, [1, 2]), "labels: expected a label for each of 6 images; received 2"),
        ((Model(), X, None, X[:5]), r"images: expected shape \(6, height, width\); received shape \(5, 8, 8\)"),
        ((Model(), X, None, np.zeros((6, 8, 8, 5))), "images: expected 1, 3 or 4 channels"),
    ):
        with pytest.raises(kv.InputError, match=message):
            kv.Recorder(*arguments)
    with pytest.raises(kv.InputError, match=r"call record\(step, epoch\) first"):
        _ = kv.Recorder(Model(), X).trajectory


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (X[:, None], (6, 8, 8, 1)),  # channels first
        (np.stack([X] * 3, 1), (6, 8, 8, 3)),
        (X[..., None], (6, 8, 8, 1)),
        (X.reshape(6, 64), (6, 64)),
        (np.ones((6, 16), "int64"), None),  # tokens
        (np.ones((6, 16, 2, 7)), None),  # spectra
        ({"image": X}, None),
    ],
)
def test_images_of_the_trajectory(x, shape):
    recorder = kv.Recorder(Model(), x)
    recorder.record(0, 0)
    images = recorder.trajectory.images
    assert images is None if shape is None else images.shape == shape


def test_images_are_scaled_to_the_unit_range():
    for x, expected in (
        (np.full((6, 4, 4), 51, "uint8"), [0.2, 0.2]),
        (4 * X - 2, [0, 1]),
        (X / 2, [None, X.max() / 2]),
    ):
        recorder = kv.Recorder(Model(), x, images=x)
        recorder.record(0, 0)
        for limit, value in zip((np.min, np.max), expected, strict=True):
            assert value is None or limit(recorder.trajectory.images) == pytest.approx(value)


def test_tensors_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    weights = torch.ones(64, 2, requires_grad=True)

    def encode(x):
        mean = x.reshape(len(x), -1) @ weights
        assert mean.requires_grad
        return mean.to(torch.bfloat16), mean.double()

    x = torch.tensor(X[:, None])
    recorder = kv.Recorder(encode, x, labels=torch.arange(6) % 2)
    recorder.record(torch.tensor(0), torch.tensor(0.5))
    np.testing.assert_allclose(recorder.trajectory.mean[0, :, 0], X.sum((1, 2)), rtol=1e-2)
    np.testing.assert_allclose(recorder.trajectory.log_var[0, :, 0], X.sum((1, 2)), rtol=1e-5)
    assert recorder.trajectory.images.shape == (6, 8, 8, 1)
    recorder.encode = lambda x: (torch.zeros(6, 2, device="meta"),) * 2
    with pytest.raises(kv.InputError, match="mean of encode at step 1: expected an array or tensor") as caught:
        recorder.record(1, 1)
    assert "\n" not in str(caught.value)


def test_arrays_of_jax():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    recorder = kv.Recorder(
        lambda x: (jax.numpy.full((6, 2), 1.5, "bfloat16"), jax.numpy.zeros((6, 2))), jax.numpy.array(X)
    )
    recorder.record(jax.numpy.array(0), 0)
    assert recorder.trajectory.mean.tolist() == [[[1.5, 1.5]] * 6]

    @jax.jit
    def traced(x):
        recorder.encode = lambda _: (x, x)
        recorder.record(1, 1)
        return x

    with pytest.raises(kv.InputError, match="NumPy cannot convert") as caught:
        traced(jax.numpy.zeros((6, 2)))
    assert "\n" not in str(caught.value)


def test_no_library_of_models_is_imported():
    program = (
        "import sys, numpy as np, keras_vae as kv\n"
        "recorder = kv.Recorder(lambda x: (x, x), np.zeros((3, 2)), labels=list('aba'))\n"
        "recorder.record(0, 0); recorder.record(1, 1)\n"
        "assert len(recorder.trajectory) == 2\n"
        "kv.video.prepared(recorder.trajectory)\n"
        "print([name for name in ('keras', 'tensorflow', 'torch', 'jax') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
