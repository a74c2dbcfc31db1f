"""Traversals, marginals, posteriors, magnification, nearest images and the rate–distortion plane, by known values."""

import shutil

import numpy as np
import pytest
from drawn_runs import colours, generated_run, rows
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy import stats

from keras_vae import InputError, Run, diagnostics, geometry
from keras_vae._utils import palette
from keras_vae.evaluation import findings, sample_neighbours
from keras_vae.plots import (
    bubble_figures,
    figure_registry,
    folder_drawings,
    neighbour_figures,
    posterior_plane,
    rate_distortion,
    run_figures,
    sampling_figures,
    study_figures,
    unit_figures,
    visuals,
)
from keras_vae.runs import model_file

RNG = np.random.default_rng(0)


@pytest.fixture
def ax():
    return Figure(figsize=(7, 7)).subplots()


# -- magnification ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [1, 2, 3])
def test_the_magnification_of_a_linear_decoder_is_that_of_its_matrix(units):
    matrix = RNG.normal(size=(units, 5 * 4))
    expected = np.sqrt(np.linalg.det(matrix @ matrix.T))
    z = RNG.normal(size=(7, units))
    found = diagnostics.magnification(lambda z: (0.5 + z @ matrix).reshape(-1, 5, 4), z)
    np.testing.assert_allclose(found, np.full(7, expected), rtol=1e-4)


def test_the_magnification_of_a_curved_decoder_has_the_stated_error():
    """Polar coordinates: an area element is r dr dφ."""

    def decode(z):
        return np.stack([z[:, 0] * np.cos(z[:, 1]), z[:, 0] * np.sin(z[:, 1])], axis=1)

    z = np.column_stack([RNG.uniform(0.5, 2, 50), RNG.uniform(0, 6, 50)])
    np.testing.assert_allclose(diagnostics.magnification(decode, z, step=0.02), z[:, 0], rtol=1e-3)
    coarse = diagnostics.magnification(decode, z, step=0.4)
    np.testing.assert_allclose(coarse, z[:, 0] * np.sinc(0.4 / np.pi), rtol=1e-3)  # h² / 6 less


def test_the_magnification_is_zero_along_a_direction_without_effect():
    assert diagnostics.magnification(lambda z: z[:, :1], np.ones((3, 2))).tolist() == [0, 0, 0]
    with pytest.raises(InputError, match="z: expected at most 128 units; received 129"):
        diagnostics.magnification(lambda z: z, np.zeros((2, 129)))


@pytest.mark.parametrize(("scale", "expected"), [(1e-3, 1e-180), (1e3, 1e180), (1e6, np.inf)])
def test_the_magnification_of_many_units_is_not_limited_by_its_square(scale, expected):
    found = diagnostics.magnification(lambda z: scale * z, np.zeros((1, 60)))
    assert found[0] == pytest.approx(expected, rel=1e-4, abs=0)


def test_the_magnification_of_a_run_is_that_of_its_decoder(toy_run):
    arrays, vae = toy_run.arrays("magnification"), model_file.load(toy_run)
    side, limit, h = len(arrays["factor"]), float(arrays["limit"]), 1e-2
    axis = np.linspace(-limit, limit, side)
    row, column = 11, 30  # rows upwards
    z = np.array([axis[column], axis[row]], "float32")
    images = vae.decode(np.stack([z + d for d in h * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], "float32")]))
    jacobian = np.stack([images[0] - images[1], images[2] - images[3]]).reshape(2, -1) / (2 * h)
    assert arrays["factor"][row, column] == pytest.approx(np.sqrt(np.linalg.det(jacobian @ jacobian.T)), rel=1e-2)


# -- traversals and marginals -----------------------------------------------------------------------------------


