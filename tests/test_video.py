"""Videos: what a frame shows, what a file is."""

import subprocess
import tracemalloc

import imageio_ffmpeg
import numpy as np
import pytest

from keras_vae import InputError, Trajectory
from keras_vae.plots import video


def make(frames=20, points=3, images=False, log_var=-2.0) -> Trajectory:
    """Points that run along circles, at a third of an epoch a frame."""
    t = np.linspace(0, 4, frames)[:, None]
    phase = np.arange(points) * 2
    mean = np.stack([2 * np.cos(t + phase), 2 * np.sin(t + phase)], axis=2).astype("float32")
    return Trajectory(
        steps=np.arange(frames),
        epochs=np.arange(frames) / 3,
        mean=mean,
        log_var=None if log_var is None else np.full_like(mean, log_var),
        labels=np.arange(points),
        images=np.ones((points, 8, 8), "float32") if images else None,
    )


def probe(path) -> str:
    """What ffmpeg says of a file."""
    done = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", path], capture_output=True, text=True, check=False)
    return done.stderr


def test_an_mp4_has_the_codec_size_and_every_frame(tmp_path):
    path = video.write(
        make(frames=17, images=True), tmp_path / "new" / "t.mp4", size=160, fps=10, title="x", quiet=True
    )
    said = probe(path)
    assert "h264" in said
    assert "yuv420p" in said
    assert "160x160" in said
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(path)
    assert frames == 17
    assert seconds == pytest.approx(1.7, abs=0.1)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # faststart: playable before it is all there
    assert [entry.name for entry in path.parent.iterdir()] == ["t.mp4"]


def test_a_part_of_the_epochs_has_its_frames_and_a_closer_view(tmp_path):
    trajectory = make(frames=31)
    trajectory.mean[:10] *= 5
    path = video.write(trajectory, tmp_path / "t.mp4", epochs=(4, 10), size=64, quiet=True)
    assert imageio_ffmpeg.count_frames_and_secs(path)[0] == 19
    whole, part = (video.Painter(video.select(trajectory, epochs), size=64).limit for epochs in (None, (4, 10)))
    assert part < whole / 3


