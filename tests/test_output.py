"""Output on terminals and pipes of any kind: encodings, widths, closed pipes, full devices."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

import keras_vae
from keras_vae import diagnostics
from keras_vae._utils import formatting, program_output
from keras_vae._utils.formatting import Table, printable
from keras_vae._utils.progress import MultiPartProgress, ParallelProgress, ProgressReporter
from keras_vae._utils.terminal import print_table

ENCODINGS = ["utf-8", "cp1252", "cp437", "ascii", "shift_jis"]
TABLE = Table("β‖z‖", ["k̂ > 0.5", "σ²"], [["ELBO ≤ log p(x)", "−1.5 ± 0.1"], ["[/bold]", "–"]])


class Stream(io.TextIOWrapper):
    """Output in an encoding that raises at what it can't encode."""

    def __init__(self, encoding: str):
        super().__init__(io.BytesIO(), encoding, newline="\n")

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def stdout_of(monkeypatch):
    """Sets the standard output to a stream in an encoding."""

    def replace(encoding: str) -> Stream:
        monkeypatch.setattr(sys, "stdout", Stream(encoding))
        return sys.stdout

    return replace


def test_every_sign_in_the_source_has_a_replacement():
    texts = [path.read_text(encoding="utf-8") for path in Path(keras_vae.__file__).parent.rglob("*.py")]
    signs = {sign for text in texts for sign in text if not sign.isascii()}
    assert len(signs) > 30
    assert [sign for sign in signs if "?" in printable(sign, "ascii")] == []


def test_signs_are_replaced_where_the_encoding_lacks_them():
    assert printable("‖μ‖ ≤ 2σ², k̂, Δ, é, 界", "ascii") == "||mu|| <= 2sigma2, k-hat, Delta, e, ?"
    assert printable("‖μ‖ × 2²", "cp1252") == "||mu|| × 2²"
    assert printable("‖μ‖ 界", "utf-8") == "‖μ‖ 界"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", formatting.ERRORS)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tables_and_messages_are_printed_in_any_encoding(encoding, stdout_of):
    stdout = stdout_of(encoding)
    reporter = ProgressReporter()
    reporter.message("β = 1 · ‖z‖ …")
    print_table(reporter.console, TABLE)
    printed = stdout.text()
    assert "?" not in printed
    assert "[/bold]" in printed
    heading, rule, *rows = printed.splitlines()[2:6]
    assert set(rule) in ({"─"}, {"-"})
    seconds = [printable(line[1], encoding) for line in (TABLE.head, *TABLE.rows)]
    # Columns are aligned after the replacements.
    starts = {cell_len(line) - cell_len(text) for line, text in zip((heading, *rows), seconds, strict=True)}
    assert len(starts) == 1


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_text_of_an_audit_is_printed_in_any_encoding(encoding, stdout_of):
    stdout = stdout_of(encoding)
    print(diagnostics.audit(np.zeros((10, 2)), np.zeros((10, 2))))
    first, *others = stdout.text().splitlines()
    assert first == "10 encodings of 2 units, 0 of them active; nats"
    assert any(line.startswith(("‖z‖ ", "||z|| ")) for line in others)


def test_an_output_without_an_encoding_keeps_all_signs(monkeypatch):
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stdout", stream)
        assert printable("σ") == "σ"


@pytest.mark.parametrize("width", [20, 80])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("options", [{}, {"no_color": True}, {"_environ": {"TERM": "dumb"}}])
def test_a_bar_on_any_terminal(encoding, width, options):
    stream = Stream(encoding)
    reporter = MultiPartProgress(2)
    reporter.console = Console(file=stream, force_terminal=True, width=width, **options)
    with reporter:
        for total in (0, 3):
            with reporter.part("784-2 [/b], seed 0 · β = 1"):
                reporter.start("training", total)
                reporter.advance(total, "loss 12.3, kl −4.5 …" * 3)
    assert stream.text()


def test_the_bar_of_parallel_parts_counts_fractions_and_names_what_starts():
    stream = Stream("utf-8")
    reporter = ParallelProgress(4, done=1)
    reporter.console = Console(file=stream, force_terminal=True, width=100)
    with reporter:
        reporter.show({"784-2, seed 0": (5, 10, "epoch 1"), "784-2, seed 1": (0, 10, "")})
        assert reporter._bar.tasks[0].completed == 1.5
        assert [task.fields["detail"] for task in reporter._bar.tasks] == ["", "epoch 1", "starting"]
        reporter.finish_part("784-2, seed 0", 3.0)
        reporter.show({"784-2, seed 1": (0, 10, "")})
        assert reporter._bar.tasks[0].completed == 2
    assert "trainings" in stream.text()


