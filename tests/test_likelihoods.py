"""Likelihoods against closed forms, integrals and SciPy-free slow versions."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_vae import Bernoulli, ContinuousBernoulli, Gaussian, InputError, Likelihood, likelihoods

LOGITS = np.array([-30.0, -4.0, -0.5, -0.11, -0.09, -1e-3, 0.0, 1e-3, 0.05, 0.3, 2.0, 30.0])


def tensor(array):
    return ops.convert_to_tensor(np.asarray(array, "float32"))


def numpy(tensor) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
def test_bernoulli_is_the_cross_entropy(x):
    probability = 1 / (1 + np.exp(-LOGITS))
    with np.errstate(divide="ignore"):
        log_p, log_not = np.log(probability), np.log1p(-probability)
    slow = -(x * log_p if x else 0) - ((1 - x) * log_not if x < 1 else 0)
    usual = np.abs(LOGITS) < 20  # beyond, the slow version is the inexact one
    nll = numpy(Bernoulli().nll_per_pixel(tensor(np.full_like(LOGITS, x)), tensor(LOGITS)))
    np.testing.assert_allclose(nll[usual], slow[usual], rtol=1e-5, atol=1e-6)
    assert np.isfinite(nll).all()


def test_sums_over_pixels_and_keeps_images_apart():
    x, logits = np.zeros((3, 4, 5, 1)), np.zeros((3, 4, 5, 1))
    np.testing.assert_allclose(numpy(Bernoulli()(x, logits)), [20 * math.log(2)] * 3, rtol=1e-6)


@pytest.mark.parametrize("logit", LOGITS[1:-1])
def test_continuous_bernoulli_is_a_density_with_its_mean(logit):
    x = np.linspace(0, 1, 20_001)
    likelihood = ContinuousBernoulli()
    nll = numpy(likelihood.nll_per_pixel(tensor(x), tensor(np.full_like(x, logit))))
    density = np.exp(-nll)
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=2e-5)
    mean = numpy(likelihood.mean(tensor([logit]))).item()
    assert mean == pytest.approx(np.trapezoid(density * x, x), abs=2e-5)


def test_continuous_bernoulli_has_finite_values_and_slopes_everywhere():
    values = numpy(ContinuousBernoulli().nll_per_pixel(tensor(np.full_like(LOGITS, 0.2)), tensor(LOGITS)))
    assert np.isfinite(values).all()
    assert np.isfinite(numpy(ContinuousBernoulli().mean(tensor(LOGITS)))).all()
    weight = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    weight.compile(keras.optimizers.SGD(1e-3), loss=lambda x, logits: ContinuousBernoulli().nll_per_pixel(x, logits))
    weight.fit(LOGITS[:, None].astype("float32"), np.full((len(LOGITS), 1), 0.2, "float32"), verbose=0)
    assert np.isfinite(weight.get_weights()[0]).all()


@pytest.mark.parametrize("std", [0.1, 2.0])
def test_gaussian_is_its_formula(std):
    x, mean = np.array([[0.2, 0.9]]), np.array([[0.5, 0.4]])
    slow = sum(
        0.5 * ((a - b) / std) ** 2 + math.log(std * math.sqrt(2 * math.pi)) for a, b in zip(x[0], mean[0], strict=True)
    )
    assert numpy(Gaussian(std)(x, mean)).item() == pytest.approx(slow, rel=1e-5)


def test_float16_logits_give_float32_nats():
    logits = ops.cast(ops.ones((2, 70_000)), "float16")
    nll = Bernoulli()(ops.zeros((2, 70_000)), logits)
    assert keras.backend.standardize_dtype(nll.dtype) == "float32"
    assert numpy(nll)[0] == pytest.approx(70_000 * math.log(1 + math.e), rel=1e-3)


def test_names_and_round_trips():
    assert isinstance(likelihoods.get(None), Bernoulli)
    assert isinstance(likelihoods.get("continuous-bernoulli"), ContinuousBernoulli)
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Gaussian(0.3)))
    assert restored.std == 0.3


def test_settings_follow_the_name_in_text():
    assert likelihoods.get("gaussian std=0.3").std == 0.3
    assert likelihoods.get("gaussian-optimal min_std=0.001").min_std == 0.001
    assert isinstance(likelihoods.get(" gaussian "), Gaussian)
    refused = {
        "poisson std=1": "likelihood: expected one of bernoulli",
        "gaussian sdt=1": "likelihood: expected settings of std, as name=value; received 'sdt=1'; did you mean 'std'",
        "gaussian std=wide": "likelihood: expected a number as std; received 'wide'",
        "gaussian std=-1": "std: expected a finite number above 0",
        "bernoulli std=1": "likelihood: expected settings",
    }
    for text, sentence in refused.items():
        with pytest.raises(InputError, match=sentence):
            likelihoods.get(text)


def test_an_overridden_mean_is_not_exported_to_pages():
    class Halved(Bernoulli):
        def mean(self, logits):
            return 0.5 * super().mean(logits)

    class Renamed(Bernoulli):
        pass

    assert (Bernoulli().browser_output, Renamed().browser_output, Halved().browser_output) == (
        "sigmoid",
        "sigmoid",
        None,
    )
    assert Halved().needs_binary_data
    assert not ContinuousBernoulli().needs_binary_data


def test_a_support_belongs_to_the_density_that_states_it():
    class Halved(Bernoulli):
        def nll_per_pixel(self, x, logits):
            return 0.5 * super().nll_per_pixel(x, logits)

    class Renamed(Bernoulli):
        pass

    assert Bernoulli.support == ContinuousBernoulli.support == Renamed.support == (0.0, 1.0)
    assert Gaussian.support == (-math.inf, math.inf)
    assert Likelihood.support is Halved.support is None


def test_a_registered_likelihood_has_a_name(monkeypatch):
    monkeypatch.setattr(likelihoods._REGISTRY, "_classes", dict(likelihoods._REGISTRY._classes))

    @likelihoods.register
    class Laplace(Likelihood):
        name = "laplace"
        description = "pixels with Laplacian noise"

    assert isinstance(likelihoods.get("laplace"), Laplace)
    assert likelihoods.names()[-1] == "laplace"
    assert likelihoods.descriptions()["laplace"] == "pixels with Laplacian noise"
    with pytest.raises(ValueError, match="'gaussian', which belongs to Gaussian"):
        likelihoods.register(type("Other", (Likelihood,), {"name": "gaussian"}))


def test_refusals():
    with pytest.raises(InputError, match="likelihood: expected one of bernoulli"):
        likelihoods.get("poisson")
    with pytest.raises(InputError, match="std: expected a finite number above 0"):
        Gaussian(0.0)
    for std in (-1, float("nan"), float("inf"), True, "0.1", None):
        with pytest.raises(InputError, match="std: expected a finite number above 0"):
            Gaussian(std)
    with pytest.raises(AttributeError, match="no setter"):
        Gaussian().std = 0.5
    for shapes in (((None, 8), (8, 8)), ((8, 8), (None,))):
        with pytest.raises(InputError, match="decoder: expected an image and an output of known sizes"):
            Bernoulli().check(*shapes)
    with pytest.raises(NotImplementedError, match="must define nll_per_pixel"):
        Likelihood()(np.zeros((1, 2)), np.zeros((1, 2)))


def derivatives(function, *arrays):
    """Of a scalar function by each of the arrays, on whatever backend is in use."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function, argnums=tuple(range(len(arrays))))(*map(ops.convert_to_tensor, arrays))
    if keras.backend.backend() == "torch":
        import torch

        tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
        return torch.autograd.grad(function(*tensors), tensors)
    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return tape.gradient(value, tensors)


