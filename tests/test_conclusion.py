"""The conclusion of an evaluation, and its tables on narrow terminals."""

import numpy as np
import pytest
from rich.console import Console

from keras_vae import diagnostics
from keras_vae._utils import terminal
from keras_vae._utils.formatting import Table
from keras_vae.cli import evaluate
from keras_vae.evaluation import tables
from keras_vae.evaluation.likelihood import BINARISED
from keras_vae.measures import FLOOR, INTERPOLATIONS, SAMPLERS, SCORES
from keras_vae.report.audit_text import conclusion

LIKELIHOOD = {
    "of": "test images", "images": 500, "samples": 1000, "value": -95.5, "elbo": -99.25, "error": 0.1, "bias": -0.01,
    "image_error": 1.5, "effective": 100.0, "infinite_variance": 0.02, "unreliable": 0.0, "gap": 3.75, "curve": {},
}  # fmt: skip


def scores(frechet: float) -> dict:
    return {score.key: 0.512 for score in SCORES} | {"frechet": frechet}


def evaluation(active=(True, True, False), by_variance=None, accuracy=0.97, **audit) -> dict:
    """The content of an evaluation.json, with an audit of these parts, if any."""
    unit = {"kl": 1.5, "var_mean": 0.9, "mean_var": 0.1, "total_var": 1.0, "replacement_loss": 12.5}
    units = [
        unit | {"active": is_active, "active_by_variance": other, "active_from": 1, "collapsed_at": None}
        for is_active, other in zip(active, by_variance or active, strict=True)
    ]
    content = {
        "units": units,
        "codes": {"posterior_radius": 0.5, "knn_accuracy_pca": 0.75},
        "interpolation": {path: {"largest_step": 1.5, "midpoints": scores(9.0)} for path in INTERPOLATIONS},
        "samples": {"prior": scores(30.0), "moment_matched": scores(29.0), FLOOR: scores(1.0)},
        "judge": {"images": 1000, "accuracy": accuracy},
    }
    parts = dict.fromkeys(("encodings", "elbo_terms", "likelihood")) | {"samplers": {"scores": {}}}
    return content | ({"audit": parts | audit} if audit else {})


def samplers(prior: float, aggregate: float, floor: float = 1.0) -> dict:
    return {"scores": {name: scores(aggregate) for name in SAMPLERS} | {"prior": scores(prior), FLOOR: scores(floor)}}


def encodings(variance_of_mean: float, n: int = 400) -> dict:
    """The audit of three units whose posteriors have a variance of 0.5; q(z) is the prior for means of variance 0.5."""
    mean = np.random.default_rng(0).normal(0, np.sqrt(variance_of_mean), (n, 3))
    return diagnostics.audit(mean, np.full(mean.shape, np.log(0.5)), quiet=True).as_dict()


@pytest.mark.parametrize(
    ("active", "by_variance", "said"),
    [
        ([True, True, False], None, "2 of 3 latent units are active."),
        ([True], None, "1 of 1 latent unit is active."),
        ([True, True], [True, False], "2 of 2 latent units are active by Var[μ] > 0.01, 1 by E[σ²] < 0.8."),
        ([False, False], None, "None of the 2 latent units is active: the model ignores its input."),
    ],
)
def test_active_units_come_first(active, by_variance, said):
    assert conclusion(evaluation(active, by_variance)).startswith(said)


def test_units_of_large_models_are_those_of_the_audit():
    content = evaluation(encodings=encodings(0.5)) | {"units": None}
    assert conclusion(content).startswith("3 of 3 latent units are active.")
    assert conclusion(evaluation() | {"units": None}).startswith("Samples are worse")


def test_whether_the_prior_is_matched():
    said = conclusion(evaluation(encodings=encodings(0.5)))
    assert "No difference between the aggregate posterior q(z) and the prior N(0, I) was found" in said
    found = encodings(3.0)
    said = conclusion(evaluation(encodings=found))
    assert "The aggregate posterior q(z) differs from the prior N(0, I): a classifier" in said
    assert f"between {found['divergence']['interval'][0]:.2f} and" in said
    found["separation"] = {"auc": 0.55, "error": 0.01, "images": 400}
    assert "differs slightly from" in conclusion(evaluation(encodings=found))
    found["separation"] = None  # too few images for a classifier
    assert "differs from the prior N(0, I): KL(q(z) ‖ N(0, I)) is between" in conclusion(evaluation(encodings=found))


