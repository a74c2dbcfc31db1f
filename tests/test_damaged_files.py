"""Every file of a run, a checkpoint and a study, damaged in every way: a sentence that names it, or the right result.

A command that reads a damaged file raises an `InputError` with the file's path. It may succeed only where the damage
doesn't change what it reads (a byte of a time stamp in an archive): the result must then be that of the whole file.
"""

import copy
import io
import json
import math
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_vae import InputError, Run
from keras_vae._utils import forms
from keras_vae._utils.files import delete
from keras_vae.errors import DamagedFileError
from keras_vae.evaluation import bubbles, run_evaluation
from keras_vae.evaluation.training_curves import training_curves
from keras_vae.plots import bubble_figures, run_figures, study_figures
from keras_vae.report import captions, data_uri, index_page, pages, run_page, study_page
from keras_vae.runs import checkpoint, explorer_arrays, model_file
from keras_vae.runs.study_forms import StudyFile
from keras_vae.studies import Mean, Results, Study, Table
from keras_vae.studies.run_measures import run_measures
from keras_vae.studies.study_files import write_results

N_JSON_CHANGES = 60  # changed values per JSON file, spread evenly
N_FLIPPED_BYTES = 6


# -- a run, a checkpoint and a study with all of their files -------------------------------------------------------


@pytest.fixture(scope="module")
def run(audited_run, data, judge, few_pixels, tmp_path_factory) -> Run:
    """A run folder with every file that the package writes."""
    run = Run(shutil.copytree(audited_run.path, tmp_path_factory.mktemp("whole") / "run"))
    bubbles.measure_bubbles(run, data, judge)
    run_figures.draw(run, video=False, quiet=True)
    frames = {name: run.arrays("trajectory")[name][1:3] for name in ("steps", "epochs", "mean", "log_var")}
    later = {name: frames[name] + 1000 for name in ("steps", "epochs")}  # the toy run has no steps between its frames
    run.write_arrays("first_steps", **(frames | later))
    for path in (run.path / "figures").glob("*.png"):  # small ones are embedded faster
        Image.new("RGB", (30, 20), "red").save(path)
    return run


@pytest.fixture(scope="module")
def study(run, data) -> Path:
    """The folder of a study of this run, beside `runs/` as recipes write it."""
    claims = [Mean("losses are finite", "loss", (-math.inf, 1e6), {"toy": 1}, published=50.0)]
    definition = Study(
        "toy",
        "Toy",
        {"toy": {"architecture": "64-16-2"}},
        ["loss"],
        claims,
        tables=lambda results: [Table("T", ["a"], [["b"]])],
    )
    folder = run.path.parent / "toy"
    rows = {("toy", 0): run_measures(run)}
    write_results(Results(definition, "blobs", 3, 1, folder, {("toy", 0): run}, rows, data))
    (folder / "figures").mkdir()
    shutil.copy(run.path / "figures" / "posteriors.png", folder / "figures" / "a.png")
    (folder / "captions.json").write_text('{"a": "A figure."}')
    return folder


@pytest.fixture(scope="module")
def restore(toy_config, data, tmp_path_factory) -> tuple[Path, Callable[[], dict]]:
    """The folder of an interrupted training with its checkpoint, and a function that resumes from it."""
    from keras_vae._utils.progress import ProgressReporter
    from keras_vae.runs import recording, training
    from keras_vae.runs.checkpoint_callback import CheckpointCallback
    from keras_vae.runs.training_inputs import TrainingInputs

    class Killed(BaseException):
        pass

    def killed(self, row):
        end_epoch(self, row)
        if self.epochs_done == 2:
            raise Killed

    run, end_epoch = Run(tmp_path_factory.mktemp("checkpoint") / "run"), CheckpointCallback.end_epoch
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CheckpointCallback, "end_epoch", killed)
        with pytest.raises(Killed):
            training.train(toy_config, run.path, quiet=True)
    inputs = TrainingInputs(toy_config, data, data.train, recording.plan(toy_config, data))
    vae = training._build(inputs)

    def resumed() -> dict:
        restored = training._new_checkpoint(run, inputs, ProgressReporter(True), 0.0)
        restored.restore(vae)
        return {"rows": restored.rows, "means": restored.recorder.trajectory.mean.tolist()}

    return run.path / "checkpoint", resumed


