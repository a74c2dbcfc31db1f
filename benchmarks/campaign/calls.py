"""Bad calls of public functions: each argument of a good call is replaced by a bad value.

The good call of a function is the first one in the example of its docstring. Expected of a bad call: an `InputError`,
a `TypeError` for an argument of an unknown name, or, for values that may be meant, a finite answer.
"""

import doctest
import importlib
import inspect
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from functools import wraps
from io import StringIO
from itertools import product
from numbers import Number
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from campaign.cases import Case, Found, Problem, crash_problem
from campaign.children import call
from campaign.subjects import Subjects

MODULES = ("", "data", "diagnostics", "plots", "report", "samplers", "studies", "video")
MEANT = {  # bad values that may be meant, by function (or all), argument and value (or all)
    "*.log_var: a number": "one variance for all images and units",
    "*.log_weights: constant": "weights without a tail have no Pareto k",
    "*.log_weights: -2000": "weights without a tail have no Pareto k",
    "*.fps: 1.5": "frames per second need not be a whole number",
    "*.labels: words": "labels may be text",
    "Recorder.x": "passed as it is to the function of the caller, which checks it",
    "Recorder.labels: None": "no labels",
    "binarize.images: a number": "values of any shape",
    "magnification.z: one axis more": "the function that the caller passes decodes vectors",
    "score.x: -2000": "scores of items far from the training's may be infinite",
    "select.epochs: with infinity": "to the end",
    "replacement_loss.z: a row shorter": "the function that the caller passes compares z with images of its own",
}
HANDED_ON = {"name", "activation"}  # arguments that Keras checks itself, with a ValueError
# Functions whose arguments are free (names, functions, text) or whose job isn't to compute.
EXCLUDED = {"describe", "main", "number", "register", "register_format", "run_command", "start"}
TIMEOUT = 60.0  # seconds
PREFIX = "answer: "  # of the lines that a process prints for its parent
ARRAY, NUMBER, WHOLE, TEXT = ("array", "optional array"), ("number",), ("whole",), ("text",)
PATH, KEYWORD = ("path",), ("keyword",)
MAX_BYTES = 16 * 2**30  # of address space


class Bad(NamedTuple):
    """A bad value.

    Attributes:
        name: for the report.
        kinds: of the good values that it replaces: `array`, `optional array`, `number`, `whole`, `text`, `path`,
            `other`; `keyword` for an argument of an unknown name.
        make: the bad value from the good one.
        must_refuse: whether any answer is a fault.
    """

    name: str
    kinds: tuple[str, ...]
    make: Callable[[Any], Any]
    must_refuse: bool = True


class Call(NamedTuple):
    """One bad call: the function's module and name, the argument, and the bad value."""

    module: str
    function: str
    argument: str
    bad: Bad


class Answer(NamedTuple):
    """What a bad call returned.

    Attributes:
        error: name of the exception that it raised; empty if it returned.
        is_finite: whether all numbers of the result are.
        shown: the result or the message of the exception.
    """

    error: str
    is_finite: bool
    shown: str


class Calls:
    """Each public function, argument and bad value."""

    def __init__(self, subjects: Subjects):
        self._folder = subjects.work / "calls"  # relative paths of bad calls are created here
        self._folder.mkdir()
        self._calls_of: dict[tuple[str, str], list[Call]] = {}  # those of functions that have not been called yet
        self._answers: dict[Call, Answer] = {}
        self._all = Found(self._all_calls())
        self.figures = {
            "functions": 0,
            "refused": 0,
            "meant": 0,
            "finite answers": 0,
            "raw exceptions": 0,
            "nonsense answers": 0,
        }

    @property
    def n_cases(self) -> int:
        """Calls found so far, one more each time: good calls are looked up as they are needed."""
        return self._all.count_one_more()

    def case(self, number: int, rng: np.random.Generator) -> Case:
        one = self._all.item(number)
        text = f"{one.function}: {one.argument} = {one.bad.name}"
        return Case(one.module or "keras_vae", text, lambda: self._check(one))

    def _all_calls(self) -> Iterator[Call]:
        for module, function in public_functions():
            arguments = good_arguments(module, function)
            self.figures["functions"] += bool(arguments)
            kinds = product(arguments.items(), BAD)
            calls = [Call(module, function, name, bad) for (name, kind), bad in kinds if kind in bad.kinds]
            self._calls_of[module, function] = calls
            yield from calls

    def _check(self, one: Call) -> Problem | None:
        self._answers |= answers(self._calls_of.pop(one[:2], []), self._folder)
        if one not in self._answers:  # the process of all calls of the function ended before this one
            outcome = call(lambda: print_answers([one], self._folder), TIMEOUT, max_bytes=MAX_BYTES)
            problem = crash_problem(outcome)
            if problem is not None:
                return problem
            self._answers[one] = parse_answers(outcome.out)[0]
        return self._judge(one, self._answers[one])

    def _judge(self, one: Call, found: Answer) -> Problem | None:
        case = f"{one.argument}: {one.bad.name}"
        if MEANT.keys() & {f"*.{case}", f"{one.function}.{case}", f"{one.function}.{one.argument}"}:
            self.figures["meant"] += 1
            return None
        if found.error == "InputError":
            self.figures["refused"] += 1
            return None
        if found.error:
            self.figures["raw exceptions"] += 1
            return Problem("raw exception", f"{found.error}: {found.shown}")
        if one.bad.must_refuse or not found.is_finite:
            self.figures["nonsense answers"] += 1
            return Problem("answer" if found.is_finite else "answer with NaN", found.shown)
        self.figures["finite answers"] += 1
        return None