def test_a_gif_is_small_and_has_a_palette_of_its_own(tmp_path, monkeypatch):
    mp4 = video.write(make(images=True), tmp_path / "t.mp4", size=320, quiet=True)
    gif = video.write_gif(mp4, tmp_path / "t.gif")
    assert gif.read_bytes()[:6] == b"GIF89a"
    assert "480x480" in probe(gif)
    smaller = video.write_gif(mp4, tmp_path / "smaller.gif", largest=gif.stat().st_size // 2)
    assert smaller.stat().st_size < gif.stat().st_size // 2
    monkeypatch.setattr(video, "LARGEST_GIF", 100)
    with pytest.raises(InputError, match="too long"):
        video.write_gif(mp4, tmp_path / "never.gif")
    assert not (tmp_path / "never.gif").exists()


def center_of_change(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Centre (x, y) in pixels of where two pictures differ."""
    change = np.abs(a[..., :3].astype(float) - b[..., :3]).sum(axis=2)
    rows, columns = np.indices(change.shape)
    return np.array([(columns * change).sum(), (rows * change).sum()]) / change.sum()


@pytest.mark.parametrize("images", [False, True])
def test_a_point_is_drawn_where_its_mean_is_and_between_pixels(images):
    """A step of a third of a pixel moves what is seen by a third of a pixel: nothing snaps."""
    far = 50.0  # outside the view: the picture without the point
    per_pixel = 2 * 3.0 / (0.872 * 320)
    mean = np.array([[far, far]] + [[0.5 + k * per_pixel / 3, -1.0] for k in range(4)])[:, None, :]
    one = np.ones((1, 8, 8), "float32") if images else None
    log_var = np.full(mean.shape, np.log(0.2**2))
    t = Trajectory(np.arange(5), np.zeros(5), mean, log_var, np.zeros(1, int), one)
    # Frames with no way behind them: trails would move the centre of what is seen.
    pictures = []
    for i in range(5):
        painter = video.Painter(
            Trajectory(t.steps[:1], t.epochs[:1], mean[i : i + 1], log_var[:1], t.labels, one), limit=3.0, size=320
        )
        pictures.append(painter.paint(0).copy())
    centers = np.array([center_of_change(picture, pictures[0]) for picture in pictures[1:]])
    expected = 320 * (0.064 + 0.872 * (0.5 + 3) / 6), 320 * (1 - (0.052 + 0.872 * (-1 + 3) / 6))
    # pixel k covers k to k + 1, so its centre lies at k + ½
    np.testing.assert_allclose(centers[0] + 0.5, expected, atol=0.35)
    np.testing.assert_allclose(np.diff(centers[:, 0]), 1 / 3, atol=0.12)
    np.testing.assert_allclose(np.diff(centers[:, 1]), 0, atol=0.05)


def test_frames_are_drawn_anew_whatever_came_before():
    painter = video.Painter(make(images=True), size=160)
    first = painter.paint(7).copy()
    painter.paint(2)
    painter.paint(19)
    np.testing.assert_array_equal(painter.paint(7), first)
    assert not np.array_equal(painter.paint(8), first)


def test_the_circle_is_that_of_the_variance():
    small, large = (video.Painter(make(points=1, log_var=v), limit=6.0, size=320) for v in (-4.0, 0.0))
    assert small.circles.get_widths()[0] == pytest.approx(2 * np.exp(-2.0), rel=1e-5)
    ink = [(painter.paint(0)[..., :3] < 250).any(axis=2).sum() for painter in (small, large)]
    assert ink[1] > ink[0] + 500


def test_thumbnails_move_by_parts_of_a_pixel_and_are_cut_at_the_edge():
    stamps = video.Thumbnails(np.ones((1, 4, 4), "float32"), np.zeros((1, 3)), 4)
    canvas = np.full((40, 40, 4), 255, "uint8")
    stamps.lay(canvas, np.array([[20.25, 20.0]]))
    rows, columns = np.indices((40, 40))
    ink = 255.0 - canvas[..., 0]
    assert (columns * ink).sum() / ink.sum() + 0.5 == pytest.approx(20.25, abs=0.03)
    assert (rows * ink).sum() / ink.sum() + 0.5 == pytest.approx(20.0, abs=0.03)
    for corner in ([0.0, 0.0], [40.0, 40.0], [-100.0, 3.0], [1e7, -1e7]):
        stamps.lay(canvas, np.array([corner]))


def test_draws_points_without_density_and_colour_images():
    painter = video.Painter(make(log_var=None), size=64)
    assert np.isfinite(painter.paint(3)).all()
    t = make()
    colour = Trajectory(t.steps, t.epochs, t.mean, t.log_var, None, np.random.default_rng(0).uniform(size=(3, 5, 7, 3)))
    assert video.Painter(colour, size=64).paint(0).shape == (64, 64, 4)


def test_flat_images_are_drawn_as_squares_or_as_dots():
    t = make()
    square, other = (
        Trajectory(t.steps, t.epochs, t.mean, t.log_var, images=np.ones((3, n), "float32")) for n in (64, 60)
    )
    assert video.Painter(square, size=64).thumbnails is not None
    assert video.Painter(other, size=64).thumbnails is None
    assert video.Painter(other, size=64).paint(0).shape == (64, 64, 4)


def test_memory_does_not_grow_by_the_frames():
    """180 more frames add less than two to the peak: none is kept. (Matplotlib's caches grow a little, to limits.)"""
    peaks = []
    for frames in (20, 200):
        painter = video.Painter(make(frames=frames, images=True), size=320)
        painter.paint(0)
        tracemalloc.start()
        for _ in painter.frames():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2 * 320 * 320 * 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": 100}, "size: expected a multiple of 16"),
        ({"limit": -1}, "limit: expected half the side"),
        ({"fps": 0}, "fps: expected at least 1"),
        ({"path": "t.avi"}, r"ends in \.mp4"),
        ({"epochs": (50, 60)}, "expected a part of what was recorded"),
        ({"units": (0, 5)}, "expected some of the recorded units"),
    ],
)
def test_refusals(tmp_path, change, sentence):
    path = tmp_path / change.pop("path", "t.mp4")
    with pytest.raises(InputError, match=sentence):
        video.write(make(), path, quiet=True, **change)
    assert not list(tmp_path.iterdir())


def test_refuses_one_unit():
    with pytest.raises(InputError, match="at least two units"):
        video.select(Trajectory(np.arange(2), np.arange(2.0), np.zeros((2, 3, 1), "float32")))


def test_an_interrupted_video_leaves_no_file(tmp_path, monkeypatch):
    def broken(self):
        yield self.paint(0)
        raise KeyboardInterrupt

    monkeypatch.setattr(video.Painter, "frames", broken)
    with pytest.raises(KeyboardInterrupt):
        video.write(make(), tmp_path / "t.mp4", size=64, quiet=True)
    assert not list(tmp_path.iterdir())
