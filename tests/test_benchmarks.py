"""Arithmetic of the benchmarks: ratios of pairs, targets, slopes, and the table."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def load(name: str, monkeypatch):
    """Imports a script of the benchmarks, whose folder is not a package."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_sides_alternate_and_the_ratio_is_a_median_over_pairs(monkeypatch):
    timing = load("timing", monkeypatch)
    called = []

    def side(name, values):
        remaining = iter(values)

        def measure():
            called.append(name)
            return next(remaining)

        return measure

    # A machine that becomes ten times slower changes no ratio of a pair.
    found = timing.alternate({"ours": side("ours", [1.0, 1.0, 10.0]), "peer": side("peer", [2.0, 2.5, 20.0])}, 3)
    assert called == ["ours", "peer"] * 3
    row = timing.row("x", "s", found, "a peer", ratio=2.0)
    assert (row.ours, row.peer, row.ratio) == (1.0, 2.5, 2.0)
    assert row.met is True
    assert timing.row("x", "s", found, "a peer", ratio=2.1).met is False
    assert timing.row("x", "s", found, "a peer").met is None


def test_a_row_meets_its_targets_or_is_marked_as_missed(monkeypatch, tmp_path):
    timing = load("timing", monkeypatch)
    found = {"ours": [3.0, 3.0, 6.0], "floor": [2.0, 2.0, 4.0]}
    assert timing.row("x", "s", found, "", over_floor=1.5).met is True
    assert timing.row("x", "s", found, "", over_floor=1.4).met is False
    both = timing.row("x", "s", found, "", over_floor=1.5, ours=2.0)
    assert both.met is False
    assert both.target == "ours / floor ≤ 1.5, ours ≤ 2"
    table = timing.table([both])
    assert "MISSED" in table
    assert len({line.count("|") for line in table.splitlines()}) == 1
    timing.write(tmp_path / "bench.json", [both])
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["rows"][0]["over_floor"] == pytest.approx(1.5)
    assert written["machine"]["cores"] >= 1


def test_a_failing_script_raises_an_error_with_its_output(monkeypatch, tmp_path):
    timing = load("timing", monkeypatch)
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('not available')")
    with pytest.raises(RuntimeError, match="not available"):
        timing.in_a_fresh_process(str(script))


def test_the_slope_is_that_of_the_last_two_points(monkeypatch):
    load("timing", monkeypatch)
    growth = load("growth", monkeypatch)
    assert growth.slope((10, 100, 1000), [5.0, 1.0, 10.0]) == pytest.approx(1)
    assert growth.slope((10, 20), [3.0, 3.0]) == 0
    assert growth.slope((10, 20), [1.0, 4.0]) == pytest.approx(2)


def test_ratios_that_moved_beyond_the_stored_range_are_named(monkeypatch):
    timing = load("timing", monkeypatch)
    comparison = load("comparison", monkeypatch)
    rows = [
        timing.Row("epoch", "s", 1.0, ratio=2.0, over_floor=1.4, against="plain fit; matrix products"),
        timing.Row("epoch", "s", 1.0, ratio=1.7, against="PyTorch; its first epoch took 1.8 s"),
        timing.Row("new", "s", 1.0, ratio=3.0, against="plain fit"),
        timing.Row("memory", "MB", 1.0),
    ]
    text = timing.table(rows[:2]).replace("| 2 |", "| 2.2 · 2.4 · 2.3 |").replace("1.8 s", "1.9 s")
    other = text.replace("2.2 · 2.4 · 2.3", "9.9")
    document = f"# Speed\n\n2 cores, Keras 3.15.1 on jax 0.11.2\n\n{other}\n\nother text | of | 1.5\n"
    document += f"\n2 cores, Keras 3.15.1 on tensorflow 2.21.0:\n\n{text}\n"
    assert comparison.stored_ratios(document, "jax")["epoch", "plain fit", "ratio"] == [9.9]
    assert comparison.stored_ratios(document, "torch") == {}
    stored = comparison.stored_ratios(document, "tensorflow")
    assert stored == {
        ("epoch", "plain fit", "ratio"): [2.2, 2.4, 2.3],
        ("epoch", "plain fit", "over_floor"): [1.4],
        ("epoch", "PyTorch", "ratio"): [1.7],
    }
    counted = "4 ratios, tolerance 5% beyond the stored range: 1 slower, 0 faster, 2 unchanged, 1 not in the table"
    slower, new, last = comparison.compare(rows, stored, tolerance=0.05)
    assert slower == "slower: epoch against plain fit; matrix products: peer / ours 2.00, stored 2.20 · 2.40 · 2.30"
    assert (new, last) == ("not in the table: new against plain fit: peer / ours 3.00", counted)
    assert len(comparison.compare(rows[:2], stored, tolerance=0.1)) == 1  # 2 is within a tenth of 2.2
    floor = timing.Row("epoch", "s", 1.0, over_floor=1.2, against="plain fit")
    assert comparison.compare([floor], stored)[0].startswith("faster: ")


def test_the_stored_table_has_ratios_of_all_parts(monkeypatch):
    load("timing", monkeypatch)
    comparison = load("comparison", monkeypatch)
    stored = comparison.stored_ratios(comparison.RESULTS.read_text(encoding="utf-8"), "tensorflow")
    assert len(stored[comparison.key_of("warm epoch of 784-256-2", "plain fit", "over_floor")]) == 3
    assert len(stored) >= 15


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed: pip install '.[jax]'")
@pytest.mark.slow
def test_the_benchmark_of_gpus_needs_no_tensorflow_and_compares_equal_trainings(tmp_path):
    options = ["--only", "784-256-2", "--images", "150", "--rounds", "1", "--out", str(tmp_path / "gpu.md")]
    program = (
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import gpu\n"
        f"assert gpu.main({options!r}) == 0\n"
        "print([name for name in ('tensorflow', 'torch') if name in sys.modules])"
    )
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "JAX_PLATFORMS": "cpu", "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    written = (tmp_path / "gpu.md").read_text()
    assert written.startswith("cpu (cpu), ")
    assert "generated images" in written
    rows = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("| 784")]
    assert [row[1] for row in rows] == ["VAE.fit", "Keras' fit", "a scan in JAX alone", "VAE.fit with a recorder"]
    # Of the calls of an epoch of two steps; and the weights after it, bit for bit.
    assert [row[5] for row in rows] == ["1", "2", "1", "1"]
    assert [row[-1] for row in rows[1:]] == ["identical"] * 3