def public_functions() -> list[tuple[str, str]]:
    """Public functions and classes with a constructor of their own, as modules and names."""
    found = []
    for module in MODULES:
        loaded = _module(module)
        for name in loaded.__all__ if hasattr(loaded, "__all__") else sorted(vars(loaded)):
            item = getattr(loaded, name)
            own = getattr(item, "__module__", "").startswith("keras_vae") and not name.startswith("_")
            if own and name not in EXCLUDED and (inspect.isfunction(item) or _has_constructor(item)):
                found.append((module, name))
    return found


def _module(name: str):
    return importlib.import_module({"": "keras_vae", "video": "keras_vae.plots.video"}.get(name, f"keras_vae.{name}"))


def _has_constructor(item: Any) -> bool:
    """Whether a class checks its arguments itself: named tuples and exceptions hold what they are given."""
    if not inspect.isclass(item) or issubclass(item, (tuple, Exception)):
        return False
    return "__init__" in vars(item) and not hasattr(item, "__dataclass_fields__")


# -- in a process of its own ----------------------------------------------------------------------------------


class _Stop(BaseException):
    """Ends an example after its first call of the function."""


def good_arguments(module: str, function: str) -> dict[str, str]:
    """The arguments of the function's good call and the kinds of their values; none if its example has no call."""
    outcome = call(lambda: print("\n" + json.dumps(_kinds(module, function))), TIMEOUT)
    return {} if outcome.code else json.loads(outcome.out.splitlines()[-1])


def _kinds(module: str, function: str) -> dict[str, str]:
    kinds: dict[str, str] = {}

    def note(original, arguments: inspect.BoundArguments) -> None:
        arguments.apply_defaults()
        for name, value in arguments.arguments.items():
            parameter = arguments.signature.parameters[name]
            if name != "self" and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                kinds[name] = _kind(value, str(parameter.annotation))
                if kinds[name] == "array" and "None" in str(parameter.annotation):
                    kinds[name] = "optional array"
        kinds["no_such_argument"] = "keyword"

    _call_in_example(module, function, note)
    return kinds


def answers(calls: list[Call], folder: Path) -> dict[Call, Answer]:
    """The answers of several bad calls in one process, up to the first that ends the process."""
    if not calls:
        return {}
    outcome = call(lambda: print_answers(calls, folder), TIMEOUT, max_bytes=MAX_BYTES)
    return dict(zip(calls, parse_answers(outcome.out), strict=False))


def print_answers(calls: list[Call], folder: Path) -> None:
    """Prints a line for each bad call, which is made in this working directory."""
    os.chdir(folder)
    for one in calls:
        print(f"\n{PREFIX}{json.dumps(answer(one))}", flush=True)


def parse_answers(out: str) -> list[Answer]:
    """The answers that `print_answers` has printed, among what the calls themselves print."""
    lines = [line.removeprefix(PREFIX) for line in out.splitlines() if line.startswith(PREFIX)]
    return [Answer(*json.loads(line)) for line in lines]


def answer(one: Call) -> Answer:
    """The answer of a bad call."""
    result: list[Answer] = []

    def attack(original, arguments: inspect.BoundArguments) -> None:
        arguments.apply_defaults()
        if one.bad.kinds != KEYWORD:
            arguments.arguments[one.argument] = one.bad.make(arguments.arguments[one.argument])
        unknown = {one.argument: 1} if one.bad.kinds == KEYWORD else {}
        args, kwargs = list(arguments.args), dict(arguments.kwargs) | unknown
        result.append(_answer(lambda: _consumed(original(*args, **kwargs)), one.bad, one.argument in HANDED_ON))

    _call_in_example(one.module, one.function, attack)
    return result[0]


def _answer(function: Callable[[], Any], bad: Bad, is_handed_on: bool) -> Answer:
    from keras_vae import InputError

    try:
        value = function()
    except InputError as error:
        return Answer("InputError", True, str(error)[:200])
    except TypeError as error:
        return Answer("InputError" if bad.kinds == KEYWORD else "TypeError", True, str(error)[:200])
    except ValueError as error:
        return Answer("InputError" if is_handed_on else "ValueError", True, str(error)[:200])
    except Exception as error:  # whatever a bad call raises is the result
        return Answer(type(error).__name__, True, str(error)[:200])
    return Answer("", _is_finite(value), repr(value)[:150])


def _consumed(value: Any) -> Any:
    return list(value) if inspect.isgenerator(value) else value


