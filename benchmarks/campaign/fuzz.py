"""Random texts and options: architectures, configurations, command lines, tables of history, definitions of studies.

Expected: either a result whose text gives the same result again, or an `InputError` of one sentence.
"""

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from campaign.cases import Case, Problem
from campaign.children import call
from campaign.subjects import Subjects, command

PER_CASE = 50  # random texts of one case
TOKENS = (
    *("784", "256", "2", "0", "-1", "c32", "c", "c0", "C8", "8x8x16", "8x8", "x", "1e3", "1.5", "", " ", "٣", "²"),
    *("c32c", "007", "9" * 30, "-", "--", "nan", "None", "\x00", "\n", "%s", "../..", "𝟚", "c4-c8-16-3", "64-16-2"),
)
GOOD_TOKENS = ("784", "256", "2", "64", "16", "c4", "c32", "7x7x2", "8x8x16")
# Values that most fields of a configuration accept.
GOOD_VALUES: dict[str, tuple[Any, ...]] = {
    "architecture": ("784-256-2", "784-64-16-4", "c4-c8-16-3", "c4-c8-7x7x2"),
    "posterior": ("diagonal", "isotropic", "autoencoder"),
    "likelihood": ("bernoulli", "gaussian"),
    "dataset": ("mnist", "a file.npz", "ü.npz"),
    "jit_compile": ("auto", True, False),
    "decoder": (None, "500-500", "16"),
}
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        10**30,
        1.5,
        math.nan,
        math.inf,
        -0.0,
        1e-320,
        1e308,
        "",
        "1",
        "mnist",
        "diagonal",
    ),
    *("bernoulli", "auto", "500-500", [], [1], {}, b"x", object, 1j, "784-256-2", "\x00", "../..", (784, 2)),
)


