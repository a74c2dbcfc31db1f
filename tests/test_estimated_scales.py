"""Gaussian likelihoods whose standard deviation is estimated during training."""

import math

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import likelihoods
from keras_vae.data import Dataset
from keras_vae.evaluation.likelihood import likelihood_and_elbo_terms

NAMES = ("gaussian-optimal", "gaussian-per-pixel")


def built(name: str, columns: int = 3) -> kv.VAE:
    return kv.dense_vae(f"{columns}-1", likelihood=name, seed=0)


def numpy(tensor) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


def adapted(name: str, x: np.ndarray, means: np.ndarray, weight=None) -> kv.OptimalGaussian:
    """The likelihood of a model after one step on a batch."""
    likelihood = built(name, x.shape[1]).likelihood
    likelihood.update(ops.convert_to_tensor(x), ops.convert_to_tensor(means), weight)
    return likelihood


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 4)).astype("float32"), rng.normal(size=(6, 4)).astype("float32")


@pytest.mark.parametrize("name", NAMES)
def test_the_first_batch_sets_the_variance_of_largest_likelihood(name, batch):
    x, means = batch
    likelihood = adapted(name, x, means)
    axis = None if name == "gaussian-optimal" else 0
    variance = ((x - means) ** 2).mean(axis=axis)
    np.testing.assert_allclose(likelihood.std**2, variance, rtol=1e-5)
    slow = 0.5 * ((x - means) ** 2 / variance + np.log(2 * np.pi * variance))
    np.testing.assert_allclose(numpy(likelihood(x, means)), slow.sum(axis=1), rtol=1e-5)


