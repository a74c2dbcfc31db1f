"""Learned priors in run folders: training, resuming, evaluation, figures, pages, pruning and scores."""

import math

import numpy as np
import pytest
from keras import ops
from pages import Page, copy, load

import keras_vae as kv
from keras_vae import Config, InputError, diagnostics, priors, train
from keras_vae._utils.random_streams import Stream, stream
from keras_vae.evaluation import bubbles, findings, run_evaluation
from keras_vae.evaluation.likelihood import likelihood_and_elbo_terms
from keras_vae.measures import LEARNED_PRIOR
from keras_vae.plots import audit_figures, run_figures
from keras_vae.report import index_page, run_page, train_command
from keras_vae.runs import comparison
from keras_vae.studies import Study

PRIORS = {"mixture components=3": "64-16-3", "vamp components=5": "64-16-2"}


@pytest.fixture(
    scope="module", params=[pytest.param("mixture components=3", marks=pytest.mark.slow), "vamp components=5"]
)
def learned(request, npz, data, judge, tmp_path_factory):
    """A finished, evaluated and audited run with a learned prior, read-only."""
    config = Config(PRIORS[request.param], dataset=str(npz), epochs=2, batch_size=40, prior=request.param)
    run = train(config, tmp_path_factory.mktemp("learned") / "run", quiet=True)
    run_evaluation.evaluate(run, data, judge, with_audit=True, samples=40)
    return run


def test_a_run_keeps_its_prior(learned):
    text = learned.config["config"]["prior"]
    assert learned.has_learned_prior
    assert f"--prior '{text}'" in train_command.command(learned)
    vae, arrays = load(learned), learned.arrays("prior")
    assert priors.as_text(vae.prior) == text
    density = vae.prior.density()
    np.testing.assert_allclose(arrays["mean"], density.mean, rtol=1e-5)
    np.testing.assert_allclose(arrays["weight"], density.weight, rtol=1e-5)
    assert ("pseudo_inputs" in arrays) == text.startswith("vamp")
    seed = learned.config["config"]["seed"]
    np.testing.assert_array_equal(learned.arrays("samples")["images"], vae.generate(100, seed=seed))


def test_the_evaluation_refers_to_the_prior(learned, data):
    """Against the standard normal, each of these numbers would be another one."""
    vae, found = load(learned), learned.evaluation
    assert found["prior"] == learned.config["config"]["prior"]
    mean, log_var = learned.arrays("encodings")["mean"], learned.arrays("encodings")["log_var"]
    prior, audit = vae.prior.density(), found["audit"]["encodings"]
    standard = diagnostics.audit(mean, log_var, quiet=True).as_dict()
    # the mean KL by draws of its own
    noise = np.random.default_rng(5).standard_normal((2000, *mean.shape))
    z = (mean + np.exp(0.5 * log_var) * noise).reshape(-1, mean.shape[1])
    log_q = -0.5 * (np.square(noise) + log_var + math.log(2 * math.pi)).sum(axis=2)
    kl = log_q.mean() - prior.log_density(z).mean()
    error = audit["divergence"]["mean_kl_error"]
    assert error > 0
    assert audit["divergence"]["mean_kl"] == pytest.approx(kl, abs=4 * error + 0.01)
    assert audit["standard_normal"]["mean_kl"] == pytest.approx(standard["divergence"]["mean_kl"])
    assert audit["standard_normal"]["interval"] == pytest.approx(standard["divergence"]["interval"])
    assert audit["total_correlation"] == pytest.approx(standard["total_correlation"])
    assert audit["marginals"] == standard["marginals"]
    assert audit["mmd"]["value"] != standard["mmd"]["value"]
    terms, likelihood = found["audit"]["elbo_terms"], found["audit"]["likelihood"]
    assert terms["total"] == pytest.approx(-likelihood["elbo"])
    assert terms["kl"] == pytest.approx(terms["prior"] + terms["posterior"])
    assert terms["kl_error"] > 0