def _call_in_example(module: str, function: str, replacement: Callable[[Any, inspect.BoundArguments], None]) -> None:
    """Runs the function's example; its first call of the function is replaced, and ends the example."""
    loaded = _module(module)
    item = getattr(loaded, function)
    home = importlib.import_module(item.__module__)
    original = item.__init__ if inspect.isclass(item) else item
    signature = inspect.signature(original)

    @wraps(original)
    def wrapper(*args, **kwargs):
        if inspect.isclass(item):
            target = lambda *a, **k: item(*a[1:], **k)  # noqa: E731
            patches.pop().stop()
        else:
            target = original
        replacement(target, signature.bind(*args, **kwargs))
        raise _Stop

    if inspect.isclass(item):
        patches = [mock.patch.object(item, "__init__", wrapper)]
    else:
        patches = [mock.patch.object(place, function, wrapper) for place in {loaded, home} if hasattr(place, function)]
    namespace = {**vars(home)}
    for patch in list(patches):
        patch.start()
    namespace[function] = item if inspect.isclass(item) else wrapper
    with suppress(_Stop), redirect_stdout(StringIO()):
        for example in doctest.DocTestParser().get_examples(inspect.getdoc(item) or ""):
            exec(compile(example.source, function, "single"), namespace)


def _kind(value: Any, annotation: str) -> str:
    if "Path" in annotation:
        return "path"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):  # any object is true or false
        return "nothing"
    if isinstance(value, (int, np.integer)):
        return "number" if "float" in annotation else "whole"
    if isinstance(value, (float, np.floating)):
        return "number"
    with suppress(Exception):  # objects that are no arrays
        if np.asarray(value).dtype.kind in "uifb" and np.asarray(value).size and np.asarray(value).ndim:
            return "array"
    return "nothing" if value is None else "other"


def _is_finite(value: Any) -> bool:
    """Whether nested numbers and arrays are free of NaN and infinity."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    if isinstance(value, Number) and not isinstance(value, complex):
        return math.isfinite(value)
    if isinstance(value, (tuple, list)):
        return all(map(_is_finite, value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return True


# -- bad values -----------------------------------------------------------------------------------------------


def _with(value: float) -> Callable[[Any], np.ndarray]:
    """A copy of an array in which one number is replaced."""

    def make(good: Any) -> np.ndarray:
        array = np.array(good, "float64")
        array.flat[array.size // 2] = value
        return array

    return make


def _values(kinds: tuple[str, ...], must_refuse: bool, **values: Any) -> Iterator[Bad]:
    for name, value in values.items():
        yield Bad(name, kinds, lambda good, value=value: value, must_refuse)


BAD = (
    Bad("with NaN", ARRAY, _with(math.nan)),
    Bad("with infinity", ARRAY, _with(math.inf)),
    Bad("complex", ARRAY, lambda good: np.asarray(good) + 1j),
    Bad("words", ARRAY, lambda good: np.full(np.shape(good), "word")),
    Bad("objects", ARRAY, lambda good: np.full(np.shape(good), None)),
    Bad("ragged", ARRAY, lambda good: [[1.0], [1.0, 2.0]]),
    Bad("a number", ARRAY, lambda good: 1.0),
    Bad("empty", ARRAY, lambda good: np.asarray(good)[:0]),
    Bad("None", ("array",), lambda good: None),
    Bad("a text", ARRAY, lambda good: "word"),
    Bad("one row", ARRAY, lambda good: np.asarray(good)[:1], False),
    Bad("a row shorter", ARRAY, lambda good: np.asarray(good)[:-1], False),
    Bad("without units", ARRAY, lambda good: np.asarray(good)[..., :0]),
    Bad("one axis more", ARRAY, lambda good: np.asarray(good)[..., None], False),
    Bad("flat", ARRAY, lambda good: np.ravel(good), False),
    Bad("1e200", ARRAY, lambda good: np.asarray(good, "float64") * 0 + 1e200, False),
    Bad("-2000", ARRAY, lambda good: np.asarray(good, "float64") * 0 - 2000, False),
    Bad("constant", ARRAY, lambda good: np.asarray(good) * 0, False),
    Bad("negative", ARRAY, lambda good: -1 - np.abs(np.asarray(good, "float64")), False),
    *_values((*NUMBER, *WHOLE), True, **{"NaN": math.nan, "infinity": math.inf, "a text": "word", "a list": [1, 2]}),
    *_values(NUMBER, True, **{"complex": 1j, "an object": {}}),
    *_values(NUMBER, False, **{"-1.0": -1.0, "0.0": 0.0, "1e300": 1e300, "10": 10.0}),
    *_values(WHOLE, True, **{"1.5": 1.5, "an object": {}}),
    *_values(WHOLE, False, **{"-1": -1, "0": 0, "1": 1, "10¹⁵": 10**15}),
    *_values(TEXT, True, **{"a number": 7, "a list": [1]}),
    *_values(TEXT, False, **{"no such name": "no-such-name", "empty": "", "a null character": "a\x00"}),
    *_values(PATH, False, **{"a null character": "a\x00b.keras", "a long name": "n" * 5000}),
    *_values(("other",), True, **{"an object": object()}),
    *_values(KEYWORD, True, **{"given": 1}),
)
