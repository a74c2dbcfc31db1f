"""Recipes, run as scripts at toy size, and their claims and measures at full size."""

import html
import itertools
import json
import math
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae._utils.formatting import ABSENT
from keras_vae._utils.verdicts import NOT_JUDGED, Interval
from keras_vae.data import registry
from keras_vae.studies import AtEqual, Claim, ExactRatio, Execution, GapAtEqual, Mean, Ratio, Spread, claims
from keras_vae.studies.seed_planning import seeds_to_decide
from keras_vae.studies.study_text import CLAIM_HEAD, UNDECIDED_HEAD

RECIPES = Path(__file__).parents[1] / "recipes"
RESULTS = Path(__file__).parents[1] / "docs" / "results"
EXECUTION_OPTIONS = ("--workers", "--ray", "--cpus", "--gpus", "--storage")
WITHOUT_CLAIMS = ("trajectories", "tiles")
STUDIES = sorted(path.stem for path in RECIPES.glob("*.py") if path.stem not in WITHOUT_CLAIMS)
FULL_MNIST = Path(os.environ.get("KERAS_HOME", "no-such-folder")) / "datasets" / "mnist.npz"


def study_of(name: str):
    """The study of a recipe, at full size."""
    variables = runpy.run_path(RECIPES / f"{name}.py")
    return variables["STUDY"] if "STUDY" in variables else variables["soap_bubble"](1024)


