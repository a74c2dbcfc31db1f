"""The command line: training, drawing, evaluation, and errors in one line with exit code 2."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from programs import run

from keras_vae import Run, __version__
from keras_vae._utils.exit_codes import as_options
from keras_vae.cli.train import print_results
from keras_vae.data import registry
from keras_vae.runs.config import _choices

pytestmark = pytest.mark.usefixtures("few_pixels")


def train(npz, out, *more) -> list:
    return [
        "train",
        "--architecture",
        "64-8-2",
        "--dataset",
        npz,
        "--epochs",
        1,
        "--batch-size",
        32,
        "--out",
        out,
        *more,
    ]


def test_train_then_draw(monkeypatch, capsys, npz, tmp_path):
    out = tmp_path / "run"
    options = ["--posterior", "isotropic", "--likelihood", "gaussian", "--beta", 0.5, "--warmup", 1, "--seed", 3]
    assert run(monkeypatch, *train(npz, out, *options, "--learning-rate", 0.01)) == 0
    printed = capsys.readouterr().out
    assert "nats per image" in printed
    assert "reconstruction" in printed
    assert f"  keras-vae draw {out} " in printed.split("Next:")[1]
    assert f"  keras-vae report {out} " in printed.split("Next:")[1]
    config = Run.open(out).config["config"]
    assert (config["posterior"], config["likelihood"], config["beta"], config["warmup"]) == (
        "isotropic",
        "gaussian",
        0.5,
        1,
    )
    assert (config["seed"], config["learning_rate"], config["batch_size"]) == (3, 0.01, 32)
    assert run(monkeypatch, "draw", out, "--epochs", "0:1", "--ellipses", "--gif") == 0
    drawn = capsys.readouterr().out.split()
    assert {path.rsplit("/", 1)[1] for path in drawn if path.startswith(str(out))} == {
        "loss.png", "posteriors.png", "magnification.png", "manifold.png", "reconstructions.png", "samples.png",
        "traversals.png",
        "trajectory.mp4", "trajectory.gif",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--dataset", "cifar"], "dataset: expected mnist"),
        (["--dataset", "none.npz"], "there is none"),
        (["--architecture", "784"], "architecture: expected"),
        (["--model", "flow"], "model: expected one of dense, conv, spatial; received 'flow'"),
        (
            ["--model", "conv", "--architecture", "64-8-2"],
            "expected a conv one, such as c32-c64-256-2; received",
        ),
        (["--architecture", "c4-c4-1x1x2"], "a latent map that images of 8 × 8 fit into, such as 2x2x2"),
        (["--jit-compile", "yes"], "jit-compile: expected auto, on or off"),
        (["--architecture", "784-0-2"], "architecture: expected"),
        (["--architecture", ""], "architecture: expected"),
        (["--architecture", "65-2"], "expected 64 as its first number"),
        (["--architecture", "64-99999999999-2"], "make its layers smaller"),
        (["--posterior", "full"], "posterior: expected"),
        (["--likelihood", "none"], "likelihood: expected"),
        (["--beta", "-1"], "beta: expected"),
        (["--beta", "nan"], "beta: expected"),
        (["--batch-size", "0"], "batch_size: expected"),
        (["--batch-size", "1000"], "no more than the 96 training images"),
        (["--learning-rate", "0"], "learning_rate: expected"),
        (["--epochs", "0"], "epochs: expected"),
        (["--warmup", "nan"], "warmup: expected"),
        (["--resume", "--overwrite"], "train: expected --resume or --overwrite; received both"),
        (["--out", "x" * 300], "out: expected"),
    ],
)
def test_errors_end_in_one_line_and_write_nothing(monkeypatch, capsys, npz, tmp_path, more, sentence):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *train(npz, "out"), *more) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert printed.startswith("keras-vae: ")
    assert not list(tmp_path.iterdir())


NUMBERS = {
    "train": ("--epochs", "--batch-size", "--seed", "--learning-rate", "--beta", "--warmup"),
    "evaluate": ("--samples",),
}
TEXTS = ("--model", "--architecture", "--dataset", "--posterior", "--likelihood", "--jit-compile")


@pytest.mark.parametrize("value", ["", "é", "0x10", "[bold]", "one", "-2", "nan", "inf", "-inf", "1" + "0" * 400])
@pytest.mark.parametrize(("program", "option"), [(p, option) for p in NUMBERS for option in NUMBERS[p]])
def test_numbers_out_of_range_and_other_text_write_nothing(
    monkeypatch, capsys, npz, tmp_path, toy_run, program, option, value
):
    monkeypatch.chdir(tmp_path)
    before = sorted(toy_run.path.rglob("*"))
    first = train(npz, "out") if program == "train" else ["evaluate", toy_run.path]
    assert run(monkeypatch, *first, f"{option}={value}") == 2
    printed = capsys.readouterr().err
    name = option.removeprefix("--").replace("-", "_")
    assert option in printed or f"keras-vae: {name}: " in printed
    assert "Traceback" not in printed
    assert not list(tmp_path.iterdir())
    assert sorted(toy_run.path.rglob("*")) == before


@pytest.mark.parametrize("option", ["--epochs", "--batch-size", "--seed", "--samples"])
def test_numbers_with_exponent_or_fraction_are_not_whole(monkeypatch, capsys, npz, tmp_path, toy_run, option):
    first = ["evaluate", toy_run.path] if option == "--samples" else train(npz, tmp_path / "out")
    name = option.removeprefix("--").replace("-", "_")
    for value in ("1e30", "1.5"):
        assert run(monkeypatch, *first, option, value) == 2
        assert capsys.readouterr().err == f"keras-vae: {name}: expected a whole number; received '{value}'.\n"


@pytest.mark.parametrize("value", ["", "é", "-2", "[bold]", "\x1b[1m", "\udcff", "a" * 5000, "two\nlines"])
@pytest.mark.parametrize("option", TEXTS)
def test_unknown_names_end_in_one_line_and_write_nothing(monkeypatch, capsys, npz, tmp_path, option, value):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *train(npz, "out"), f"{option}={value}") == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"keras-vae: {option.removeprefix('--')}: expected ")
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("", "expected a path without control characters"),
        ("two\nlines", "expected a path without control characters"),
        ("\x1b[1m", "expected a path without control characters"),
        ("\udcff", "expected a path without control characters"),
        ("file", "it is a file"),
        ("file/below", "a folder above it is a file"),
        (".", "it holds something else (file)"),
        ("/dev/null", "it is a file"),
        ("/proc/new", "/proc refuses"),
    ],
)
def test_folders_that_cannot_be_written(monkeypatch, capsys, npz, tmp_path, out, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("kept")
    assert run(monkeypatch, *train(npz, out)) == 2
    printed = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert sentence in printed
    assert "Traceback" not in printed
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("program", ["draw", "evaluate", "report"])
@pytest.mark.parametrize("path", ["", "none", "file", "/dev/null", "a" * 300, "\udcff", "[bold]"])
def test_paths_without_a_run(monkeypatch, capsys, tmp_path, program, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert run(monkeypatch, program, path) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "epochs", ["", ":", "0", "a:b", "0:1:2", "0:1,2", "é", "nan:nan", "nan:1", "5:0", "8:9", "-1:2", "-2:-1"]
)
def test_epochs_of_a_video_that_were_not_recorded(monkeypatch, capsys, toy_run, epochs):
    before = sorted(toy_run.path.rglob("*"))
    assert run(monkeypatch, "draw", toy_run.path, f"--epochs={epochs}") == 2
    printed = capsys.readouterr().err
    assert printed.startswith("keras-vae: epochs: expected ")
    assert printed.count("\n") == 1
    assert sorted(toy_run.path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--unknown",), "no such option: --unknown; see "),
        (("unknown",), "no such command 'unknown'; see "),
        (("train",), "missing option '--out'; see "),
        (("train", "--epoch", 3), "no such option: --epoch"),
        (("train", "--out"), "option '--out' requires an argument."),
        (("train", "--out", "a", "--resume=b"), "option '--resume' does not take a value."),
        (("train", "--out", "a", "--beta", "[b]"), "beta: expected a number; received '[b]'."),
        (("draw",), "missing argument 'RUN...'; see "),
        (("evaluate", "a", "b"), "extra argument"),
        (("evaluate", ""), "run: expected a path without control characters; received ''."),
    ],
)
def test_wrong_usage_ends_in_one_line(monkeypatch, capsys, arguments, sentence):
    assert run(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("keras-vae: ")
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_no_arguments_print_the_help(monkeypatch, capsys):
    assert run(monkeypatch) == 2
    printed = capsys.readouterr()
    assert "evaluate" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("content", [b"", b"PK damaged", "nan", "objects"])
def test_unreadable_files_end_in_one_line(monkeypatch, capsys, npz, tmp_path, content):
    path = tmp_path / "a.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        x = np.full((9, 8, 8), np.nan) if content == "nan" else np.array([{}], dtype=object)
        np.savez(path, x_train=x, x_test=x)
    assert run(monkeypatch, *train(path, tmp_path / "out")) == (2 if content == "nan" else 1)
    assert capsys.readouterr().err.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.npz"]


def test_an_output_folder_with_other_files_is_refused(monkeypatch, capsys, npz, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    assert run(monkeypatch, *train(npz, tmp_path)) == 2
    assert "holds something else (thesis.tex); choose another --out." in capsys.readouterr().err
    assert run(monkeypatch, *train(npz, tmp_path, "--overwrite")) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_diverged_training_exits_with_1_and_reports_the_step(monkeypatch, capsys, npz, tmp_path):
    assert run(monkeypatch, *train(npz, tmp_path / "run", "--learning-rate", "1e30")) == 1
    printed = capsys.readouterr().err
    assert "at step" in printed
    assert printed.count("\n") == 1


def test_draw_requires_a_run(monkeypatch, capsys, tmp_path, toy_run):
    assert run(monkeypatch, "draw", tmp_path) == 2
    assert "expected a run folder" in capsys.readouterr().err
    assert run(monkeypatch, "draw", toy_run.path, tmp_path) == 2
    assert f"runs: expected a run folder, or a folder of runs; found none at {tmp_path}" in capsys.readouterr().err
    assert run(monkeypatch, "draw", toy_run.path, "--epochs", "five") == 2
    assert "expected two numbers, as in 0:5, 5: or :5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("set overwrite=True to replace it", "add --overwrite to replace it"),
        ("set resume=True to continue it or overwrite=True", "add --resume to continue it or --overwrite"),
        ("expected resume=True or overwrite=True", "expected --resume or --overwrite"),
        ("use dataset='mnist-5k' or dataset='FILE.npz'.", "use --dataset mnist-5k or --dataset FILE.npz."),
        ("folder: it is a file; choose another folder.", "out: it is a file; choose another --out."),
        ("out: it is a file; choose another out.", "out: it is a file; choose another --out."),
        ("dataset: expected a folder: ./a", "dataset: expected a folder: ./a"),
    ],
)
def test_messages_name_options_in_place_of_arguments(message, options):
    assert as_options(message) == options


def test_unfinished_and_finished_runs_are_refused_with_the_options_that_help(monkeypatch, capsys, npz, tmp_path):
    unfinished = Run(tmp_path / "unfinished")
    unfinished.write_json("config.json", {"config": {}, "dataset": {}, "backend": "tensorflow"})
    assert run(monkeypatch, *train(npz, unfinished.path)) == 2
    said = "holds an unfinished run; add --resume to continue it or add --overwrite to replace it."
    assert said in capsys.readouterr().err
    unfinished.write_json("metrics.json", {})
    assert run(monkeypatch, *train(npz, unfinished.path)) == 2
    assert "holds a finished run; add --overwrite to replace it." in capsys.readouterr().err


def test_help_lists_every_choice(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert run(monkeypatch, "train", "--help") == 0
    printed = capsys.readouterr().out
    for choice in (*registry.names(), *(kind for kinds in _choices().values() for kind in kinds)):
        assert choice in printed


def test_version_names_the_backend_without_importing_it(monkeypatch, tmp_path):
    command = [sys.executable, "-X", "importtime", "-m", "keras_vae", "--version"]

    def version() -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
        assert "typer" in imported
        assert not imported & {"keras", "tensorflow", "jax", "torch", "numpy"}
        return done.stdout

    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert version() == f"keras-vae {__version__}, backend jax\n"
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert version() == f"keras-vae {__version__}, backend tensorflow\n"
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert version() == f"keras-vae {__version__}, backend torch\n"
    (tmp_path / "keras.json").write_text("[")
    assert version() == f"keras-vae {__version__}, backend tensorflow\n"


@pytest.mark.parametrize("arguments", [("train", "--out", "a"), ("draw", "a"), ("evaluate", "a"), ("report", "a")])
def test_a_line_is_printed_before_the_imports_that_take_seconds(arguments):
    """The import of numpy, which precedes Keras and Matplotlib in every command, ends the program of this test."""
    program = (
        "import os, sys\n"
        "class Stop:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name in ('numpy', 'keras', 'tensorflow', 'matplotlib'):\n"
        "            os.write(1, b'imported'); os._exit(0)\n"
        "sys.meta_path.insert(0, Stop)\n"
        f"sys.argv = ['keras-vae', *{arguments}]\n"
        "from keras_vae import cli\n"
        "cli.main()"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    first, then = printed.splitlines()
    assert first.split()[0] in ("Loading", "Drawing", "Writing")
    assert then == "imported"


def test_help_loads_no_backend():
    program = (
        "import sys; sys.argv = ['keras-vae', 'train', '--help']\n"
        "from keras_vae import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "print('loaded:', [m for m in ('keras', 'tensorflow', 'jax', 'matplotlib', 'numpy') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "--learning-rate" in printed
    assert "loaded: []" in printed


def test_drawing_loads_no_backend(toy_run, tmp_path):
    shutil.copytree(toy_run.path, tmp_path / "run")
    program = (
        "import sys; from keras_vae.plots import run_figures\n"
        f"run_figures.draw({str(tmp_path / 'run')!r}, video=False)\n"
        "print('loaded:', [m for m in ('keras', 'tensorflow', 'jax') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "loaded: []" in printed


def test_print_results(capsys, toy_run):
    print_results(toy_run.path)
    printed = capsys.readouterr().out
    for value in toy_run.metrics["test"].values():
        assert f"{value:.2f}" in printed
    assert np.char.find(printed, "latent units active") >= 0


@pytest.mark.slow
def test_evaluate_prints_the_audit(monkeypatch, capsys, tmp_path, toy_run, npz):
    from keras_vae.evaluation import judge

    shutil.copytree(toy_run.path, tmp_path / "run")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(judge, "EPOCHS", 1)
    monkeypatch.setenv("COLUMNS", "200")
    assert run(monkeypatch, "evaluate", tmp_path / "run", "--samples", 30) == 0
    printed = capsys.readouterr().out
    assert "loss when replaced" in printed
    assert printed.index("of 2 latent units are active") < printed.index("Var[μ]")
    assert "40 samples" in printed
    assert "KL(q(z) ‖ p)" in printed
    assert "Pareto" in printed
    assert printed.splitlines()[-1] == str(tmp_path / "run" / "evaluation.json")
    assert (tmp_path / "run" / "figures" / "aggregate.png").is_file()
    model = tmp_path / "run" / "model.keras"
    assert run(monkeypatch, "evaluate", model, "--dataset", npz, "--out", tmp_path / "new", "--no-audit") == 0
    assert "Pareto" not in capsys.readouterr().out
    other = tmp_path / "model.keras"
    shutil.copy(toy_run.model_path, other)
    assert run(monkeypatch, "evaluate", other, "--dataset", npz, "--out", tmp_path / "new", "--no-audit") == 0
    other.write_bytes(model.read_bytes() + b" ")
    assert run(monkeypatch, "evaluate", other, "--dataset", npz, "--out", tmp_path / "new", "--no-audit") == 2
    assert "--overwrite" in capsys.readouterr().err
    again = ("--no-audit", "--overwrite")
    assert run(monkeypatch, "evaluate", other, "--dataset", npz, "--out", tmp_path / "new", *again) == 0
    assert run(monkeypatch, "evaluate", model) == 2
    assert "add --dataset" in capsys.readouterr().err
    assert run(monkeypatch, "evaluate", tmp_path / "run", "--out", tmp_path / "new") == 2
    assert "expected --out with a .keras file only" in capsys.readouterr().err
    assert run(monkeypatch, "evaluate", tmp_path) == 2
    assert "expected a run folder" in capsys.readouterr().err


@pytest.mark.slow
def test_convolutional_models_of_colour_images_from_a_file(monkeypatch, capsys, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, 32, 32, 3), "uint8")
    np.savez(tmp_path / "colour.npz", x_train=x, x_test=x[:20])
    for model, architecture in (("conv", "c32-c64-256-2"), ("spatial", "c32-c64-8x8x16")):
        out = tmp_path / model
        options = ["--dataset", tmp_path / "colour.npz", "--epochs", 1, "--batch-size", 20, "--out", out]
        assert run(monkeypatch, "train", "--model", model, *options) == 0
        printed = capsys.readouterr().out
        assert "parameters" in printed
        config = Run.open(out).config
        assert config["config"]["architecture"] == architecture
        assert config["config"]["jit_compile"] == "auto"
        assert config["jit_compile"] is False  # XLA makes convolutions slower on a CPU
        assert Run.open(out).arrays("samples")["images"].shape == (100, 32, 32, 3)
    assert run(monkeypatch, "draw", tmp_path / "conv", "--no-video") == 0
