"""Training objectives: gradients against finite differences, estimators against closed forms, training and saving."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import logsumexp

import keras_vae as kv
from keras_vae import diagnostics, objectives

N_IMAGES = 50  # of which a batch of the slow versions is taken
ALL = (
    objectives.DecomposedKL(images=N_IMAGES, mi=0.5, tc=3.0, marginal=2.0),
    objectives.DecomposedKL(images=N_IMAGES, tc=3.0, estimator="weighted"),
    objectives.FreeBits(nats=0.4),
    objectives.FreeBits(nats=2.0, group="all"),
    objectives.Capacity(nats=3.0, steps=10, gamma=7.0),
    objectives.InfoVAE(alpha=0.7, scale=20.0),
    objectives.ImportanceWeighted(k=4),
)


def encodings(n=6, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (n, d)), rng.normal(-1, 0.5, (n, d)), rng.normal(size=(n, d))


class Linear:
    """−log p(x | z) up to a constant: ½ ‖x − W z‖², of a batch of images."""

    def __init__(self, n: int, d: int, seed=1):
        rng = np.random.default_rng(seed)
        self.w, self.x = rng.normal(size=(d, 5)), rng.normal(size=(n, 5))
        self.noise = rng.normal(size=(10, n, d))  # of further samples

    def nll(self, z, library=np):
        tiled = library.tile(self.x, (z.shape[0] // len(self.x), 1))
        return 0.5 * library.sum(library.square(tiled - library.matmul(z, self.w)), axis=1)


def batch(mean, log_var, noise, decoder, library=ops, step=5):
    """A batch whose samples are functions of mean and log_var, with fixed noise."""

    def draw(k, noise=decoder.noise):
        parts = [mean + library.exp(0.5 * log_var) * noise[i] for i in range(k)]
        return library.concatenate(parts)

    z = mean + library.exp(0.5 * log_var) * noise
    return objectives.Batch(
        mean=mean,
        log_var=log_var,
        z=z,
        nll=decoder.nll(z, library),
        divergence=0.5 * library.sum(mean**2 + library.exp(log_var) - 1 - log_var, axis=1),
        step=step,
        average=lambda values: library.mean(values, axis=0),
        sample=draw,
        nll_of=lambda z: decoder.nll(z, library),
    )


def slow_loss(objective, mean, log_var, noise, decoder, beta=0.8):
    """The loss of an objective in float64, written out from its formula."""
    b = batch(mean, log_var, noise, decoder, np)
    reconstruction, kl, (n, d) = b.nll.mean(), b.divergence.mean(), mean.shape
    match objective:
        case objectives.DecomposedKL():
            log_q = np.empty((n, n, d))
            for i in range(n):
                for j in range(n):
                    log_q[i, j] = [normal(b.z[i, u], mean[j, u], log_var[j, u]) for u in range(d)]
            own, other = 1 / N_IMAGES, (N_IMAGES - 1) / (N_IMAGES * (n - 1))
            w = np.where(np.eye(n), own, other)
            if objective.estimator == "weighted":
                w = np.full((n, n), 1 / (n * N_IMAGES))
            conditional = np.array([log_q[i, i].sum() for i in range(n)])
            aggregate = np.log((w * np.exp(log_q.sum(axis=2))).sum(axis=1))
            product = np.log((w[:, :, None] * np.exp(log_q)).sum(axis=1)).sum(axis=1)
            prior = normal(b.z, 0.0, 0.0).sum(axis=1)
            mi, tc, marginal = ((p - q).mean() for p, q in
                                ((conditional, aggregate), (aggregate, product), (product, prior)))  # fmt: skip
            penalty = objective.mi * mi + objective.tc * tc + objective.marginal * marginal
        case objectives.FreeBits(group="all"):
            penalty = max(objective.nats, kl)
        case objectives.FreeBits():
            units = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).mean(axis=0)
            penalty = sum(max(objective.nats, unit) for unit in units)
        case objectives.Capacity():
            penalty = objective.gamma * abs(kl - objective.nats * 0.5)  # step 5 of 10
        case objectives.InfoVAE():
            mmd = diagnostics.mmd(mean, log_var).value
            penalty = (1 - objective.alpha) * kl + (objective.alpha + objective.scale - 1) * mmd
        case objectives.ImportanceWeighted():
            log_w = []
            for e in [noise, *decoder.noise[: objective.k - 1]]:
                z = mean + np.exp(0.5 * log_var) * e
                log_w.append(-decoder.nll(z) + normal(z, 0.0, 0.0).sum(axis=1) - normal(z, mean, log_var).sum(axis=1))
            return -(logsumexp(log_w, axis=0) - math.log(objective.k)).mean()
    return reconstruction + beta * penalty


def normal(z, mean, log_var):
    return -0.5 * (np.log(2 * np.pi) + log_var + (z - mean) ** 2 * np.exp(-log_var))


def gradient(objective, mean, log_var, noise, decoder, beta=0.8):
    """Value of the loss, and its gradient by mean and log_var, of the backend that is in use."""
    arrays = [array.astype("float32") for array in (mean, log_var)]
    fast = Linear(*mean.shape)
    fast.w, fast.x, fast.noise = (np.float32(part) for part in (decoder.w, decoder.x, decoder.noise))

    def loss(mean, log_var):
        return objective.loss(batch(mean, log_var, np.float32(noise), fast), beta).value

    return value_and_gradient(loss, arrays)


def value_and_gradient(function, arrays):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        variables = [tf.Variable(array) for array in arrays]
        with tf.GradientTape() as tape:
            value = function(*(tf.convert_to_tensor(variable) for variable in variables))
        gradients = tape.gradient(value, variables)
    elif backend == "jax":
        import jax

        value, gradients = jax.value_and_grad(function, argnums=tuple(range(len(arrays))))(*arrays)
    else:
        import torch

        variables = [torch.tensor(array, requires_grad=True) for array in arrays]
        value = function(*variables)
        value.backward()
        value, gradients = value.detach(), [variable.grad for variable in variables]
    return float(value), [np.asarray(gradient) for gradient in gradients]


@pytest.mark.parametrize("objective", ALL, ids=repr)
def test_losses_and_gradients_agree_with_finite_differences(objective):
    mean, log_var, noise = encodings()
    decoder = Linear(*mean.shape)
    value, gradients = gradient(objective, mean, log_var, noise, decoder)
    assert value == pytest.approx(slow_loss(objective, mean, log_var, noise, decoder), rel=2e-6)
    h = 1e-5
    for k, found in enumerate(gradients):
        expected = np.empty_like(mean)
        for index in np.ndindex(mean.shape):
            sides = []
            for sign in (1, -1):
                arrays = [mean.copy(), log_var.copy()]
                arrays[k][index] += sign * h
                sides.append(slow_loss(objective, *arrays, noise, decoder))
            expected[index] = (sides[0] - sides[1]) / (2 * h)
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def test_the_doubly_reparameterized_gradient_is_that_of_its_formula():
    """−Σ w̃² ∂ log w / ∂z · ∂z / ∂(mean, log_var), with finite differences of log w by z (Tucker et al. 2019)."""
    mean, log_var, noise = encodings()
    decoder, k, h = Linear(*mean.shape), 4, 1e-5
    objective = objectives.ImportanceWeighted(k=k, doubly_reparameterized=True)
    value, found = gradient(objective, mean, log_var, noise, decoder)
    plain = objectives.ImportanceWeighted(k=k)
    assert value == pytest.approx(slow_loss(plain, mean, log_var, noise, decoder), rel=2e-6)

    def log_w(z):
        return -decoder.nll(z) + normal(z, 0.0, 0.0).sum(axis=1) - normal(z, mean, log_var).sum(axis=1)

    noises = [noise, *decoder.noise[: k - 1]]
    codes = [mean + np.exp(0.5 * log_var) * e for e in noises]
    weights = np.exp([log_w(z) for z in codes])
    shares = weights / weights.sum(axis=0)
    expected = np.zeros((2, *mean.shape))
    for share, e, z in zip(shares, noises, codes, strict=True):
        for u in range(mean.shape[1]):
            step = np.zeros(mean.shape[1])
            step[u] = h
            slope = share**2 * (log_w(z + step) - log_w(z - step)) / (2 * h)
            expected[0, :, u] -= slope / len(mean)
            expected[1, :, u] -= slope * 0.5 * np.exp(0.5 * log_var[:, u]) * e[:, u] / len(mean)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def parts_of(objective, mean, log_var, z):
    """The parts of a decomposed KL at given codes."""
    log = objective._log_densities(*(ops.convert_to_tensor(np.float32(part)) for part in (mean, log_var, z)))
    return [np.asarray(ops.convert_to_numpy(part), "float64") for part in log]


def test_the_stratified_estimate_is_exact_for_a_batch_of_all_images():
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(0, 1, (40, 2)), rng.normal(-1, 0.3, (40, 2))
    z = mean + np.exp(0.5 * log_var) * rng.normal(size=mean.shape)
    _, aggregate, product, _ = parts_of(objectives.DecomposedKL(images=40), mean, log_var, z)
    joint = normal(z[:, None], mean[None], log_var[None])
    np.testing.assert_allclose(aggregate, logsumexp(joint.sum(axis=2), axis=1) - np.log(40), atol=1e-5)
    np.testing.assert_allclose(product, (logsumexp(joint, axis=1) - np.log(40)).sum(axis=1), atol=1e-5)


def test_estimates_from_batches_against_the_closed_form_of_gaussians():
    """Means from N(0, 1 − s²), posteriors of variance s²: q(z) is N(0, I), I(x; z) = −d log s, the rest is 0."""
    rng, n, m, d, s = np.random.default_rng(0), 20_000, 200, 2, 0.5
    mean = rng.normal(0, math.sqrt(1 - s**2), (n, d))
    z = mean + s * rng.normal(size=mean.shape)
    log_var = np.full((m, d), 2 * math.log(s))
    expected = -d * math.log(s)
    found = {}
    for estimator in ("stratified", "weighted"):
        objective = objectives.DecomposedKL(images=n, estimator=estimator)
        densities = [parts_of(objective, mean[i : i + m], log_var, z[i : i + m]) for i in range(0, n, m)]
        posterior, aggregate, product, prior = (np.concatenate(part) for part in zip(*densities, strict=True))
        found[estimator] = (posterior - aggregate).mean(), (aggregate - product).mean(), (product - prior).mean()
    mi, tc, marginal = found["stratified"]
    assert expected < mi < expected + 0.05  # Jensen: the logarithm of an unbiased estimate is too small
    assert abs(tc) < 0.05
    assert abs(marginal) < 0.05
    # the biases that the docstring states
    assert found["weighted"] == pytest.approx((mi + math.log(n), tc + math.log(n), marginal - 2 * math.log(n)), abs=0.2)


def test_the_importance_weighted_bound_tends_to_the_likelihood_of_a_linear_model():
    """x = W z + ε: log p(x) in closed form; the true posterior makes the bound exact, another one is corrected by k."""
    rng = np.random.default_rng(0)
    w, x = np.array([[2.0, 0.0, 0.0], [0.0, 0.5, 0.5]]), rng.normal(size=(64, 3))  # the true posterior is diagonal
    covariance = w.T @ w + np.eye(3)
    log_p = -0.5 * (np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x) + np.linalg.slogdet(covariance)[1])
    decoder = Linear(64, 2)
    decoder.w, decoder.x, decoder.noise = (np.float32(part) for part in (w, x, rng.normal(size=(200, 64, 2))))
    precision = np.diag(w @ w.T + np.eye(2))
    mean = np.float32(x @ w.T / precision)

    def bound(k, log_var):
        given = batch(mean, np.float32(np.broadcast_to(log_var, (64, 2))), decoder.noise[-1], decoder)
        return float(objectives.ImportanceWeighted(k=k).loss(given, 1.0).parts["iw_bound"])

    for k in (1, 5):
        assert bound(k, -np.log(precision)) == pytest.approx(log_p.mean(), abs=1e-5)
    assert bound(1, 0.0) < log_p.mean() - 0.2
    assert bound(150, 0.0) == pytest.approx(log_p.mean(), abs=0.05)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((96, 64)).astype("float32")


@pytest.mark.parametrize("objective", ALL[1:], ids=repr)
def test_logged_parts_add_up_and_models_are_saved(images, objective, tmp_path):
    vae = kv.dense_vae("64-8-3", seed=0, beta=1.0, objective=objective)
    vae.compile("adam", jit_compile=False)
    logs = vae.fit(images, batch_size=32, epochs=2, verbose=0, validation_data=images[:40]).history
    assert set(objective.parts) <= set(logs)
    for prefix in ("", "val_"):
        at = {key: np.array(logs[prefix + key]) for key in ("loss", "reconstruction", "beta", "kl", *objective.parts)}
        if isinstance(objective, objectives.ImportanceWeighted):
            np.testing.assert_allclose(at["loss"], -at["iw_bound"], rtol=1e-5)
        else:
            np.testing.assert_allclose(at["loss"], at["reconstruction"] + at["beta"] * at["penalty"], rtol=1e-5)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert loaded.objective == objective
    assert loaded.evaluate(images, verbose=0) == pytest.approx(vae.evaluate(images, verbose=0))


def test_the_elbo_is_the_default_and_is_saved_as_before(images):
    vae = kv.dense_vae("64-8-3", seed=0, beta=2.0)
    assert vae.objective == objectives.ELBO()
    assert "objective" not in vae.get_config()
    named = kv.dense_vae("64-8-3", seed=0, beta=2.0, objective="elbo")
    for model in (vae, named):
        model.compile("adam", jit_compile=False)
        model.fit(images, batch_size=32, verbose=0)
    for a, b in zip(vae.get_weights(), named.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_of_images_count_where_images_are_not_compared(images):
    weights = np.r_[np.ones(48), np.zeros(48)]
    for objective in ("free-bits", "capacity", "importance-weighted"):
        vae = kv.dense_vae("64-8-3", seed=0, objective=objective)
        vae.compile("adam", jit_compile=False)
        whole = vae.evaluate(images, sample_weight=weights, verbose=0, batch_size=96, return_dict=True)
        assert all(np.isfinite(value) for value in whole.values())
    vae = kv.dense_vae("64-8-3", seed=0, objective="capacity")
    vae.compile("adam", jit_compile=False)
    half = vae.evaluate(images[:48], verbose=0, batch_size=48, return_dict=True)
    whole = vae.evaluate(images, sample_weight=weights, verbose=0, batch_size=96, return_dict=True)
    assert whole["penalty"] == pytest.approx(half["penalty"], rel=1e-5)
    vae = kv.dense_vae("64-8-3", seed=0, objective="decomposed")
    vae.compile("adam", jit_compile=False)
    with pytest.raises(kv.InputError, match="sample_weight: expected none, since the objective 'decomposed' compares"):
        vae.fit(images, sample_weight=weights, verbose=0)


def test_free_bits_by_channel_of_a_latent_map():
    vae = kv.spatial_vae("c4-4x4x2", image_shape=(8, 8), seed=0, objective=objectives.FreeBits(100.0, "channel"))
    vae.compile("adam", jit_compile=False)
    logs = vae.evaluate(np.random.default_rng(0).random((4, 8, 8)), verbose=0, return_dict=True)
    assert logs["penalty"] == pytest.approx(200.0)  # two channels, each below 100 nats


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: objectives.FreeBits(-1.0), "nats: expected a finite number"),
        (lambda: objectives.FreeBits(group="pixel"), "group: expected 'unit', 'channel' or 'all'; received 'pixel'"),
        (lambda: objectives.Capacity(gamma=0.0), "gamma: expected"),
        (lambda: objectives.DecomposedKL(images=1), "images: expected"),
        (lambda: objectives.DecomposedKL(estimator="best"), "estimator: expected 'stratified' or 'weighted'"),
        (lambda: objectives.InfoVAE(alpha=2.0), "alpha: expected"),
        (lambda: objectives.InfoVAE(alpha=0.0, scale=0.5), "scale: expected"),
        (lambda: objectives.ImportanceWeighted(k=0), "k: expected"),
        (lambda: objectives.get("tc"), "objective: expected one of elbo, "),
        (lambda: kv.dense_vae("4-2", posterior="none", objective="free-bits"), "objective: expected 'elbo' for"),
        (lambda: kv.dense_vae("4-2", beta=2.0, objective="importance-weighted"), "beta: expected 1 for the objective"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(kv.InputError, match=message):
        make()
