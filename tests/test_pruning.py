"""Pruning: models of every kind without their collapsed units, and run folders of pruned models."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import InputError, Run
from keras_vae.networks.pruning import prune
from keras_vae.runs import provenance, run_data
from keras_vae.runs.pruned_run import prune_run

CONSTANT = 0.37


def with_constant_units(vae: kv.VAE, units: list[int]) -> kv.VAE:
    """Makes units, or channels, of a model ignore the image."""
    layer = vae.encoder.get_layer("mean")
    kernel, bias = layer.get_weights()
    kernel[..., units], bias[units] = 0.0, CONSTANT
    layer.set_weights([kernel, bias])
    return vae


@pytest.mark.parametrize(
    ("build", "architecture", "options"),
    [
        (kv.dense_vae, "64-16-4", {"likelihood": "gaussian-per-pixel", "normalization": "layer"}),
        (kv.dense_vae, "64-4", {"posterior": "autoencoder"}),
        (kv.conv_vae, "c4-r8-16-4", {"likelihood": "gaussian-optimal", "normalization": "batch"}),
        (kv.conv_vae, "c4-8-4", {"posterior": "isotropic", "decoder": "5-6"}),
        (kv.spatial_vae, "c4-4x4x4", {"posterior": "none", "likelihood": "gaussian"}),
        (kv.spatial_vae, "c4-4x4x4", {"posterior": "isotropic"}),
    ],
)
def test_reconstructions_are_unchanged_without_units_of_constant_mean(images, build, architecture, options):
    vae = with_constant_units(build(architecture, image_shape=(8, 8), seed=1, **options), [1, 2])
    weights = vae.get_weights()
    found = prune(vae, images, threshold=1e-9)
    assert found.removed.tolist() == [1, 2]
    np.testing.assert_allclose(found.constants, CONSTANT, rtol=1e-6)
    assert found.vae.latent_shape == (*vae.latent_shape[:-1], 2)
    np.testing.assert_allclose(found.vae.reconstruct(images), vae.reconstruct(images), atol=1e-6)
    (mean, log_var), before = found.vae.encode(images), vae.encode(images)
    np.testing.assert_allclose(mean, before.mean[..., [0, 3]], atol=1e-6)
    if log_var is not None:
        is_shared = before.log_var.shape[-1] == 1
        np.testing.assert_allclose(log_var, before.log_var if is_shared else before.log_var[..., [0, 3]], atol=1e-6)
    for array, untouched in zip(vae.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(array, untouched)


def test_what_was_estimated_during_training_is_kept(images, tmp_path):
    vae = kv.dense_vae("64-16-4", image_shape=(8, 8), likelihood="gaussian-optimal", beta=2.0, seed=1)
    vae.compile(keras.optimizers.SGD(1e-4))
    vae.fit(images, epochs=1, verbose=0)
    smaller = prune(with_constant_units(vae, [0]), images, threshold=1e-9).vae
    smaller.save(tmp_path / "smaller.keras")
    loaded = keras.models.load_model(tmp_path / "smaller.keras")
    for model in (smaller, loaded):
        assert float(model.likelihood.std) == float(vae.likelihood.std) != 1.0
        assert (float(model.beta), int(model.epochs_seen)) == (2.0, 1)


def test_sequential_parts_and_layers_without_bias_are_pruned(images):
    x = images.reshape(-1, 64)
    image = keras.Input((64,))
    encoder = keras.Model(image, [keras.layers.Dense(3, name=name)(image) for name in ("mean", "log_var")])
    first = keras.layers.Dense(8, use_bias=False, activation="relu")
    decoder = keras.Sequential([keras.Input((3,)), first, keras.layers.Dense(64)])
    vae = with_constant_units(kv.VAE(encoder, decoder, seed=0), [2])
    np.testing.assert_allclose(prune(vae, x, 1e-9).vae.reconstruct(x), vae.reconstruct(x), atol=1e-6)


def test_units_are_measured_by_variance_or_kl(images):
    vae = with_constant_units(kv.dense_vae("64-4", image_shape=(8, 8), seed=1), [3])
    statistics = kv.diagnostics.units(*vae.encode(images))
    by_variance, by_kl = prune(vae, images, 1e-9), prune(vae, images, np.sort(statistics.kl)[1], by="kl")
    np.testing.assert_allclose(by_variance.values, statistics.var_mean, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(by_kl.values, statistics.kl, rtol=1e-5)
    assert (len(by_variance.removed), len(by_kl.removed)) == (1, 2)


def test_models_that_cannot_be_pruned_are_refused(images):
    x = images.reshape(-1, 64)
    vae = kv.dense_vae("64-4", seed=1)
    image, z = keras.Input((64,)), keras.Input((3,))
    heads = [keras.layers.Dense(3)(image) for _ in range(2)]
    joined = keras.layers.Dense(6)(image)
    first_drops = keras.Model(z, keras.layers.Dense(64)(keras.layers.Dropout(0.1)(z)))
    split = keras.Model(image, [joined[:, :3], joined[:, 3:]])
    dropping = kv.VAE(keras.Model(image, heads), first_drops, seed=0)
    joint = kv.VAE(split, keras.Model(z, keras.layers.Dense(64)(z)), seed=0)
    cases = {
        "all are above 0 .*nothing is to be pruned": lambda: prune(vae, x, 0.0),
        "none is above 1e.09 .*no unit would be left": lambda: prune(vae, x, 1e9),
        "by: expected 'variance' or 'kl'": lambda: prune(vae, x, by="burda"),
        "threshold: .*at least 0": lambda: prune(vae, x, -1),
        "at least two images": lambda: prune(vae, x[:1]),
        "which has no KL": lambda: prune(kv.dense_vae("64-4", posterior="none"), x, by="kl"),
        "received Dropout": lambda: prune(dropping, x, float(np.median(prune_values(dropping, x)))),
        "mean is made by an operation": lambda: prune(joint, x, float(np.median(prune_values(joint, x)))),
        "keras_vae.VAE; received Functional": lambda: prune(vae.encoder, x),
    }
    for message, call in cases.items():
        with pytest.raises(InputError, match=message):
            call()


def prune_values(vae: kv.VAE, x: np.ndarray) -> np.ndarray:
    return kv.diagnostics.units(*vae.encode(x)).var_mean


@pytest.fixture(scope="module")
def pruned_run(toy_run, data, tmp_path_factory):
    """The toy run without the less active of its two units."""
    from keras_vae.runs import model_file

    variances = prune_values(model_file.load(toy_run), data.x_train)
    folder = tmp_path_factory.mktemp("pruned") / "run"
    return prune_run(toy_run, folder, float(np.mean(variances)), data=data)


def test_a_pruned_run_is_an_ordinary_run(pruned_run, toy_run, data):
    from keras_vae.report import run_page
    from keras_vae.runs import model_file

    described = pruned_run.config["pruned"]
    assert pruned_run.finished
    assert pruned_run.metrics["n_units"] == 1
    assert pruned_run.config["config"]["architecture"] == "64-16-1"
    assert (described["units"], described["test"]) == (2, toy_run.metrics["test"])
    assert (pruned_run.path / described["run"]).resolve() == toy_run.path.resolve()
    assert model_file.load(pruned_run).latent_shape == (1,)
    assert run_data.load(pruned_run).digest == data.digest
    page = run_page.write(pruned_run).read_text()
    assert "1 of 2 units removed" in page
    assert "nats), and evaluated on 40 test images of 8 × 8 pixels from" in page
    assert "keras-vae prune" in page
    assert "codes" in kv.evaluate(pruned_run, data)


def test_a_pruned_run_is_neither_resumed_nor_overwritten_by_default(pruned_run, toy_run, toy_config, data):
    with pytest.raises(InputError, match=r"a model pruned from .*can't be continued"):
        provenance.check_resumable(pruned_run, toy_config, data)
    with pytest.raises(InputError, match="holds a finished run"):
        prune_run(toy_run, pruned_run.path, data=data)
    with pytest.raises(InputError, match="another folder than that of the run"):
        prune_run(toy_run, toy_run.path, data=data, overwrite=True)
    assert Run(toy_run.path).finished
