"""Trajectory videos: the content of frames, and the encoded files."""

import time
import tracemalloc

import imageio.v2 as imageio
import numpy as np
import pytest
from PIL import Image, ImageSequence

from keras_vae import InputError, Trajectory, WriteError
from keras_vae.plots import thumbnails, video


def make(frames=20, points=3, images=False, log_var=-2.0) -> Trajectory:
    """Points that move along circles, a third of an epoch per frame."""
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


def decode(path) -> tuple[list[np.ndarray], dict]:
    """Decodes an MP4 to its frames `(height, width, 3)` and its metadata."""
    with imageio.get_reader(path, format="FFMPEG") as reader:
        return [np.asarray(frame) for frame in reader], reader.get_meta_data()


def test_mp4_has_the_documented_format_and_every_frame(tmp_path):
    path = video.write(
        make(frames=17, images=True), tmp_path / "new" / "t.mp4", size=160, fps=10, pace="recorded", quiet=True
    )
    frames, metadata = decode(path)
    assert len(frames) == 17
    assert metadata["codec"] == "h264"
    assert metadata["pix_fmt"].startswith("yuv420p")
    assert metadata["size"] == (160, 160)
    assert metadata["fps"] == 10
    assert metadata["duration"] == pytest.approx(1.7, abs=0.1)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # faststart: playable before it is fully loaded
    assert [entry.name for entry in path.parent.iterdir()] == ["t.mp4"]


def test_decoded_frames_are_the_painted_ones_in_order(tmp_path):
    trajectory = make(images=True)
    decoded, _ = decode(video.write(trajectory, tmp_path / "t.mp4", size=320, pace="recorded", smooth=0, quiet=True))
    for frame, painted in zip(decoded, video.Painter(trajectory, size=320).frames(), strict=True):
        assert np.abs(frame.astype(float) - painted[..., :3]).mean() < 2


def test_view_is_fitted_to_the_selected_epochs(tmp_path):
    trajectory = make(frames=31)
    trajectory.mean[:10] *= 5
    path = video.write(trajectory, tmp_path / "t.mp4", epochs=(4, 10), size=64, pace="recorded", quiet=True)
    assert len(decode(path)[0]) == 19
    whole, part = (video.Painter(video.select(trajectory, epochs), size=64).limits for epochs in (None, (4, 10)))
    assert part.max() < whole.max() / 3