def test_traversals_are_decoded_along_each_unit_by_decreasing_kl(toy_run):
    arrays, vae = toy_run.arrays("traversals"), model_file.load(toy_run)
    kl = toy_run.arrays("units")["kl"]
    assert arrays["units"].tolist() == np.argsort(-kl).tolist()
    z = np.zeros((2, 2), "float32")
    z[:, arrays["units"][1]] = arrays["z"][[0, -1]]
    np.testing.assert_allclose(arrays["images"][1, [0, -1]], vae.decode(z), atol=1e-5)
    figure = run_figures.traversals(toy_run)
    strips = [ax.images[0].get_array() for ax in figure.get_axes() if ax.images]
    np.testing.assert_allclose(strips[0][:8, :8], arrays["images"][0, 0], atol=1e-5)
    names = [ax.texts[0].get_text() for ax in figure.get_axes() if ax.images]
    assert names == [f"unit {unit}\nKL {kl[unit]:.2f}" for unit in arrays["units"]]


def test_the_marginal_of_a_mixture_is_drawn_beside_the_prior(ax):
    mean, std = np.array([-1.0, 1.0]), np.array([0.5, 0.25])
    line = unit_figures.marginal(ax, mean, std)
    x, y = line.get_data()
    edges = np.append(x, 2 * x[-1] - x[-2]) - 0.5 * (x[1] - x[0])
    mass = np.diff(0.5 * (stats.norm.cdf(edges, -1, 0.5) + stats.norm.cdf(edges, 1, 0.25)))
    np.testing.assert_allclose(y, mass / np.diff(edges), atol=1e-3)
    assert to_hex(line.get_color()) == palette.AGGREGATE_POSTERIOR
    prior = ax.collections[0].get_paths()[0].vertices[:, 1].max()
    assert prior == pytest.approx(stats.norm.pdf(0), rel=1e-3)


def test_a_narrow_posterior_keeps_its_mass():
    edges = np.linspace(-3.5, 3.5, 141)
    density = unit_figures.binned_marginal(np.array([0.31, 1.0]), np.array([1e-4, 0.3]), edges)
    assert (density * np.diff(edges)).sum() == pytest.approx(1, abs=1e-3)
    histogram = unit_figures.binned_marginal(np.array([0.31, 1.0]), np.array([1e-9, 1.0]), edges)
    assert (histogram > 0).sum() == 2  # too narrow for a grid: the codes alone


def test_marginals_show_units_that_reach_beyond_the_prior():
    """As with a small beta: narrow posteriors whose means lie far apart, of one unit among many."""
    mean, std = np.random.default_rng(0).normal(size=(500, 16)), np.full((500, 16), 0.5)
    mean[:, 3] *= 15.0
    limit = unit_figures.view_of(mean, std)
    edges = np.linspace(-limit, limit, 141)
    assert (unit_figures.binned_marginal(mean[:, 3], std[:, 3], edges) * np.diff(edges)).sum() > 0.99
    assert unit_figures.view_of(mean[:, :3], std[:, :3]) < 5
    assert unit_figures.view_of(0 * mean, std) == unit_figures.view_of(0 * mean, None) == unit_figures.Z_LIMIT
    arrays = {"units": np.array([3]), "z": np.linspace(-3, 3, 5), "images": np.zeros((1, 5, 8, 8))}
    right = unit_figures.traversals(arrays, mean, std, ["unit 3"], "a run", "").get_axes()[1]
    assert right.get_xlim() == (-limit, limit)
    assert [text.get_text() for text in right.get_xticklabels()] == ["−20", "0", "+20"]
    (ax,) = unit_figures.marginals(np.array([3]), mean, std, "a run", "").get_axes()
    places = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert places["+20"] - places["0"] == pytest.approx(0.45 * 20 / limit)


