"""Priors: densities against SciPy, KL estimates against closed forms, training, saving, and what refuses them."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import logsumexp

import keras_vae as kv
from keras_vae import InputError, diagnostics, layers, objectives, priors, samplers

LEARNED = ("mixture components=3", "vamp components=5")


def images(n=64, pixels=16, seed=0):
    return np.random.default_rng(seed).random((n, pixels), dtype="float32")


def model(prior, **settings):
    vae = kv.dense_vae("16-8-2", prior=prior, seed=0, **settings)
    vae.compile(keras.optimizers.SGD(0.01))
    return vae


def slow_log_density(prior, z):
    """log Σ_k w_k N(z; μ_k, σ_k²) by SciPy, component by component."""
    log_weight, mean, log_var = (ops.convert_to_numpy(tensor) for tensor in prior.mixture())
    densities = [
        log_w + stats.norm.logpdf(z, m, np.exp(0.5 * v)).sum(axis=1)
        for log_w, m, v in zip(log_weight, mean, log_var, strict=True)
    ]
    return logsumexp(densities, axis=0)


def randomized(vae, seed=0):
    """The model with other parameters of its prior."""
    rng = np.random.default_rng(seed)
    for variable in vae.trainable_variables:
        if variable.path.rpartition("/")[2].startswith("prior_"):
            variable.assign(rng.normal(0, 0.7, variable.shape))
    return vae


@pytest.mark.parametrize("prior", ["standard-normal", *LEARNED])
def test_the_density_is_that_of_scipy(prior):
    prior = randomized(model(prior)).prior
    z = np.random.default_rng(1).normal(0, 2, (20, 2)).astype("float32")
    expected = stats.norm.logpdf(z).sum(axis=1) if prior.is_standard else slow_log_density(prior, z)
    np.testing.assert_allclose(ops.convert_to_numpy(prior.log_prob(z)), expected, rtol=1e-5)
    density = prior.density()
    assert (density is None) == prior.is_standard
    if density is not None:
        np.testing.assert_allclose(density.log_density(z), expected, rtol=1e-5)
        ratio = expected - stats.norm.logpdf(z).sum(axis=1)
        np.testing.assert_allclose(ops.convert_to_numpy(prior.log_ratio(z)), ratio, rtol=1e-4, atol=1e-5)


def test_the_estimate_of_the_kl_agrees_with_the_closed_form_for_one_component():
    vae = kv.dense_vae("16-3", prior="mixture components=1", seed=0)
    mean, log_var, center, width = np.random.default_rng(0).normal(0, 0.5, (4, 1, 3)).astype("float32")
    _, mu, v = (variable for variable in vae.trainable_variables if "prior_" in variable.path)
    mu.assign(center), v.assign(width)
    n = 20_000
    z = samplers.neighbourhood(np.repeat(mean, n, axis=0), np.exp(0.5 * log_var), seed=1)
    estimates = ops.convert_to_numpy(vae.divergence(np.repeat(mean, n, axis=0), log_var, z))
    # KL(N(m, s²) ‖ N(c, w²)) is that from N(0, 1) of the standardised Gaussian
    closed = diagnostics.kl_per_unit((mean - center) * np.exp(-0.5 * width), log_var - width).sum()
    assert estimates.mean() == pytest.approx(closed, abs=4 * estimates.std() / np.sqrt(n))
    assert estimates.std() > 0


def test_draws_have_the_moments_of_the_mixture():
    prior = randomized(model("mixture components=4")).prior.density()
    z = prior.sample(40_000, seed=0)
    mean = prior.weight @ prior.mean
    variance = prior.weight @ (np.exp(prior.log_var) + prior.mean**2) - mean**2
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(z.var(axis=0), variance, rtol=0.05)


@pytest.mark.parametrize("prior", LEARNED)
def test_training_changes_the_prior_and_is_saved(prior, tmp_path):
    vae, x = model(prior), images()
    vae.prior.start_from(x, seed=0)
    before = vae.prior.density()
    history = vae.fit(x, epochs=2, batch_size=16, verbose=0, validation_data=x[:8]).history
    assert all(np.isfinite(values).all() for values in history.values())
    np.testing.assert_allclose(history["loss"], np.add(history["reconstruction"], history["kl"]), rtol=1e-5)
    assert {"val_kl", "val_elbo"} <= set(history)
    z = images(5, 2)
    assert (vae.prior.density().log_density(z) != before.log_density(z)).all()
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert priors.as_text(loaded.prior) == prior
    np.testing.assert_array_equal(loaded.generate(4, seed=1), vae.generate(4, seed=1))
    np.testing.assert_allclose(loaded.evaluate(x, verbose=0), vae.evaluate(x, verbose=0), rtol=1e-5)


def test_a_standard_normal_leaves_configuration_and_weights_as_they_are():
    vae, explicit = kv.dense_vae("16-8-2", seed=0), kv.dense_vae("16-8-2", seed=0, prior="standard-normal")
    assert "prior" not in vae.get_config()
    assert [weight.path for weight in vae.weights] == [weight.path for weight in explicit.weights]
    assert not [weight.path for weight in vae.weights if "prior" in weight.path or "pseudo" in weight.path]
    z = np.random.default_rng(3).standard_normal((4, 2), dtype="float32")
    np.testing.assert_array_equal(vae.sample_prior(4, seed=3), z)
    np.testing.assert_array_equal(samplers.prior(4, 2, seed=3), z)
    mean, log_var = np.ones((2, 2)), np.zeros((2, 2))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(vae.divergence(mean, log_var)),
        ops.convert_to_numpy(layers.sum_per_image(layers.kl_per_unit(mean, log_var))),
    )


def test_the_vamp_prior_is_the_mixture_of_the_posteriors_of_its_pseudo_inputs():
    vae, x = model("vamp components=4"), images()
    vae.prior.start_from(x, seed=1)
    mean, log_var = vae.encode(vae.prior.pseudo_inputs)
    density = vae.prior.density()
    np.testing.assert_allclose(density.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(density.log_var, log_var, rtol=1e-5)
    assert {row.tobytes() for row in vae.prior.pseudo_inputs} <= {row.tobytes() for row in x}
    z = images(5, 2)
    before = density.log_density(z)
    head = vae.encoder.get_layer("mean")
    head.set_weights([2 * weight + 0.1 for weight in head.get_weights()])
    assert (vae.prior.density().log_density(z) != before).all()


def test_pseudo_inputs_stay_within_the_values_of_the_pixels():
    vae = model("vamp components=4")
    vae.prior.start_from(np.tile([5.0, -5.0], 8)[None])
    (variable,) = [v for v in vae.trainable_variables if v.name == "pseudo_inputs"]
    keras.optimizers.SGD().apply([ops.zeros(variable.shape)], [variable])  # a step corrects them
    assert vae.prior.pseudo_inputs.tolist() == np.tile([1.0, 0.0], (4, 8)).tolist()
    free = kv.dense_vae("16-8-2", prior="vamp", likelihood="gaussian", seed=0).prior
    few = images(3)
    free.start_from(10 * few)  # all of them, in turn
    assert len(free.pseudo_inputs) == 50
    assert free.pseudo_inputs.max() > 1


@pytest.mark.parametrize("posterior", ["isotropic", "iid"])
def test_posteriors_with_one_variance_per_image_have_learned_priors(posterior):
    vae, x = model("vamp components=4", posterior=posterior), images()
    assert np.isfinite(vae.fit(x, epochs=1, batch_size=16, verbose=0).history["kl"]).all()
    assert vae.prior.density().log_var.shape == (4, 2)


def test_latent_maps_and_normalised_encoders_have_learned_priors():
    x = images(12, 64).reshape(12, 8, 8)
    for prior in LEARNED:
        vae = kv.spatial_vae("c4-4x4x2", image_shape=(8, 8), prior=prior, normalization="batch", seed=0)
        vae.compile(keras.optimizers.SGD(0.01))
        assert np.isfinite(vae.fit(x, batch_size=6, verbose=0).history["kl"]).all()
        assert vae.generate(3, seed=0).shape == (3, 8, 8)


def test_the_gradient_of_the_kl_agrees_with_finite_differences():
    """By the sampled z, the posterior and the prior: the KL of one image as a function of the mixture's means."""
    vae = randomized(model("mixture components=3"))
    mean, log_var = np.array([[0.3, -0.4]], "float32"), np.array([[-0.5, 0.2]], "float32")
    z = np.array([[0.9, 0.1]], "float32")
    variable = next(one for one in vae.trainable_variables if one.path.endswith("prior_mean"))

    def kl(offset):
        start = ops.convert_to_numpy(variable)
        variable.assign(start + offset)
        value = float(ops.convert_to_numpy(vae.divergence(mean, log_var, z))[0])
        variable.assign(start)
        return value

    if keras.backend.backend() != "tensorflow":
        pytest.skip("the gradient is that of TensorFlow's tape")
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(vae.divergence(mean, log_var, z))
    gradient = np.array(tape.gradient(loss, variable.value))
    step = 0.02
    for k in range(3):
        for unit in range(2):
            offset = np.zeros((3, 2), "float32")
            offset[k, unit] = step
            slope = (kl(offset) - kl(-offset)) / (2 * step)
            assert gradient[k, unit] == pytest.approx(slope, abs=2e-3)


