"""Files of encodings: what is read and refused, the audit without a model, its figures and page."""

import subprocess
import sys

import numpy as np
import pytest
from pages import Page

import keras_vae as kv
from keras_vae.cli import encodings as command
from keras_vae.errors import DamagedFileError
from keras_vae.evaluation import encodings_audit, encodings_file
from keras_vae.evaluation.encodings_file import EncodedImages
from keras_vae.plots import encoding_figures

N = 40
RNG = np.random.default_rng(0)
MEAN = RNG.normal(0, 0.9, (N, 3))
LOG_VAR = np.full((N, 3), -1.6)
LABELS = np.arange(N) % 4


def saved(folder, **arrays):
    path = folder / "encodings.npz"
    np.savez(path, **arrays)
    return path


def test_the_arrays_of_a_file(tmp_path):
    images = np.zeros((N, 3, 8, 8), "uint8")
    names = np.array(["owl", "cat", "dog", "bee"])[LABELS]
    found = encodings_file.read(
        saved(tmp_path, mean=MEAN.astype("float16"), log_var=LOG_VAR[:, :1], labels=names, x=images, other=[1])
    )
    np.testing.assert_allclose(found.mean, MEAN, rtol=1e-3)
    assert found.log_var.shape == found.mean.shape
    assert (found.class_names, found.labels[:4].tolist()) == (("bee", "cat", "dog", "owl"), [3, 1, 2, 0])
    assert found.images.shape == (N, 8, 8, 3)
    spatial = encodings_file.read(saved(tmp_path, mean=np.zeros((N, 2, 3, 4)), log_var=np.zeros((N, 2, 3, 4))))
    assert (spatial.mean.shape, spatial.labels, spatial.images) == ((N, 24), None, None)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": MEAN, "log_var": LOG_VAR}, "received 'mu'; did you mean 'mean'"),
        ({"mean": MEAN, "logvar": LOG_VAR}, "received 'logvar'; did you mean 'log_var'"),
        ({"means": MEAN, "log_var": LOG_VAR}, "received 'means'; did you mean 'mean'"),
        ({"mean": MEAN, "log_var": LOG_VAR, "label": LABELS}, "received 'label'; did you mean 'labels'"),
        ({"mean": MEAN, "log_var": LOG_VAR, "y": LABELS}, "received 'y'; did you mean 'labels'"),
        ({"mean": MEAN, "std": LOG_VAR}, r"received 'std'; save log_var=2 \* numpy\.log\(std\)"),
        ({"mean": MEAN, "var": LOG_VAR}, r"received 'var'; save log_var=numpy\.log\(var\)"),
        ({"mean": MEAN}, "expected arrays mean and log_var; received mean; add log_var"),
        ({"a": MEAN}, "expected arrays mean and log_var; received a; add mean and log_var"),
        ({"mean": MEAN[:1], "log_var": LOG_VAR[:1]}, "mean: expected shape"),
        ({"mean": MEAN[:, 0], "log_var": LOG_VAR[:, 0]}, "mean: expected shape"),
        ({"mean": MEAN, "log_var": LOG_VAR[:, :2]}, "log_var: expected a shape that broadcasts"),
        ({"mean": MEAN * np.nan, "log_var": LOG_VAR}, "mean: expected finite numbers"),
        ({"mean": MEAN, "log_var": LOG_VAR + 99}, r"log_var: expected numbers from -80 to 80; received 97\.4"),
        ({"mean": MEAN.astype(str), "log_var": LOG_VAR}, "mean: expected an array of real numbers"),
        ({"mean": MEAN, "log_var": LOG_VAR, "labels": LABELS[:5]}, "labels: expected a label for each of 40 images"),
        ({"mean": MEAN, "log_var": LOG_VAR, "labels": LABELS - 1}, "labels: expected numbers from 0"),
        ({"mean": MEAN, "log_var": LOG_VAR, "labels": LABELS + 2**21}, "labels: expected numbers from"),
        ({"mean": MEAN, "log_var": LOG_VAR, "x": MEAN[:5]}, "x: expected an image for each of 40 encodings"),
    ],
)
def test_other_arrays_are_refused(tmp_path, arrays, message):
    with pytest.raises(kv.InputError, match=message) as caught:
        encodings_file.read(saved(tmp_path, **arrays))
    assert not isinstance(caught.value, DamagedFileError)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_damaged_file(tmp_path):
    path = saved(tmp_path, mean=MEAN, log_var=LOG_VAR)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DamagedFileError, match="it is damaged"):
        encodings_file.read(path)


