"""Pacing and camera of trajectory videos: shown frames, averages, and views that contain all that is drawn."""

from dataclasses import replace

import numpy as np
import pytest

from keras_vae import InputError, Trajectory
from keras_vae.plots import camera, digit_layout, pacing, side_panel, video


def recording(kind: str, frames: int = 120, points: int = 10) -> Trajectory:
    """Points that start within the unit circle, leave it within ten steps, and come back as circles shrink."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, frames)[:, None, None]
    directions = rng.normal(size=(1, points, 2))
    mean = directions * (0.2 + 12 * t**0.3 * np.exp(-6 * t)) + 0.02 * rng.normal(size=(frames, points, 2))
    log_var = np.broadcast_to(2 * np.log(0.05 + 0.95 * np.exp(-8 * t)), mean.shape).copy()
    if kind == "outlier":
        mean[:, 0] += 40 * t[:, 0] ** 2
    if kind == "diverging":
        mean *= np.exp(8 * t)
        log_var += 6 * t
    steps = np.arange(frames) * 5
    return Trajectory(steps, steps / 100, mean, log_var, np.arange(points), np.ones((points, 8, 8), "float32"))


def test_the_first_and_the_last_frame_are_held_and_all_are_recorded_ones():
    trajectory = recording("plain", frames=400)
    frames = pacing.schedule(trajectory, seconds=10, fps=30)
    assert len(frames) == pytest.approx(300, abs=2)
    assert (frames == 0).sum() >= 36
    assert (frames == 399).sum() >= 36
    assert (np.diff(frames) >= 0).all()
    assert frames.dtype.kind == "i"


def test_early_frames_are_repeated_and_late_ones_skipped():
    trajectory = recording("plain", frames=1000)
    frames = pacing.schedule(trajectory, seconds=10)
    early, late = frames[40:80], frames[-100:-40]
    assert np.diff(early).max() <= 5 < np.diff(late).mean()
    _, counts = np.unique(frames[37:-37], return_counts=True)
    assert counts.max() <= pacing.MAX_REPEATS


def test_every_recorded_frame_can_be_shown_once():
    assert pacing.schedule(recording("plain"), pace="recorded").tolist() == list(range(120))
    assert len(pacing.schedule(recording("plain", frames=8))) == pytest.approx(2 * 36 + 7 * pacing.MAX_REPEATS, abs=1)
    with pytest.raises(InputError, match="pace: expected travel or recorded; received 'fast'"):
        pacing.schedule(recording("plain"), pace="fast")


def test_moving_average_equals_the_mean_of_the_window_and_keeps_the_first_frame():
    trajectory = recording("plain")
    averaged = pacing.smoothed(trajectory, window=0.5)  # 25 steps to either side: 5 frames
    np.testing.assert_array_equal(averaged.mean[0], trajectory.mean[0].astype("float32"))
    np.testing.assert_array_equal(averaged.log_var[0], trajectory.log_var[0].astype("float32"))
    np.testing.assert_allclose(averaged.mean[60], trajectory.mean[55:66].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(averaged.mean[16], trajectory.mean[14:19].mean(axis=0), atol=1e-5)  # 80 / 8 steps
    path = np.linalg.norm(np.diff(averaged.mean[60:], axis=0), axis=2).sum()
    assert path < 0.4 * np.linalg.norm(np.diff(trajectory.mean[60:], axis=0), axis=2).sum()
    assert pacing.smoothed(trajectory, 0) is trajectory


def test_average_is_not_biased_where_frames_become_sparse():
    steps = np.concatenate([np.arange(100), np.arange(100, 400, 5)])
    line = Trajectory(steps, steps / 100, steps.reshape(-1, 1, 1).astype("float64"))
    averaged = pacing.smoothed(line, 1.0)
    np.testing.assert_allclose(averaged.mean[70:-12, 0, 0], steps[70:-12], atol=2.5)


def test_the_caption_states_the_window_and_raw_frames_can_be_shown():
    trajectory = recording("plain")
    assert video.prepared(trajectory, smooth=0.5)[1] == "moving average over up to 0.5 epochs"
    shown, note = video.prepared(trajectory, epochs=(1, 3), smooth=0)
    assert note == ""
    np.testing.assert_array_equal(shown.mean, trajectory.between(1, 3).mean)
    inside = video.prepared(trajectory, epochs=(1, 3), smooth=0.5)[0]
    np.testing.assert_array_equal(inside.mean, pacing.smoothed(trajectory, 0.5).between(1, 3).mean)


@pytest.mark.parametrize("kind", ["plain", "outlier", "diverging"])
@pytest.mark.parametrize("aspect", ["square", "wide"])
def test_every_circle_and_image_is_inside_the_view_in_every_frame(kind, aspect):
    trajectory = recording(kind)
    painter = video.Painter(trajectory, size=320, aspect=aspect, frames=pacing.schedule(trajectory, seconds=6))
    low, high = painter.plane_box()
    for i, frame in enumerate(painter.shown):
        painter._set_limit(painter.limits[i])
        centers = painter.ax.transData.transform(trajectory.mean[frame])  # from the lower left
        centers[:, 1] = painter.size - centers[:, 1]
        np.testing.assert_allclose(painter.to_pixels(trajectory.mean[frame], i), centers, atol=1e-6)
        radii = trajectory.std[frame, :, :1] * 0.5 * (high - low)[0] / painter.limits[i]
        assert (centers - radii >= low).all()
        assert (centers + radii <= high).all()
        half = 0.5 * painter.image_side
        assert (painter.positions[i] - half >= low - 1e-3).all()
        assert (painter.positions[i] + half <= high + 1e-3).all()


def test_the_camera_is_smooth_and_moves_out_and_in_once():
    trajectory = recording("plain", frames=400)
    sides = camera.limits(camera.extents(trajectory)[pacing.schedule(trajectory)])
    change = np.diff(np.log(sides))
    assert np.abs(np.diff(change)).max() < 0.03
    moving = np.sign(np.where(np.abs(change) < 1e-9, 0, change))
    assert (np.diff(moving[moving != 0]) != 0).sum() == 1


def test_images_do_not_hide_small_circles_or_each_other():
    rng = np.random.default_rng(1)
    centers = np.repeat(rng.uniform(80, 560, size=(1, 30, 2)), 3, axis=0)
    placed = digit_layout.place(centers, np.full((3, 30), 6.0), 24.0, np.zeros(2), np.full(2, 640.0))[-1]
    own = np.abs(placed - centers[-1]).max(axis=1)
    assert (own > 12).all()  # the centre of a circle is outside its image
    between = np.linalg.norm(placed[:, None] - placed[None], axis=2) + 1e9 * np.eye(30)
    assert (between.min(axis=1) > 18).all()


def test_points_outside_a_fixed_view_are_marked_by_arrows_at_its_edge():
    trajectory = recording("plain")
    painter = video.Painter(trajectory, limit=0.3, size=320)
    painter.paint(30)
    outside = np.abs(trajectory.mean[30]).max(axis=1) > 0.3
    tips = np.array([path.vertices[0] for path in painter.arrows.get_paths()])
    assert outside.any()
    box = painter.ax.bbox
    edge = np.abs(tips[outside] - [box.x0 + box.width / 2, box.y0 + box.height / 2]).max(axis=1)
    np.testing.assert_allclose(edge, box.width / 2, atol=0.5)
    assert (tips[~outside] < 0).all()
    assert "arrows: points outside the view" in painter.caption


def test_the_panel_shows_the_median_radius_at_the_moment():
    trajectory = recording("plain")
    painter = video.Painter(trajectory, size=320, aspect="wide", frames=np.array([0, 0, 50, 119]))
    painter.paint(2)
    (x,), (y,) = painter.panel.moment.get_data()
    assert (x, y) == (2, pytest.approx(np.median(trajectory.std[50, :, 0]), rel=1e-5))
    assert painter.panel.heading == f"median radius of the circles: {y:.2f}"
    positions, names = side_panel.epoch_ticks(trajectory.epochs[painter.shown])
    assert (positions[0], positions[-1], names[0], names[-1]) == (0, 3, "0", "5.95")


@pytest.mark.parametrize(
    ("points", "has_density", "ellipses", "heading"),
    [
        (3, True, True, "median radius √(σₓ σᵧ): 0.37"),
        (3, False, False, "median distance from the origin: 1.00"),
        (1_001, True, False, "median distance from the origin: 1.00"),
    ],
)
def test_the_panel_measures_what_the_marks_show(points, has_density, ellipses, heading):
    mean = np.broadcast_to([0.6, 0.8], (2, points, 2)).astype("float32")
    log_var = np.full_like(mean, -2.0) if has_density else None
    trajectory = Trajectory(np.arange(2), np.arange(2.0), mean, log_var)
    painter = video.Painter(trajectory, size=160, aspect="wide", ellipses=ellipses)
    painter.paint(0)
    assert painter.panel.heading == heading


def test_the_panel_shows_the_reconstructions_recorded_last():
    trajectory = recording("plain")
    n = trajectory.mean.shape[1]
    images = np.zeros((2, n, 8, 8))
    images[1] = 1.0
    decoded = side_panel.Reconstructions(np.array([0.0, 3.0]), images)
    frames = np.array([0, 59, 60, 119])  # epochs 0, 2.95, 3 and 5.95
    painter = video.Painter(trajectory, size=320, aspect="wide", frames=frames, decoded=decoded)
    assert painter.panel.examples.shown.tolist() == [0, 0, 1, 1]
    area = np.round(painter.panel.examples.area.extents).astype(int)
    rows, columns = slice(320 - area[3], 320 - area[1]), slice(area[0], area[2])
    shown = [painter.paint(i)[rows, columns].copy() for i in (0, 2, 1, 3)]
    assert (shown[0] == shown[2]).all()  # rendered once, then copied
    assert (shown[1] == shown[3]).all()
    assert shown[1].mean() < shown[0].mean() - 10  # ink on white


@pytest.mark.parametrize("classes", [1, 2, 3, 10])
@pytest.mark.parametrize("reconstructed", [True, False])
def test_images_and_class_names_of_the_panel_are_in_the_frame(classes, reconstructed):
    n = max(classes, 3)
    images = np.ones((n, 8, 8))
    trajectory = replace(recording("plain"), images=None).points(slice(n))
    trajectory = replace(trajectory, labels=np.arange(n) % classes, images=images)
    decoded = side_panel.Reconstructions(np.array([0.0]), images[None]) if reconstructed else None
    names = [f"class {i}" for i in range(classes)]
    painter = video.Painter(trajectory, size=320, aspect="wide", decoded=decoded, class_names=names)
    figure = painter.figure
    figure.canvas.draw()
    pictures = [ax for ax in figure.get_axes() if ax.images]
    assert len(pictures) == (1 + reconstructed) * len(side_panel.example_points(trajectory.labels, n))
    boxes = [ax.get_window_extent() for ax in pictures]
    titles = [ax.title for ax in pictures if ax.get_title()]
    assert [title.get_text() for title in titles] == names
    boxes += [title.get_window_extent() for title in titles]
    bar = 4  # pixels, of the timeline along the lower edge
    assert min(box.y0 for box in boxes) > bar
    assert max(box.x1 for box in boxes) < painter.width


@pytest.mark.parametrize(("classes", "said"), [(12, []), (13, ["and 1 other"]), (26, ["and 14 others"])])
@pytest.mark.parametrize("reconstructed", [True, False])
def test_the_panel_states_the_number_of_labels_that_it_does_not_show(classes, said, reconstructed):
    images, mean = np.ones((26, 8, 8)), np.zeros((2, 26, 2), "float32")
    trajectory = Trajectory(np.arange(2), np.arange(2.0), mean, mean, np.arange(26) % classes, images)
    decoded = side_panel.Reconstructions(np.array([0.0]), images[None]) if reconstructed else None
    names = [f"class {i}" for i in range(classes)]
    painter = video.Painter(trajectory, size=320, aspect="wide", decoded=decoded, class_names=names)
    painter.figure.canvas.draw()
    others = [text for text in painter.figure.texts if text.get_text().startswith("and ")]
    assert [text.get_text() for text in others] == said
    titles = [ax.title.get_window_extent() for ax in painter.figure.get_axes() if ax.get_title()]
    assert len(titles) == 12
    for box in (text.get_window_extent() for text in others):
        assert box.y0 > 4  # above the timeline
        assert not any(box.overlaps(other) for other in titles)


def test_a_video_without_a_panel_names_its_classes():
    trajectory = replace(recording("plain"), images=None)
    trajectory = replace(trajectory, labels=np.arange(trajectory.mean.shape[1]) % 2)
    plain, named = (video.Painter(trajectory, size=320, class_names=names) for names in (None, ["cat", "dog"]))
    (left, top), _ = named.plane_box()
    corner = (slice(round(top), round(top) + 20), slice(round(left), round(left) + 40))
    changed = (plain.paint(5).copy() != named.paint(5)).any(axis=2)
    assert changed[corner].any()
    assert changed.sum() == changed[corner].sum()
    assert [name for name, _ in named.background.keys] == ["cat", "dog"]


def test_reconstructions_are_checked(tmp_path):
    trajectory = recording("plain")
    images = np.zeros((2, trajectory.mean.shape[1], 8, 8))
    for epochs, message in (([1.0, 0.5], "expected increasing epochs"), ([1.0], "expected shape")):
        decoded = video.Reconstructions(np.array(epochs), images)
        with pytest.raises(InputError, match=rf"decoded\.epochs: {message}"):
            video.write(trajectory, tmp_path / "a.mp4", size=64, decoded=decoded, aspect="wide", quiet=True)
