"""Videos of several trainings beside one another."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest
from programs import run

from keras_vae import InputError, Run, Trajectory, video
from keras_vae.plots import camera, folder_drawings, pacing, run_videos
from keras_vae.plots.side_by_side import SideBySide, aligned, joined, prepared_together
from keras_vae.report import pages
from keras_vae.runs import comparison


def moving(reach: float, frames: int = 40, std: float = 0.2, epochs: float = 4.0) -> Trajectory:
    """Three points that move outwards until their distance is `reach`."""
    directions = np.array([[1, 0], [0, 1], [-0.6, -0.8]])
    mean = reach * np.linspace(0, 1, frames)[:, None, None] * directions
    log_var = np.full_like(mean, 2 * np.log(std))
    return Trajectory(np.arange(frames) * 5, np.linspace(0, epochs, frames), mean, log_var, np.arange(3))


def test_planes_have_one_scale_that_contains_all_circles():
    near, far = moving(1.0), moving(6.0)
    planes = SideBySide({"near": near, "far": far}, size=160)
    first, second = planes.painters
    np.testing.assert_array_equal(first.limits, second.limits)
    assert (first.limits >= camera.extents(far)).all()
    assert SideBySide({"near": near, "again": near}, size=160).painters[0].limits[-1] < 0.5 * first.limits[-1]


def test_a_plane_is_that_of_its_training():
    planes = SideBySide({"a": moving(1.0), "b": moving(3.0), "c": moving(2.0)}, size=160)
    frame = planes.paint(39)
    assert frame.shape == (176, 480, 4)
    for k, painter in enumerate(planes.painters):
        np.testing.assert_array_equal(frame[10:160, 160 * k : 160 * (k + 1)], painter.paint(39)[10:])
        np.testing.assert_allclose(painter.circles.get_offsets(), painter.trajectory.mean[39], atol=1e-6)


def test_four_planes_stand_in_two_rows_and_five_in_two_of_three():
    still = moving(1.0, frames=2)
    for n, shape in ((4, (336, 320, 4)), (5, (336, 480, 4)), (9, (496, 480, 4))):
        assert SideBySide({str(k): still for k in range(n)}, size=160).paint(1).shape == shape


def test_rings_are_drawn_where_the_prior_is_n_0_i():
    still = moving(1.0, frames=2)
    planes = SideBySide({"vamp": still, "normal": still}, size=160, learned_priors=["vamp"])
    assert [painter.standard_normal for painter in planes.painters] == [False, True]
    frame = planes.paint(1)
    both = SideBySide({"vamp": still, "normal": still}, size=160).paint(1)
    assert (frame[20:150, :160] != both[20:150, :160]).any()
    np.testing.assert_array_equal(frame[:, 160:], both[:, 160:])


def test_each_plane_has_the_names_of_its_own_classes():
    named = replace(moving(1.0, frames=2), class_names=("cat", "dog", "fox"))
    planes = SideBySide({"a": named, "b": moving(1.0, frames=2)}, size=160)
    assert [len(painter.background.keys) for painter in planes.painters] == [3, 0]


def test_the_line_below_states_the_epoch_and_the_caption():
    planes = SideBySide({"a": moving(1.0), "b": moving(1.0)}, size=320)
    early, late = planes.paint(0)[-32:].copy(), planes.paint(39)[-32:].copy()
    assert (early[:-4, 450:] != late[:-4, 450:]).any()  # the epoch
    np.testing.assert_array_equal(early[:-4, :300], late[:-4, :300])
    assert early[:-4, :300].min() < 180


@pytest.mark.parametrize(("n", "size"), [(2, 640), (2, 160), (3, 160), (4, 320)])
def test_a_long_caption_ends_before_the_clock(n, size):
    note = "moving average over up to 0.2 epochs   two most varying units of each"
    planes = SideBySide({str(k): moving(1.0) for k in range(n)}, size=size, limit=3.0, note=note)
    bar = max(2, size // 120)
    early, late = (planes.paint(i)[-planes.footer : -bar].copy() for i in (0, 39))
    clock = np.flatnonzero((early != late).any(axis=(0, 2))).min()
    ink = (early[:, :clock, :3] < 255).any(axis=2)
    assert clock - np.flatnonzero(ink.any(axis=0)).max() > 0.3 * planes.footer
    assert not ink[[0, -1]].any()


def test_the_caption_has_the_marks_of_all_planes():
    variational = moving(1.0, frames=2)
    autoencoder = replace(variational, log_var=None)
    planes = SideBySide({"autoencoder": autoencoder, "VAE": variational}, size=64, learned_priors=["autoencoder"])
    assert planes.caption == "points: the codes   circles: r² = σₓ σᵧ of each posterior   dashed: the prior's σ"
    same = SideBySide({"a": variational, "b": variational}, size=64, note="moving average")
    assert same.caption == "circles: r² = σₓ σᵧ of each posterior   dashed: the prior's σ   moving average"


def test_trainings_recorded_at_other_steps_are_aligned():
    every, third = moving(1.0, frames=31, epochs=3), moving(1.0, frames=11, epochs=5)
    first, second = aligned([every, third])
    np.testing.assert_array_equal(first.epochs, second.epochs)
    assert first.epochs[-1] == 3
    for epoch, mean in zip(second.epochs, second.mean, strict=True):
        np.testing.assert_array_equal(mean, third.mean[third.epochs <= epoch + 1e-9][-1])


def test_the_pace_is_that_of_all_points():
    near, far = moving(1.0), moving(3.0)
    whole = joined([near, far])
    assert whole.mean.shape == (40, 6, 2)
    assert joined([near, Trajectory(near.steps, near.epochs, near.mean)]).log_var is None
    assert len(pacing.schedule(whole)) == len(pacing.schedule(near))


def test_a_video_is_written_and_refusals_name_the_argument(tmp_path):
    both = {"a": moving(1.0), "b": moving(2.0)}
    path = video.write_together(both, tmp_path / "both.mp4", size=160, seconds=3, quiet=True)
    frames = iio.imread(path, plugin="FFMPEG")
    assert frames.shape[1:] == (176, 320, 3)
    assert len(frames) == 90
    with pytest.raises(InputError, match="trajectories: expected a mapping"):
        video.write_together([moving(1.0), moving(2.0)], tmp_path / "list.mp4", size=160)
    with pytest.raises(InputError, match="expected 2 to 9; received 1"):
        video.write_together({"a": moving(1.0)}, tmp_path / "one.mp4", size=160)
    with pytest.raises(InputError, match="size: expected a multiple of 16"):
        video.write_together(both, tmp_path / "odd.mp4", size=150)
    late = Trajectory(np.arange(3), np.arange(3) + 10.0, np.zeros((3, 1, 2)))
    with pytest.raises(InputError, match="one ends before another begins"):
        video.write_together({**both, "late": late}, tmp_path / "late.mp4", size=160)
    spatial = Trajectory(np.arange(3), np.arange(3.0), np.zeros((3, 1, 3)), units=np.arange(3))
    with pytest.raises(InputError, match=r"expected two units of each, or three; received \[2, 3\]"):
        prepared_together({**both, "space": spatial})
    assert {each.name for each in tmp_path.iterdir()} == {"both.mp4"}


def test_runs_of_a_folder_are_drawn_side_by_side(toy_run, tmp_path, monkeypatch, capsys):
    for name, beta in (("one", 1.0), ("four", 4.0)):
        shutil.copytree(toy_run.path, tmp_path / "runs" / name)
        config = Run(tmp_path / "runs" / name).config
        config["config"]["beta"] = beta
        Run(tmp_path / "runs" / name).write_json("config.json", config)
    assert run(monkeypatch, "draw", tmp_path) == 0
    printed = capsys.readouterr().out.split()
    assert [str(tmp_path / "rate-distortion.png"), str(tmp_path / "videos" / "side-by-side.mp4")] == printed[-2:]
    pages.write([tmp_path], draw=False)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Training side by side" in page
    assert "to one scale; circles: r² = σₓ σᵧ of each posterior." in page


def test_the_caption_of_the_folder_names_the_marks_of_all_planes(toy_run, tmp_path):
    runs = copies(toy_run, tmp_path, a=0, b=1)
    for name in ("trajectory", "first_steps"):
        if runs[1].has_arrays(name):
            arrays = dict(runs[1].arrays(name))
            del arrays["log_var"]
            runs[1].write_arrays(name, **arrays)
    circles, points = "circles: r² = σₓ σᵧ of each posterior", "points: the codes"
    assert run_videos.side_by_side_caption(runs[:1]).endswith(f"to one scale; {circles}.")
    assert run_videos.side_by_side_caption(runs).endswith(f"to one scale; {circles}; {points}.")
    assert run_videos.side_by_side_caption(runs[1:], ellipses=True).endswith(f"to one scale; {points}.")


def copies(of, folder, **seeds: int) -> list[Run]:
    """Copies of a run in a folder, with seeds in their configurations."""
    found = []
    for name, seed in seeds.items():
        shutil.copytree(of.path, folder / name)
        found.append(Run(folder / name))
        config = found[-1].config
        config["config"]["seed"] = seed
        found[-1].write_json("config.json", config)
    return found


def test_damaged_and_unfinished_runs_do_not_stop_the_drawings_of_others(toy_run, tmp_path, monkeypatch, capsys):
    runs = copies(toy_run, tmp_path, a=0, b=1, c=2, d=3, e=4, f=5)
    (tmp_path / "c" / "metrics.json").write_text("{")
    (tmp_path / "d" / "arrays" / "trajectory.npz").write_bytes(b"PK")
    (tmp_path / "e" / "metrics.json").unlink()
    for name in ("trajectory", "first_steps"):
        (tmp_path / "f" / "arrays" / f"{name}.npz").unlink(missing_ok=True)
    shown: list[str] = []
    monkeypatch.setattr(run_videos, "side_by_side_video", lambda runs, path, **options: shown.extend(runs) or path)
    assert run(monkeypatch, "draw", tmp_path) == 1
    printed = capsys.readouterr()
    assert [str(tmp_path / name) for name in ("rate-distortion.png", folder_drawings.VIDEO)] == printed.out.split()[-2:]
    assert [each.path for each in shown] == [each.path for each in runs[:2]]
    assert "c/metrics.json: expected JSON" in printed.err
    assert "d/arrays/trajectory.npz: expected a readable .npz" in printed.err
    assert printed.err.count("\n") == 2
    assert f"their training has not finished: {tmp_path / 'e'}\n" in printed.out
    assert f"was recorded: {tmp_path / 'f'}\n" in printed.out


def test_damaged_runs_alone_are_refused(toy_run, tmp_path, monkeypatch, capsys):
    copies(toy_run, tmp_path, a=0, b=1)
    for name in "ab":
        (tmp_path / name / "metrics.json").write_text("{")
    assert run(monkeypatch, "draw", tmp_path) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "rate-distortion.png").exists()


def test_epochs_that_were_not_recorded_are_refused_before_anything_is_drawn(toy_run, tmp_path, monkeypatch, capsys):
    copies(toy_run, tmp_path, a=0, b=1)
    assert run(monkeypatch, "draw", tmp_path, "--epochs", "70:90") == 2
    assert "epochs: expected a range that overlaps the recorded epochs" in capsys.readouterr().err
    assert not (tmp_path / "rate-distortion.png").exists()


def test_planes_of_different_data_are_named_by_their_data(toy_run, tmp_path):
    runs = copies(toy_run, tmp_path, a=0, b=0)
    config = runs[1].config
    config["config"]["dataset"] = "some/people.csv"
    runs[1].write_json("config.json", config)
    assert comparison.names(runs)[1] == "people"
    assert comparison.names(runs)[0] != "people"


def test_of_many_runs_those_of_the_smallest_seed_are_shown(monkeypatch):
    monkeypatch.setattr(run_videos, "has_trajectory_plane", lambda run: True)

    def of_seeds(*seeds: int) -> list:
        return [SimpleNamespace(config={"config": {"seed": seed}}) for seed in seeds]

    logged: list[str] = []
    runs = of_seeds(3, 3, *range(4, 12))
    assert folder_drawings._shown(runs, logged.append) == runs[:2]
    assert logged == ["Of 10 runs the video shows the 2 of seed 3"]
    assert folder_drawings._shown(of_seeds(*[1] * 10), logged.append) == []
    assert "name those to show" in logged[1]
    assert len(folder_drawings._shown(of_seeds(*range(9)), logged.append)) == 9
    assert len(logged) == 2


def test_titles_of_learned_priors_are_those_of_planes(tmp_path):
    planes = {"a": moving(1.0), "b": moving(1.0)}
    with pytest.raises(InputError, match="learned_priors: expected titles of trajectories; 'c' is none of them"):
        video.write_together(planes, tmp_path / "both.mp4", size=64, learned_priors=["b", "c"], quiet=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learned_priors": "a"}, "learned_priors: expected a list of texts; received 'a'"),
        ({"learned_priors": None}, "learned_priors: expected a list of texts; received None"),
        ({"learned_priors": [1.0]}, "learned_priors: expected a list of texts"),
        ({"note": 7}, "note: expected text; received 7"),
    ],
)
def test_titles_and_notes_that_are_no_texts_are_refused(tmp_path, options, message):
    still = Trajectory(np.arange(3), np.arange(3) / 2, np.zeros((3, 4, 2), "float32"))
    with pytest.raises(InputError, match=message):
        video.write_together({"a": still, "b": still}, tmp_path / "both.mp4", size=64, quiet=True, **options)