def recipe(name: str, *options) -> subprocess.CompletedProcess:
    command = [sys.executable, str(RECIPES / name), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_trajectories_on_the_embedded_digits(tmp_path):
    options = ("--dataset", "mnist-5k", "--epochs", 2, "--out", tmp_path / "run")
    done = recipe("trajectories.py", *options)
    assert done.returncode == 0, done.stderr
    printed = done.stdout
    assert printed.startswith("Trajectories of 784-256-2 on mnist-5k")
    assert "radii start close to 1" in printed
    page = Path(printed.splitlines()[-1])
    assert (page.name, page.parent) == ("report.html", tmp_path / "run")
    assert page.read_text(encoding="utf-8").count("<video") == 2
    first, second = (tmp_path / "run" / "videos" / name for name in ("first-epochs.mp4", "six-of-each.mp4"))
    # 32 steps per epoch; frames of the untrained model, of each of the first 50 steps, of every fifth later one and of
    # the last. Epoch 1 ends at step 32. Each of the 53 and 21 intervals takes six video frames, the ends are held for
    # 36 each.
    assert imageio_ffmpeg.count_frames_and_secs(first)[0] == 53 * 6 + 72
    assert imageio_ffmpeg.count_frames_and_secs(second)[0] == 21 * 6 + 72
    again = recipe("trajectories.py", *options)
    assert again.returncode == 0
    assert "finished already" in again.stdout


def test_an_invalid_argument_ends_in_one_line_and_exit_code_2(tmp_path):
    done = recipe("trajectories.py", "--dataset", "cifar", "--out", tmp_path / "run")
    assert done.returncode == 2
    names = registry.choices()
    assert done.stderr == f"trajectories: dataset: expected {names}; received 'cifar'.\n"


@pytest.mark.slow
@pytest.mark.skipif(not FULL_MNIST.is_file(), reason="full MNIST is not in $KERAS_HOME/datasets")
def test_full_mnist_gives_the_published_loss(tmp_path):
    """784-256-2, Adam 1e-3, batch 128: an independent implementation had 163.5 in the fifth epoch."""
    from keras_vae import Config, train

    run = train(Config("784-256-2", dataset="mnist", epochs=5), tmp_path / "run", quiet=True)
    assert run.history["loss"][4] == pytest.approx(163.5, abs=2)
    t = run.trajectory
    assert len(t.between(0, 5)) >= 300
    radius = (t.std[..., 0] * t.std[..., 1]) ** 0.5
    assert radius[-1].mean() < 0.3 * radius[0].mean()


FIRST_LINES = """
import contextlib, io, runpy, sys

class Printed(BaseException):
    pass

class FirstLine(io.StringIO):
    def write(self, text):
        if "\\n" in self.getvalue() + text:
            raise Printed(self.getvalue() + text)
        return super().write(text)

for recipe in sys.argv[2:]:
    arguments, sys.argv[1:] = sys.argv[1:], ["--out", sys.argv[1]]
    try:
        with contextlib.redirect_stdout(FirstLine()):
            runpy.run_path(recipe, run_name="__main__")
    except Printed as line:
        first = str(line)
    sys.argv[1:] = arguments
    heavy = {"scipy.stats", "scipy.special", "scipy.optimize", "sklearn", "keras", "tensorflow", "matplotlib"}
    print(sorted(heavy & set(sys.modules)), first, end="")
"""


def test_recipes_print_a_line_before_imports_that_take_seconds(tmp_path):
    paths = sorted(map(str, RECIPES.glob("*.py")))
    command = [sys.executable, "-c", FIRST_LINES, str(tmp_path / "out"), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths)
    for line in lines:
        assert line.startswith("[] "), line
        assert str(tmp_path / "out") in line, line


@pytest.mark.parametrize("name", [*STUDIES, "tiles"])
def test_every_study_has_the_options_of_execution(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(RECIPES / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert [option for option in EXECUTION_OPTIONS if option not in printed] == []


def test_the_options_of_execution_of_soap_bubbles_reach_the_study(monkeypatch, tmp_path):
    variables = runpy.run_path(str(RECIPES / "soap_bubble.py"))
    received = []
    monkeypatch.setitem(variables["command"].__globals__, "start", lambda *args: received.append(args[-1]))
    variables["command"](out=tmp_path, workers=2, cpus=1)
    assert received == [Execution(workers=2, cpus=1)]


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A folder of runs that all recipes share."""
    return tmp_path_factory.mktemp("studies")


# Figures that the page of a study has, among others.
FIGURES = {
    "sampling": {"784-256-2.png", "784-256-32-8-2.png"},
    "latent_3d": {"space.png", "slices.png"},
    "latent_4d": {"81-images.png", "seeds.png"},
    "collapse": {"samples.png", "timelines.png", "units-784-256-32-24-16.png"},
    "tiles": {"codes.png", "reconstructions.png", "samples.png"},
    "aggregate_posterior": {"plane.png", "over-units.png", "samplers.png", "samples-d-32.png"},
    "priors": {"plane.png", "through-training.png", "over-units.png", "dynamics.png", "samples.png"},
    "rate_distortion": {
        "plane.png",
        "measures-d-2.png",
        "measures-d-16.png",
        "samples-d-2.png",
        "samples-d-16.png",
        "paths.png",
    },
    "linear_vae": {"spectrum.png", "convergence.png", "components.png"},
    "literature": {"published.png", "dynamics.png", "units.png", "samples.png"},
    "orthogonality": {"distances.png", "planes.png", "through-training.png", "dynamics.png"},
    "bigger_is_not_better": {f"figure-{i}.png" for i in range(2, 6)} | {"over-units.png", "samples-2.png"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_study_at_toy_size(name, studies, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(studies / "cache"))
    done = recipe(f"{name}.py", "--quick", "--epochs", 1, "--seeds", 1, "--out", studies)
    assert done.returncode == 0, done.stderr
    assert NOT_JUDGED in done.stdout or name == "tiles"
    dataset = {"tiles": "tiles-2k_", "linear_vae": "", "orthogonality": ""}.get(name, "mnist-5k_")
    folder = studies / f"{name}_{dataset}1-epochs_1-seeds_quick"
    assert FIGURES[name] <= {path.name for path in (folder / "figures").iterdir()}
    content = json.loads((folder / "study.json").read_text())
    assert content["seeds"] == content["epochs"] == 1
    assert {claim["verdict"] for claim in content["claims"]} <= {NOT_JUDGED}
    assert not any(claim["decided_by"] for claim in content["claims"])
    assert len({table["title"] for table in content["tables"]}) == len(content["tables"])
    measured = {key for run in content["runs"] for key in run["measures"]}
    for claim in content["claims"]:
        needs_more = ("from its median", "upper garment", "at equal")  # three seeds, Fashion-MNIST, a longer curve
        assert claim["estimate"] is not None or any(text in claim["measured"] for text in needs_more), claim
    assert {"loss", "reconstruction", "active_units"} <= measured
    for row in content["runs"]:
        # A model without a density has no KL, one with has no penalty unless its objective is not the ELBO; an
        # autoencoder has neither.
        expected = (
            {0}
            if row["config"] == "autoencoder"
            else {1, 2}
            if "objective" in content["configs"][row["config"]]
            else {1}
        )
        assert len({"kl", "penalty"} & set(row["measures"])) in expected
    page = (folder / "report.html").read_text(encoding="utf-8")
    captions = json.loads((folder / "captions.json").read_text())
    assert set(captions) == {path.stem for kind in ("figures", "videos") for path in (folder / kind).glob("*")}
    assert page.count("<img") == len(list((folder / "figures").iterdir()))
    assert all(text in html.unescape(page) for text in captions.values())
    for line in done.stdout.splitlines():
        if line.startswith(str(studies)):
            assert Path(line).stat().st_size > 500
    if name == "latent_3d":
        assert len(list((folder / "videos").glob("*.mp4"))) == 4


@pytest.mark.slow
def test_the_convolutional_ablation_at_toy_size(studies, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(studies / "cache"))
    done = recipe("conv_ablation.py", "--quick", "--seeds", 1, "--epochs", 2, "--out", studies)
    assert done.returncode == 0, done.stderr
    folder = studies / "conv_ablation_mnist-5k_2-epochs_1-seeds_quick"
    content = json.loads((folder / "study.json").read_text())
    assert all(claim["estimate"] is not None and claim["verdict"] == NOT_JUDGED for claim in content["claims"])
    (table,) = content["tables"]
    assert [row[1::2] for row in table["rows"]] == [["137.0", "6.00", "143.0"], ["74.99", "22.52", "97.51"]]
    parameters = {run["config"]: run["measures"]["parameters"] for run in content["runs"]}
    # The autoencoder has no layer for the log variances, which maps 256 to d.
    assert parameters["VAE, d = 16"] - parameters["AE, d = 16"] == 257 * 16
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "dynamics.png", "reconstructions.png", "samples.png", "codes.png", "interpolations.png", "autoencoder-d-2.png",
        "autoencoder-d-16.png",
    }  # fmt: skip


@pytest.mark.slow
def test_the_soap_bubbles_at_toy_size(studies, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(studies / "cache"))
    done = recipe("soap_bubble.py", "--quick", "--epochs", 1, "--channels", 8, "--out", studies)
    assert done.returncode == 0, done.stderr
    folder = studies / "soap_bubble_channels-8_mnist-5k_1-epochs_1-seeds_quick"
    content = json.loads((folder / "study.json").read_text())
    assert "--channels 8 --quick" in content["command"]
    assert list(content["configs"]) == ["16 units", "8 × 8 × 8", "8 × 8 × 8, means"]
    assert all(claim["estimate"] is not None and claim["verdict"] == NOT_JUDGED for claim in content["claims"])
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "bubbles.png", "overlap.png", "radii.png", "codes.png", "images.png", "samples.png",
    }  # fmt: skip


@pytest.mark.parametrize("name", [*STUDIES, "tiles"])
def test_the_toy_size_is_small_and_shows_recognisable_images(name):
    """A bound on the work: epochs × trainings of 4,000 images, in small batches so that the images become digits."""
    study = study_of(name)
    toy = study.toy_size()
    assert set(toy.configs) <= set(study.configs)
    assert 5 <= study.quick.epochs <= 8
    assert study.quick.epochs * study.quick.seeds * len(toy.configs) <= 64
    assert all(arguments["batch_size"] <= 32 for arguments in toy.configs.values())
    assert len(toy.claims) >= len(study.claims) // 2


def test_the_known_spectrum_is_exact_and_survives_standardisation():
    variables = runpy.run_path(RECIPES / "linear_vae.py")
    data = kv.load("walsh")
    eigenvalues = kv.diagnostics.probabilistic_pca(data.x_train, 8).eigenvalues
    expected = np.r_[2.0 * 1.4 ** np.arange(7, -1, -1), np.ones(56)]
    np.testing.assert_allclose(eigenvalues, expected * 64 / expected.sum(), rtol=1e-5)
    thresholds = [std for std in variables["SETTINGS"]["walsh"].noise_stds.values() if std]
    assert [kv.diagnostics.probabilistic_pca(data.x_train, 8, std**2).n_active for std in thresholds] == [5, 2]


def test_linear_vaes_of_both_data_sets_have_the_same_claims():
    linear_vae = runpy.run_path(RECIPES / "linear_vae.py")["linear_vae"]
    walsh, mnist = linear_vae("walsh"), linear_vae("mnist-images")
    mnist.check()
    assert [claim.measure for claim in walsh.claims] == [claim.measure for claim in mnist.claims]
    assert mnist.configs["σ² = 1.99"]["likelihood"] == "gaussian std=1.41"


def test_the_optimum_of_a_linear_vae_is_measured_as_such(tmp_path, monkeypatch):
    """A model with the weights of the closed form has no gap, and every unit belongs to its component."""
    variables = runpy.run_path(RECIPES / "linear_vae.py")
    x = np.random.default_rng(0).normal(size=(500, 8)) * np.linspace(3, 1, 8)
    np.savez(tmp_path / "rows.npz", x_train=x[:400], x_test=x[400:])
    config = kv.Config("8-3", dataset=str(tmp_path / "rows.npz"), epochs=1, likelihood="gaussian std=0.99")
    run = kv.train(config, tmp_path / "run", quiet=True)
    data = kv.load(config.dataset)
    best = kv.diagnostics.probabilistic_pca(data.x_train, 3, 0.99**2)
    order = [2, 0, 1]  # which component each unit belongs to
    values = np.sqrt(np.maximum(best.eigenvalues[:3] - best.noise_var, 0))[order, None] * best.components[order]
    vae = keras.models.load_model(run.model_path)
    vae.decoder.set_weights([values, best.mean])
    of_encoder = {
        (8, 3): iter([values.T / best.eigenvalues[order], np.zeros((8, 3))]),
        (3,): iter([-values @ best.mean / best.eigenvalues[order], np.log(best.posterior_var[order])]),
    }
    vae.encoder.set_weights([next(of_encoder[weight.shape]) for weight in vae.encoder.weights])
    vae.save(run.model_path)
    assert variables["log_likelihood"](best, data.x_train) == pytest.approx(best.log_likelihood, rel=1e-9)
    found = variables["measure_run"](run, data, None)
    assert found["pca.gap"] == pytest.approx(0.0, abs=1e-4)
    assert found["pca.rotation"] == pytest.approx(0.0, abs=1e-6)
    assert found["pca.active_difference"] == 0
    assert found["pca.angle"] < 0.1
    assert found["pca.alignment"] == pytest.approx(1.0, abs=1e-5)
    assert found["pca.variance_error"] < 1e-4
    assert found["pca.kl_ratio"] == pytest.approx(1.0, abs=1e-4)


def test_the_rectangle_is_embedded_isometrically_and_standardisation_is_a_change_of_scale():
    variables = runpy.run_path(RECIPES / "orthogonality.py")
    frame, arrays, data = variables["frame"](), variables["read_rectangle"](), kv.load("rectangle")
    np.testing.assert_allclose(frame.T @ frame, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(arrays["x_train"] * variables["SCALE"], data.x_train, atol=1e-4)
    factors = arrays["x_train"] @ frame
    np.testing.assert_allclose(factors.T @ factors / len(factors), np.diag([1.0, 0.49]) / 12.0, atol=1e-9)
    np.testing.assert_allclose(np.ptp(factors, axis=0), [1.0, 0.7], rtol=0.02)
    # β of the squared error in units of the rectangle.
    std = float(variables["STUDY"].configs["VAE"]["likelihood"].partition("=")[2])
    assert 2.0 * (std / variables["SCALE"]) ** 2 == pytest.approx(1e-4, rel=1e-3)


def test_a_decoder_with_the_principal_directions_is_measured_as_such():
    variables = runpy.run_path(RECIPES / "orthogonality.py")
    means = np.random.default_rng(0).normal(size=(20, 2))
    for degrees, expected in ((0.0, 1.0), (30.0, np.cos(np.radians(30.0)))):
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        weights = [(np.diag([2.0, -1.4]) @ turn @ variables["frame"]().T, np.zeros(32))]
        decode = variables["network"](weights)
        assert variables["alignment"](decode, means) == pytest.approx(expected, abs=1e-4)
        assert variables["orthogonality"](decode, means).distance == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("last", "scale", "label", "ticks"),
    [(5, "linear", "epoch", [0, 1, 2, 3, 4, 5]), (200, "symlog", "epoch, logarithmic beyond 1", [0, 1, 10, 100])],
)
def test_distances_through_training_end_at_the_last_epoch_and_state_their_scale(last, scale, label, ticks):
    line = {"epochs": [0.0, 0.25, float(last)], "distance": [0.5, 0.4, 0.1]}
    (ax,) = runpy.run_path(RECIPES / "orthogonality.py")["over_epochs"]({"VAE": [line]}).get_axes()
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_xlim()) == (scale, label, (0, last))
    assert [tick for tick in ax.get_xticks() if tick <= last] == ticks
    assert scale == "linear" or {2, 20, last} <= set(ax.get_xticks(minor=True))


@pytest.mark.parametrize(
    ("trained", "text"),
    [
        ((10, 100, 8, 8, 8), "784-400-20: 10 of 10; 784-400-40: 100 of 500; k = 1, k = 5, k = 50: 8 of 3,280"),
        ((5, 5, 5, 5), "784-400-20: 5 of 10; 784-400-40: 5 of 500; k = 1, k = 5: 5 of 3,280"),  # --quick
    ],
)
def test_the_caption_of_published_likelihoods_has_the_epochs_of_these_trainings(trained, text):
    variables = runpy.run_path(RECIPES / "literature.py")
    assert variables["epochs_of"](dict(zip(variables["PUBLISHED"], trained, strict=False))) == text
    page = " ".join((RESULTS / "literature.md").read_text(encoding="utf-8").split())
    assert len(trained) < 5 or f"Epochs, of those of the source: {text}." in page


def test_the_orthogonality_of_both_data_sets_has_measures_for_all_claims():
    study_of = runpy.run_path(RECIPES / "orthogonality.py")["study_of"]
    for dataset in ("rectangle", "mnist-images"):
        study = study_of(dataset)
        study.check()
        assert {claim.measure for claim in study.claims} <= set(study.measures)
        assert len({claim.words for claim in study.claims}) == len(study.claims)


@pytest.mark.parametrize("name", STUDIES)
def test_every_measure_and_configuration_of_a_recipe_exists(name):
    study_of(name).check()


def test_the_typicality_table_has_a_row_per_number_of_units():
    table = runpy.run_path(RECIPES / "bigger_is_not_better.py")["typicality"]((2, 800))
    assert "from n = " in table.title
    assert [len(row) for row in table.rows] == [len(table.head)] * 2


@pytest.mark.parametrize("name", [*STUDIES, "tiles"])
def test_a_recipe_names_its_source_as_the_documentation_does(name):
    """The first author is among the sources of the results, and every link is there or on the recipe's own page."""
    source = study_of(name).source
    index = (RESULTS / "index.md").read_text(encoding="utf-8")
    sources = index.partition("## Sources")[2].partition("\n## ")[0]
    page = (RESULTS / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8")
    assert source.partition(",")[0] in sources
    addresses = re.findall(r"\]\((https://[^()]+)\)", source)
    assert source.count("](") == len(addresses)
    assert [address for address in addresses if address not in sources + page] == []


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_of_results_has_the_words_of_its_recipe(name):
    """Claims with their formulas and possible intervals, in their order, and the measures by configuration."""
    study = study_of(name)
    lines = (RESULTS / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8").splitlines()
    printed = [line.replace("\\|", "|") for line in lines if line.startswith("|")]
    assert f"|  | {' | '.join(study.configs)} |" in printed
    for key in study.measures:
        assert any(line.startswith(f"| {study.find(key).heading} | ") for line in printed), key
    claims = iter(printed)
    for claim in study.claims:
        start = f"| {claim.words} | {claim.formula(study.find(claim.measure).label)} "
        line = next((line for line in claims if line.startswith(start)), None)
        assert line, start
        assert_possible(line, claim.possible(study.bounds))


def tables_of(name: str) -> list[list[list[str]]]:
    """The tables of a page of results, as rows of cells; the first row is the head."""
    lines = (RESULTS / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8").splitlines()
    blocks = [
        list(block) for is_table, block in itertools.groupby(lines, lambda line: line.startswith("|")) if is_table
    ]
    return [[cells_of(line) for line in (block[0], *block[2:])] for block in blocks]


def cells_of(line: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    return [cell.replace("\\|", "|") for cell in line.strip().removeprefix("| ").removesuffix(" |").split(" | ")]


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_of_results_says_what_would_decide_the_rest(name):
    """Each undecided claim in its order, with the number of seeds that follows from the printed interval."""
    study, tables = study_of(name), tables_of(name)
    seeds = int(re.search(r"--seeds (\d+)", (RESULTS / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8"))[1])
    judged = next(rows for head, *rows in tables if head == CLAIM_HEAD)
    undecided = [(claim, row) for claim, row in zip(study.claims, judged, strict=True) if row[-1] == "undecided"]
    planned = next((rows for head, *rows in tables if head == UNDECIDED_HEAD), []) if undecided else []
    for (claim, row), (words, measured, decided_by, hours) in zip(undecided, planned, strict=True):
        assert (words, measured) == (claim.words, claim.formula(study.find(claim.measure).label))
        number = re.fullmatch(r"about ([\d,]+) seeds", decided_by)
        assert bool(number) == (hours != ABSENT), words
        if number and isinstance(claim, Mean | Ratio | AtEqual) and not isinstance(claim, GapAtEqual):
            assert_planned(claim, row, seeds, int(number[1].replace(",", "")), claim.possible(study.bounds))


def test_the_index_of_results_counts_what_would_decide_the_rest():
    tables = [table for name in STUDIES for table in tables_of(name)]
    decided_by = [row[2] for head, *rows in tables if head == UNDECIDED_HEAD for row in rows]
    assert len(decided_by) == sum(
        row[-1] == "undecided" for head, *rows in tables if head == CLAIM_HEAD for row in rows
    )
    seeds = [int(re.sub(r"\D", "", text)) for text in decided_by if text.startswith("about")]
    few, some = sum(n <= 10 for n in seeds), sum(10 < n <= 100 for n in seeds)
    many = len(seeds) - few - some + decided_by.count(claims.MORE_THAN_AFFORDABLE)
    bounds = sum("bounds" in text or text == claims.MORE_ITEMS for text in decided_by)
    unmeasured, constant = decided_by.count(claims.MEASUREMENT), decided_by.count(claims.VARIATION)
    counted = (
        f"{few} take at most 10 seeds and {some} take 11 to 100, if estimate and spread stay as measured; "
        f"{many} lie so close to a border that 100 do not suffice. {bounds} need narrower bounds or "
        f"more items to encode, {unmeasured} concern samples of a Gaussian matched to training codes, which are not "
        f"measured yet, and of {constant} all seeds are equal."
    )
    index = " ".join((RESULTS / "index.md").read_text(encoding="utf-8").split())
    assert counted in index
    assert f"{len(decided_by)} are undecided" in index


def assert_planned(claim: Claim, row: list[str], seeds: int, stated: int, possible: tuple[float, float]) -> None:
    """Checks a number of seeds against the printed estimate and interval, which are rounded."""
    texts = [re.findall(r" = ([−\d.,]*\d)(?=, published| \(|$)", row[1])[-1], *row[2].split(" … ")]
    printed = [float(text.replace("−", "-").replace(",", "")) for text in texts]
    errors = [0.5 * 10.0 ** -len(text.partition(".")[2]) for text in texts]
    scale, region = (
        (np.log, np.log(np.maximum(claim.region, 1e-300))) if isinstance(claim, Ratio) else (float, claim.region)
    )
    limits = (-np.inf, np.inf) if isinstance(claim, Ratio) else possible
    found = []
    for signs in itertools.product((-1, 0, 1), repeat=3):
        ends = [float(scale(value + sign * error)) for value, sign, error in zip(printed, signs, errors, strict=True)]
        planned = seeds_to_decide(Interval(*ends), seeds, tuple(region), limits)
        found.append(np.inf if planned is None else planned)
    assert seeds < min(found) <= stated <= max(found), (claim.words, stated, found)


def assert_possible(line: str, possible: tuple[float, float]) -> None:
    """Checks that the interval in the row of a claim is within the values that are possible."""
    ends = line.replace("−", "-").split(" | ")[-3].split(" … ")
    for end in ends:
        assert end == ABSENT or possible[0] <= float(end) <= possible[1], line


def at_level(claim: Claim, level: float, noise: np.ndarray) -> np.ndarray:
    """Values of all seeds around a level; for a `Spread` the level is their scale."""
    if isinstance(claim, Spread):
        return 1e3 * level * noise
    return level + 1e-3 + (0.0 if isinstance(claim, ExactRatio) else 0.1) * noise


def values_of(table: dict[str, np.ndarray]):
    """The same values for all measures of a configuration."""
    return lambda config, measure: table[config]


def values_of_curve(claim: AtEqual, table: dict[str, np.ndarray]):
    """The same, beside places along the curve, of which the configuration has the middle one."""
    places = {claim.config: 0.5 * (len(claim.curve) - 1)} | {name: i for i, name in enumerate(claim.curve)}
    return lambda config, measure: (
        np.full(len(table[config]), float(places[config])) if measure == claim.along else table[config]
    )


@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_can_hold_and_can_fail_with_its_seeds(name):
    """With the planned number of seeds each verdict must be reachable, or the claim is not testable."""
    study = study_of(name)
    rng = np.random.default_rng(0)
    noise = {config: 1e-3 * rng.standard_normal(study.seeds) for config in study.configs}
    for claim in study.claims:
        # The middle of a narrow region is not among the fixed levels.
        levels = (-1, 0, 0.05, 0.3, 0.6, 1, 1.1, 3, 30, 300, *filter(math.isfinite, [sum(claim.region) / 2]))
        verdicts = set()
        on_curve = isinstance(claim, AtEqual)
        for chosen in itertools.product(levels, repeat=2 if on_curve else len(claim.configs())):
            if on_curve:  # the configuration in the middle of a curve whose points have one level
                chosen = (chosen[0], *[chosen[1]] * len(claim.curve))
            table = {c: at_level(claim, level, noise[c]) for c, level in zip(claim.configs(), chosen, strict=True)}
            evaluated = claim.evaluate(values_of_curve(claim, table) if on_curve else values_of(table), study.find)
            verdicts.add(evaluated["verdict"])
        assert {"holds", "does not hold"} <= verdicts, claim
