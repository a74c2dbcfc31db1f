"""Whether the units of a VAE change the data in orthogonal directions, and why.

Source: Rolínek, Zietlow & Martius, "Variational Autoencoders Pursue PCA Directions (by Accident)", CVPR 2019. A
diagonal posterior and the noise of sampling make the columns of the decoder's Jacobian J orthogonal. Of J = U Σ Vᵀ the
source reports the distance of V to the nearest signed permutation matrix, the distance to orthogonality. For linear
data and two units it is 0.00 for a β-VAE, 0.33 ± 0.18 for an autoencoder, and 0.34 ± 0.35 for a VAE whose posteriors
have a full covariance matrix, which this package doesn't have. Others quote 0.79 ± 0.21 for a decoder with random
weights. A rotation by a uniformly random angle has 0.548 ± 0.314.

Three models, the third of which is not in the source. The loss of the first is, up to a factor, the squared error plus
β KL; the second has the squared error alone. The third is a VAE with one variance for both units of an item: its loss
does not change when the latent space is rotated, so that its units should be rotated at random, although it has the
noise and the prior of the first.

The data sets are

- `rectangle`: two independent factors, uniform on a rectangle, embedded linearly and isometrically in 32 columns,
  without noise. All columns have the same variance, so that standardisation is a change of scale. The principal
  directions are the two sides. 50,000 points, Adam 0.001 and β = 10⁻⁴ are those of the source. What follows is ours:
  the sides of 1 and 0.7, the number of columns, one hidden layer of 64, batches of 128, 200 epochs in place of 600, and
  that the squared error is a sum over columns in the units of the rectangle.
- `mnist-images`: MNIST without its labels, so that no samples are scored, with two units, the Bernoulli likelihood and
  β = 1, 10 epochs. The source has other settings. The curvature of this likelihood is not that of the squared error of
  p, but of 2 arcsin √p; orthogonality is measured for both.

Margins and numbers of seeds were fixed before these trainings, after trials with seed 1000 and, of at most 5 epochs,
with seed 0.

    python recipes/orthogonality.py
    python recipes/orthogonality.py --dataset mnist-images --epochs 10 --seeds 3
"""

from math import cos, inf, pi, sin, sqrt
from pathlib import Path
from typing import NamedTuple

from keras_vae import Run, data
from keras_vae.data import Dataset
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import Mean, Measure, Quick, Results, Study, main

RECTANGLE, MNIST = "rectangle", "mnist-images"
DIAGONAL, AUTOENCODER, ISOTROPIC = "VAE", "autoencoder", "VAE, one variance"
POSTERIORS = {DIAGONAL: "diagonal", AUTOENCODER: "autoencoder", ISOTROPIC: "isotropic"}
SIDES = (1.0, 0.7)
COLUMNS, N_TRAIN, N_TEST = 32, 50_000, 1_000
BETA = 1e-4
SCALE = (COLUMNS / ((SIDES[0] ** 2 + SIDES[1] ** 2) / 12.0)) ** 0.5  # of standardisation: columns of variance 1
NOISE_STD = SCALE * (BETA / 2.0) ** 0.5  # ‖error‖² / 2σ² + KL is, times 2σ², ‖error‖² + β KL with β = 2σ²
N_POINTS = 500  # test items at whose means J is computed
N_UNTRAINED = 20  # decoders with random weights for each seed
N_DRAWN_POINTS, N_CROSSES = 1_000, 16
MAX_LINEAR_EPOCHS = 20  # of an axis; in longer trainings the first epochs need more space
RANDOM_ROTATION = 2.0 * sqrt(2.0) * 8.0 / pi * (1.0 - cos(pi / 8.0))  # the mean distance over rotations of two units
LARGEST = 2.0 * sqrt(2.0) * sin(pi / 8.0)  # of 45°