def test_the_audit_agrees_with_its_parts():
    result = encodings_audit.audit(EncodedImages(MEAN, LOG_VAR, LABELS), quiet=True)
    assert result.encodings == kv.diagnostics.audit(MEAN, LOG_VAR, quiet=True).as_dict()
    assert [row["kl"] for row in result.units] == pytest.approx(kv.diagnostics.units(MEAN, LOG_VAR).kl.tolist())
    assert result.codes["posterior_radius"] == pytest.approx(np.exp(-0.8))
    assert result.remarks == []


def test_variances_in_place_of_their_logarithms_are_noted():
    (remark,) = encodings_audit.audit(EncodedImages(MEAN, np.exp(LOG_VAR)), quiet=True).remarks
    assert remark.startswith("Every log variance is above 0")


def drawn(found: EncodedImages, folder) -> list[str]:
    audit = encodings_audit.audit(found, quiet=True)
    return [figure.path.stem for figure in encoding_figures.draw("a_$b$", found, audit, folder)]


@pytest.mark.usefixtures("few_pixels")
def test_figures_by_the_number_of_units(tmp_path):
    def encoded(units, images=None):
        mean = RNG.normal(0, 0.9, (N, units))
        return EncodedImages(mean, np.full(mean.shape, -1.6), None, None, images)

    assert drawn(encoded(1), tmp_path) == ["aggregate"]
    assert drawn(encoded(2, np.zeros((N, 64), "float32")), tmp_path) == ["posteriors", "images", "aggregate"]
    assert drawn(encoded(9, np.zeros((N, 60), "float32")), tmp_path) == [
        "posteriors", "aggregate", "principal", "marginals",
    ]  # fmt: skip


def test_the_page(tmp_path, few_pixels, capsys):
    images = np.zeros((N, 8, 8))
    path = saved(tmp_path, mean=MEAN, log_var=LOG_VAR, labels=LABELS, x=images).rename(tmp_path / "my codes.npz")
    command.evaluate(path, None, overwrite=False)
    page = Page(tmp_path / "my codes.html")
    assert (len([tag for tag in page.pictures if tag == "img"]), page.without_text) == (4, [])
    for text in ("40 encodings of 3 latent units from my codes.npz, with 4 labels", "3 of 3 latent units are active"):
        assert text in page.text
    assert "Samples and log p(x) were not measured, since they need the decoder." in page.text
    output = capsys.readouterr().out
    assert "k-nearest-neighbour accuracy" in output
    assert output.rstrip().endswith("my codes.html")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["my codes.html", "my codes.npz"]
    assert "<pre>keras-vae evaluate &#39;my codes.npz&#39; --overwrite</pre>" in page.text


def test_the_path_of_the_page(tmp_path):
    path = saved(tmp_path, mean=MEAN, log_var=LOG_VAR)
    assert command.page_path(path, None, False) == tmp_path / "encodings.html"
    assert command.page_path(path, tmp_path / "new" / "a.html", False) == tmp_path / "new" / "a.html"
    (tmp_path / "pages").mkdir()
    page = command.page_path(path, tmp_path / "pages", False)
    assert page == tmp_path / "pages" / "encodings.html"
    page.write_text("an earlier page")
    with pytest.raises(kv.InputError, match=r"expected a new page; .* exists; set overwrite=True"):
        command.page_path(path, tmp_path / "pages", False)
    assert command.page_path(path, tmp_path / "pages", True) == page
    with pytest.raises(kv.InputError, match=r"expected a path that ends in \.html"):
        command.page_path(path, tmp_path / "new", False)


def test_the_command_imports_no_backend_and_its_refusals_have_exit_codes(tmp_path):
    good = saved(tmp_path, mean=MEAN[:10], log_var=LOG_VAR[:10])
    program = (
        "import sys; from keras_vae.cli import main\n"
        "codes = []\n"
        "for arguments in (['bad.npz'], ['encodings.npz', '--samples', '9'], ['damaged.npz'], ['encodings.npz']):\n"
        "    sys.argv = ['keras-vae', 'evaluate', *arguments]\n"
        "    try: main()\n"
        "    except SystemExit as stop: codes.append(stop.code)\n"
        "print(codes, [name for name in ('keras', 'tensorflow', 'torch', 'jax') if name in sys.modules])"
    )
    np.savez(tmp_path / "bad.npz", mean=MEAN)
    (tmp_path / "damaged.npz").write_bytes(good.read_bytes()[:90])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[2, 2, 1, 0] []", done.stderr
    assert len(done.stderr.splitlines()) == 3
    assert (tmp_path / "encodings.html").is_file()
