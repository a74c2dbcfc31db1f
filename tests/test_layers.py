"""Layers: formulas against closed forms, Keras' own test harness, β in a compiled step."""

import keras
import numpy as np
import pytest
from keras import ops
from keras.src import testing

from keras_vae import GaussianSampling, InputError, KLDivergence
from keras_vae.layers import BetaSchedule, kl_per_unit


class KerasHarness(testing.TestCase):
    """Keras' checks of a layer: config, serialization, shapes, dtypes, training, saving."""

    def test_sampling(self):
        self.run_layer_test(
            GaussianSampling,
            {"seed": 3},
            input_shape=((2, 4), (2, 4)),
            expected_output_shape=(2, 4),
            expected_num_trainable_weights=0,
            expected_num_non_trainable_weights=0,
            expected_num_seed_generators=2,
            expected_num_losses=0,
            supports_masking=True,
        )

    def test_sampling_of_sequences_with_one_variance(self):
        self.run_layer_test(
            GaussianSampling,
            {},
            input_shape=[(2, 3, 4), (2, 3, 1)],
            expected_output_shape=(2, 3, 4),
            run_training_check=False,
            supports_masking=True,
        )

    def test_kl(self):
        self.run_layer_test(
            KLDivergence,
            {"beta": 0.5},
            input_shape=((2, 4), (2, 1)),
            expected_output_shape=((2, 4), (2, 1)),
            expected_num_trainable_weights=0,
            expected_num_non_trainable_weights=4,
            expected_num_seed_generators=0,
            expected_num_losses=1,
            supports_masking=True,
        )

    def test_kl_of_a_list(self):
        self.run_layer_test(
            KLDivergence,
            {},
            input_shape=[(2, 4), (2, 4)],
            expected_num_losses=1,
            run_training_check=False,
            supports_masking=True,
        )


def kl_by_quadrature(mean: float, log_var: float) -> float:
    """∫ q log(q / p) dz on a fine grid: the slow, obvious KL."""
    std = np.exp(0.5 * log_var)
    z = np.linspace(mean - 12 * std, mean + 12 * std, 200_001)
    log_q = -0.5 * ((z - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)
    log_p = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    return np.trapezoid(np.exp(log_q) * (log_q - log_p), z)


@pytest.mark.parametrize(("mean", "log_var"), [(0.0, 0.0), (1.5, -2.0), (-3.0, 1.0), (0.2, -6.0)])
def test_kl_agrees_with_its_integral(mean, log_var):
    kl = ops.convert_to_numpy(kl_per_unit(np.array([[mean]]), np.array([[log_var]])))
    assert kl.item() == pytest.approx(kl_by_quadrature(mean, log_var), abs=2e-6, rel=2e-6)


def test_kl_layer_sums_units_averages_images_and_returns_its_inputs():
    mean = np.array([[1.0, 2.0], [0.0, 0.0]], "float32")
    log_var = np.zeros((2, 2), "float32")
    layer = KLDivergence(beta=2.0)
    outputs = layer([mean, log_var])
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs[0]), mean)
    # ½ (1 + 4) for the first image, 0 for the second, their mean, twice
    assert float(layer.losses[0]) == pytest.approx(2.5)
    assert ops.shape(layer.losses[0]) == ()


def test_one_variance_counts_for_every_unit():
    mean, one = np.zeros((3, 5), "float32"), np.full((3, 1), -1.0, "float32")
    broadcast, full = KLDivergence(), KLDivergence()
    broadcast([mean, one])
    full([mean, np.repeat(one, 5, axis=1)])
    assert float(broadcast.losses[0]) == pytest.approx(float(full.losses[0]), rel=1e-6)


def test_masked_steps_add_nothing():
    mean = np.ones((1, 3, 2), "float32")
    mask = np.array([[True, False, True]])
    layer = KLDivergence()
    layer([mean, np.zeros_like(mean)], mask=[ops.convert_to_tensor(mask)] * 2)
    assert float(layer.losses[0]) == pytest.approx(2 * 2 * 0.5)


def test_mask_passes_through_a_functional_model():
    tokens = keras.Input((4,), dtype="int32")
    h = keras.layers.Embedding(5, 3, embeddings_initializer=keras.initializers.RandomNormal(0, 1, 0), mask_zero=True)(
        tokens
    )
    mean, log_var = KLDivergence()([h, h])
    z = GaussianSampling(seed=0)([mean, log_var])
    model = keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(z))
    pooled = ops.convert_to_numpy(model(np.array([[1, 2, 0, 0]])))
    vectors = model.layers[1].get_weights()[0][[1, 2]]
    expected = 0.5 * (vectors**2 + np.exp(vectors) - 1 - vectors).sum()
    assert float(model.losses[0]) == pytest.approx(expected, rel=1e-5)
    # The pooling receives the mask behind both layers: it averages two steps of z, not four.
    noise = ops.convert_to_numpy(GaussianSampling(seed=0)([np.zeros((1, 4, 3), "float32")] * 2))
    z = vectors + np.exp(0.5 * vectors) * noise[0, :2]
    np.testing.assert_allclose(pooled[0], z.mean(axis=0), rtol=1e-4, atol=1e-5)


