"""The picture in the place of a video until it is played."""

import imageio_ffmpeg
import numpy as np
import pytest
from pages import read_picture

from keras_vae.plots.video_io import encode_mp4
from keras_vae.report import data_uri, poster


@pytest.fixture
def path(tmp_path):
    """A video of 60 grey frames, each lighter than the one before, from 0 to 236."""
    frames = (np.full((32, 64, 4), 4 * i, "uint8") for i in range(60))
    return encode_mp4(frames, 60, tmp_path / "videos" / "grey.mp4", quiet=True)


def test_the_last_frame_stands_for_a_video(path, tmp_path):
    (video,) = data_uri.videos(tmp_path, "grey", {}).shown
    picture = read_picture(video.poster)
    assert picture.shape == (32, 64, 3)
    np.testing.assert_allclose(picture, 236, atol=3)  # of lossy compression


def test_a_file_without_frames_has_none(path):
    path.write_bytes(path.read_bytes()[:200])
    assert poster.last_frame(path) is None


def test_a_file_of_another_format_has_none(tmp_path):
    """ffmpeg would read a list of other files as well, whose addresses may be anywhere."""
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")
    assert poster.last_frame(path) is None


def test_without_ffmpeg_there_is_none(path, monkeypatch):
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(path.parent / "missing"))
    assert poster.last_frame(path) is None