DISTANCE = Measure("orthogonality.distance", "distance to orthogonality", better="lower", bounds=(0, LARGEST))
COSINE = Measure("orthogonality.cosine", "|cos| of the decoder's columns", better="lower", bounds=(0, 1))
ALIGNMENT = Measure(
    "orthogonality.alignment", "smallest |cos| of a unit and its principal direction", better="higher", bounds=(0, 1)
)
RATIO = Measure("orthogonality.ratio", "smaller singular value relative to the larger", bounds=(0, 1))
UNTRAINED = Measure("orthogonality.untrained", "distance to orthogonality, random weights", bounds=(0, LARGEST))
LIKELIHOOD_DISTANCE = Measure(
    "orthogonality.likelihood_distance", "distance to orthogonality of 2 arcsin √p", better="lower", bounds=(0, LARGEST)
)
LIKELIHOOD_COSINE = Measure(
    "orthogonality.likelihood_cosine", "|cos| of the columns of 2 arcsin √p", better="lower", bounds=(0, 1)
)
OWN_MEASURES = [DISTANCE, COSINE, ALIGNMENT, RATIO, UNTRAINED, LIKELIHOOD_DISTANCE, LIKELIHOOD_COSINE]


def frame():
    """Two orthonormal vectors, as columns `(32, 2)`, for which every row of factors @ frame.T has the same variance.

    Row k is proportional to (cos ψ, b sin ψ), b the ratio of the sides, with a length for which the variance does not
    depend on ψ. With equally spaced ψ the columns are orthogonal by symmetry, and of equal length.
    """
    import numpy as np

    angles = np.pi * (np.arange(COLUMNS) + 0.5) / COLUMNS
    rows = np.stack([np.cos(angles), SIDES[1] / SIDES[0] * np.sin(angles)], axis=1)
    rows /= np.linalg.norm(rows * SIDES, axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    rows = rng.permutation(rows) * rng.choice([-1.0, 1.0], (COLUMNS, 1))
    return rows / np.linalg.norm(rows, axis=0)


def read_rectangle() -> dict:
    """The data set `rectangle`: training points whose factors are uncorrelated, with exactly the stated variances."""
    import numpy as np

    rng = np.random.default_rng(0)
    train, test = (rng.random((n, 2)) - 0.5 for n in (N_TRAIN, N_TEST))
    train -= train.mean(axis=0)
    whitening = np.linalg.inv(np.linalg.cholesky(train.T @ train / N_TRAIN)).T / np.sqrt(12.0)
    mixing = np.array(SIDES)[:, None] * frame().T
    return {"x_train": train @ whitening @ mixing, "x_test": test @ whitening @ mixing}


def read_mnist_images() -> dict:
    """The data set `mnist-images`: MNIST without labels."""
    found = data.load("mnist")
    return {"x_train": found.x_train, "x_test": found.x_test}


data.register(RECTANGLE, "Rectangle in 32 columns", read_rectangle)
data.register(MNIST, "MNIST, images alone", read_mnist_images)


def stabilised(decode):
    """2 arcsin √p of decoded probabilities, whose squared differences are the curvature of the Bernoulli likelihood."""
    import numpy as np

    return lambda z: 2.0 * np.arcsin(np.sqrt(np.clip(decode(z), 0.0, 1.0)))


def orthogonality(decode, means):
    """Of a decoder at the means of test items."""
    from keras_vae import diagnostics

    return diagnostics.distance_to_orthogonality(decode, means[:N_POINTS])


def alignment(decode, means) -> float:
    """The mean over items of the smallest |cos| of a column of J and the principal direction that belongs to it."""
    import numpy as np

    from keras_vae.diagnostics import decoder_jacobian

    parts = decoder_jacobian.in_parts(decode, means[:N_POINTS], decoder_jacobian.DEFAULT_STEP)
    jacobians = np.concatenate(list(parts)).astype("float64")
    cosines = np.abs(jacobians @ frame()) / np.linalg.norm(jacobians, axis=2, keepdims=True)
    in_order = np.minimum(cosines[:, 0, 0], cosines[:, 1, 1])
    exchanged = np.minimum(cosines[:, 0, 1], cosines[:, 1, 0])
    return float(np.maximum(in_order, exchanged).mean())


def untrained(run: Run, dataset: Dataset) -> float:
    """The mean distance of decoders with random weights, at the means of their own encoders."""
    import keras
    import numpy as np

    import keras_vae as kv

    config, found, x = run.config["config"], [], dataset.x_test[:N_POINTS]
    for i in range(N_UNTRAINED):
        seed = N_UNTRAINED * config["seed"] + i
        vae = kv.dense_vae(
            config["architecture"], image_shape=dataset.image_shape, likelihood=config["likelihood"], seed=seed
        )

        def decode(z, vae=vae):  # without `VAE.decode`, which is traced for every model
            return keras.ops.convert_to_numpy(vae.likelihood.mean(vae.decoder(z)))

        mean = keras.ops.convert_to_numpy(vae.encoder(x)[0])
        found.append(orthogonality(decode, mean).distance)
    return float(np.mean(found))


def measure_run(run: Run, dataset: Dataset, judge: Judge | None) -> dict[str, float]:
    """Orthogonality of the decoder at the means of test items."""
    import keras
    import numpy as np

    vae = keras.models.load_model(run.model_path)
    means = vae.encode(dataset.x_test[:N_POINTS]).mean
    found = orthogonality(vae.decode, means)
    row = {
        DISTANCE.key: found.distance,
        COSINE.key: found.cosine,
        RATIO.key: float(np.nanmean(found.singular_ratios)),
    }
    if dataset.name == RECTANGLE:
        row[ALIGNMENT.key] = alignment(vae.decode, means)
    if run.config["config"]["likelihood"] == "bernoulli":
        found = orthogonality(stabilised(vae.decode), means)
        row |= {LIKELIHOOD_DISTANCE.key: found.distance, LIKELIHOOD_COSINE.key: found.cosine}
    if run.config["config"]["posterior"] == POSTERIORS[DIAGONAL]:
        row[UNTRAINED.key] = untrained(run, dataset)
    return row


# An angle of 4° is a distance of 0.1; columns at 87° have a |cos| of 0.05.
ORTHOGONAL, NOT_ORTHOGONAL = (-inf, 0.1), (0.1, inf)
RIGHT_ANGLES, NO_RIGHT_ANGLES = (-inf, 0.05), (0.05, inf)
OURS = "not in the source: "


class Setting(NamedTuple):
    """What differs between the data sets.

    Attributes:
        title: of the data.
        arguments: of `Config`, in every configuration.
        measures: for the summary.
        claims: of the source, and ours.
    """

    title: str
    arguments: dict
    measures: list[Measure]
    claims: list[Mean]


SETTINGS = {
    RECTANGLE: Setting(
        "linear data",
        {
            "architecture": f"{COLUMNS}-64-2",
            "likelihood": f"gaussian std={NOISE_STD:.4g}",
            "record_every": 391,  # steps of an epoch
        },
        [DISTANCE, COSINE, ALIGNMENT, RATIO, UNTRAINED],
        [
            Mean("the units of a VAE are orthogonal", DISTANCE.key, ORTHOGONAL, {DIAGONAL: 1}, published=0.0),
            Mean("those of an autoencoder are not", DISTANCE.key, NOT_ORTHOGONAL, {AUTOENCODER: 1}, published=0.33),
            Mean(
                "an autoencoder has the published distance, within its standard deviation",
                DISTANCE.key,
                (0.15, 0.51),
                {AUTOENCODER: 1},
                published=0.33,
            ),
            Mean(
                "an autoencoder is less orthogonal than a VAE",
                DISTANCE.key,
                (0.1, inf),
                {AUTOENCODER: 1, DIAGONAL: -1},
                published=0.33,
            ),
            Mean(
                "random weights have the distance that others quote, within its standard deviation",
                UNTRAINED.key,
                (0.58, 1.0),
                {DIAGONAL: 1},
                published=0.79,
            ),
            Mean("each unit of a VAE is one principal direction", ALIGNMENT.key, (0.95, inf), {DIAGONAL: 1}),
            Mean(f"{OURS}the columns of a VAE are at right angles", COSINE.key, RIGHT_ANGLES, {DIAGONAL: 1}),
            Mean(f"{OURS}those of an autoencoder are not", COSINE.key, NO_RIGHT_ANGLES, {AUTOENCODER: 1}),
            Mean(f"{OURS}random weights are rotated at random", UNTRAINED.key, (0.448, 0.648), {DIAGONAL: 1}),
            Mean(f"{OURS}with one variance, units are not orthogonal", DISTANCE.key, NOT_ORTHOGONAL, {ISOTROPIC: 1}),
            Mean(
                f"{OURS}with one variance, they are less orthogonal than with two",
                DISTANCE.key,
                (0.1, inf),
                {ISOTROPIC: 1, DIAGONAL: -1},
            ),
            Mean(
                f"{OURS}with one variance, a unit is not one principal direction",
                ALIGNMENT.key,
                (-inf, 0.95),
                {ISOTROPIC: 1},
            ),
        ],
    ),
    MNIST: Setting(
        "MNIST",
        {"architecture": "784-256-2", "likelihood": "bernoulli", "record_every": 469},
        [DISTANCE, COSINE, LIKELIHOOD_DISTANCE, LIKELIHOOD_COSINE, RATIO, UNTRAINED],
        [
            Mean(
                f"{'' if (measure, other) == (DISTANCE, AUTOENCODER) else OURS}{other} less orthogonal than VAE, {of}",
                measure.key,
                (0.1, inf),
                {other: 1, DIAGONAL: -1},
            )
            for measure, of in ((DISTANCE, "pixels"), (LIKELIHOOD_DISTANCE, "2 arcsin √p"))
            for other in (AUTOENCODER, ISOTROPIC)
        ],
    ),
}


def setting_of(dataset: str) -> Setting:
    """The setting of a data set; another one is taken for images of MNIST's size."""
    return SETTINGS.get(dataset, SETTINGS[MNIST])


class Decoded(NamedTuple):
    """A trained model at test items: the means `(n, 2)`, and the orthogonality of its decoder at the first of them."""

    means: "object"
    found: "object"
    directions: "object"


def decoded(run: Run, dataset: Dataset) -> Decoded:
    """The means of a run, its orthogonality, and V at some items, `(items, 2, 2)`, by decreasing singular value."""
    import keras
    import numpy as np

    from keras_vae.diagnostics import decoder_jacobian

    vae = keras.models.load_model(run.model_path)
    means = vae.encode(dataset.x_test[:N_DRAWN_POINTS]).mean
    step = decoder_jacobian.DEFAULT_STEP
    jacobians = np.concatenate(list(decoder_jacobian.in_parts(vae.decode, means[:N_CROSSES], step)))
    v = np.linalg.svd(jacobians.astype("float64"), full_matrices=False)[0]
    return Decoded(means, orthogonality(vae.decode, means), v)


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import study_figures

    names = list(results.study.configs)
    found = {name: [decoded(results.run(name, seed), results.data) for seed in range(results.seeds)] for name in names}
    figures = {
        "distances": (
            distances(found, results.values(DIAGONAL, UNTRAINED.key)),
            "Distance to orthogonality at the means of test items: the mean of each seed as a dot, the range of the "
            "middle 80 % of its items as a line, all items as points. Crosses: means of twenty decoders with random "
            "weights. Dashed: the mean of uniformly random rotations; dotted: the largest distance of two units.",
        ),
        "planes": (
            planes({name: models[0] for name, models in found.items()}),
            "Codes of test items, seed 0, and at some of them the right singular vectors of the decoder's Jacobian, "
            "that of the larger singular value in blue. Orthogonal units have crosses parallel to the axes.",
        ),
    }
    courses = {
        name: [
            through_training(results.run(name, seed), at_end)
            for seed, at_end in enumerate(results.values(name, DISTANCE.key))
        ]
        for name in names
    }
    if all(courses[DIAGONAL]):
        figures["through-training"] = (
            over_epochs(courses),
            "Distance to orthogonality through training, one line per seed, at the recorded means of test items. "
            "Dashed: the mean of uniformly random rotations.",
        )
    figures["dynamics"] = (
        study_figures.dynamics({name: results.run(name) for name in names}),
        "Losses over epochs, seed 0.",
    )
    return study_figures.save_all(results.folder, figures)


def through_training(run: Run, at_end: float) -> dict:
    """The distance of the decoders that a run recorded, at the means of the same step; empty where it kept none."""
    import numpy as np

    if not run.has_arrays("decoders") or not run.has_arrays("trajectory"):
        return {}
    arrays, trajectory = run.arrays("decoders"), run.trajectory
    # Kernels and biases of dense layers; a rescaling to the page's range has numbers alone.
    kernels = [name for name in arrays if name.endswith("_0") and arrays[name].ndim == 3]
    epochs, found = [], []
    for i, epoch in enumerate(arrays["epochs"]):
        nearest = int(np.abs(trajectory.epochs - epoch).argmin())
        if kernels and abs(trajectory.epochs[nearest] - epoch) < 0.05:
            weights = [(arrays[name][i], arrays[f"{name[:-1]}1"][i]) for name in kernels]
            epochs.append(float(epoch))
            found.append(orthogonality(network(weights), trajectory.mean[nearest]).distance)
    if not found:
        return {}
    return {"epochs": [*epochs, float(run.history["epoch"][-1])], "distance": [*found, at_end]}


def network(weights):
    """The decoder of recorded weights: dense layers, all but the last with ReLU."""
    import numpy as np

    def decode(z):
        for i, (kernel, bias) in enumerate(weights):
            z = z @ kernel.astype("float64") + bias
            z = np.maximum(z, 0.0) if i < len(weights) - 1 else z
        return z

    return decode


def distances(found: dict, of_untrained):
    """One column per seed, grouped by configuration."""
    import numpy as np

    from keras_vae._utils import palette
    from keras_vae.plots import layout, visuals

    with visuals.style():
        figure, (ax,) = layout.panels(1, 1, (layout.WIDTH, 4.2))
        place, middles = 0.0, []
        for models in found.values():
            places = place + np.arange(len(models))
            for x, model in zip(places, models, strict=True):
                values = model.found.distances[~np.isnan(model.found.distances)]
                spread = np.linspace(-0.3, 0.3, len(values))
                ax.plot(x + spread, values, ".", color=palette.HAIRLINE, markersize=2, zorder=0)
                ax.plot([x, x], np.quantile(values, [0.1, 0.9]), color=palette.AGGREGATE_POSTERIOR, linewidth=1.5)
                ax.plot(x, values.mean(), "o", color=palette.AGGREGATE_POSTERIOR, markersize=6)
            middles.append(places.mean())
            place += len(models) + 1.0
        places = place + np.arange(len(of_untrained))
        ax.plot(places, of_untrained, "x", color=palette.INK, markersize=6)
        middles.append(places.mean())
        ax.axhline(RANDOM_ROTATION, color=palette.MUTED, linestyle=(0, (4, 4)), linewidth=1)
        ax.axhline(LARGEST, color=palette.MUTED, linestyle=":", linewidth=1)
        ax.set_xticks(middles, [*found, "random weights"])
        ax.tick_params(axis="x", length=0)
        ax.set(ylabel="distance to orthogonality", ylim=(0.0, 1.15))
        degrees = ax.secondary_yaxis(
            "right",
            functions=(
                lambda distance: 2.0 * np.degrees(np.arcsin(np.clip(distance / (2.0 * np.sqrt(2.0)), -1.0, 1.0))),
                lambda angle: 2.0 * np.sqrt(2.0) * np.sin(np.radians(angle) / 2.0),
            ),
        )
        ax.set_xlim(-1.5, places[-1] + 1.5)
        degrees.set_ylabel("rotation from the axes, degrees")
    return figure


def planes(found: dict):
    """One panel per configuration: the codes, and a cross at some of them."""
    import numpy as np
    from matplotlib.collections import LineCollection

    from keras_vae._utils import palette
    from keras_vae.plots import layout, visuals

    with visuals.style():
        figure, axes = layout.panels(len(found), len(found), (layout.WIDTH / len(found), 3.8))
        for ax, (name, model) in zip(axes, found.items(), strict=True):
            limit = 1.1 * float(np.abs(model.means).max())
            ax.plot(*model.means.T, ".", color=palette.HAIRLINE, markersize=3, zorder=0)
            places = model.means[: len(model.directions)]
            for axis, color in ((0, palette.AGGREGATE_POSTERIOR), (1, palette.POSTERIOR)):
                steps = 0.1 * limit * model.directions[:, :, axis]
                ends = list(np.stack([places - steps, places + steps], axis=1))
                lines = LineCollection(ends, colors=color, linewidths=1.5)
                ax.add_collection(lines)
            visuals.square_view(ax, limit, (0, 1))
            layout.subtitle(ax, f"{name}: {model.found.distance:.2f}")
    return figure


def over_epochs(courses: dict):
    """One panel per configuration: the distance over epochs."""
    from keras_vae._utils import palette
    from keras_vae.plots import layout, visuals

    with visuals.style():
        figure, axes = layout.panels(len(courses), len(courses), (layout.WIDTH / len(courses), 3.0))
        for ax, (name, lines) in zip(axes, courses.items(), strict=True):
            for line in lines:
                ax.plot(
                    line["epochs"], line["distance"], "o-", color=palette.AGGREGATE_POSTERIOR, alpha=0.7, markersize=3
                )
            ax.axhline(RANDOM_ROTATION, color=palette.MUTED, linestyle=(0, (4, 4)), linewidth=1)
            ax.set_ylim(0.0, 1.15)
            epochs_from_0(ax, max(line["epochs"][-1] for line in lines))
            layout.subtitle(ax, name)
        axes[0].set_ylabel("distance to orthogonality")
    return figure


def epochs_from_0(ax, last: float) -> None:
    """An axis that ends at the last epoch: linear for short trainings, else logarithmic beyond epoch 1, as it says."""
    import numpy as np
    from matplotlib.ticker import FixedLocator

    from keras_vae.plots import visuals

    if last <= MAX_LINEAR_EPOCHS:
        visuals.epoch_axis(ax, np.array([0.0, last]))
        ax.grid(False)
        return
    ax.set_xscale("symlog", linthresh=1.0)
    powers = [10**i for i in range(len(f"{last:.0f}"))]
    ax.set_xticks([0, *powers])
    ax.xaxis.set_minor_locator(FixedLocator([i * power for power in powers for i in range(2, 10)]))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="epoch, logarithmic beyond 1", xlim=(0.0, last))


def study_of(dataset: str) -> Study:
    """The study of a data set."""
    setting = setting_of(dataset)
    return Study(
        name="orthogonality",
        title=f"Orthogonal units: {setting.title}",
        source=(
            "M. Rolínek, D. Zietlow, G. Martius, [Variational Autoencoders Pursue PCA Directions (by Accident)]"
            "(https://arxiv.org/abs/1812.06775), CVPR 2019"
        ),
        configs={name: {"posterior": kind, **setting.arguments} for name, kind in POSTERIORS.items()},
        measures=["loss", "reconstruction", "kl", "active_units", *(measure.key for measure in setting.measures)],
        claims=setting.claims,
        draw=draw,
        measure_run=measure_run,
        own_measures=OWN_MEASURES,
        seeds=8,
        epochs=200,
        dataset=RECTANGLE,
        quick=Quick(RECTANGLE, epochs=5),
        out="runs/orthogonality",
    )


STUDY = study_of(RECTANGLE)


if __name__ == "__main__":
    main(STUDY, study_of)
