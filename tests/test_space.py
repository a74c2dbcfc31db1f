"""Three latent units drawn as a space."""

import imageio_ffmpeg
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_vae import InputError, Trajectory, geometry
from keras_vae.plots import camera, frame_painter, space_3d, video


def trajectory(frames=12, points=3, images=True) -> Trajectory:
    mean = np.random.default_rng(0).normal(size=(frames, points, 3)).astype("float32")
    log_var = np.full_like(mean, np.log([0.01, 0.04, 0.25]))
    pictures = np.ones((points, 8, 8), "float32") if images else None
    return Trajectory(np.arange(frames), np.arange(frames) / 3, mean, log_var, np.arange(points), pictures)


def test_views_are_orthonormal_and_right_handed():
    for azimuth, elevation in ((0, 0), (30, 18), (200, -40), (90, 90)):
        view = geometry.view_from(azimuth, elevation)
        np.testing.assert_allclose(view.T @ view, np.eye(3), atol=1e-12)
        assert np.linalg.det(view) == pytest.approx(1)


def test_views_from_the_front_and_from_above():
    front = geometry.view_from(0, 0)
    np.testing.assert_allclose([1, 0, 0] @ front, [1, 0, 0], atol=1e-12)  # unit 0 points to the right
    np.testing.assert_allclose([0, 0, 1] @ front, [0, 1, 0], atol=1e-12)  # unit 2 points up
    np.testing.assert_allclose([0, 1, 0] @ front, [0, 0, -1], atol=1e-12)  # unit 1 points away from the viewer
    above = geometry.view_from(0, 90)
    np.testing.assert_allclose([0, 0, 1] @ above, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose([1, 0, 0] @ geometry.view_from(90, 0), [0, 0, 1], atol=1e-12)


def test_near_points_are_drawn_last():
    figure = Figure()
    FigureCanvasAgg(figure)
    codes = np.random.default_rng(1).normal(size=(50, 3))
    cloud = space_3d.Cloud(figure.subplots(), codes, None, 3.0)
    cloud.turn(70, 20)
    seen = codes @ geometry.view_from(70, 20)
    expected = seen[np.argsort(seen[:, 2])]
    np.testing.assert_allclose(cloud.points.get_offsets(), expected[:, :2])
    np.testing.assert_allclose(
        np.diff(cloud.points.get_facecolors()[:, 3]).min(), 0.6 / 49, rtol=1e-6
    )  # and more opaque


def test_a_frame_of_three_units_is_the_projected_space():
    painter = video.Painter(trajectory(), size=160)
    painter.paint(5)
    view = geometry.view_from(space_3d.AZIMUTH + frame_painter.ROTATION_DEGREES_PER_SECOND * 5 / 30, space_3d.ELEVATION)
    np.testing.assert_allclose(painter.circles.get_offsets(), (trajectory().mean[5] @ view)[:, :2], atol=1e-6)
    radius = (0.1 * 0.2 * 0.5) ** (1 / 3)
    np.testing.assert_allclose(painter.circles.get_widths(), 2 * radius, rtol=1e-5)
    # the newest piece of the trail ends at the centre of the circle
    ends = painter.trails.paths[0][-1].vertices[painter.trails.lines_per_piece]
    np.testing.assert_allclose(ends, painter.circles.get_offsets()[painter.trails.groups[0][0]], atol=1e-6)


def test_videos(tmp_path):
    path = video.write(trajectory(), tmp_path / "t.mp4", units=(0, 1, 2), size=64, pace="recorded", quiet=True)
    assert imageio_ffmpeg.count_frames_and_secs(path)[0] == 12
    codes = np.random.default_rng(2).normal(size=(40, 3))
    path = video.write_turn(codes, np.arange(40) % 4, tmp_path / "turn.mp4", seconds=0.5, size=64, quiet=True)
    assert imageio_ffmpeg.count_frames_and_secs(path)[0] == 15
    with pytest.raises(InputError, match="expected two or three to draw"):
        video.select(trajectory(), units=(0,))


def test_a_learned_prior_has_neither_rings_nor_great_circles(tmp_path, monkeypatch):
    codes, found = np.random.default_rng(1).normal(size=(50, 3)), []
    for standard_normal in (True, False):
        ax = Figure().subplots()
        cloud = space_3d.Cloud(ax, codes, None, 3.0, standard_normal=standard_normal)
        painter = video.Painter(trajectory(), size=64, standard_normal=standard_normal)
        found.append((len(ax.patches), cloud.guides.circles.get_visible(), painter.guides.circles.get_visible()))
    assert found == [(2, True, True), (0, False, False)]
    frames = []
    monkeypatch.setattr(video, "encode_mp4", lambda shown, *arguments: frames.append(next(shown).copy()))
    for options in ({}, {"standard_normal": False}):
        video.write_turn(codes, None, tmp_path / "turn.mp4", size=160, quiet=True, **options)
    assert (frames[1] < 255).sum() < (frames[0] < 255).sum()  # less ink


def test_extents_hold_from_every_direction():
    mean = np.full((10, 1, 3), 3.0)
    for log_var, radius in ((None, 0), (np.full_like(mean, 2 * np.log(0.5)), 0.5)):
        extents = camera.extents(Trajectory(np.arange(10), np.arange(10.0), mean, log_var))
        assert extents == pytest.approx(27**0.5 + radius)
    assert space_3d.limit(np.zeros((5, 3))) == 2.4