@pytest.mark.slow
def test_gif_respects_the_maximum_size(tmp_path):
    mp4 = video.write(make(images=True), tmp_path / "t.mp4", size=320, quiet=True)
    gif = video.write_gif(mp4, tmp_path / "t.gif")
    assert gif.read_bytes()[:6] == b"GIF89a"
    with Image.open(gif) as image:
        assert image.size == (480, 480)
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
    assert len({color for frame in frames for _, color in frame.getcolors(480**2)}) <= 128  # one palette for all
    n_bytes = gif.stat().st_size
    smaller = video.write_gif(mp4, tmp_path / "smaller.gif", max_bytes=n_bytes // 2)
    assert smaller.stat().st_size < n_bytes // 2
    with pytest.raises(InputError, match="too long"):
        video.write_gif(mp4, tmp_path / "absent.gif", max_bytes=100)
    assert not (tmp_path / "absent.gif").exists()
    with pytest.raises(InputError, match="expected a file; there is none; pass the path of an MP4"):
        video.write_gif(tmp_path / "absent.mp4", tmp_path / "absent.gif")


def center_of_change(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Centre (x, y) in pixels of the difference of two images."""
    change = np.abs(a[..., :3].astype(float) - b[..., :3]).sum(axis=2)
    rows, columns = np.indices(change.shape)
    return np.array([(columns * change).sum(), (rows * change).sum()]) / change.sum()


@pytest.mark.parametrize("images", [False, True])
def test_points_are_drawn_at_subpixel_positions(images):
    """A step of a third of a pixel moves the drawn point by a third of a pixel, without snapping."""
    far = 50.0  # outside the view: the frame without the point
    per_pixel = 2 * 3.0 / (0.872 * 320)
    mean = np.array([[far, far]] + [[0.5 + k * per_pixel / 3, -1.0] for k in range(4)])[:, None, :]
    one = np.ones((1, 8, 8), "float32") if images else None
    log_var = np.full(mean.shape, 2 * np.log(0.7 if images else 0.2))  # with 0.7, the image stands within its circle
    t = Trajectory(np.arange(5), np.zeros(5), mean, log_var, np.zeros(1, int), one)
    # Trajectories of one frame: trails would move the centre of the change.
    frames = []
    for i in range(5):
        painter = video.Painter(
            Trajectory(t.steps[:1], t.epochs[:1], mean[i : i + 1], log_var[:1], t.labels, one), limit=3.0, size=320
        )
        painter.is_fixed = False  # without an arrow at the edge
        frames.append(painter.paint(0).copy())
    centers = np.array([center_of_change(frame, frames[0]) for frame in frames[1:]])
    (expected,) = painter.to_pixels(mean[1], 0)  # pixel k covers k to k + 1, so its centre lies at k + ½
    # The larger circle covers parts of the prior's rings.
    np.testing.assert_allclose(centers[0] + 0.5, expected, atol=0.9 if images else 0.35)
    np.testing.assert_allclose(np.diff(centers[:, 0]), 1 / 3, atol=0.12)
    np.testing.assert_allclose(np.diff(centers[:, 1]), 0, atol=0.05)


def test_frames_do_not_depend_on_those_painted_before():
    painter = video.Painter(make(images=True), size=160)
    first = painter.paint(7).copy()
    painter.paint(2)
    painter.paint(19)
    np.testing.assert_array_equal(painter.paint(7), first)
    assert not np.array_equal(painter.paint(8), first)


def test_circle_diameter_is_twice_the_standard_deviation():
    small, large = (video.Painter(make(points=1, log_var=v), limit=6.0, size=320) for v in (-4.0, 0.0))
    assert small.circles.get_widths()[0] == pytest.approx(2 * np.exp(-2.0), rel=1e-5)
    ink = [(painter.paint(0)[..., :3] < 250).any(axis=2).sum() for painter in (small, large)]
    assert ink[1] > ink[0] + 500


def test_views_in_which_the_prior_is_smaller_than_a_pixel_are_drawn():
    far = make()
    far.mean[-1] *= 1e5
    for painter in (video.Painter(make(), limit=3000.0, size=160), video.Painter(far, size=160)):
        frame = painter.paint(len(painter) - 1)
        (left, top), _ = np.rint(painter.plane_box()).astype(int)
        assert (frame[top : top + 5, left : left + 5] == 255).all()


def test_thumbnails_move_by_fractions_of_a_pixel_and_are_clipped_at_the_edge():
    drawn = thumbnails.Thumbnails(np.ones((1, 4, 4), "float32"), np.zeros((1, 3)), 4)
    canvas = np.full((40, 40, 4), 255, "uint8")
    drawn.blend_into(canvas, np.array([[20.25, 20.0]]))
    rows, columns = np.indices((40, 40))
    ink = 255.0 - canvas[..., 0]
    assert (columns * ink).sum() / ink.sum() + 0.5 == pytest.approx(20.25, abs=0.03)
    assert (rows * ink).sum() / ink.sum() + 0.5 == pytest.approx(20.0, abs=0.03)
    for corner in ([0.0, 0.0], [40.0, 40.0], [-100.0, 3.0], [1e7, -1e7]):
        drawn.blend_into(canvas, np.array([corner]))


def test_trajectories_without_density_and_colour_images_are_drawn():
    painter = video.Painter(make(log_var=None), size=64)
    assert np.isfinite(painter.paint(3)).all()
    t = make()
    colour = Trajectory(t.steps, t.epochs, t.mean, t.log_var, None, np.random.default_rng(0).uniform(size=(3, 5, 7, 3)))
    assert video.Painter(colour, size=64).paint(0).shape == (64, 64, 4)


@pytest.mark.parametrize(
    ("points", "has_images", "has_circles", "mark"),
    [
        (60, True, True, "circles: r² = σₓ σᵧ of each posterior   "),
        (501, True, True, "circles: r² = σₓ σᵧ of each posterior   images: medians of labels   "),
        (1_001, True, False, "dots: the means of 1,001 posteriors   images: medians"),
    ],
)
def test_many_points_are_drawn_with_an_image_of_each_label_and_without_circles(points, has_images, has_circles, mark):
    trajectory = make(points=points, images=True, frames=3)
    trajectory.labels[:] %= 10
    painter = video.Painter(trajectory, size=64)
    assert painter.paint(2).shape == (64, 64, 4)
    assert (painter.thumbnails is not None, painter.has_circles) == (has_images, has_circles)
    assert painter.caption.startswith(mark)


def test_ten_thousand_points_are_drawn_in_a_tenth_of_a_second():
    painter = video.Painter(make(points=10_000, images=True, frames=12))
    began = time.process_time()
    frames = [painter.paint(i).copy() for i in (1, 6, 11)]
    assert time.process_time() - began < 10 * 3 * 0.05  # ten times the usual 50 ms, for a slower machine
    assert not np.array_equal(frames[0], frames[2])


def test_too_many_points_are_refused():
    with pytest.raises(InputError, match="trajectory: expected at most 20,000 points to draw; received 20,001"):
        video.Painter(make(points=20_001, frames=2), size=64)


def test_flat_images_are_drawn_as_squares_or_omitted():
    t = make()
    square, other = (
        Trajectory(t.steps, t.epochs, t.mean, t.log_var, images=np.ones((3, n), "float32")) for n in (64, 60)
    )
    assert video.Painter(square, size=64).thumbnails is not None
    assert video.Painter(other, size=64).thumbnails is None
    assert video.Painter(other, size=64).paint(0).shape == (64, 64, 4)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_frames():
    """180 more frames raise the peak by less than the size of two. (Matplotlib's bounded caches grow a little.)"""
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
        ({"limit": -1}, "limit: expected a finite number above 0"),
        ({"fps": 0}, "fps: expected at least 1"),
        ({"path": "t.avi"}, r"ends in \.mp4"),
        ({"epochs": (50, 60)}, "expected a range that overlaps the recorded epochs"),
        ({"units": (0, 5)}, "expected some of the recorded units"),
    ],
)
def test_invalid_arguments_are_refused(tmp_path, change, sentence):
    path = tmp_path / change.pop("path", "t.mp4")
    with pytest.raises(InputError, match=sentence):
        video.write(make(), path, quiet=True, **change)
    assert not list(tmp_path.iterdir())


def test_one_unit_is_refused():
    with pytest.raises(InputError, match="at least two units"):
        video.select(Trajectory(np.arange(2), np.arange(2.0), np.zeros((2, 3, 1), "float32")))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": 100}, "size: expected a multiple of 16"),
        ({"seconds": 0.01}, "seconds: expected at least one frame"),
        ({"path": "t.gif"}, r"ends in \.mp4"),
    ],
)
def test_invalid_arguments_of_a_turn_are_refused(tmp_path, change, sentence):
    path = tmp_path / change.pop("path", "t.mp4")
    with pytest.raises(InputError, match=sentence):
        video.write_turn(np.zeros((5, 3)), None, path, quiet=True, **change)
    assert not list(tmp_path.iterdir())