def test_units_that_have_no_strip_have_a_marginal(toy_run, tmp_path):
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    assert not run_figures.FIGURES["marginals"].applies(run)
    arrays = run.arrays("traversals")
    run.write_arrays("traversals", units=arrays["units"][:1], z=arrays["z"], images=arrays["images"][:1])
    assert run_figures.FIGURES["marginals"].applies(run)
    (ax,) = run_figures.marginals(run).get_axes()
    names = [text.get_text() for text in ax.texts if text.get_text().startswith("unit")]
    assert names == [f"unit {unit}" for unit in np.argsort(-run.arrays("units")["kl"])]


# -- posteriors in the plane ------------------------------------------------------------------------------------


def test_posteriors_are_ellipses_with_their_standard_deviations(ax):
    mean, std = RNG.normal(size=(30, 2)), RNG.uniform(0.1, 0.5, (30, 2))
    drawn = posterior_plane.posterior_plane(ax, mean, std, np.arange(30) % 3, (4, 7))
    order = np.lexsort(np.asarray(drawn.get_offsets()).T)
    expected = np.lexsort(mean.T)
    np.testing.assert_allclose(drawn.get_widths()[order], 2 * std[expected, 0])
    np.testing.assert_allclose(drawn.get_heights()[order], 2 * std[expected, 1])
    colors = {to_hex(color) for color in drawn.get_facecolors()[:, :3]}
    assert colors == set(palette.LABELS[:3])
    assert ax.get_xlabel() == "latent unit 4"
    discs = posterior_plane.posterior_plane(ax, mean, std, None, (0, 1), circles=True)
    assert np.sort(discs.get_widths()).tolist() == pytest.approx(np.sort(2 * np.sqrt(std.prod(axis=1))).tolist())


def test_names_of_classes_never_overlap():
    figure = Figure(figsize=(7, 7), layout="constrained")
    ax = figure.subplots()
    mean = np.concatenate([np.zeros((50, 2)), np.full((9, 2), 2.0)]) + 0.01 * RNG.normal(size=(59, 2))
    labels = np.append(np.arange(50) % 5, np.full(9, 5))
    visuals.square_view(ax, 3.0, (0, 1))
    names = [f"class {i}" for i in range(6)]
    texts = visuals.names_at_medians(ax, mean, labels, names)
    np.testing.assert_allclose(texts[5].get_position(), np.median(mean[50:], axis=0), atol=1e-3)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_many_classes_have_a_legend_in_place_of_names(ax):
    labels = np.arange(40) % 20
    mean = np.column_stack([labels, labels]) / 10.0  # twenty separate clusters
    visuals.name_classes(ax, mean, labels, 3.0)
    assert not ax.texts
    assert len(ax.get_legend().get_texts()) == 20


@pytest.mark.parametrize("distance", [0.0, 3.0])
def test_few_classes_have_a_legend_and_names_only_where_they_lie_apart(ax, distance):
    """Names at the medians of classes that overlap would stand in a stack at the centre."""
    labels = np.arange(90) % 3
    mean = RNG.normal(size=(90, 2)) + distance * labels[:, None]
    drawn = posterior_plane.posterior_plane(ax, mean, None, labels, (0, 1), ["circle", "cross", "square"])
    keys = ax.get_legend().legend_handles
    assert [key.get_label() for key in keys] == ["circle", "cross", "square"]
    assert {to_hex(key.get_color()) for key in keys} == {to_hex(color) for color in drawn.get_facecolors()}
    assert ("circle" in [text.get_text() for text in ax.texts]) == (distance > 0)
    assert len({key.get_marker() for key in keys}) == 3


def test_equal_means_have_the_least_opacity():
    """As of images that are all black; in single precision the quotient of the areas overflows."""
    mean, std = np.zeros((600, 2), "float32"), np.full((600, 2), 1.0, "float32")
    assert posterior_plane.opacity(mean, std) == posterior_plane.MIN_FILL


