"""The closed forms of linear models, against scikit-learn, direct densities and sampling."""

import math

import numpy as np
import pytest
import scipy.stats
from sklearn.decomposition import PCA

from keras_vae import InputError, diagnostics

RNG = np.random.default_rng(0)
STDS = np.array([3.0, 2.0, 1.5, 1.0, 0.6, 0.5])
X = RNG.normal(size=(400, 6)) * STDS @ np.linalg.qr(RNG.normal(size=(6, 6)))[0] + 5.0


def decoder(pca: diagnostics.ProbabilisticPCA) -> np.ndarray:
    """The optimal W transposed, `(units, pixels)`."""
    n = pca.n_units
    return np.sqrt(np.maximum(pca.eigenvalues[:n] - pca.noise_var, 0.0))[:, None] * pca.components[:n]


def encodings(pca: diagnostics.ProbabilisticPCA, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exact posteriors: (WᵀW + σ² I)⁻¹ Wᵀ (x − m), and σ² (WᵀW + σ² I)⁻¹, which is diagonal."""
    w = decoder(pca)
    inverse = np.linalg.inv(w @ w.T + pca.noise_var * np.eye(len(w)))
    return (x - pca.mean) @ w.T @ inverse, np.broadcast_to(np.log(pca.noise_var * np.diag(inverse)), (len(x), len(w)))


@pytest.mark.parametrize("n_units", [1, 3, 5])
def test_the_maximum_is_that_of_scikit_learn(n_units):
    # scikit-learn divides its covariance by n − 1; images that are the same up to this factor have equal estimates.
    x = X * math.sqrt((len(X) - 1) / len(X))
    fitted = PCA(n_units).fit(X)
    found = diagnostics.probabilistic_pca(x, n_units)
    assert found.noise_var == pytest.approx(fitted.noise_variance_ * (len(X) - 1) ** 2 / len(X) ** 2, rel=1e-9)
    own = diagnostics.probabilistic_pca(X, n_units)
    unbiased = own.eigenvalues * len(X) / (len(X) - 1)
    np.testing.assert_allclose(unbiased[:n_units], fitted.explained_variance_, rtol=1e-9)
    # At its own covariance the mean log-likelihood of scikit-learn is that of the closed form, with squares
    # multiplied by (n − 1) / n.
    squares = 0.5 * 6 / len(X)
    shift = -0.5 * 6 * math.log(len(X) / (len(X) - 1))
    assert fitted.score(X) == pytest.approx(own.log_likelihood + shift + squares, rel=1e-9)


@pytest.mark.parametrize("noise_var", [None, 0.1, 1.5, 3.0, 20.0])
def test_the_log_likelihood_is_the_mean_density_of_the_data(noise_var):
    found = diagnostics.probabilistic_pca(X, 3, noise_var)
    w = decoder(found)
    density = scipy.stats.multivariate_normal(found.mean, w.T @ w + found.noise_var * np.eye(6))
    assert found.log_likelihood == pytest.approx(density.logpdf(X).mean(), rel=1e-9)


@pytest.mark.parametrize("noise_var", [None, 1.5, 3.0])
def test_the_optimal_linear_model_has_the_likelihood_as_its_elbo(noise_var):
    found = diagnostics.probabilistic_pca(X, 3, noise_var)
    mean, log_var = encodings(found, X)
    elbo = diagnostics.linear_elbo(X, mean, log_var, decoder(found), found.mean, found.noise_var)
    assert elbo.mean() == pytest.approx(found.log_likelihood, rel=1e-9)
    units = diagnostics.units(mean, log_var)
    np.testing.assert_allclose(units.mean_var, found.posterior_var, rtol=1e-9)
    np.testing.assert_allclose(units.var_mean, 1.0 - found.posterior_var, atol=1e-9)
    np.testing.assert_allclose(units.kl, found.kl, atol=1e-9)
    assert units.active.sum() == found.n_active


def test_no_other_linear_model_has_a_larger_elbo():
    found = diagnostics.probabilistic_pca(X, 3)
    mean, log_var = encodings(found, X)
    rng = np.random.default_rng(1)
    for scale in (1e-3, 0.1):
        moved = [part + scale * rng.normal(size=part.shape) for part in (mean, log_var, decoder(found), found.mean)]
        for noise_var in (0.9, 1.0, 1.1):
            elbo = diagnostics.linear_elbo(X, *moved, noise_var * found.noise_var)
            assert elbo.mean() < found.log_likelihood


def test_units_are_active_where_the_variance_exceeds_the_noise():
    eigenvalues = diagnostics.probabilistic_pca(X, 5).eigenvalues
    for noise_var in (0.5 * eigenvalues[5], *np.sqrt(eigenvalues[1:] * eigenvalues[:-1]), 2 * eigenvalues[0]):
        found = diagnostics.probabilistic_pca(X, 5, noise_var)
        assert found.n_active == min(5, (eigenvalues > noise_var).sum())
        assert (found.kl > 0).sum() == found.n_active
    assert diagnostics.probabilistic_pca(X, 5).n_active == 5


def test_the_elbo_of_a_linear_decoder_is_the_mean_over_draws():
    rng = np.random.default_rng(2)
    mean, log_var = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    weights, bias, noise_var = rng.normal(size=(2, 6)), rng.normal(size=6), 2.0
    z = mean + np.exp(0.5 * log_var) * rng.standard_normal((200_000, 4, 2))
    log_p = scipy.stats.norm.logpdf(X[:4], z @ weights + bias, math.sqrt(noise_var)).sum(axis=2)
    kl = diagnostics.kl_per_unit(mean, log_var).sum(axis=1)
    elbo = diagnostics.linear_elbo(X[:4], mean, log_var, weights, bias, noise_var)
    np.testing.assert_allclose(elbo, log_p.mean(axis=0) - kl, rtol=0.01)


def test_images_are_flattened():
    images = X.reshape(-1, 2, 3)
    found = diagnostics.probabilistic_pca(images, 2)
    assert found.log_likelihood == diagnostics.probabilistic_pca(X, 2).log_likelihood
    assert found.mean.shape == (6,)


def test_refusals():
    with pytest.raises(InputError, match="n_units: expected"):
        diagnostics.probabilistic_pca(X, 6)
    with pytest.raises(InputError, match="x: expected from 2 to 8,192 pixels; received 1"):
        diagnostics.probabilistic_pca(X[:, :1], 1)
    with pytest.raises(InputError, match="noise_var: expected"):
        diagnostics.probabilistic_pca(X, 2, 0.0)
    with pytest.raises(InputError, match="data that vary in more than 2 dimensions"):
        diagnostics.probabilistic_pca(X[:, :2] @ RNG.normal(size=(2, 6)), 2)
    with pytest.raises(InputError, match="weights: expected"):
        diagnostics.linear_elbo(X, X[:, :2], X[:, :2], np.ones((3, 6)), np.ones(6), 1.0)