def sequences(kind: str) -> tuple[keras.Model, np.ndarray]:
    """A model of sequences of six steps, the last two of which are padding, with both layers in it; and its input."""
    layers, rng = keras.layers, np.random.default_rng(0)
    tokens, vectors = rng.integers(1, 6, (20, 6)), rng.normal(size=(20, 6, 3)).astype("float32")
    tokens[:, 4:], vectors[:, 4:] = 0, 0
    x = tokens if kind.startswith("embedding") else vectors
    image = keras.Input(x.shape[1:], dtype=x.dtype.name)
    h = layers.Embedding(6, 3, mask_zero=True)(image) if kind.startswith("embedding") else image
    if kind.endswith("lstm"):
        h = layers.LSTM(4, return_sequences=True)(h)
    if kind == "masking":
        h = layers.Masking()(h)
    if kind == "conv1d":
        h = layers.Conv1D(4, 3, padding="same")(h)
    if kind == "embedding, summary":
        h = layers.LSTM(4)(h)
    one_variance = kind == "embedding, one variance"
    mean, log_var = KLDivergence(name="kl")([layers.Dense(2)(h), layers.Dense(1 if one_variance else 2)(h)])
    z = GaussianSampling(seed=0)([mean, log_var])
    return keras.Model(image, layers.Dense(1)(z)), x


@pytest.mark.parametrize(
    "kind",
    ["embedding", "embedding, one variance", "embedding, lstm", "embedding, summary", "masking", "conv1d", "lstm"],
)
def test_sequences_train_compiled_as_they_are_computed_eagerly(kind):
    """Of a masked sequence the KL of its first four steps counts, of an unmasked one that of all six."""
    model, x = sequences(kind)
    model.compile(keras.optimizers.SGD(0.0), loss=lambda y, prediction: 0.0 * prediction)
    y = np.zeros((len(x), *model.output_shape[1:]))
    loss = model.fit(x, y, batch_size=len(x), verbose=0).history["loss"][0]
    assert model.evaluate(x, y, batch_size=len(x), verbose=0) == pytest.approx(loss, rel=1e-5)
    mean, log_var = (
        ops.convert_to_numpy(t) for t in keras.Model(model.input, model.get_layer("kl").output).predict_on_batch(x)
    )
    kl = 0.5 * (mean**2 + np.expm1(log_var) - log_var)
    steps = 4 if kind.startswith("embedding") or kind == "masking" else 6
    kl = kl.sum(axis=1) if kind == "embedding, summary" else kl[:, :steps].sum(axis=(1, 2))
    assert loss == pytest.approx(kl.mean(), rel=1e-4)


def test_a_mask_of_the_second_tensor_alone_counts():
    mean = np.ones((1, 3, 2), "float32")
    layer = KLDivergence()
    layer([mean, np.zeros_like(mean)], mask=[None, ops.convert_to_tensor([[True, False, True]])])
    assert float(layer.losses[0]) == pytest.approx(2 * 2 * 0.5)


def test_kl_stays_float32_under_mixed_precision():
    mean = np.full((4, 300), 20.0, "float32")  # ½ · 400 · 300 = 60,000: near the end of float16
    layer = KLDivergence(beta=2.0, dtype="mixed_float16")
    outputs = layer([mean, np.zeros_like(mean)])
    assert keras.backend.standardize_dtype(layer.losses[0].dtype) == "float32"
    assert keras.backend.standardize_dtype(outputs[0].dtype) == "float16"
    assert float(layer.losses[0]) == pytest.approx(120_000)


def test_samples_have_the_requested_mean_and_variance():
    mean = np.tile(np.array([[0.0, 3.0, -1.0]], "float32"), (20_000, 1))
    log_var = np.log(np.tile(np.array([[1.0, 0.25, 4.0]], "float32"), (20_000, 1)))
    z = ops.convert_to_numpy(GaussianSampling(seed=1)([mean, log_var], training=True))
    # five standard errors of 20,000 draws
    np.testing.assert_allclose(z.mean(0), mean[0], atol=5 * 2 / np.sqrt(20_000))
    np.testing.assert_allclose(z.var(0), [1.0, 0.25, 4.0], rtol=5 * np.sqrt(2 / 20_000))


def test_gradient_is_that_of_the_reparameterisation():
    """d z / d mean = 1 and d z / d log_var = ½ (z − mean): observed in one step of plain gradient descent."""
    mean, log_var = keras.Input((1,)), keras.Input((1,))
    m = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(mean)
    v = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(log_var)
    model = keras.Model([mean, log_var], GaussianSampling(seed=2)([m, v]))
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, z: z)
    x = [np.array([[2.0]], "float32"), np.array([[0.5]], "float32")]
    loss = model.train_on_batch(x, np.zeros((1, 1), "float32"))
    after_mean, after_log_var = (float(w[0, 0]) for w in model.get_weights())
    z = float(loss)
    assert after_mean == pytest.approx(1 - 2.0, abs=1e-5)
    assert after_log_var == pytest.approx(1 - 0.5 * 0.5 * (z - 2.0), abs=1e-5)