def test_the_colour_bar_of_the_magnification_has_plain_numbers(toy_run):
    figure = run_figures.magnification(toy_run)
    figure.draw_without_rendering()
    bar = figure.get_axes()[1]
    low, high = bar.get_xlim()
    shown = [text for text in bar.get_xticklabels() if low <= text.get_position()[0] <= high]
    assert shown
    assert all(float(text.get_text()) == pytest.approx(text.get_position()[0], rel=1e-3) for text in shown)
    assert not len(bar.xaxis.get_minorticklocs())


def test_the_ticks_of_the_manifold_are_round_and_symmetric(toy_run):
    (ax,) = run_figures.manifold(toy_run).get_axes()
    names = [text.get_text().replace("−", "-") for text in ax.get_xticklabels()]
    z = np.array([float(name) for name in names])
    np.testing.assert_array_equal(z, -z[::-1])
    side, width = int(toy_run.arrays("manifold")["side"]), ax.images[0].get_size()[1]
    columns = np.arange(side) * width / side + 0.5 * width / side - 0.5  # centres, of the prior's quantiles
    expected = np.interp(stats.norm.cdf(z), (np.arange(side) + 0.5) / side, columns)
    np.testing.assert_allclose(ax.get_xticks(), expected)
    np.testing.assert_allclose(np.sort(ax.get_yticks()), expected)  # the picture is a square


def test_bins_are_fewer_for_fewer_images(ax):
    from keras_vae.plots import audit_figures

    corners = [len(audit_figures.radii(ax, RNG.random(n), 2)[0].get_xy()) for n in (600, 10_000, 1_000_000)]
    assert corners == sorted(corners)
    assert corners[0] < 40 < corners[1]


def test_codes_without_a_density_are_dots(toy_run, tmp_path):
    assert run_figures.FIGURES["posteriors"].applies(toy_run)
    assert not run_figures.FIGURES["latent"].applies(toy_run)
    run = Run(shutil.copytree(toy_run.path, tmp_path / "run"))
    encodings = run.arrays("encodings")
    del encodings["log_var"]
    run.write_arrays("encodings", **encodings)
    assert not run_figures.FIGURES["posteriors"].applies(run)
    assert run_figures.FIGURES["latent"].applies(run)
    figure = sampling_figures.discs_and_dots({"with": toy_run, "without": run})
    with_size, dots = (figure.get_axes()[i] for i in (0, 3))
    assert with_size.get_xlim() == dots.get_xlim()
    assert hasattr(with_size.collections[0], "get_widths")
    assert not hasattr(dots.collections[0], "get_widths")
    texts = [text.get_text() for ax in (with_size, dots) for text in ax.texts]
    assert any(text.startswith("a disc is a posterior; median radius") for text in texts)
    assert "codes are points; a dot's size has no meaning" in texts


# -- nearest training images ------------------------------------------------------------------------------------


def test_nearest_references_are_those_of_all_distances():
    points, references = RNG.normal(size=(6, 3, 2)), RNG.normal(size=(50, 3, 2))
    distances = np.linalg.norm((points[:, None] - references).reshape(6, 50, -1), axis=2)
    found = sample_neighbours.nearest(points, (references[i : i + 7] for i in range(0, 50, 7)), 4)
    np.testing.assert_array_equal(found.indices, np.argsort(distances, axis=1)[:, :4])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :4], rtol=1e-5)


def test_nearest_references_are_exact_for_numbers_far_from_0():
    rng = np.random.default_rng(0)
    points, references = (rng.integers(0, 9, (n, 5)).astype("float32") + 1e5 for n in (6, 50))
    distances = np.linalg.norm(points[:, None] - references, axis=2)
    found = sample_neighbours.nearest(points, iter([references[:20], references[20:]]), 3)
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :3], rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(distances, found.indices, axis=1), found.distances, rtol=1e-5)


