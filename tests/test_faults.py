"""The campaign of faults: its checks notice what they are made for, and a tiny campaign runs."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("few_pixels")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the campaign needs Linux")


@pytest.fixture
def campaign(monkeypatch):
    """The modules of the campaign, whose folder is not a package of the installation."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    from campaign import cases, children, folders

    return {"cases": cases, "children": children, "folders": folders}


def run_campaign(*options, timeout: int = 1500) -> subprocess.CompletedProcess:
    command = [sys.executable, str(BENCHMARKS / "faults.py"), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)


@pytest.mark.parametrize(
    ("code", "err", "kind"),
    [
        (2, "keras-vae: run: expected a.json\n", None),
        (1, "I0000 00:00 port.cc:153] oneDNN\nkeras-vae: a.json is damaged\n", None),
        (0, "keras-vae: a.json\n", "exit code"),
        (3, "keras-vae: a.json\n", "exit code"),
        (1, "", "not one line"),
        (2, "first\nsecond a.json\n", "not one line"),
        (2, "keras-vae: damaged\n", "no path"),
        (1, "Traceback (most recent call last):\n  …\nKeyError: 'a.json'\n", "traceback"),
        (-9, "", "signal"),
    ],
)
def test_only_one_line_that_names_the_file_is_accepted(campaign, code, err, kind):
    outcome = campaign["children"].Outcome(code, "", err, 1.0, 0)
    problem = campaign["cases"].sentence_problem(outcome, "a.json")
    assert (problem and problem.kind) == kind
    late = outcome._replace(timed_out=True)
    assert campaign["cases"].sentence_problem(late).kind == "no end"


@LINUX
def test_a_child_ends_as_a_script_does(tmp_path):
    program = f"""
import sys, time
sys.path.insert(0, {str(BENCHMARKS)!r})
from campaign.children import Child, call

def fail():
    raise KeyError("k")

assert call(lambda: print("ä")).out == "ä\\n"
assert call(lambda: sys.exit(2)).code == 2
failed = call(fail)
assert (failed.code, failed.last_line) == (1, "KeyError: 'k'")
late = call(lambda: time.sleep(60), timeout=0.2)
assert late.timed_out and late.code == -9 and late.seconds < 30
child = Child(lambda: time.sleep(60))
child.kill()
assert child.wait().code == -9
assert "Errno 28" in call(lambda: print("a" * 10**5), stdout="/dev/full").err
assert "MemoryError" in call(lambda: bytearray(2**40), max_bytes=2**34).err
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_runs_that_differ_in_more_than_durations_are_noticed(campaign, toy_run, tmp_path):
    folders = campaign["folders"]
    copy = Path(shutil.copytree(toy_run.path, tmp_path / "copy"))
    metrics = json.loads((copy / "metrics.json").read_text())
    metrics["seconds"]["total"] += 1
    (copy / "metrics.json").write_text(json.dumps(metrics))
    assert folders.differences(toy_run.path, copy) == []
    (copy / ".partial-model.keras").write_text("left by a killed process")
    (copy / "new.txt").write_text("new")
    metrics["test"]["loss"] += 1e-9
    (copy / "metrics.json").write_text(json.dumps(metrics))
    arrays = toy_run.arrays("samples")
    arrays["images"] = arrays["images"].copy()
    arrays["images"].flat[0] = np.nextafter(arrays["images"].flat[0], np.float32(2))
    np.savez(copy / "arrays" / "samples.npz", **arrays)
    (copy / "history.csv").write_text((copy / "history.csv").read_text().replace("1,", "2,", 1))
    found = folders.differences(toy_run.path, copy)
    assert [text.split()[0] for text in found] == ["arrays/samples.npz", "history.csv", "metrics.json", "new.txt"]


def test_other_weights_of_a_model_are_noticed(campaign, toy_run, tmp_path):
    from campaign.damage_kinds import write_other_weights

    folders = campaign["folders"]
    (copy := tmp_path / "model.keras").write_bytes(toy_run.model_path.read_bytes())
    with zipfile.ZipFile(copy, "a") as archive:
        archive.comment = b"a file of other bytes with the same weights"
    assert folders.differences(toy_run.path, tmp_path, ["model.keras"]) == []
    write_other_weights(copy, np.random.default_rng(0))
    assert folders.differences(toy_run.path, tmp_path, ["model.keras"]) == ["model.keras differs"]


def test_a_json_file_without_values_has_none_to_damage(campaign, tmp_path):
    from campaign.cases import Skipped
    from campaign.damage_kinds import KINDS

    (path := tmp_path / "captions.json").write_text("{}")
    for kind in (kind for kind in KINDS if kind.name in ("a key removed", "a value replaced")):
        with pytest.raises(Skipped, match="without a value"):
            kind.apply(path, np.random.default_rng(0))


def test_files_that_are_cut_off_are_noticed(campaign, toy_run, tmp_path):
    from keras_vae import plots, report

    folders = campaign["folders"]
    copy = Path(shutil.copytree(toy_run.path, tmp_path / "copy"))
    plots.draw(copy)
    report.write(copy)
    assert folders.incomplete(copy) == []
    suffixes = {".json", ".csv", ".npz", ".keras", ".png", ".mp4", ".html"}
    for path in [path for path in copy.rglob("*") if path.suffix in suffixes]:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert [text.split(":")[0] for text in folders.incomplete(copy)] == [str(path.relative_to(copy))]
        path.write_bytes(whole)
        suffixes.discard(path.suffix)
    assert not suffixes


def test_failures_are_counted_and_exit_with_1(monkeypatch, tmp_path, capsys, campaign):
    cases = campaign["cases"]
    monkeypatch.syspath_prepend(BENCHMARKS)
    import faults

    def skip():
        raise cases.Skipped("needs root")

    runs = (lambda: None, lambda: cases.Problem("traceback", "KeyError"), skip)

    class Part:
        def __init__(self):
            self.n_cases, self.figures = 3, {"kills": 7}

        def case(self, number, rng):
            return cases.Case("group", f"case {number}", runs[number])

    monkeypatch.setattr(faults, "preload", lambda cache: None)
    monkeypatch.setattr(faults, "make_part", lambda *arguments: Part())
    monkeypatch.setattr(faults, "Subjects", lambda work: None)
    arguments = {"only": ["fuzz"], "out": tmp_path, "minutes": None, "case": None, "cases": None}
    with pytest.raises(SystemExit) as ended:
        faults.main(**arguments)
    assert ended.value.code == 1
    printed = capsys.readouterr().out
    assert "FAILED case 1: traceback: KeyError  [python benchmarks/faults.py --only fuzz --seed 0 --case 1]" in printed
    assert "Skipped: needs root" in printed
    written = json.loads((tmp_path / "faults.json").read_text())["parts"]["fuzz"]
    assert written["cases"] == {"group: failed": 1, "group: passed": 1, "group: skipped": 1}
    assert (written["problems"], written["figures"]) == ({"traceback": 1}, {"kills": 7})
    faults.main(**arguments | {"case": [0]})  # exits without an error


@LINUX
@pytest.mark.slow
def test_a_small_campaign_finds_nothing(tmp_path):
    done = run_campaign("--kills", 2, "--cases", 4, "--seed", os.environ.get("FAULTS_SEED", 0), "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = json.loads((tmp_path / "faults.json").read_text())["parts"]
    assert all(sum(parts[name]["cases"].values()) == 4 for name in ("hostile", "calls", "fuzz"))
    assert parts["kills"]["figures"]["kills"] >= 2
    assert parts["kills"]["figures"]["identical endings"] == parts["kills"]["figures"]["endings"]