def test_same_seed_same_noise_and_every_draw_differs():
    x = [np.zeros((4, 2), "float32")] * 2
    first, second = GaussianSampling(seed=5), GaussianSampling(seed=5)
    a, b = (ops.convert_to_numpy(layer(x, training=True)) for layer in (first, second))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, ops.convert_to_numpy(first(x, training=True)))


def test_given_noise_is_used_for_one_call():
    layer, pair = GaussianSampling(seed=3), [np.zeros((4, 3), "float32"), np.zeros((4, 3), "float32")]
    with layer.use_noise(ops.ones((4, 3))):
        evaluated, first, second = (np.asarray(layer(pair, training=training)) for training in (False, True, True))
    np.testing.assert_array_equal(first, np.ones((4, 3)))
    assert not (evaluated == 1).any()
    assert not (second == 1).any()


def test_evaluation_does_not_change_the_noise_of_training():
    x = [np.zeros((4, 2), "float32")] * 2
    with_evaluation, without = GaussianSampling(seed=5), GaussianSampling(seed=5)
    evaluated = ops.convert_to_numpy(with_evaluation(x, training=False))
    a, b = (ops.convert_to_numpy(layer(x, training=True)) for layer in (with_evaluation, without))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, evaluated)
    with_evaluation.reset_evaluation_noise()
    np.testing.assert_array_equal(evaluated, ops.convert_to_numpy(with_evaluation(x, training=False)))


def test_the_state_of_the_noise_is_saved(tmp_path):
    inputs = [keras.Input((2,)), keras.Input((2,))]
    model = keras.Model(inputs, GaussianSampling(seed=5)(inputs))
    x = [np.zeros((4, 2), "float32")] * 2
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = ops.convert_to_numpy(model(x, training=True))
    np.testing.assert_array_equal(expected, ops.convert_to_numpy(loaded(x, training=True)))


def own_model(kl: KLDivergence) -> keras.Model:
    """A custom model whose loss is β · KL of one unit with mean 2 and variance 1, so β · 2."""
    x = keras.Input((1,))
    mean, log_var = kl([keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(x), 0.0 * x])
    return keras.Model(x, GaussianSampling(seed=0)([mean, log_var]))


def test_beta_takes_effect_in_a_compiled_step():
    kl = KLDivergence(beta=1.0)
    model = own_model(kl)
    model.compile(keras.optimizers.SGD(0.0), loss=lambda y, z: 0.0 * z)
    x, y = np.full((2, 1), 2.0, "float32"), np.zeros((2, 1), "float32")
    assert float(model.train_on_batch(x, y)) == pytest.approx(2.0)
    kl.beta = 0.25
    model.reset_metrics()
    assert float(model.train_on_batch(x, y)) == pytest.approx(0.5)
    kl.beta.assign(0.125)
    model.reset_metrics()
    assert float(model.train_on_batch(x, y)) == pytest.approx(0.25)
    assert kl.get_config()["beta"] == 0.25
    with pytest.raises(InputError, match="beta: expected a finite number of at least 0"):
        kl.beta = -1.0


def test_cyclical_beta_rises_in_the_first_half_of_each_cycle_and_stays_at_its_value_in_the_second():
    """Two cycles of four steps (Fu et al. 2019)."""
    schedule = BetaSchedule(beta=2.0)
    schedule.warm_up(8, "cyclical", cycles=2)
    found = [float(schedule(training=True)) for _ in range(10)]
    np.testing.assert_allclose(found, [0, 1, 2, 2, 0, 1, 2, 2, 2, 2], atol=1e-6)
    with pytest.raises(InputError, match="cycles: expected"):
        schedule.warm_up(8, "cyclical", cycles=0)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_beta_follows_its_formula(shape):
    schedule = BetaSchedule(beta=4.0)
    schedule.warm_up(4, shape)
    rising = [float(schedule(training=True)) for _ in range(6)]
    t = np.minimum(np.arange(6) / 4, 1)
    np.testing.assert_allclose(rising, 4 * (t if shape == "linear" else 0.5 * (1 - np.cos(np.pi * t))), atol=1e-6)


def test_beta_without_warmup_is_whole_from_the_first_step():
    assert float(BetaSchedule(beta=3.0)(training=True)) == 3.0


def test_beta_does_not_move_outside_training():
    schedule = BetaSchedule()
    schedule.warm_up(10)
    assert [float(schedule(training=False)) for _ in range(3)] == [0.0] * 3


@pytest.mark.parametrize("beta", [-1.0, float("nan"), float("inf")])
def test_refuses_an_impossible_beta(beta):
    with pytest.raises(InputError, match="beta: expected a finite number of at least 0"):
        KLDivergence(beta=beta)


@pytest.mark.parametrize("layer", [GaussianSampling, KLDivergence])
def test_refuses_what_is_not_a_fitting_pair(layer):
    with pytest.raises(InputError, match="expected two inputs"):
        layer()(keras.Input((2,)))
    with pytest.raises(InputError, match="one that broadcasts"):
        layer()([keras.Input((4,)), keras.Input((3,))])
