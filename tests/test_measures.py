"""The vocabulary of measures, and evaluations written with earlier keys."""

from dataclasses import replace

import pytest
from rich.console import Console

from keras_vae import InputError, measures
from keras_vae._utils import formatting, terminal
from keras_vae.evaluation import code_measures, tables
from keras_vae.evaluation.judge import Scores
from keras_vae.studies import Mean, Measure, Study, run_study
from keras_vae.studies.run_measures import run_measures

STUDY = Study("toy", "Toy", {"a": {"architecture": "64-4-2"}}, ["loss"])


def test_keys_and_labels_are_unique():
    found = list(measures.MEASURES.values())
    assert len({m.label for m in found}) == len(found)
    assert all(key == m.key for key, m in measures.MEASURES.items())


def test_bounds_are_checked_and_kept_by_sources():
    share = Measure("share", "share", bounds=(0, 1))
    assert share.of("prior", "N(0, I)").bounds == (0, 1)
    assert measures.find("precision.prior").bounds == (0, 1)
    assert measures.find("bubbles.frechet.prior").bounds[0] == 0
    for wrong in (1, (0,), (1, 0), (0, "1")):
        with pytest.raises(InputError, match="bounds: expected"):
            Measure("share", "share", bounds=wrong)


def test_counts_of_units_are_at_most_the_number_of_units():
    assert STUDY.bounds("a", "active_units") == (0, 2)
    assert STUDY.bounds("a", "kl") == (0, float("inf"))


def test_the_vocabulary_has_every_score_of_the_judge():
    assert tuple(score.key for score in measures.SCORES) == Scores._fields


def test_an_unknown_key_names_the_most_similar_one():
    with pytest.raises(InputError, match=r"received 'frechet\.priors'; did you mean 'frechet\.prior'"):
        measures.find("frechet.priors")
    assert measures.find("pixels", [Measure("pixels", "pixels per image")]).label == "pixels per image"


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (replace(STUDY, measures=["lost"]), "did you mean 'loss'"),
        (replace(STUDY, claims=[Mean("", "klo", (0, 1), {"a": 1})]), "did you mean 'kl'"),
        (replace(STUDY, claims=[Mean("grows", "kl", (0, 1), {"b": 1})]), "the claim 'grows' names 'b'"),
    ],
)
def test_a_study_with_unknown_names_is_refused_before_training(study, message, npz, tmp_path):
    with pytest.raises(InputError, match=message):
        run_study(study, str(npz), 1, 1, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_measure_of_a_run_is_in_the_vocabulary(audited_run):
    row = run_measures(audited_run)
    assert {measures.find(key).key for key in row} == set(row)
    assert {"aggregate_kl.low", "frechet.gaussian_mixture", "frechet.moment_matched", "knn_accuracy"} <= set(row)


def test_a_registered_diagnostic_is_evaluated_shown_and_studied(own_run, data):
    from keras_vae.evaluation import run_evaluation

    @code_measures.register(Measure("largest_mean", "largest |μ| of test images"))
    def largest_mean(codes):
        return float(abs(codes.mean).max())

    try:
        found = run_evaluation.evaluate(own_run, data, overwrite=True)
        expected = float(abs(own_run.arrays("encodings")["mean"]).max())
        assert found["codes"]["largest_mean"] == expected
        assert run_measures(own_run)["largest_mean"] == expected
        assert ["largest |μ| of test images", formatting.number(expected)] in tables.evaluation(found)[-1].rows
        replace(STUDY, measures=["largest_mean"]).check()
        with pytest.raises(ValueError, match="'largest_mean' is taken"):
            code_measures.register(Measure("largest_mean", "again"))(largest_mean)
    finally:
        code_measures.unregister("largest_mean")
    with pytest.raises(InputError, match="largest_mean"):
        measures.find("largest_mean")


def test_brackets_are_printed_as_text(capsys):
    table = formatting.Table("E[x]", ["", "[bold]"], [["E[log q(z | x)]", "1"]])
    terminal.print_table(Console(), table)
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("E[x]", "[bold]", "E[log q(z | x)]"))