def test_a_relative_path_is_not_expanded_to_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video.write(make(), "~/t.mp4", size=64, quiet=True)
    assert (tmp_path / "~" / "t.mp4").is_file()


@pytest.mark.parametrize(
    ("program", "error", "sentence"),
    [
        ("exit 1", WriteError, r"t\.mp4: .*; ffmpeg failed \(it gave no reason\)"),
        ("echo 'Unknown encoder' >&2; exit 1", WriteError, r"ffmpeg failed \(Unknown encoder\); check the path"),
        ("cat > /dev/null; exit 3", WriteError, r"t\.mp4: .*; ffmpeg failed"),
        (
            "cat > /dev/null; echo 'av_write_trailer(): No space left on device' >&2; exit 1",
            WriteError,
            r"t\.mp4: .*; No space left on device; free some space",
        ),
        (None, InputError, r"ffmpeg: expected the program that encodes videos; .*; install imageio-ffmpeg"),
    ],
)
def test_a_failed_or_missing_ffmpeg_is_one_sentence_and_leaves_no_file(tmp_path, monkeypatch, program, error, sentence):
    encoder = tmp_path / "ffmpeg"
    if program:
        encoder.write_text(f"#!/bin/sh\n{program}\n")
        encoder.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(encoder))
    folder = tmp_path / "videos"
    with pytest.raises(error, match=sentence):
        video.write(make(), folder / "t.mp4", size=64, quiet=True)
    (folder / "first.mp4").touch()
    with pytest.raises(error, match=sentence.replace("t\\.mp4", "t\\.gif")):
        video.write_gif(folder / "first.mp4", folder / "t.gif")
    assert [path.name for path in folder.iterdir()] == ["first.mp4"]


def test_an_interrupted_video_leaves_no_file(tmp_path, monkeypatch):
    def interrupted(self):
        yield self.paint(0)
        raise KeyboardInterrupt

    monkeypatch.setattr(video.Painter, "frames", interrupted)
    with pytest.raises(KeyboardInterrupt):
        video.write(make(), tmp_path / "t.mp4", size=64, quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("max_bytes", [0, -1, 1.5, "many", None, np.nan, np.inf])
def test_sizes_of_a_gif_are_whole_numbers(tmp_path, max_bytes):
    with pytest.raises(InputError, match="max_bytes: expected a whole number"):
        video.write_gif(tmp_path / "a.mp4", tmp_path / "a.gif", max_bytes=max_bytes)


@pytest.mark.parametrize("path", [5, "a.mp4", "a\0"])
def test_a_gif_has_a_name_of_its_own(tmp_path, path):
    with pytest.raises(InputError, match=r"path: expected a name that ends in \.gif"):
        video.write_gif(tmp_path / "a.mp4", path)


@pytest.mark.parametrize(("name", "value"), [("note", 5), ("note", ["a"]), ("title", 3), ("fps", 1e15)])
def test_texts_and_speeds_of_a_painter_are_checked(name, value):
    recorded = Trajectory(np.arange(2), np.arange(2.0), np.zeros((2, 3, 2), "float32"))
    with pytest.raises(InputError, match=f"{name}: expected"):
        video.Painter(recorded, size=64, **{name: value})