def test_a_saturated_bound_can_not_be_decided():
    found = encodings(3.0)
    found["divergence"] |= {"saturated": True, "images": 400}
    said = conclusion(evaluation(encodings=found))
    assert "at least " in said
    assert "how much more, 400 images can't decide." in said


@pytest.mark.parametrize(
    ("prior", "aggregate", "said"),
    [
        (30.0, 5.0, "mostly because z is drawn from N(0, I) and not from q(z): their Fréchet distance is 30.00 from"),
        (30.0, 28.0, "mostly because of the decoder: their Fréchet distance is 30.00 from N(0, I) and 28.00 from q(z)"),
        (1.1, 1.0, "Samples are as close to test images as training images are: their Fréchet distance is 1.10 from"),
    ],
)
def test_samples_and_what_limits_them(prior, aggregate, said):
    assert said in conclusion(evaluation(encodings=encodings(0.5), samplers=samplers(prior, aggregate)))


def test_scores_by_a_poor_classifier_or_none_are_called_so():
    assert "(a rough measure: its classifier is right on 83 % of test images)" in conclusion(evaluation(accuracy=0.83))
    assert "a rough measure" not in conclusion(evaluation())
    without = evaluation()
    del without["samples"], without["judge"]
    assert "Samples were not scored, which needs labelled images." in conclusion(without)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "(their ELBO is −99.25), with a standard error of 1.50 over images."),
        ({"infinite_variance": 0.4}, "by how much can't be decided, since the importance weights of 40 % of"),
        ({"infinite_variance": None, "samples": 20}, "20 importance samples are too few to judge its error."),
    ],
)
def test_the_likelihood_with_what_is_known_of_its_error(changes, said):
    found = conclusion(evaluation(encodings=encodings(0.5), likelihood=LIKELIHOOD | changes))
    assert "log p(x) of 500 test images is −95.50 nats per image" in found
    assert said in found


def test_the_images_of_the_second_elbo_are_named():
    """A run has an ELBO of all test images, as they are, and one of the images whose log p(x) is estimated."""
    likelihood = LIKELIHOOD | {"of": BINARISED, "images": 300}
    found = conclusion(evaluation(encodings=encodings(0.5), likelihood=likelihood))
    assert "log p(x) of 300 binarised test images is −95.50 nats per image (their ELBO is −99.25), with" in found


def test_what_was_not_measured_is_said():
    assert conclusion(evaluation()).endswith("with the prior N(0, I) and the likelihood were not measured.")
    assert "The posterior has no density" in conclusion(evaluation(samplers=samplers(3.0, 2.0)))


@pytest.mark.parametrize("width", [60, 80])
def test_an_evaluation_fits_the_terminal(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    terms = {"prior": 9.0, "reconstruction": 90.0, "posterior": -9.0, "bits_per_pixel": 0.2}
    found = evaluation(encodings=encodings(3.0), likelihood=LIKELIHOOD, elbo_terms=terms, samplers=samplers(30.0, 5.0))
    evaluate.print_evaluation(found, (28, 28))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    words = set(" ".join(lines).split())
    for heading in tables.UNIT_COLUMNS.values():  # no word is cut
        assert set(heading.split()) <= words, heading
    assert next(line for line in lines if line).startswith("2 of 3 latent units are active")


def printed(monkeypatch, capsys, table: Table, columns: int) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal.print_table(Console(), table)
    return capsys.readouterr().out.splitlines()


def test_a_wide_table_is_printed_in_parts(monkeypatch, capsys):
    table = Table("nets", ["", *(f"configuration-{i}" for i in range(5))], [["loss of a net", *"12345"]])
    assert len(printed(monkeypatch, capsys, table, 120)) == 5  # title, heading, rule, row, space
    lines = printed(monkeypatch, capsys, table, 48)
    assert max(map(len, lines)) <= 48
    assert sum(line.startswith("loss of a net") for line in lines) == 3  # two configurations in each part
    values = [word for line in lines if line.startswith("loss") for word in line.removeprefix("loss of a net").split()]
    assert values == list("12345")


def test_headings_and_labels_are_wrapped_at_words(monkeypatch, capsys):
    table = Table("", ["score", "N(0, I) in words"], [["a label of many words", "0.51"], ["", ""]])
    lines = printed(monkeypatch, capsys, table, 14)
    heading = ["         N(0,", "         I) in", "score    words", "──────────────"]
    assert lines == [*heading, "a label  0.51", "  of", "  many", "  words", "", ""]
