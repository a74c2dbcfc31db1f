"""Dense, convolutional and spatial VAEs of images of any size."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import posteriors
from keras_vae.networks import builders, decoder_export
from keras_vae.networks.architecture import parse

SIZES = [(28, 28), (32, 32, 3), (37, 37, 1), (20, 33, 3)]


def pictures(shape: tuple[int, ...], n: int = 12) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(n, *shape)).astype("float32")


def build(architecture: str, shape: tuple[int, ...], posterior: str = "diagonal", **kwargs) -> kv.VAE:
    vae = builders.build(architecture, shape, posterior, seed=0, **kwargs)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


@pytest.mark.parametrize(
    ("architecture", "shape", "posterior"),
    [
        ("c4-c6-9-3", SIZES[0], "diagonal"),
        *(("c4-c6-10x10x5", (37, 37, 1), posterior) for posterior in ("diagonal", "isotropic")),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                *(("c4-c6-9-3", shape, "diagonal") for shape in SIZES[1:]),
                *(("c4-c6-10x10x5", (37, 37, 1), posterior) for posterior in posteriors.names()[2:]),
                *(("c4-c6-10x10x5", shape, "diagonal") for shape in SIZES if shape != (37, 37, 1)),
                *(("c4-2", (37, 37, 1), posterior) for posterior in posteriors.names()[1:]),
            )
        ),
    ],
)
def test_images_of_any_size(architecture, shape, posterior):
    vae, x = build(architecture, shape, posterior), pictures(shape)
    latent = parse(architecture).latent_shape
    mean, log_var = vae.encode(x)
    assert mean.shape == (12, *latent)
    expected = {"diagonal": latent, "isotropic": (1,) * len(latent), "iid": (1,) * len(latent)}.get(posterior)
    assert (None if log_var is None else log_var.shape[1:]) == expected
    assert vae.decode(mean).shape == x.shape
    before = vae.evaluate(x, verbose=0, return_dict=True)["loss"]
    vae.fit(x, batch_size=6, epochs=8, verbose=0)
    assert vae.evaluate(x, verbose=0, return_dict=True)["loss"] < before


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [("784-20-7-3", (28, 28)), ("c4-c6-9-3", (37, 37, 3)), ("c4-2", (28, 28)), ("c4-c6-c8-5x5x3", (37, 37, 1))],
)
def test_parameters_are_counted_before_anything_is_built(architecture, shape):
    vae, twin = build(architecture, shape), build(architecture, shape, "autoencoder")
    counted = parse(architecture).count_parameters(shape)
    assert counted == vae.encoder.count_params() + vae.decoder.count_params()
    # The deterministic twin lacks the head of the variances and nothing else.
    head = vae.encoder.get_layer("log_var").count_params()
    assert counted - head == twin.encoder.count_params() + twin.decoder.count_params()


def test_the_kl_of_a_map_is_a_sum_over_all_its_units():
    vae, x = build("c4-c6-8x8x5", (28, 28)), pictures((28, 28))
    mean, log_var = (array.astype("float64").reshape(12, -1) for array in vae.encode(x))
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1).mean()
    assert vae.evaluate(x, verbose=0, return_dict=True)["kl"] == pytest.approx(kl, rel=1e-4)
    units = kv.diagnostics.units(*vae.encode(x))
    assert units.kl.shape == (8, 8, 5)
    assert units.kl.sum() == pytest.approx(kl, rel=1e-4)


def test_padding_is_cropped_where_it_was_added():
    """A bright pixel in a corner changes what is decoded in that corner, and no other."""
    vae = build("c4-c6-8x8x5", (28, 28))
    dark = np.zeros((1, 28, 28), "float32")
    for row, column in ((0, 0), (0, 27), (27, 0), (27, 27)):
        bright = dark.copy()
        bright[0, row, column] = 1
        change = np.abs(vae.reconstruct(bright) - vae.reconstruct(dark))[0]
        rows, columns = np.nonzero(change > 1e-7)
        assert len(rows)
        assert np.abs(rows - row).max() <= 12
        assert np.abs(columns - column).max() <= 12
    assert [layer.name for layer in build("c4-c6-7x7x5", (28, 28)).decoder.layers].count("crop") == 0


def test_mirrored_layers_start_unequal_and_a_seed_repeats_them():
    first, second, other = (kv.conv_vae("c4-c4-8-8-2", (16, 16), seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.seed == second.seed != other.seed
    hidden = [first.encoder.get_layer("hidden_2"), first.decoder.get_layer("hidden_1")]
    assert not np.array_equal(*(layer.get_weights()[0] for layer in hidden))


@pytest.mark.parametrize("architecture", ["c4-c6-9-3", "c4-c6-8x8x5"])
def test_saved_and_loaded(architecture, tmp_path):
    vae, x = build(architecture, (28, 28)), pictures((28, 28))
    vae.fit(x, epochs=1, verbose=0)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(vae.reconstruct(x), loaded.reconstruct(x))
    assert loaded.latent_shape == vae.latent_shape
    assert loaded.generate(3, seed=0).shape == (3, 28, 28)


def test_callbacks_observe_a_map():
    vae, x = build("c4-4x4x3", (8, 8)), pictures((8, 8), 20)
    recorder = kv.LatentRecorder(x[:5], every=2, units=[7, 40])
    monitor = kv.UnitMonitor(x)
    vae.fit(x, batch_size=5, epochs=2, verbose=0, callbacks=[recorder, monitor, kv.BetaWarmup(epochs=1)])
    trajectory = recorder.trajectory
    assert trajectory.mean.shape == (5, 5, 2)
    mean, log_var = vae.encode(x[:5])
    np.testing.assert_allclose(trajectory.mean[-1], mean.reshape(5, -1)[:, [7, 40]], atol=1e-5)
    np.testing.assert_allclose(trajectory.log_var[-1], log_var.reshape(5, -1)[:, [7, 40]], atol=1e-5)
    assert monitor.history.kl.shape == (3, 48)


@pytest.mark.parametrize("likelihood", ["continuous-bernoulli", "gaussian"])
def test_other_likelihoods(likelihood):
    vae, x = build("c4-c6-8x8x5", (28, 28), likelihood=likelihood), pictures((28, 28))
    assert np.isfinite(vae.evaluate(x, verbose=0, return_dict=True)["loss"])
    assert vae.generate(2, seed=0).shape == (2, 28, 28)


def test_heads_and_logits_stay_exact_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        vae = build("c4-c6-8x8x5", (28, 28, 1))
        outputs = vae(pictures((28, 28, 1)), training=False)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert vae.encoder.get_layer("convolution_1").compute_dtype == "float16"
    assert {keras.backend.standardize_dtype(outputs[name].dtype) for name in ("mean", "log_var", "logits")} == {
        "float32"
    }


def test_every_builder_accepts_its_own_kind():
    assert kv.dense_vae("64-8-2", (8, 8)).name == "dense_vae"
    assert kv.conv_vae("c4-8-2", (8, 8)).latent_shape == (2,)
    assert kv.spatial_vae("c4-4x4x2", (8, 8)).latent_shape == (4, 4, 2)
    with pytest.raises(kv.InputError, match="a conv one, such as c32-c64-256-2; received 64-8-2, which is dense"):
        kv.conv_vae("64-8-2", (8, 8))
    with pytest.raises(kv.InputError, match="expected a dense one"):
        kv.dense_vae("c4-8-2", (8, 8))
    with pytest.raises(kv.InputError, match="expected a spatial one"):
        kv.spatial_vae("c4-8-2", (8, 8))


def test_maps_that_are_too_small_and_wrong_image_shapes_are_refused():
    with pytest.raises(kv.InputError, match="images of 28 × 28 fit into, such as 7x7x5; received c4-c6-6x8x5"):
        kv.spatial_vae("c4-c6-6x8x5", (28, 28))
    with pytest.raises(kv.InputError, match=r"expected images of shape \(height, width\)"):
        kv.conv_vae("c4-8-2", (64,))
    with pytest.raises(kv.InputError, match="make its layers smaller"):
        kv.conv_vae("c4-99999999-99999999-2", (8, 8))
    with pytest.raises(kv.InputError, match="posterior: expected one of"):
        kv.conv_vae("c4-8-2", (8, 8), posterior="flow")


@pytest.mark.parametrize(
    "text", ["c4", "8-c4-2", "c4-8-4x4x2", "c4-4x4", "c0-2", "c-2", "c4-4x0x2", "64-4x4x2", "c4--2", "c4-2x", "C4-2"]
)
def test_text_that_is_no_architecture_is_refused(text):
    with pytest.raises(kv.InputError, match="architecture: expected layer sizes above 0"):
        parse(text)


def test_an_architecture_as_text_and_back():
    for text in ("784-256-2", "c32-c64-256-16", "c64-c128-8x8x1024", "c4-2"):
        assert str(parse(text)) == text
        assert parse(parse(text)) == parse(text)
    assert str(parse((784, 2))) == "784-2"
    assert [parse(text).kind for text in ("9-2", "c4-2", "c4-4x4x2")] == ["dense", "conv", "spatial"]
    assert parse("c64-c128-8x8x1024").n_units == 65_536
    assert parse("c64-c128-8x8x1024").padded((28, 28)) == (32, 32)
    assert parse("c4-c4-2").padded((37, 28, 3)) == (40, 28)


# -- residual blocks and normalization -----------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["c4-r6-8-2", "r4-r6-2x2x3", "r4-2"])
def test_residual_blocks_begin_as_the_identity(architecture):
    """The initial weights are those of the architecture without blocks, whose output is the same."""
    block = build(architecture, (8, 8, 3))
    assert str(parse(architecture)) == architecture
    count = block.encoder.count_params() + block.decoder.count_params()
    assert parse(architecture).count_parameters((8, 8, 3)) == count
    names = [layer.name for layer in (*block.encoder.layers, *block.decoder.layers)]
    assert sum(name.startswith("add_") for name in names) == 2 * architecture.count("r")
    for layer in (*block.encoder.layers, *block.decoder.layers):
        if layer.name.startswith("residual_") and layer.name.endswith("_2"):
            assert not any(weights.any() for weights in layer.get_weights())


@pytest.mark.parametrize(("normalization", "kind"), [("batch", "BatchNormalization"), ("layer", "LayerNormalization")])
@pytest.mark.parametrize("architecture", ["c4-r6-8-2", "192-16-2"])
def test_every_hidden_layer_is_normalized(architecture, normalization, kind):
    vae = build(architecture, (8, 8, 3), normalization=normalization)
    for part in (vae.encoder, vae.decoder):
        kinds = [type(layer).__name__ for layer in part.layers]
        assert kinds.count(kind) == kinds.count("Activation") > 0
    plain = build(architecture, (8, 8, 3))
    assert not any("Normalization" in type(layer).__name__ for layer in plain.encoder.layers)


def test_an_unknown_normalization_is_refused():
    with pytest.raises(kv.InputError, match="normalization: expected 'batch' or 'layer'; received 'group'"):
        build("c4-2", (8, 8), normalization="group")


@pytest.mark.slow
def test_a_normalized_residual_model_trains_and_loads(tmp_path):
    x = np.random.default_rng(0).random((24, 8, 8, 3)).astype("float32")
    vae = build("c4-r6-8-2", x.shape[1:], likelihood="gaussian-optimal", normalization="batch")
    vae.compile(keras.optimizers.Adam(0.01))
    losses = vae.fit(x, batch_size=8, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    np.testing.assert_allclose(loaded.reconstruct(x), vae.reconstruct(x), atol=1e-6)


def test_a_layer_normalization_is_exported_with_its_scale_and_shift():
    decoder = build("6-5-2", (6,), normalization="layer").decoder
    rng = np.random.default_rng(0)
    decoder.set_weights([rng.normal(size=w.shape) for w in decoder.get_weights()])
    exported = decoder_export.export(decoder, kv.Gaussian())
    described = {layer["kind"]: (layer, weights) for layer, weights in zip(*exported[:2], strict=True)}
    (hidden, logits) = (w for layer, w in zip(*exported[:2], strict=True) if layer["kind"] == "dense")
    layer, (scale, shift) = described["normalize"]
    z = rng.normal(size=(4, 2))
    h = z @ hidden[0] + hidden[1]
    h = (h - h.mean(1, keepdims=True)) / np.sqrt(h.var(1, keepdims=True) + layer["epsilon"]) * scale + shift
    expected = np.maximum(h, 0) @ logits[0] + logits[1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(decoder(z.astype("float32"))), expected, atol=0.02)
