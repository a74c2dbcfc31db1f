"""Notebooks: the files of the documentation run from top to bottom, and what the package displays in a notebook."""

import base64
import itertools
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import keras_vae as kv
from keras_vae._utils import notebook
from keras_vae._utils.progress import MultiPartProgress, ProgressReporter
from keras_vae.plots.video_file import VideoFile
from keras_vae.report import browser

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
TOY_SIZE = (  # of notebooks that a test runs
    (re.compile(r'"mnist-5k"'), '"digits"'),
    (re.compile(r"784-256-(\d)"), r"64-16-\1"),
    (re.compile(r"784"), "64"),
    (re.compile(r"\(28, 28\)"), "(8, 8)"),
    (re.compile(r"epochs=\(\d+, \d+\)"), "epochs=(0, 1)"),
    (re.compile(r"epochs=\d+"), "epochs=1"),
    (re.compile(r"seconds=\d+"), "seconds=2"),
    (re.compile(r"beta in \(.*?\)"), "beta in (1.0, 4.0)"),
    (re.compile(r"seeds=3"), "seeds=2, quick=True"),
    (re.compile(r"kv\.show\(run\)"), "kv.show(run, draw=False)"),
)
MAX_CELL_SECONDS = 1_800
MAX_OUTPUT_CHARACTERS = 3_000  # of text that a cell prints


def identifier(path: Path) -> str:
    return path.stem


