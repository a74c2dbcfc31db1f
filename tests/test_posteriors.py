"""Posteriors: the registry, their penalties, encoder outputs, and models with a custom one."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import posteriors
from keras_vae.networks import builders
from keras_vae.posteriors import parse_encoder_outputs

MEAN = np.array([[1.0, 2.0], [0.0, -1.0]], "float32")


@pytest.fixture
def registry(monkeypatch):
    """The registry, restored after the test."""
    monkeypatch.setattr(posteriors._REGISTRY, "_classes", dict(posteriors._REGISTRY._classes))


def test_names_and_descriptions_need_no_keras():
    program = (
        "import sys; from keras_vae import posteriors, likelihoods\n"
        "print(*posteriors.names(), *likelihoods.names(), 'keras' in sys.modules)\n"
        "print(all({**posteriors.descriptions(), **likelihoods.descriptions()}.values()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "diagonal", "isotropic", "iid", "none", "autoencoder", "bernoulli", "continuous-bernoulli", "gaussian",
        "gaussian-optimal", "gaussian-per-pixel", "False", "True",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "outputs", "log_var_shape", "divergence_name"),
    [
        ("diagonal", 2, (8, 8, 3), "kl"),
        ("isotropic", 2, (1, 1, 1), "kl"),
        ("iid", 2, (1, 1, 1), "kl"),
        ("none", 1, None, "penalty"),
        ("autoencoder", 1, None, None),
    ],
)
def test_what_each_declares(name, outputs, log_var_shape, divergence_name):
    posterior = posteriors.get(name)
    assert (posterior.name, len(posterior.encoder_outputs)) == (name, outputs)
    assert posterior.log_var_shape((8, 8, 3)) == log_var_shape
    assert posterior.has_density is posterior.samples is (log_var_shape is not None)
    assert posterior.divergence_name == divergence_name
    assert posterior.has_divergence is (name != "autoencoder")
    assert posteriors.get(posterior) is posterior
    assert posteriors.is_restored_by_name(posterior)


def test_penalties_of_every_image():
    def penalty(name, log_var=None):
        return ops.convert_to_numpy(posteriors.get(name).divergence(MEAN, log_var)).tolist()

    kl = 0.5 * ((MEAN**2).sum(axis=1) + 2 * (np.exp(-1.0) - 1 + 1))
    assert penalty("diagonal", np.full((2, 2), -1.0)) == pytest.approx(kl.tolist())
    assert (
        penalty("isotropic", np.full((2, 1), -1.0))
        == penalty("iid", np.full((2, 1), -1.0))
        == pytest.approx(kl.tolist())
    )
    assert penalty("none") == [2.5, 0.5]
    assert penalty("autoencoder") == [0.0, 0.0]


def test_encoder_outputs_in_every_form():
    tensor, log_var = ops.ones((2, 3)), ops.zeros((2, 3))
    for outputs in (
        [tensor, log_var],
        (tensor, log_var),
        {"log_var": log_var, "mean": tensor},
        [tensor, log_var, tensor],
    ):
        parsed = parse_encoder_outputs(outputs)
        assert parsed.mean is tensor
        assert parsed.log_var is log_var
    for outputs in (tensor, [tensor], {"mean": tensor}):
        assert parse_encoder_outputs(outputs, posteriors.get("none")) == (tensor, None)
    with pytest.raises(
        kv.InputError, match=r"expected 2 outputs .mean, log_var. for the posterior 'diagonal'; received 3"
    ):
        parse_encoder_outputs([tensor, log_var, tensor], posteriors.get("diagonal"))
    with pytest.raises(kv.InputError, match=r"expected a log_var of shape \(1,\) for the posterior 'iid'"):
        parse_encoder_outputs([tensor, log_var], posteriors.get("iid"))


def test_refusals(registry):
    for identifier in ("full", None, posteriors.Diagonal):
        with pytest.raises(kv.InputError, match="posterior: expected one of diagonal, isotropic"):
            posteriors.get(identifier)
    with pytest.raises(kv.InputError, match="'none', which belongs to NoSampling; choose another"):
        posteriors.register(type("Other", (posteriors.Posterior,), {"name": "none"}))
    for cls in (type("Nameless", (posteriors.Diagonal,), {}), type("Unrelated", (), {"name": "x"})):
        with pytest.raises(kv.InputError, match="expected a subclass of Posterior with a `name` of its own"):
            posteriors.register(cls)


def test_a_new_posterior_is_one_class(images, tmp_path, registry):
    @posteriors.register
    class FreeBits(posteriors.Diagonal):
        name = "free-bits"
        description = "a KL of at least 1 nat per image"
        divergence_name = "penalty"

        def divergence(self, mean, log_var=None):
            return ops.maximum(super().divergence(mean, log_var), 1.0)

    vae = kv.dense_vae("64-16-2", (8, 8), posterior="free-bits", seed=0)
    vae.compile("adam")
    results = vae.evaluate(images, return_dict=True, verbose=0)
    assert set(results) == {"loss", "reconstruction", "penalty", "beta"}
    assert results["penalty"] >= 1
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert isinstance(loaded.posterior, FreeBits)
    assert vae.get_config()["posterior"] == "free-bits"
    assert loaded.evaluate(images, return_dict=True, verbose=0) == results


def test_a_posterior_with_arguments_is_saved_with_them(images, tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Scaled(posteriors.NoSampling):
        name = "scaled"

        def __init__(self, scale):
            self.scale = scale

        def divergence(self, mean, log_var=None):
            return self.scale * super().divergence(mean)

        def get_config(self):
            return {"scale": self.scale}

    vae = kv.dense_vae("64-16-2", (8, 8), posterior=Scaled(3.0), seed=0)
    vae.compile("adam")
    plain = kv.dense_vae("64-16-2", (8, 8), posterior="none", seed=0)
    plain.compile("adam")
    penalties = [model.evaluate(images, return_dict=True, verbose=0)["penalty"] for model in (vae, plain)]
    assert penalties[0] == pytest.approx(3 * penalties[1], rel=1e-5)
    vae.save(tmp_path / "vae.keras")
    assert repr(keras.models.load_model(tmp_path / "vae.keras").posterior) == "Scaled(scale=3.0)"


@pytest.mark.parametrize("architecture", ["64-16-3", "c4-4x4x3"])
def test_iid_has_one_mean_and_one_variance_per_image(images, architecture, tmp_path):
    vae = builders.build(architecture, (8, 8), "iid", seed=0)
    mean, log_var = vae.encode(images)
    np.testing.assert_array_equal(mean, np.broadcast_to(mean[(slice(None), *[slice(1)] * (mean.ndim - 1))], mean.shape))
    assert log_var.size == len(images)
    assert (vae.get_config()["posterior"], vae.has_density) == ("iid", True)
    # Before the posterior had a class of its own such a model was saved as an isotropic one.
    old = kv.VAE.from_config({**vae.get_config(), "posterior": "isotropic"})
    old.set_weights(vae.get_weights())
    np.testing.assert_array_equal(old.encode(images).mean, mean)
    np.testing.assert_array_equal(old.encode(images).log_var, log_var)


@pytest.mark.parametrize("name", ["diagonal", "isotropic", "none", "autoencoder"])
def test_a_saved_configuration_names_its_posterior(images, name):
    """The format of `model.keras` before posteriors were classes: a name, and a likelihood of this package."""
    vae = kv.dense_vae("64-16-2", (8, 8), posterior=name, seed=0)
    config = vae.get_config()
    assert config["posterior"] == name
    assert (config["likelihood"]["module"], config["likelihood"]["class_name"]) == (
        "keras_vae.likelihoods",
        "Bernoulli",
    )
    assert config["likelihood"]["registered_name"] == "keras_vae>Bernoulli"
    loaded = kv.VAE.from_config(config)
    loaded.set_weights(vae.get_weights())
    assert loaded.posterior.name == name
    np.testing.assert_array_equal(loaded.encode(images).mean, vae.encode(images).mean)