def test_the_nearest_images_of_samples_are_training_images(toy_run, data):
    vae = model_file.load(toy_run)
    arrays = sample_neighbours.arrays(vae, data, seed=7)
    np.testing.assert_allclose(arrays["samples"], toy_run.arrays("samples")["images"][:8], atol=1e-5)
    x = data.x_train
    distances = np.linalg.norm((arrays["samples"][0] - x).reshape(len(x), -1), axis=1)
    np.testing.assert_array_equal(arrays["pixel_images"][0, 0], x[distances.argmin()])
    assert arrays["pixel_distances"][0, 0] == pytest.approx(distances.min(), rel=1e-4)
    z = np.random.default_rng(7).standard_normal((40, 2), dtype="float32")
    nearest = np.linalg.norm(vae.encode(x).mean - z[2], axis=1).argmin()
    np.testing.assert_array_equal(arrays["latent_images"][2, 0], x[nearest])
    titles = [ax.get_title("left") for ax in neighbour_figures.neighbours(arrays, "a", "b").get_axes()]
    assert titles == ["sample", "nearest training images in pixels", "nearest in the latent space"]


def test_the_finding_states_both_distances():
    """Without a judgement: blurred samples are close to many training images."""
    arrays = {"sample_distances": np.array([1.0, 2.0, 9.0]), "test_distances": np.full(3, 5.0)}
    assert findings.of_distances(arrays) == "Median distance to training images: samples 2.00, reconstructions 5.00"


# -- the rate–distortion plane ----------------------------------------------------------------------------------


def test_paths_are_those_of_the_history_and_diagonals_have_one_elbo(toy_run, ax):
    path = rate_distortion.path_of(toy_run)
    np.testing.assert_allclose(path[:-1, 0], toy_run.history["val_kl"])
    test = toy_run.metrics["test"]
    assert path[-1].tolist() == [test["kl"], test["reconstruction"]]
    (end,) = rate_distortion.plane(ax, {"toy": path})
    assert (end.get_xdata()[0], end.get_ydata()[0]) == tuple(path[-1])
    diagonals = [line for line in ax.lines if to_hex(line.get_color()) == palette.HAIRLINE]
    assert diagonals
    for line in diagonals:
        first, last = np.sum(line.get_data(), axis=0)
        assert first == pytest.approx(last)