def test_at_the_optimum_the_loss_is_that_of_rybkin_et_al(batch):
    """Equation 5: D/2 log(MSE) + constant, with nats of a normalized density."""
    x, means = batch
    total = float(numpy(adapted("gaussian-optimal", x, means)(x, means)).mean())
    mse = ((x - means) ** 2).mean()
    assert total == pytest.approx(0.5 * x.shape[1] * (math.log(2 * math.pi * mse) + 1), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_the_loss_at_the_optimal_scale(name, batch):
    """Finite differences of the loss whose scale follows the means: the scale's own gradient is 0."""
    x, means = batch
    likelihood = adapted(name, x, means)
    gradient = (means - x) / likelihood.std**2 / len(x)
    axis = None if name == "gaussian-optimal" else 0

    def loss(at: np.ndarray) -> float:
        variance = ((x - at) ** 2).astype("float64").mean(axis=axis)
        return float((0.5 * ((x - at) ** 2 / variance + np.log(variance))).sum() / len(x))

    for i, j in ((0, 0), (3, 2), (5, 3)):
        step = np.zeros_like(means, "float64")
        step[i, j] = 1e-4
        difference = (loss(means + step) - loss(means - step)) / 2e-4
        assert gradient[i, j] == pytest.approx(difference, rel=1e-3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses TensorFlow's gradient tape")
@pytest.mark.parametrize("name", NAMES)
def test_the_computed_gradient_is_that_of_finite_differences(name, batch):
    import tensorflow as tf

    x, means = batch
    likelihood, tensor = adapted(name, x, means), tf.Variable(means)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(likelihood(x, tensor))
    computed = tape.gradient(loss, tensor).numpy()
    np.testing.assert_allclose(computed, (means - x) / likelihood.std**2, rtol=1e-4, atol=1e-5)


def test_weights_of_images_count(batch):
    x, means = batch
    weight = ops.convert_to_tensor(np.array([0, 0, 1, 1, 0, 2], "float32"))
    repeated = adapted("gaussian-per-pixel", x[[2, 3, 5, 5]], means[[2, 3, 5, 5]])
    weighted = adapted("gaussian-per-pixel", x, means, weight)
    np.testing.assert_allclose(weighted.std, repeated.std, rtol=1e-5)


def test_exact_reconstructions_have_a_finite_and_negative_loss():
    x = np.ones((4, 10), "float32")
    likelihood = adapted("gaussian-optimal", x, x)
    assert float(likelihood.std) == pytest.approx(0.01)
    assert numpy(likelihood(x, x)) == pytest.approx([10 * (math.log(0.01) + 0.5 * math.log(2 * math.pi))] * 4)


def test_the_noise_of_each_column_is_found():
    rng = np.random.default_rng(0)
    noise = np.array([0.3, 0.4, 1.0, 0.5], "float32")
    z = rng.normal(size=(1000, 1))
    x = (z * np.array([1.0, -1.0, 0.0, 2.0]) + noise * rng.normal(size=(1000, 4))).astype("float32")
    vae = kv.dense_vae("4-1", likelihood="gaussian-per-pixel", seed=0)
    vae.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    vae.fit(x, batch_size=50, epochs=25, verbose=0)
    np.testing.assert_allclose(vae.likelihood.std, noise, rtol=0.2)


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_is_saved_with_the_model_and_stays_fixed_in_evaluation(name, tmp_path):
    x = np.random.default_rng(0).random((40, 3)).astype("float32")
    vae = built(name)
    vae.compile("adam", jit_compile=False)
    vae.fit(x, batch_size=10, verbose=0)
    before = vae.likelihood.std
    loss = vae.evaluate(x, verbose=0)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert loaded.evaluate(x, verbose=0) == loss
    assert np.array_equal(loaded.likelihood.std, before)
    assert np.array_equal(vae.likelihood.std, before)
    assert not np.array_equal(before, built(name).likelihood.std)


def exact_model(std: float) -> tuple[kv.VAE, np.ndarray, np.ndarray]:
    """A linear decoder with one unit and the encoder of its exact posterior; the mean and covariance of p(x)."""
    w, b = np.array([0.8, -0.5, 0.3], "float32"), np.array([0.1, 0.2, -0.3], "float32")
    precision = 1 + w @ w / std**2
    gain = w / std**2 / precision
    vae = built("gaussian-optimal")
    vae.encoder.get_layer("mean").set_weights([gain[:, None], np.array([-gain @ b])])
    vae.encoder.get_layer("log_var").set_weights([np.zeros((3, 1)), np.array([-math.log(precision)])])
    vae.decoder.get_layer("logits").set_weights([w[None], b])
    vae.likelihood._variance.assign(std**2)
    return vae, b, np.outer(w, w) + std**2 * np.eye(3)


def test_the_estimated_likelihood_is_the_density_of_the_data():
    vae, mean, covariance = exact_model(0.4)
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    data = Dataset("normal", x, None, x, None, "")
    likelihood, terms = likelihood_and_elbo_terms(vae, data, seed=0, samples=30)
    offset = np.linalg.solve(covariance, (x - mean).T).T
    log_p = -0.5 * (((x - mean) * offset).sum(1) + np.linalg.slogdet(2 * np.pi * covariance)[1])
    assert likelihood["value"] == pytest.approx(log_p.mean(), abs=1e-4)
    assert likelihood["elbo"] == pytest.approx(log_p.mean(), abs=1e-3)  # the posterior is exact
    assert terms["bits_per_pixel"] is None


def test_one_instance_serves_one_model():
    vae = built("gaussian-optimal")
    with pytest.raises(kv.InputError, match=r"likelihood: expected a OptimalGaussian of its own for every model"):
        kv.dense_vae("3-1", likelihood=vae.likelihood)
    with pytest.raises(kv.InputError, match=r"likelihood: expected the OptimalGaussian of a model"):
        kv.OptimalGaussian()(np.zeros((1, 2)), np.zeros((1, 2)))
    with pytest.raises(kv.InputError, match="min_std: expected"):
        kv.OptimalGaussian(min_std=0)


@pytest.mark.parametrize(
    ("shape", "limits", "name"),
    [
        ((28, 28), (0.0, 1.0), "bernoulli"),
        ((28, 28, 1), (0.0, 1.0), "bernoulli"),
        ((28, 28, 3), (0.0, 1.0), "gaussian-optimal"),
        ((20, 48), (-80.0, 0.0), "gaussian-optimal"),
        ((12,), (0.0, 1.0), "gaussian-per-pixel"),
    ],
)
def test_the_default_depends_on_the_data(shape, limits, name):
    assert likelihoods.default_name(shape, limits) == name
    config = kv.Config("4-2")
    assert config.with_likelihood(shape, limits).likelihood == name
    assert kv.Config("4-2", likelihood="gaussian").with_likelihood(shape, limits).likelihood == "gaussian"
    assert kv.Config("4-2", binarize="static").with_likelihood(shape, limits).likelihood == "bernoulli"