@pytest.mark.parametrize("prior", LEARNED)
def test_the_importance_weighted_bound_uses_the_prior(prior):
    k, x = 3, images(8)
    vae = randomized(model(prior, objective=objectives.ImportanceWeighted(k=k)))
    found = vae.evaluate(x, batch_size=8, return_dict=True, verbose=0)
    # the bound again, from the same noise
    vae.sampling.reset_evaluation_noise()
    mean, log_var = vae.encode(x)
    first = ops.convert_to_numpy(vae.sampling([mean, log_var]))
    more = vae.sampling([np.tile(mean, (k - 1, 1)), np.tile(log_var, (k - 1, 1))])
    z = np.concatenate([first, ops.convert_to_numpy(more)]).reshape(k, 8, 2)
    log_weights = np.empty((k, 8))
    for i in range(k):
        nll = ops.convert_to_numpy(vae.likelihood(x, vae.decoder(z[i])))
        log_q = stats.norm.logpdf(z[i], mean, np.exp(0.5 * log_var)).sum(axis=1)
        log_weights[i] = -nll + slow_log_density(vae.prior, z[i]) - log_q
    assert found["iw_bound"] == pytest.approx((logsumexp(log_weights, axis=0) - np.log(k)).mean(), rel=1e-4)
    assert found["loss"] == pytest.approx(-found["iw_bound"], rel=1e-5)