@pytest.mark.parametrize("span", [(30.0, 8.0), (8.0, 30.0)])
def test_each_line_of_equal_elbo_has_its_name_beside_or_within_the_view(ax, span):
    """In a wide plane and in a tall one."""
    rate_distortion.plane(ax, {"a": np.array([[1.0, 100.0 + span[1]], [1.0 + span[0], 100.0]])})
    diagonals = [line for line in ax.lines if to_hex(line.get_color()) == palette.HAIRLINE]
    names = [text for text in ax.texts if text.get_text().startswith("ELBO")]
    totals = [line.get_xdata()[0] + line.get_ydata()[0] for line in diagonals]
    assert [text.get_text() for text in names] == [f"ELBO −{total:g}" for total in totals]
    ax.figure.draw_without_rendering()
    view = ax.get_window_extent()
    boxes = [text.get_window_extent() for text in names]
    assert all(view.y0 <= box.y0 and box.y1 <= view.y1 + 6 and box.x0 >= view.x0 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert len({line.get_ydata()[1] > ax.get_ylim()[0] + 1e-9 for line in diagonals}) == 2  # both sides


def test_names_of_lines_of_equal_elbo_cover_no_marker(ax):
    """Good runs of few nats lie where a line that leaves through the lower side begins."""
    ends = [(6.4, 431.0), (2.8, 202.0), (4.1, 207.8), (6.8, 195.2), (33.6, 311.2), (11.0, 201.2)]
    markers = rate_distortion.plane(ax, {str(i): np.array([end]) for i, end in enumerate(ends)})
    ax.figure.draw_without_rendering()
    within = [text for text in ax.texts if text.get_text() == "ELBO −200"]
    assert len(within) == 1
    box = within[0].get_window_extent()
    places = ax.transData.transform([np.asarray(marker.get_xydata())[0] for marker in markers])
    assert not any(box.padded(4).contains(*place) for place in places)


def test_runs_are_grouped_by_data_and_likelihood_and_those_without_a_kl_left_out(toy_run, tmp_path):
    for name in ("a", "b", "c"):
        shutil.copytree(toy_run.path, tmp_path / name)
    gaussian, autoencoder = Run(tmp_path / "b"), Run(tmp_path / "c")
    config = gaussian.config
    config["config"]["likelihood"] = "gaussian"
    gaussian.write_json("config.json", config)
    metrics = autoencoder.metrics
    for part in ("train", "test"):
        del metrics[part]["kl"]
    autoencoder.write_json("metrics.json", metrics)
    runs = folder_drawings.runs_below(tmp_path)
    assert [run.path.name for run in runs] == ["a", "b", "c"]
    groups = rate_distortion.grouped(runs)
    assert [list(paths) for paths in groups.values()] == [["a"], ["b"]]
    assert [name.rsplit(", ")[1] for name in groups] == ["bernoulli likelihood", "gaussian likelihood"]
    assert rate_distortion.draw(tmp_path, runs) == tmp_path / "rate-distortion.png"
    with pytest.raises(InputError, match="runs: expected a finished run with a KL"):
        rate_distortion.draw(tmp_path, [autoencoder])


def test_many_runs_have_a_legend(ax):
    paths = {f"run {i}": np.array([[float(i), 200.0 - i]]) for i in range(30)}
    ends = rate_distortion.plane(ax, paths)
    assert len(ends) == 30
    assert ax.get_legend().get_texts()[-1].get_text() == "and 6 others"
    assert rate_distortion.finding(paths) == "run 0 has the highest ELBO, −200.0 nats per image"


@pytest.mark.parametrize("n", [11, 70])
def test_no_two_runs_have_one_colour_and_marker(ax, n):
    paths = {f"run {i}": np.array([[float(i), 200.0 - i]]) for i in range(n)}
    ends = rate_distortion.plane(ax, paths)
    assert len({(to_hex(end.get_color()), end.get_marker()) for end in ends}) == n
    seeds = {name: np.repeat(path, 2, axis=0) for name, path in paths.items()}
    (of_ends,) = rate_distortion.ends({"16 units": seeds}).get_axes()
    markers = [line for line in of_ends.lines if line.get_marker() != "None"]
    assert len({(to_hex(line.get_color()), line.get_marker()) for line in markers}) == n


def test_long_names_of_paths_stay_different(ax):
    settings = [f"β = {beta}, learning rate {rate}, batch size 113" for beta in (0.5, 2) for rate in (0.0004123, 0.01)]
    paths = {name: np.array([[float(i), 200.0]]) for i, name in enumerate(settings)}
    ends = rate_distortion.plane(ax, paths)
    assert [end.get_label() for end in ends] == settings
    assert [text.get_text() for text in ax.get_legend().get_texts()] == settings  # beside the ends is no room
    folders = [f"{'a' * 40}{i}{'b' * 40}" for i in range(2)]
    shown = rate_distortion._shown_names([*folders, "c" * 60])
    assert list(shown.values())[:2] == folders
    assert len(shown["c" * 60]) == rate_distortion.MAX_NAME_CHARACTERS


def test_runs_of_a_sweep_have_different_names_in_the_plane(toy_run, tmp_path):
    """The names of their folders differ in the middle only, which is cut."""
    for i in range(2):
        shutil.copytree(toy_run.path, tmp_path / f"784-256-16_diagonal_learning_rate-{i}_batch_size-113_seed-0")
    runs = folder_drawings.runs_below(tmp_path)
    (same,) = rate_distortion.grouped(runs).values()
    assert list(same) == [run.path.name for run in runs]
    config = runs[1].config
    config["config"]["learning_rate"] = 0.5
    runs[1].write_json("config.json", config)
    (paths,) = rate_distortion.grouped(runs).values()
    assert list(paths)[1] == "learning rate 0.5"


def test_a_view_holds_all_ellipses_and_is_centred_on_them(ax):
    mean, std = np.array([[0.0, 6.0], [1.0, 0.0]]), np.full((2, 2), 0.5)
    posterior_plane.posterior_plane(ax, mean, std, np.arange(2), (0, 1), ["above", "below"])
    bottom, top = ax.get_ylim()
    assert bottom < -2  # the prior's 2σ circle
    assert top > 6.5
    assert top - 6.5 == pytest.approx(-2 - bottom)
    assert np.ptp(ax.get_xlim()) == pytest.approx(top - bottom)
    assert all(bottom < text.get_position()[1] < top for text in ax.texts)
    many = np.random.default_rng(0).normal(size=(5000, 2))
    far = posterior_plane.view_of((np.concatenate([many, [[0.0, 90.0]]]), None))
    assert far.half < 6  # one far point does not shrink all others


def test_the_first_five_labels_have_different_markers(ax):
    visuals.name_classes(ax, np.zeros((5, 2)), np.arange(5), 3.0, ["circle", "cross", "square", "star", "wave"])
    assert len({handle.get_marker() for handle in ax.get_legend().legend_handles}) == 5


@pytest.mark.parametrize(
    ("of", "sizes"),
    [
        (lambda runs: study_figures.slices({"a": runs["rows"]}), 5),
        (lambda runs: study_figures.originals_and_reconstructions(runs), 3),
        (lambda runs: study_figures.interpolations(runs), 6),
        (lambda runs: study_figures.samples(runs), 2),
        (lambda runs: bubble_figures.images({"a": runs["rows"]}), 7),
        (lambda runs: bubble_figures.images({"a": runs["colours"]}), 7),
    ],
)
def test_figures_of_studies_draw_vectors_and_colour_images(of, sizes, study_runs):
    drawn = [image for ax in of(study_runs).get_axes() for image in ax.images]
    assert len(drawn) == sizes
    assert all(0 <= image.get_array().min() <= image.get_array().max() <= 1 for image in drawn)


@pytest.fixture(scope="module")
def study_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return {
        "rows": generated_run(folder / "rows", 3, "12-32-3", make=rows),
        "colours": generated_run(folder / "colours", 2, "c8-r16-32-2", make=colours),
    }


# -- captions ---------------------------------------------------------------------------------------------------


def test_titles_are_the_findings_with_which_captions_begin(toy_run):
    for name in ("posteriors", "magnification", "traversals", "loss", "manifold", "reconstructions"):
        title = findings.finding(toy_run, name)
        drawn = run_figures.FIGURES[name].draw(toy_run)
        shown = [drawn.get_suptitle(), *(ax.get_title("left").strip() for ax in drawn.get_axes())]
        assert title
        assert title in [text.replace("\n", " ") for text in shown]
        assert findings.caption(toy_run, name, "A figure.") == f"{title}. A figure."


def test_a_figure_is_registered_with_its_finding(toy_run, monkeypatch):
    for module, name in ((figure_registry, "FIGURES"), (findings, "FINDINGS")):
        monkeypatch.setattr(module, name, dict(getattr(module, name)))
    figure_registry.register("own", "A figure.", finding=lambda run: f"It has {run.metrics['n_units']} units")(Figure)
    assert "own" in figure_registry.FIGURES
    assert findings.caption(toy_run, "own", "A figure.") == "It has 2 units. A figure."


def test_the_radius_in_the_finding_is_that_of_the_posteriors(toy_run):
    log_var = toy_run.arrays("encodings")["log_var"]
    radius = np.median(np.exp(0.25 * geometry.flat(log_var).sum(axis=1)))
    assert f"radius of {radius:.2f}," in findings.finding(toy_run, "posteriors")


def seeds_at(kl: float, reconstruction: float) -> np.ndarray:
    return np.array([[kl, reconstruction], [kl + 0.4, reconstruction + 2], [kl - 0.4, reconstruction - 2]])


def test_ends_are_means_over_seeds_with_their_ranges_and_a_line_of_the_curve():
    found = {"β = 1": seeds_at(20, 90), "β = 4": seeds_at(8, 130), "β-TC": seeds_at(10, 127)}
    figure = rate_distortion.ends({"16 units": found}, {"16 units": ["β = 1", "β = 4"]})
    (ax,) = figure.get_axes()
    (curve,) = [line for line in ax.lines if line.get_zorder() == 2]
    assert np.transpose(curve.get_data()).round(9).tolist() == [[20, 90], [8, 130]]
    bars = [np.transpose(line.get_data()).round(9).tolist() for line in ax.lines if line.get_zorder() == 3]
    assert [[20, 88], [20, 92]] in bars
    assert [[19.6, 90], [20.4, 90]] in bars
    assert [name.get_text() for name in ax.texts if name.get_text() in found] == list(found)


def test_a_configuration_beyond_the_view_is_drawn_at_the_border_with_its_kl():
    found = {"β = 1": seeds_at(20, 90), "β = 4": seeds_at(8, 130), "MMD": seeds_at(92, 78)}
    (ax,) = rate_distortion.ends({"16 units": found}, max_kl=26).get_axes()
    right = ax.get_xlim()[1]
    assert right == 26
    assert (ax.lines[-1].get_xdata()[0], ax.lines[-1].get_ydata()[0]) == (right, 78)
    assert "MMD: KL 92 →" in [name.get_text() for name in ax.texts]
    assert ax.get_ylim()[0] < 76
    (whole,) = rate_distortion.ends({"16 units": found}).get_axes()
    assert whole.get_xlim()[1] > 92


def test_names_of_ends_do_not_overlap():
    places = {f"configuration {i}": seeds_at(10 + 0.1 * i, 100 - 0.5 * i) for i in range(8)}
    figure = rate_distortion.ends({"16 units": {**places, "β = 1": seeds_at(20, 80), "β = 4": seeds_at(4, 130)}})
    FigureCanvasAgg(figure).draw()
    boxes = [name.get_window_extent() for name in figure.get_axes()[0].texts if name.get_text() in places]
    assert len(boxes) == 8
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_dots_are_seeds_with_their_mean_and_bounds():
    rows = {
        "known": {"tc": np.array([1.0, 3.0]), "tc.low": np.array([0.5, 2.5]), "tc.high": np.array([1.5, 3.5])},
        "saturated": {"tc": np.full(2, np.nan), "tc.low": np.array([4.0, 5.0]), "tc.high": np.full(2, np.nan)},
        "none": {"tc": np.full(2, np.nan)},
    }
    (ax,) = study_figures.dots(rows, {"tc": "total correlation"}).get_axes()
    lines = {(line.get_marker(), round(float(np.mean(line.get_ydata())))): line.get_xdata() for line in ax.lines}
    assert lines["o", 0].tolist() == [1, 3]
    assert list(lines[">", 1]) == [4, 5]
    means = [list(line.get_xdata()) for line in ax.lines if len(set(line.get_ydata())) == 2]
    assert means == [[2, 2]]
    bars = [list(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 6]
    assert bars == [[0.5, 3.5]]
    assert [text.get_text() for text in ax.texts] == ["not measured"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(rows)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_dots_of_counts_have_whole_ticks():
    (ax,) = study_figures.dots({"a": {"n": np.full(3, 16.0)}, "b": {"n": np.full(3, 16.0)}}, {"n": "units"}).get_axes()
    assert ax.get_xlim() == (15.5, 16.5)
    assert [tick for tick in ax.get_xticks() if 15.5 <= tick <= 16.5] == [16]