@pytest.mark.parametrize("shape", [(28, 28), (7, 3), (13,), (17, 1), (4, 4, 3)])  # 17 pixels: a prime above 16
def test_a_sum_is_that_of_its_pixels(shape):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(5, *shape)).astype("float32")
    logits = rng.normal(0, 20, (5, *shape)).astype("float32")
    logits[1], logits[2] = 300.0, -300.0
    logits[3] = 0.0  # where every factor is 2
    pixels = numpy(Bernoulli().nll_per_pixel(tensor(x), tensor(logits))).reshape(5, -1)
    summed = numpy(Bernoulli()(tensor(x), tensor(logits)))
    np.testing.assert_allclose(summed, pixels.sum(axis=1), rtol=1e-6)
    weight = tensor(np.arange(1.0, 6.0))  # of each image
    of_sum = derivatives(lambda x, logits: ops.sum(weight * Bernoulli()(x, logits)), x, logits)
    of_pixels = derivatives(
        lambda x, logits: ops.sum(weight * ops.sum(ops.reshape(Bernoulli().nll_per_pixel(x, logits), (5, -1)), axis=1)),
        x,
        logits,
    )
    for one, other in zip(of_sum, of_pixels, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends know every shape")
def test_a_sum_of_images_of_unknown_size():
    import tensorflow as tf

    x, logits = np.zeros((2, 5, 3), "float32"), np.full((2, 5, 3), 2.0, "float32")
    unknown = tf.function(Bernoulli(), input_signature=[tf.TensorSpec((None, None, None))] * 2)
    np.testing.assert_allclose(unknown(x, logits), numpy(Bernoulli()(x, logits)), rtol=1e-6)


def test_a_sum_keeps_nan():
    logits = np.zeros((2, 784), "float32")
    logits[0, 5] = np.nan
    nll = numpy(Bernoulli()(tensor(np.zeros((2, 784))), tensor(logits)))
    assert np.isnan(nll[0])
    assert nll[1] == pytest.approx(784 * math.log(2), rel=1e-6)


def test_a_subclass_of_bernoulli_uses_its_own_nll_per_pixel():
    class Halved(Bernoulli):
        def nll_per_pixel(self, x, logits):
            return 0.5 * super().nll_per_pixel(x, logits)

    x, logits = np.zeros((2, 12)), np.ones((2, 12))
    np.testing.assert_allclose(2 * numpy(Halved()(x, logits)), numpy(Bernoulli()(x, logits)), rtol=1e-6)


def test_the_derivative_of_a_cross_entropy_is_its_probability_minus_the_pixel():
    """λ − x by the logits, which needs no special case at 0 and far out; −ℓ by the image."""
    logits = np.array([[-200.0, -30.0, -1.5, 0.0, 1e-6, 0.7, 40.0, 300.0]], "float32")
    x = np.array([[0.0, 1.0, 0.25, 0.5, 0.0, 1.0, 0.75, 1.0]], "float32")
    weight = 3.0
    of_x, of_logits = derivatives(
        lambda x, logits: weight * ops.sum(likelihoods.Bernoulli().nll_per_pixel(x, logits)), x, logits
    )
    expected = 1 / (1 + np.exp(-logits.astype("float64")))
    np.testing.assert_allclose(ops.convert_to_numpy(of_logits), weight * (expected - x), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ops.convert_to_numpy(of_x), -weight * logits, rtol=1e-6)