class Fuzz:
    """Five kinds of random input in turn."""

    n_cases = 100

    def __init__(self, subjects: Subjects):
        self._folder = subjects.work
        self.figures = {"accepted": 0, "refused": 0}
        self._kinds: tuple[tuple[str, Callable[[np.random.Generator], Problem | None]], ...] = (
            ("architectures", self._architectures),
            ("configurations", self._configurations),
            ("command lines", self._command_lines),
            ("histories", self._histories),
            ("studies", self._studies),
        )

    def case(self, number: int, rng: np.random.Generator) -> Case:
        name, check = self._kinds[number % len(self._kinds)]
        return Case(name, name, lambda: check(rng))

    def _architectures(self, rng: np.random.Generator) -> Problem | None:
        from keras_vae.networks.architecture import parse

        def check(text: str) -> None:
            parsed = parse(text)
            assert parse(str(parsed)) == parsed, f"{parsed} is read as {parse(str(parsed))}"
            parsed.count_parameters((28, 28))
            parsed.check((28, 28))

        texts = ("-".join(_some(rng, _one(rng, (TOKENS, GOOD_TOKENS)), 5)) for _ in range(PER_CASE))
        return self._all(check, ((_mutated(rng, text) if rng.random() < 0.3 else text,) for text in texts))

    def _configurations(self, rng: np.random.Generator) -> Problem | None:
        from keras_vae import Config

        fields = ("no_such_field", *Config.model_fields)

        def check(arguments: dict) -> None:
            config = Config(**{"architecture": "784-256-2", **arguments})
            written = json.loads(json.dumps(config.model_dump(), allow_nan=False))
            assert Config(**written) == config, f"{written} is read as another configuration"
            assert config.n_units >= 1

        def value(name: str) -> Any:
            return _one(rng, VALUES) if rng.random() < 0.3 else _one(rng, GOOD_VALUES.get(name, (1, 2, 7)))

        drawn = ({name: value(name) for name in _some(rng, fields, 3)} for _ in range(PER_CASE))
        return self._all(check, ((arguments,) for arguments in drawn))

    def _command_lines(self, rng: np.random.Generator) -> Problem | None:
        """One command line in a process of its own; nothing is trained, since the data set doesn't exist."""
        options = ("--epochs", "--beta", "--warmup", "--learning-rate", "--batch-size", "--seed", "--jit-compile")
        options += ("--posterior", "--likelihood", "--architecture", "--model", "--no-such-option")
        values = ("1", "0", "-1", "1e30", "nan", "inf", "", "x", "9" * 400, "1.5", "٣", "auto", "dense", "--", "\ud800")
        arguments = [text for name in _some(rng, options, 4) for text in (name, _one(rng, values))]
        out = self._folder / "fuzzed"
        outcome = call(command("train", "--dataset", "no-such-file.npz", "--out", out, *arguments))
        shown = f"train {' '.join(map(repr, arguments))}: {outcome.last_line}"
        if "Traceback" in outcome.err or outcome.timed_out or outcome.code != 2:
            return Problem("traceback" if "Traceback" in outcome.err else "exit code", f"{outcome.code}: {shown}")
        self.figures["refused"] += 1
        return Problem("partial file", f"{out} was made: {shown}") if out.exists() else None

    def _histories(self, rng: np.random.Generator) -> Problem | None:
        from keras_vae import Run

        cells = (
            "1",
            "2.5",
            "",
            "nan",
            "inf",
            "x",
            '"',
            "1e400",
            "-",
            "1,2",
            "\x00",
            "é",
            "1_0",
            " 3 ",
            "0x1",
            '"a\nb"',
        )

        def check(text: str) -> None:
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "history.csv").write_text(text, encoding="utf-8", newline="")
                history = Run(folder).history
                assert history, "no columns"
                assert len({len(column) for column in history.values()}) == 1, "columns of different lengths"
                # An empty cell is a missing value.
                n_empty = sum(not cell for row in csv.reader(io.StringIO(text)) for cell in row)
                n_not_finite = sum(int((~np.isfinite(column)).sum()) for column in history.values())
                assert n_not_finite <= n_empty, "a value that isn't finite"

        def table() -> str:
            numbers = rng.random() < 0.5
            rows = [["epoch", "loss", "kl"]]
            for i in range(1, int(rng.integers(1, 5))):
                rows.append([str(i), "210.5", "7.25"] if numbers else [str(i), *_some(rng, cells, 3)])
            text = "".join(",".join(row) + "\r\n" for row in rows)
            return _mutated(rng, text) if rng.random() < 0.3 else text

        return self._all(check, ((table(),) for _ in range(PER_CASE)))

    def _studies(self, rng: np.random.Generator) -> Problem | None:
        from keras_vae import studies

        names = ("loss", "kl", "frechet.prior", "no_such_measure", "", "one", "two", "\x00")

        def one() -> str:
            return _one(rng, names if rng.random() < 0.2 else names[:3])

        def weights() -> dict[str, float]:
            chosen = names if rng.random() < 0.2 else ("one", "two")
            return {name: _one(rng, (1, -1, 0, 0.5)) for name in _some(rng, chosen, 2)}

        def check(arguments: dict) -> None:
            claim = studies.Mean("words", arguments["key"], arguments["region"], arguments["weights"])
            study = studies.Study(
                name="toy", title="toy", configs={"one": {"architecture": "64-8-2"}, "two": {"architecture": "64-2"}},
                measures=arguments["measures"], claims=[claim],
            )  # fmt: skip
            study.check()
            for name in claim.configs():
                assert name in study.configs, f"the claim names {name!r}"

        def definition() -> dict:
            return {
                "key": one(),
                "region": (float(_one(rng, (0, 1, -1, math.nan, math.inf))), float(_one(rng, (0, 1, 2, math.inf)))),
                "weights": weights(),
                "measures": [one(), one()],
            }

        return self._all(check, ((definition(),) for _ in range(PER_CASE)))

    def _all(self, check: Callable[..., None], inputs) -> Problem | None:
        """Checks all inputs; the first problem."""
        from keras_vae import InputError

        for arguments in inputs:
            try:
                check(*arguments)
            except InputError as error:
                self.figures["refused"] += 1
                text = str(error)
                if not text.strip() or "\n" in text.strip():
                    return Problem("not one line", f"{arguments!r:.200}: {text!r:.200}")
            except AssertionError as error:
                return Problem("other result", f"{arguments!r:.200}: {error}")
            except Exception as error:  # any other exception is what fuzzing looks for
                return Problem("raw exception", f"{arguments!r:.200}: {type(error).__name__}: {error!s:.150}")
            else:
                self.figures["accepted"] += 1
        return None


def _one(rng: np.random.Generator, values):
    return values[int(rng.integers(len(values)))]


def _some(rng: np.random.Generator, values, most: int) -> list:
    return [_one(rng, values) for _ in range(int(rng.integers(1, most + 1)))]


def _mutated(rng: np.random.Generator, text: str) -> str:
    """The text with one character replaced."""
    position = int(rng.integers(len(text) + 1))
    return text[:position] + chr(int(rng.integers(1, 0x3000))) + text[position + 1 :]