def test_the_likelihood_uses_the_prior(learned, data):
    """The bound again, image by image, from the same draws."""
    vae, k = load(learned), 3
    found, terms = likelihood_and_elbo_terms(vae, data, 7, k)
    x = kv.data.binarize(data.x_test) if vae.likelihood.needs_binary_data else data.x_test
    mean, log_var = vae.encode(x)
    bounds = []
    for i, image in enumerate(x):
        noise = stream(7, Stream.IMPORTANCE_WEIGHTS, i).standard_normal((k, mean.shape[1]))
        z = mean[i] + np.exp(0.5 * log_var[i]) * noise
        log_q = -0.5 * (np.square(noise) + log_var[i] + math.log(2 * math.pi)).sum(axis=1)
        nll = vae.likelihood(np.repeat(image[None], k, axis=0), vae.decoder(z.astype("float32")))
        weights = -ops.convert_to_numpy(nll) + vae.prior.density().log_density(z) - log_q
        bounds.append(np.logaddexp.reduce(weights) - math.log(k))
    assert found["value"] == pytest.approx(np.mean(bounds), rel=1e-4)
    assert terms["kl_error"] < 0.2


def test_figures_and_page_name_the_prior(learned, few_pixels):
    drawn = {path.stem for path in run_figures.draw(learned, video=False)}
    assert ("pseudo-inputs" in drawn) == learned.config["config"]["prior"].startswith("vamp")
    page = Page(run_page.write(learned))
    assert f"prior {learned.config['config']['prior']}" in page.text
    assert "learned prior" in page.text
    assert "the prior N(0, I)" not in page.text
    assert "KL from N(0, 1), nats" in page.text
    shown = page.data["prior"]
    assert sum(shown["weight"]) == pytest.approx(1, abs=1e-4)
    density, units = load(learned).prior.density(), page.data["units"]
    heaviest = np.argsort(-density.weight, kind="stable")
    np.testing.assert_allclose(shown["mean"], density.mean[heaviest][:, units], atol=1e-3)
    assert page.data["beta"] is None
    assert page.data["unitKl"] is None
    assert findings.finding(learned, "aggregate").startswith("KL(q(z) ‖ p) is within")


def test_the_densities_of_two_units_are_those_of_q_and_of_the_learned_prior(learned):
    if learned.metrics["n_units"] != 2:
        pytest.skip("drawn for two units")
    figure = audit_figures.densities({"learned": learned})
    shown = {ax.get_title("left"): ax.images[0] for ax in figure.axes if ax.images}
    assert [*shown] == ["aggregate posterior q(z)", LEARNED_PRIOR]
    p, left = shown[LEARNED_PRIOR].get_array(), shown[LEARNED_PRIOR].get_extent()[0]
    side = np.linspace(left, -left, len(p))
    density = load(learned).prior.density()
    np.testing.assert_allclose(p[7, 30], np.exp(density.log_density(np.array([[side[30], side[7]]])))[0], rtol=1e-4)
    assert len({image.get_clim() for image in shown.values()}) == 1
    q = shown["aggregate posterior q(z)"].get_array()
    darkest = shown[LEARNED_PRIOR].get_clim()[1]
    for heights in (p, q):  # at most a tenth of each distribution has the darkest colour
        assert heights[heights > darkest].sum() <= 0.1 * heights.sum()


def test_a_page_of_the_standard_normal_has_no_learned_prior(toy_run, tmp_path):
    assert not toy_run.has_learned_prior
    assert not toy_run.has_arrays("prior")
    assert "prior" not in toy_run.metrics