def code_cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_there_are_five_notebooks_and_the_index_links_to_all():
    index = (DOCS / "notebooks" / "index.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 5
    assert all(f"({path.name})" in index for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=identifier)
def test_notebooks_are_stored_without_outputs(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["nbformat"] == 4
    assert content["cells"][0]["source"][0].startswith("# ")
    for cell in content["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    for code in code_cells(path):
        compile(code, path.name, "exec")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=identifier)
def test_notebooks_run_at_toy_size(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    monkeypatch.setenv("PYTHONPATH", str(DOCS.parent))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # of the classifier that scores samples
    read = nbformat.read(path, as_version=4)
    nbformat.validate(read)
    for cell in read.cells:
        for pattern, small in TOY_SIZE if cell.cell_type == "code" else ():
            cell.source = pattern.sub(small, cell.source)
    nbclient.NotebookClient(read, timeout=MAX_CELL_SECONDS, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in read.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = [output.text for output in outputs if output.output_type == "stream" and output.name == "stdout"]
    assert all(len(text) < MAX_OUTPUT_CHARACTERS for text in printed)
    lines = [line for text in printed for line in text.splitlines() if line.strip()]
    assert all(line != following for line, following in itertools.pairwise(lines)), "a line is printed twice"
    shown = [output.data for output in outputs if "data" in output]
    assert any("text/html" in data for data in shown)
    if "kv.show" in path.read_text(encoding="utf-8"):
        assert sum("<iframe" in data.get("text/html", "") for data in shown) == 1


class FakeDisplay:
    """Stands for IPython in a notebook: keeps what is displayed."""

    def __init__(self):
        self.shown, self.updates = [], []
        self.display = SimpleNamespace(HTML=lambda text: text, display=self._display)

    def get_ipython(self):
        return SimpleNamespace(kernel=object())

    def _display(self, content, display_id):
        self.shown.append(content)
        return SimpleNamespace(update=self.updates.append)


@pytest.fixture
def in_notebook(monkeypatch):
    fake = FakeDisplay()
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", fake.display)
    monkeypatch.setattr(notebook, "UPDATE_SECONDS", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as kernels do
    return fake


def test_a_program_is_not_a_notebook(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not notebook.is_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not notebook.is_notebook()


def test_a_bar_is_shown_once_changed_and_removed(in_notebook, capsys):
    progress = ProgressReporter()
    assert list(progress.track([1, 2], "reading <a>", 2)) == [1, 2]
    assert len(in_notebook.shown) == 1
    assert "reading &lt;a&gt;" in in_notebook.shown[0]
    assert 'value="2" max="2"' in in_notebook.updates[1]
    assert in_notebook.updates[-1] == ""
    progress.log("a line of a log")
    assert capsys.readouterr().out == ""


def test_a_quiet_bar_is_not_shown(in_notebook):
    assert list(ProgressReporter(quiet=True).track([1], "reading", 1)) == [1]
    assert in_notebook.shown == []


def test_the_bar_of_several_parts_is_one(in_notebook, capsys):
    with MultiPartProgress(2) as progress:
        for name in ("a", "b"):
            with progress.part(name):
                assert list(progress.track([1, 2], "steps", 2)) == [1, 2]
    assert len(in_notebook.shown) == 1
    assert any("1/2 a" in text for text in in_notebook.updates)
    assert capsys.readouterr().out == ""


def test_messages_are_plain_text(in_notebook, capsys):
    ProgressReporter().message("trained")
    assert capsys.readouterr().out == "trained\n"
    assert in_notebook.shown == []


def test_tables_escape_their_text():
    assert "&lt;b&gt;" in notebook.table("<b>", {"<b>": "<b>"})
    assert "<b>" not in notebook.table("<b>", {"<b>": "<b>"})


def test_links_of_a_page_in_a_frame_stay_in_it():
    assert "&lt;head&gt;&lt;base href=&quot;about:srcdoc&quot;&gt;" in notebook.frame("<html><head></head></html>", "a")


def test_runs_are_tables(toy_run, tmp_path):
    table = toy_run._repr_html_()
    assert f"{toy_run.metrics['test']['loss']:.2f}" in table
    assert str(toy_run.path) in table
    assert kv.Run(tmp_path)._repr_html_() is None
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "history.csv").write_text("")
    assert kv.Run(tmp_path)._repr_html_() is None


def test_trajectories_are_tables():
    labels = [str(i) for i in range(14)]
    table = kv.Trajectory(np.arange(3), np.arange(3) / 2, np.zeros((3, 14, 2)), labels=labels)._repr_html_()
    assert "0 … 1" in table
    assert "…</td>" in table  # of the labels
    assert "mean (3, 14, 2)" in table


def test_audits_are_tables():
    audit = kv.diagnostics.audit(np.zeros((30, 2)), np.zeros((30, 2)), quiet=True)
    table = audit._repr_html_()
    assert table.startswith("<strong>30 encodings of 2 units, 0 of them active; nats</strong>")
    assert len(re.findall("<tr>", table)) == len(str(audit).splitlines()) - 1
    assert '">0.00 = I(x; z)' in table


def test_videos_show_themselves(tmp_path):
    path = VideoFile(tmp_path / "latent.mp4")
    assert path == tmp_path / "latent.mp4"
    assert path._repr_html_() is None
    path.write_bytes(b"frames")
    assert base64.b64encode(b"frames").decode() in path._repr_html_()
    assert path.parent._repr_html_() is None


def test_videos_are_written_as_such_paths(tmp_path):
    trajectory = kv.Trajectory(np.arange(2), np.arange(2.0), np.zeros((2, 2, 2), "float32"))
    video = kv.video.write(trajectory, tmp_path / "latent.mp4", size=64, seconds=0.5, quiet=True, pace="recorded")
    assert "<video" in video._repr_html_()


def test_pages_are_shown_in_a_frame(in_notebook, toy_run, tmp_path, monkeypatch):
    monkeypatch.setattr(browser.pages, "write", lambda paths, draw, log: {})
    monkeypatch.setattr(browser.webbrowser, "open", pytest.fail)
    monkeypatch.setattr(browser.rendering, "PAGE", "page.html")
    monkeypatch.setattr(browser, "_is_current", lambda run: True)
    run = kv.Run(tmp_path)
    monkeypatch.setattr(browser.index_page, "find", lambda paths: SimpleNamespace(folder=None, runs=[run], studies=[]))
    (tmp_path / "page.html").write_text('<p title="&">α</p>')
    shown = kv.show(run)
    assert shown == [tmp_path / "page.html"]
    assert 'srcdoc="&lt;p title=&quot;&amp;&quot;&gt;α' in in_notebook.shown[0]
    shown._ipython_display_()  # the frame is the only output
    assert len(in_notebook.shown) == 1