@pytest.mark.parametrize("total", [0, 2])
def test_parts_without_steps_on_no_terminal(total):
    with MultiPartProgress(1) as reporter, reporter.part("a"):
        reporter.start("training", total)
        reporter.advance(total)
    with MultiPartProgress(0):
        pass
    assert list(ProgressReporter().track(range(total), "b", total)) == list(range(total))


def test_a_log_counts_every_part_once(capsys):
    """Parts 1 to 3 were trained by a command that was interrupted while it evaluated part 3."""

    def train(name: str, progress: MultiPartProgress) -> None:
        with progress.part(name):
            if name == "g":
                raise KeyboardInterrupt
            if name == "d":
                progress.start("training", 2, done=1)

    with pytest.raises(KeyboardInterrupt), MultiPartProgress(7) as progress:
        list(map(train, "abcdefg", [progress] * 7))
    assert capsys.readouterr().out.splitlines() == [
        "1/7 to 3/7: trained before",
        "4/7 d: 0 s; 0:00:00 left",
        "5/7 to 6/7: trained before",
        "Interrupted during 7/7 g; finished work is kept, and the same command continues from there.",
    ]


PRINTING = "from keras_vae._utils.exit_codes import exit_on_error; exit_on_error(lambda: print({text}))"


def printing(text: str, stdout, **environment) -> subprocess.CompletedProcess:
    """Runs a command-line program that prints."""
    command = [sys.executable, "-c", PRINTING.format(text=text)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=os.environ | environment, check=False)


@pytest.mark.parametrize("text", ["'few'", "'many' * 100_000"])
def test_a_closed_pipe_ends_a_program_silently(text):
    reader, writer = os.pipe()
    os.close(reader)
    found = printing(text, writer)
    os.close(writer)
    assert (found.returncode, found.stderr) == (1, b"")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "ascii:strict"])
def test_a_program_prints_in_any_encoding(encoding):
    found = printing("'‖z‖ ≤ 2σ'", subprocess.PIPE, PYTHONIOENCODING=encoding)
    assert (found.returncode, found.stdout.strip(), found.stderr) == (0, b"||z|| <= 2sigma", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_device_raises_before_the_program_ends(monkeypatch):
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OSError, match="No space left"), program_output.program_output():
            print("few")


def test_files_are_written_before_tables_are_printed(toy_run, monkeypatch):
    """An output that fails then costs no results."""
    from keras_vae.cli import evaluate
    from keras_vae.evaluation import judge, run_evaluation
    from keras_vae.plots import run_figures

    calls = []
    for module, name, found in (
        (judge, "Judge", None),
        (run_evaluation, "evaluate", {}),
        (run_figures, "audit", []),
        (evaluate, "print_evaluation", None),
    ):
        monkeypatch.setattr(module, name, lambda *_, name=name, found=found: (calls.append(name), found)[1])
    evaluate.evaluate(toy_run.path, None, None, False, True, 2)
    assert calls == ["Judge", "evaluate", "audit", "print_evaluation"]


def test_the_bar_of_a_long_training_shows_the_kl_on_80_columns():
    stream = Stream("utf-8")
    reporter = ProgressReporter()
    reporter.console = Console(file=stream, force_terminal=True, width=80)
    reporter.start("", 23450)
    reporter.advance(23450, "epoch 50 · loss 160.2 · KL 6.5")
    reporter.stop()
    assert "epoch 50 · loss 160.2 · KL 6.5" in stream.text()


def test_leading_columns_of_words_and_of_numbers():
    table = formatting.Table(
        "", ["claim", "measure", "seeds", "hours"], [["1", "|cos|", "about 12", "–"], ["a", "−log p(x)", "c", "−0.5"]]
    )
    assert table.text_columns == 3
    assert formatting.Table("", ["", "a"], [["loss", "−3.2 ± 1"]]).text_columns == 1
    assert formatting.Table("", ["", "a"], []).text_columns == 1