@pytest.mark.parametrize(
    "objective",
    [objectives.Capacity(nats=3.0), objectives.FreeBits(nats=2.0, group="all"),
     objectives.ImportanceWeighted(k=2, doubly_reparameterized=True)],
)  # fmt: skip
def test_objectives_of_the_whole_kl_accept_a_learned_prior(objective):
    vae = model("vamp components=3", objective=objective)
    history = vae.fit(images(), epochs=1, batch_size=16, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "decomposed"}, "prior: expected 'standard-normal' for the objective 'decomposed'"),
        ({"objective": "info-vae"}, "prior: expected 'standard-normal' for the objective 'info-vae'"),
        ({"objective": "free-bits"}, "group: expected 'all' for the prior 'vamp'"),
        ({"posterior": "none"}, "prior: expected 'standard-normal' for posterior='none'"),
        ({"posterior": "autoencoder"}, "prior: expected 'standard-normal' for posterior='autoencoder'"),
    ],
)
def test_what_has_no_learned_prior_refuses_it(settings, message):
    with pytest.raises(InputError, match=message):
        model("vamp", **settings)
    with pytest.raises(InputError, match=message):
        kv.Config("16-8-2", prior="vamp", **settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "prior: expected one of standard-normal, mixture, vamp"),
        ("vampp", "prior: expected one of standard-normal, mixture, vamp, .*; received 'vampp'"),
        ("mixture k=3", "prior: expected settings of components, as name=value; received 'k=3'"),
        ("mixture components=0", "components: expected .*; received 0"),
        ("vamp components=many", "prior: expected a whole number as components; received 'many'"),
        ("standard-normal components=2", "prior: expected settings none"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(InputError, match=message) as refused:
        kv.Config("4-2", prior=text)
    assert str(refused.value).count("received") == 1


def test_a_text_is_that_of_its_prior():
    for text in ("standard-normal", "mixture", "mixture components=20", "vamp components=7"):
        assert priors.as_text(priors.parse(text)) == text
        assert kv.Config("4-2", prior=text).prior == text


def test_a_prior_belongs_to_one_model():
    prior = priors.VampPrior(components=3)
    with pytest.raises(InputError, match="expected the VampPrior of a model"):
        prior.mixture()
    vae = model(prior)
    with pytest.raises(InputError, match="pass prior='vamp components=3'"):
        model(prior)
    with pytest.raises(InputError, match="z: expected samples of the posteriors"):
        vae.divergence(np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(InputError, match="images: expected at least one image of shape"):
        prior.start_from(images(5, 15))
    with pytest.raises(InputError, match="density: expected a prior of 3 units"):
        samplers.prior(4, 3, density=prior.density())