# -- damages -------------------------------------------------------------------------------------------------------


def damaged_bytes(whole: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "garbage", np.random.default_rng(0).bytes(500)
    for n in (len(whole) // 4, len(whole) // 2, len(whole) - 3):
        yield f"truncated to {n} bytes", whole[:n]
    for place in np.linspace(0, len(whole) - 1, N_FLIPPED_BYTES).astype(int):
        yield f"byte {place} changed", whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]


def damaged_json(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Files that are no JSON, or JSON of another kind; the result of a command must not be silently wrong."""
    yield "deep", b"[" * 100_000
    yield "half deep", b'{"a":' * 200 + b"1" + b"}" * 200
    yield "NaN", whole.replace(b": ", b': NaN, "a": ', 1)
    for content in (b"null", b"[]", b"{}", b'"text"', b"1e999"):
        yield content.decode(), content


def changed_json(content: dict) -> Iterator[tuple[str, dict]]:
    """The content with a value removed or of another type, which is not wrong for every value."""
    places = list(_places(content))
    for place in places[:: max(1, len(places) // N_JSON_CHANGES)]:
        for name, value in (("removed", None), ("null", None), ("text", "x"), ("object", {"a": 1}), ("negative", -1)):
            changed = copy.deepcopy(content)
            parent = changed
            for key in place[:-1]:
                parent = parent[key]
            if name == "removed":
                del parent[place[-1]]
            else:
                parent[place[-1]] = value
            yield f"{'.'.join(map(str, place))} {name}", changed


def _places(content, place: tuple = ()) -> Iterator[tuple]:
    items = (
        content.items() if isinstance(content, dict) else enumerate(content[:1]) if isinstance(content, list) else ()
    )
    for key, value in items:
        yield (*place, key)
        yield from _places(value, (*place, key))


def damaged_arrays(arrays: dict[str, np.ndarray]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    for name, array in arrays.items():
        yield f"{name} as text", {**arrays, name: array.astype("U8")} if array.dtype.kind != "U" else {}
        yield f"{name} with another axis", {**arrays, name: array[None]}
        if array.dtype.kind == "f" and array.size and name != "marginals":  # where NaN has a meaning
            nan = array.copy()
            nan.flat[0] = np.nan
            yield f"{name} with NaN", {**arrays, name: nan}
        if array.ndim and len(array) > 1 and not name.startswith("weight"):
            yield f"{name} turned", {**arrays, name: np.moveaxis(array, 0, -1)} if array.ndim > 1 else {}
            yield f"{name} cut", {**arrays, name: array[:-1]} if len(arrays) > 1 else {}


def saved(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def outcome(path: Path, content: bytes | None, command: Callable[[], object], expected: object) -> str:
    """What is wrong with a command's outcome where the file has this content (None: a folder); empty if nothing is."""
    whole = path.read_bytes()
    try:
        if content is None:
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(content)
        result = command()
    except InputError as error:
        return "" if str(path) in str(error) and "\n" not in str(error) else f"names no file: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        if content is None:
            path.rmdir()
        path.write_bytes(whole)
    return "" if expected is None or result == expected else "another result without an error"


def page(run: Run) -> str:
    return run_page.write(run).read_text(encoding="utf-8")


def drawn(figure) -> bytes:
    figure.set_layout_engine("none")  # the layout takes most of the time
    buffer = io.BytesIO()
    figure.savefig(buffer, format="raw", dpi=30)
    return buffer.getvalue()


def figure(name: str) -> Callable[[Run], bytes]:
    return lambda run: drawn(run_figures.FIGURES[name].draw(run)) if run_figures.FIGURES[name].applies(run) else b""


def study_figure(function: Callable) -> Callable[[Run], bytes]:
    return lambda run: drawn(function({"a": run}))


def index(run: Run) -> str:
    errors = pages.write([run.path.parent], draw=False, log=lambda text: None)
    if run.path in errors:
        raise errors[run.path]
    return (run.path.parent / "index.html").read_text(encoding="utf-8")


def explorer(run: Run) -> str:
    from keras_vae.report.explorer import page_data

    return json.dumps(page_data(run.arrays("explorer")))


def network(run: Run, name: str, **arrays: dict) -> str:
    from keras_vae.report.explorer import networks, page_data

    shown = run.arrays("explorer")
    return json.dumps(networks(page_data(shown), shown["images"], **arrays)[name])


def drawing(run: Run) -> str:
    return network(run, "drawing", encoder=run.arrays("encoder"))


def history(run: Run) -> str:
    return network(run, "history", decoders=run.arrays("decoders"))


def reconstructions(run: Run) -> str:
    return network(run, "reconstructions", reconstructions=run.arrays("reconstructions_over_time"))


COMMANDS = {  # every file of a run: a command that reads it
    "config.json": page,
    "metrics.json": page,
    "history.csv": lambda run: (training_curves(run), page(run)),
    "evaluation.json": lambda run: (run_measures(run), page(run)),
    "bubbles.json": lambda run: bubbles.bubble_measures(run.bubbles),
    "figures/captions.json": lambda run: captions.read(run.path),
    "arrays/units.npz": lambda run: (run.arrays("units")["collapsed"].sum(), figure("posteriors")(run)),
    "arrays/encodings.npz": figure("posteriors"),
    "arrays/manifold.npz": figure("manifold"),
    "arrays/samples.npz": figure("samples"),
    "arrays/reconstructions.npz": figure("reconstructions"),
    "arrays/interpolation.npz": figure("interpolation"),
    "arrays/traversals.npz": figure("traversals"),
    "arrays/magnification.npz": figure("magnification"),
    "arrays/neighbours.npz": figure("neighbours"),
    "arrays/trajectory.npz": lambda run: run.trajectory.mean.tolist(),
    "arrays/first_steps.npz": lambda run: run.full_trajectory.mean.tolist(),
    "arrays/unit_history.npz": study_figure(study_figures.timelines),
    "arrays/explorer.npz": explorer,
    "arrays/encoder.npz": drawing,
    "arrays/decoders.npz": history,
    "arrays/reconstructions_over_time.npz": reconstructions,
    "arrays/audit.npz": lambda run: (figure("aggregate")(run), figure("samplers")(run)),
    "arrays/bubbles.npz": lambda run: (
        study_figure(bubble_figures.codes)(run),
        study_figure(bubble_figures.images)(run),
    ),
    "model.keras": lambda run: model_file.load(run).get_weights()[0].tolist(),
}


# Files that are complete in themselves: nothing else in the folder has the length of these arrays.
UNDETECTABLE = {
    ("figures/captions.json", "{}"),
    ("arrays/audit.npz", "radii cut"),
    ("arrays/bubbles.npz", "images_prior cut"),
    # Transposed, they have the same shape: a square grid; eight samples of 8 × 8 pixels.
    ("arrays/magnification.npz", "factor turned"),
    ("arrays/neighbours.npz", "samples turned"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["encoder", "explorer"])
def test_a_layer_has_as_many_biases_as_outputs(run, tmp_path, name):
    copied = Run(shutil.copytree(run.path, tmp_path / "run"))
    arrays = dict(copied.arrays(name))
    bias = max(key for key in arrays if key.startswith("weight_") and key.endswith("_1"))
    copied.write_arrays(name, **{**arrays, bias: arrays[bias][:-1]})
    with pytest.raises(DamagedFileError, match=rf"expected shape \({len(arrays[bias])},\) of '{bias}'"):
        copied.arrays(name)


def test_every_file_of_a_run_has_a_command(run):
    found = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()}
    assert {name for name in found if not name.endswith((".png", ".html"))} == set(COMMANDS)


@pytest.mark.parametrize("file", COMMANDS)
def test_a_damaged_file_of_a_run(run, file):
    path, command = run.path / file, lambda: COMMANDS[file](run)
    whole, expected = path.read_bytes(), command()
    damages = [*damaged_bytes(whole), ("a folder", None)]
    if file.endswith(".json"):
        damages += damaged_json(whole)
    if file.endswith(".npz"):
        with np.load(path) as arrays:
            changes = damaged_arrays({**arrays})
            damages += [(damage, saved(changed)) for damage, changed in changes if changed]
    wrong = {}
    for damage, content in damages:
        is_comparable = (file, damage) not in UNDETECTABLE
        wrong[damage] = outcome(path, content, command, expected if is_comparable else None)
    assert {damage: found for damage, found in wrong.items() if found} == {}


@pytest.mark.parametrize("file", [name for name in COMMANDS if name.endswith(".json")])
def test_a_json_file_of_a_run_with_other_values(run, file):
    path = run.path / file
    changes = changed_json(json.loads(path.read_bytes()))
    commands = {"config.json": run_page._lead, "metrics.json": run_page._facts, "evaluation.json": _evaluation_text}
    command = commands.get(file, COMMANDS[file])
    wrong = {d: outcome(path, json.dumps(c).encode(), lambda: command(run), None) for d, c in changes}
    assert {damage: found for damage, found in wrong.items() if found} == {}


def _evaluation_text(run: Run) -> tuple:
    """Everything that is made from evaluation.json, without the page's explorer."""
    evaluated = run.evaluation
    return (
        run_page._evaluation(run, evaluated),
        run_page.unit_table.unit_table(run, evaluated["units"]),
        run_measures(run),
    )


@pytest.mark.parametrize("name", sorted(path for path in COMMANDS if path.endswith(".npz")))
def test_a_file_without_one_of_its_arrays(run, name):
    path = run.path / name
    with np.load(path) as found:
        arrays = {**found}
    wrong = {}
    for key in arrays:
        content = saved({other: array for other, array in arrays.items() if other != key})
        wrong[key] = outcome(path, content, lambda: COMMANDS[name](run), None)
    assert {key: found for key, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("an epoch less", lambda lines: lines[:-1]),
        ("no header", lambda lines: lines[1:]),
        ("an epoch twice", lambda lines: [*lines[:-1], lines[-2]]),
        ("epochs in another order", lambda lines: [lines[0], lines[2], lines[1], lines[3]]),
        ("a column twice", lambda lines: [line.rstrip("\r\n") + "," + line.split(",")[0] + "\r\n" for line in lines]),
        ("a cell less", lambda lines: [*lines[:-1], lines[-1].rpartition(",")[0] + "\r\n"]),
        ("an empty cell", lambda lines: [*lines[:-1], lines[-1].rpartition(",")[0] + ",\r\n"]),
        ("NaN", lambda lines: [*lines[:-1], lines[-1].rpartition(",")[0] + ",nan\r\n"]),
        ("another name", lambda lines: [lines[0].replace("val_loss", "validation"), *lines[1:]]),
        ("a cut number", lambda lines: [*lines[:-1], lines[-1].rstrip("\r\n")[:-2]]),
    ],
)
def test_a_damaged_history(run, name, lines):
    path = run.path / "history.csv"
    content = "".join(lines(path.read_text().splitlines(keepends=True))).encode()
    assert outcome(path, content, lambda: figure("loss")(run), figure("loss")(run)) == ""


@pytest.mark.parametrize("file", ["state.json", "arrays-000002.npz", "growth-000001.npz", "growth-000002.npz"])
def test_a_damaged_checkpoint(restore, file):
    folder, resumed = restore
    path, expected = folder / file, resumed()
    whole = path.read_bytes()
    damages = [*damaged_bytes(whole), ("a folder", None)]
    if file == "state.json":
        damages += damaged_json(whole)
        state = json.loads(whole)
        damages += [(damage, json.dumps(changed).encode()) for damage, changed in changed_json(state)]
        del state["digest"]
        old = {
            "rows": state | {"history": state["history"][:-1]},
            "twice": state | {"growth": state["growth"][:1] * 2},
            "outside": state | {"arrays": "../../model.keras"},
        }
        damages += [(damage, json.dumps(changed).encode()) for damage, changed in old.items()]
    else:
        with np.load(path) as arrays:
            damages += [(damage, saved(changed)) for damage, changed in damaged_arrays({**arrays}) if changed]
    wrong = {damage: outcome(path, content, resumed, expected) for damage, content in damages}
    assert {damage: found for damage, found in wrong.items() if found} == {}


@pytest.mark.parametrize("file", ["study.json", "captions.json"])
def test_a_damaged_file_of_a_study(study, file):
    def command() -> str:
        return study_page.write(study).read_text(encoding="utf-8")

    path, expected = study / file, command()
    whole = path.read_bytes()
    damages = [*damaged_bytes(whole), ("a folder", None), *damaged_json(whole)]
    wrong = {
        damage: outcome(path, content, command, expected if content != b"{}" else None) for damage, content in damages
    }
    for damage, changed in changed_json(json.loads(whole)):
        wrong[damage] = outcome(path, json.dumps(changed).encode(), command, None)
    assert {damage: found for damage, found in wrong.items() if found} == {}


def test_the_runs_of_a_study_are_beside_it(study):
    content = json.loads((study / "study.json").read_text())
    for folder in ("../../..", "..", ".", "a/b", "/etc", "a\\b", "a\0b", ""):
        content["runs"][0]["folder"] = folder
        encoded = json.dumps(content).encode()
        assert outcome(study / "study.json", encoded, lambda: study_page.write(study), "no page") == "", folder


def test_damaged_figures_are_left_out_with_a_note(run, study):
    path = study / "figures" / "a.png"
    whole, note = path.read_bytes(), "figures/a.png is damaged and not shown; draw the figures again."
    before = data_uri.pictures([captions.Figure(path, "a figure")], 1e6)
    for damage, content in damaged_bytes(whole):
        path.write_bytes(content)
        found = data_uri.pictures([captions.Figure(path, "a figure")], 1e6)
        assert found == before or found == ([], [note]), damage
    path.unlink()
    path.mkdir()
    text = study_page.write(study).read_text(encoding="utf-8")
    path.rmdir()
    path.write_bytes(whole)
    assert note in text
    assert "<img" not in text
    (run.path / "figures" / "samples.png").write_bytes(b"")
    (run.path / "videos" / "a.mp4").mkdir(parents=True)
    text = page(run)
    (run.path / "figures" / "samples.png").write_bytes(whole)
    delete(run.path / "videos")
    assert "figures/samples.png is damaged and not shown" in text
    assert "videos/a.mp4 is damaged and not shown; delete it and draw the video again." in text


@pytest.mark.parametrize("kind", ["of another kind", "a looping link"])
@pytest.mark.parametrize(
    ("name", "shown_in"), [("evaluation.json", "aggregate"), ("history.csv", "loss"), ("arrays", "interpolation")]
)
def test_what_is_no_file_is_damaged_and_not_absent(run, name, shown_in, kind, tmp_path):
    """A figure whose data is absent is left out; a folder in place of its file is an error."""
    other = Run(shutil.copytree(run.path, tmp_path / "run"))
    path = other.path / name
    is_folder = path.is_dir()
    delete(path)
    if kind == "a looping link":
        path.symlink_to(path)
    elif is_folder:
        path.touch()
    else:
        path.mkdir()
    with pytest.raises(DamagedFileError, match=name):
        figure(shown_in)(other)
    delete(path)
    assert figure(shown_in)(other) == b""


@pytest.mark.parametrize("name", ["figures", "videos"])
def test_a_file_in_place_of_a_folder_of_figures_is_reported(run, name, tmp_path):
    other = Run(shutil.copytree(run.path, tmp_path / "run"))
    delete(other.path / name)
    (other.path / name).touch()
    with pytest.raises(DamagedFileError, match=f"{name}: expected a folder; it is a file"):
        run_page.write(other)


def test_the_page_of_another_model_is_not_written(run, toy_config, data, tmp_path):
    """Without explorer.npz a page exports the decoder of model.keras, which may be that of another training."""
    from keras_vae.runs import recording, training
    from keras_vae.runs.training_inputs import TrainingInputs

    inputs = TrainingInputs(toy_config, data, data.train, recording.plan(toy_config, data))
    other = Run(shutil.copytree(run.path, tmp_path / "run"))
    (other.path / "arrays" / "explorer.npz").unlink()
    text = page(other)
    assert json.dumps(explorer_arrays.json.loads(explorer(other))["decoder"]) in json.dumps(json.loads(explorer(run)))
    assert text.count("<h2") == page(run).count("<h2")
    (other.path / "arrays" / "explorer.npz").unlink()
    training._build(inputs).save(other.model_path)  # of the same shapes
    with pytest.raises(DamagedFileError, match=r"model\.keras: expected the weights that were trained in this run"):
        page(other)
    metrics = other.metrics
    del metrics["weights_digest"]  # as in runs of earlier versions
    other.write_json("metrics.json", metrics)
    assert page(other)
    for name in ("explorer", "units"):
        (other.path / "arrays" / f"{name}.npz").unlink(missing_ok=True)
    other.model_path.unlink()
    assert figure("manifold")(other) == figure("manifold")(run)  # figures are drawn from arrays


def test_foreign_models_are_refused(run, tmp_path):
    import keras

    other = Run(shutil.copytree(run.path, tmp_path / "run"))
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(other.model_path)
    with pytest.raises(DamagedFileError, match=r"expected a keras_vae\.VAE; it holds a Sequential"):
        model_file.load(other)
    keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x)]).save(other.model_path)
    with pytest.raises(DamagedFileError, match=r"expected a \.keras file that Keras can load"):
        model_file.load(other)
    with zipfile.ZipFile(run.model_path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name, content in {
        "unknown class": parts | {"config.json": parts["config.json"].replace(b"VAE", b"Unknown")},
        "no configuration": {key: part for key, part in parts.items() if key != "config.json"},
        "another JSON": parts | {"config.json": b"[]"},
        "no weights": {key: part for key, part in parts.items() if "weights" not in key},
        "damaged weights": parts | {key: part[:-200] for key, part in parts.items() if "weights" in key},
    }.items():
        with zipfile.ZipFile(other.model_path, "w") as archive:
            for key, part in content.items():
                archive.writestr(key, part)
        with pytest.raises(DamagedFileError, match=r"model\.keras: expected"):
            assert model_file.load(other) is None, name


def test_a_damaged_run_does_not_cost_the_others_their_pages(toy_run, study, tmp_path, monkeypatch, capsys):
    import sys

    from keras_vae import cli

    for name in ("a", "b", "c", "d"):
        shutil.copytree(toy_run.path, tmp_path / name)
    (tmp_path / "a" / "config.json").write_text("{")
    (tmp_path / "b" / "arrays" / "units.npz").write_bytes(b"")
    (tmp_path / "d" / "metrics.json").unlink()
    shutil.copytree(study, tmp_path / "study")
    (tmp_path / "study" / "study.json").write_text("[]")
    monkeypatch.setattr(sys, "argv", ["keras-vae", "report", "--no-draw", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    printed = capsys.readouterr()
    assert exit_.value.code == 1
    assert printed.out.splitlines()[1:] == [str(tmp_path / "c" / "report.html"), str(tmp_path / "index.html")]
    lines = printed.err.splitlines()
    files = ("a/config.json", "b/arrays/units.npz", "study/study.json")
    assert [line.partition(": ")[0] for line in lines] == [str(tmp_path / file) for file in files]
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "1 finished run and 1 unfinished" in text
    assert "a (not readable)" in text
    assert "b (not readable)" in text
    assert text.count("<li>") == 3
    with pytest.raises(DamagedFileError):
        pages.write([tmp_path / "a"], draw=False)
    assert index_page.find([tmp_path / "a"]).folder is None


def test_a_damaged_evaluation_is_repeated(run, data, judge, tmp_path):
    other, log = Run(shutil.copytree(run.path, tmp_path / "run")), []
    expected = run.evaluation
    for content in ("{", json.dumps({**expected, "version": 4})):
        (other.path / "evaluation.json").write_text(content)
        found = run_evaluation.evaluate(other, data, judge, log=log.append)
        assert found == {key: value for key, value in expected.items() if key != "audit"}
        assert "evaluation.json is damaged, or of another version" in log[0]
    (other.path / "bubbles.json").write_text("[]")
    assert bubbles.measure_bubbles(other, data, judge)["overlap"] == run.bubbles["overlap"]


def test_forms_are_those_of_the_whole_files(run, study):
    """A form that requires a key that no file has would refuse all files."""
    assert run.config["config"]["seed"] == 7
    assert forms.read(study / "study.json", StudyFile, "")["title"] == "Toy"
    assert checkpoint.load(run.checkpoint_path) is None