@pytest.mark.slow
def test_an_interrupted_training_continues_to_the_same_prior(npz, tmp_path):
    options = {"dataset": str(npz), "batch_size": 40, "prior": "vamp components=4"}
    whole = train(Config("64-8-2", epochs=2, **options), tmp_path / "whole", quiet=True)

    class Stop(Exception):
        pass

    from keras_vae.runs import training

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_evaluate_and_write", lambda *args: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            train(Config("64-8-2", epochs=1, **options), tmp_path / "resumed", quiet=True)
    with pytest.raises(InputError, match="prior='vamp components=4'; received 'standard-normal'"):
        train(Config("64-8-2", epochs=2, **{**options, "prior": "standard-normal"}), tmp_path / "resumed", resume=True)
    resumed = train(Config("64-8-2", epochs=2, **options), tmp_path / "resumed", resume=True, quiet=True)
    assert resumed.metrics["weights_digest"] == whole.metrics["weights_digest"]


def test_scores_of_items_estimate_the_kl(learned, data):
    vae, x = load(learned), data.x_test[:6]
    found = kv.score(vae, x, samples=400, seed=1)
    mean, log_var = vae.encode(x)
    noise = np.random.default_rng(2).standard_normal((4000, *mean.shape))
    z = mean + np.exp(0.5 * log_var) * noise
    log_q = -0.5 * (np.square(noise) + log_var + math.log(2 * math.pi)).sum(axis=2)
    log_p = vae.prior.density().log_density(z.reshape(-1, mean.shape[1])).reshape(4000, -1)
    np.testing.assert_allclose(found.scores["kl"], (log_q - log_p).mean(axis=0), atol=0.3)
    with pytest.raises(InputError, match="samples: expected at least 1 for the prior"):
        kv.score(vae, x, samples=0)


def test_bubbles_refuse_a_learned_prior(learned, data):
    with pytest.raises(InputError, match=r"bubbles: expected a run whose prior is N\(0, I\)"):
        bubbles.measure_bubbles(learned, data)


def test_a_pruned_model_has_the_marginal_prior(data):
    vae = kv.dense_vae("64-16-3", image_shape=(8, 8), prior="mixture components=4", seed=0)
    head = vae.encoder.get_layer("mean")
    kernel, bias = head.get_weights()
    head.set_weights([kernel * [1.0, 0.0, 1.0], bias])
    pruned = kv.prune(vae, data.x_test)
    assert pruned.removed.tolist() == [1]
    before, after = vae.prior.density(), pruned.vae.prior.density()
    np.testing.assert_array_equal(after.mean, before.mean[:, [0, 2]])
    np.testing.assert_array_equal(after.weight, before.weight)
    with pytest.raises(InputError, match="by: expected 'variance' for the prior 'mixture'"):
        kv.prune(vae, data.x_test, by="kl")
    vamp = kv.dense_vae("64-16-3", image_shape=(8, 8), prior="vamp components=4", seed=0)
    head = vamp.encoder.get_layer("mean")
    head.set_weights([head.get_weights()[0] * [1.0, 0.0, 1.0], bias])
    smaller = kv.prune(vamp, data.x_test).vae
    np.testing.assert_allclose(smaller.prior.density().mean, vamp.prior.density().mean[:, [0, 2]], rtol=1e-5)


def test_runs_that_differ_in_their_prior_are_distinguished(toy_run, tmp_path):
    runs = [copy(toy_run, tmp_path / name) for name in ("normal", "vamp")]
    config = runs[1].config
    config["config"]["prior"] = "vamp components=3"
    runs[1].write_json("config.json", config)
    assert comparison.names(runs) == ["prior standard-normal", "prior vamp components=3"]
    text = index_page.write(tmp_path, runs).read_text()
    assert "prior vamp components=3" in text
    assert ">vamp components=3</td>" in text
    assert "prior vamp components=3" in runs[1]._repr_html_()


def test_a_study_of_priors_does_not_call_a_learned_one_standard_normal():
    def label(configs: dict[str, dict]) -> str:
        return Study("a", "A", configs, measures=[], claims=[]).find("frechet.prior").label

    plain, learned = {"architecture": "64-16-2"}, {"architecture": "64-16-2", "prior": "vamp"}
    assert label({"a": plain}) == "Fréchet distance, N(0, I)"
    assert label({"a": plain, "b": learned}) == "Fréchet distance, the model's prior"
