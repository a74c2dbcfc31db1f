"""Linear VAEs compared with probabilistic PCA, whose optimum is known exactly.

Source: Lucas, Tucker, Grosse & Norouzi, "Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse", 2019.
For a linear encoder and a linear decoder with Gaussian noise of variance σ² it proves that the ELBO has the global
maximum of the likelihood of probabilistic PCA, and no local maxima that the likelihood lacks; that the units are then
the principal components themselves, not a rotation of them; and that it is σ² by which units collapse: in the closed
form those whose component has a variance λ below σ², and none where σ² is learned.

Each run is compared with the closed form for its own training data (`diagnostics.probabilistic_pca`), with an ELBO that
is computed without sampling (`diagnostics.linear_elbo`). The data sets are

- `walsh`: 65,536 vectors of 64 columns with exactly known variances λ of mean 0: eight components, each 1.4 times as
  large as the next and the smallest twice the noise, and noise of one variance in all 64 directions. The components are
  Walsh functions, so that all columns have the same variance, and standardisation does not change the spectrum.
- `mnist-images`: MNIST without its labels, so that no samples are scored, with 12 units. (The eigenvalues 12 and 13
  differ by 18 %; neighbours differ by 4 to 37 %.)

The fixed values of σ² lie between two neighbouring eigenvalues that differ by 17 % or more. The source trains by other
settings; here they are Adam with a fixed learning rate, batches of 512 and 150 epochs, 18,000 to 19,000 steps.

    python recipes/linear_vae.py
    python recipes/linear_vae.py --dataset mnist-images
"""

from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from keras_vae import Run, data
from keras_vae.data import Dataset
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import Claim, Mean, Measure, Quick, Results, Study, main

if TYPE_CHECKING:
    import numpy as np

WALSH, MNIST = "walsh", "mnist-images"
LEARNED = "σ² learned"
N_TRAIN, N_TEST, COLUMNS = 65_536, 4_096, 64
RATIO, SMALLEST = 1.4, 2.0  # of neighbouring components, and of the smallest to the noise
N_COMPONENTS = 8
CHUNK = 10_000  # images
MIN_GAP = 0.01  # nats per image that a figure shows; the ELBO of a history is a mean over draws

GAP = Measure("pca.gap", "log p(x) of PCA − ELBO, training data", "nats per image", "lower", bounds=(0, inf))
DIFFERENCE = Measure("pca.active_difference", "active units − eigenvalues above σ²", bounds=(-inf, inf))
ANGLE = Measure("pca.angle", "largest angle to the principal subspace", "degrees", "lower", bounds=(0, 90))
ALIGNMENT = Measure("pca.alignment", "smallest |cos| of a unit and its component", better="higher", bounds=(0, 1))
VARIANCE = Measure(
    "pca.variance_error", "largest relative error of a posterior variance σ²/λ", better="lower", bounds=(0, inf)
)
KL_RATIO = Measure("pca.kl_ratio", "KL relative to Σ ½ ln(λ/σ²)", bounds=(0, inf))
COLLAPSED_KL = Measure("pca.collapsed_kl", "largest KL of a unit that must collapse", "nats", bounds=(0, inf))
ROTATION = Measure(
    "pca.rotation", "least KL of a diagonal posterior from the exact one", "nats per image", "lower", bounds=(0, inf)
)
NOISE = Measure("pca.noise_ratio", "σ² relative to that of largest likelihood", bounds=(0, inf))
OWN_MEASURES = [GAP, ROTATION, DIFFERENCE, ANGLE, ALIGNMENT, VARIANCE, KL_RATIO, COLLAPSED_KL, NOISE]


class Setting(NamedTuple):
    """What differs between the data sets.

    Attributes:
        title: of the data.
        architecture: of the networks, without hidden layers.
        noise_stds: σ of each configuration; None where it is learned.
        learning_rate: of Adam.
        max_gap: nats per image that a training may lack, with a learned σ² and with a given one. With a learned σ² the
            smallest component contributes 0.15 nats (`walsh`) and 14 nats (`mnist-images`).
        max_angle: degrees, with a learned σ² and with a given one.
    """

    title: str
    architecture: str
    noise_stds: dict[str, float | None]
    learning_rate: float
    max_gap: tuple[float, float]
    max_angle: tuple[float, float]


SETTINGS = {
    WALSH: Setting(
        "vectors of known spectrum",
        f"{COLUMNS}-{N_COMPONENTS}",
        {LEARNED: None, "σ² = 2.40": 1.55, "σ² = 6.35": 2.52},  # 8, 5 and 2 of 8 units
        3e-3,
        (0.1, 0.1),
        (5.0, 5.0),
    ),
    MNIST: Setting(
        "MNIST",
        "784-12",
        {LEARNED: None, "σ² = 1.35": 1.16, "σ² = 1.99": 1.41},  # 12, 9 and 6 of 12 units
        7e-4,
        (1.0, 0.1),
        (5.0, 15.0),
    ),
}


def read_walsh() -> dict:
    """The data set `walsh`: training vectors whose covariance matrix has exactly the stated eigenvalues."""
    import numpy as np

    components = np.ones((1, 1))
    while len(components) < COLUMNS:
        components = np.block([[components, components], [components, -components]])
    eigenvalues = np.ones(COLUMNS)
    eigenvalues[:N_COMPONENTS] = SMALLEST * RATIO ** np.arange(N_COMPONENTS - 1, -1, -1)
    eigenvalues *= COLUMNS / eigenvalues.sum()
    rng = np.random.default_rng(0)
    components = rng.permutation(components)
    train, test = (rng.standard_normal((n, COLUMNS)) for n in (N_TRAIN, N_TEST))
    train -= train.mean(axis=0)
    whitening = np.linalg.inv(np.linalg.cholesky(train.T @ train / N_TRAIN)).T
    mixing = np.sqrt(eigenvalues)[:, None] * components / np.sqrt(COLUMNS)
    return {"x_train": train @ whitening @ mixing, "x_test": test @ mixing}


def read_mnist_images() -> dict:
    """The data set `mnist-images`: MNIST without labels."""
    found = data.load("mnist")
    return {"x_train": found.x_train, "x_test": found.x_test}


data.register(WALSH, "Vectors of known spectrum", read_walsh)
data.register(MNIST, "MNIST, images alone", read_mnist_images)

_OPTIMA: dict = {}  # by digest of the data, number of units and σ²: an eigendecomposition of MNIST takes seconds


def optimum(dataset: Dataset, n_units: int, noise_var: float | None):
    """The closed form for the training data of a set."""
    from keras_vae import diagnostics

    key = dataset.digest, n_units, noise_var
    if key not in _OPTIMA:
        _OPTIMA[key] = diagnostics.probabilistic_pca(dataset.x_train, n_units, noise_var)
    return _OPTIMA[key]


class Linear(NamedTuple):
    """A trained linear model: the decoder's columns as rows, its bias, and σ²."""

    weights: "np.ndarray"
    bias: "np.ndarray"
    noise_var: float


def linear(vae) -> Linear:
    """The decoder of a trained model, from what it decodes at 0 and at the unit vectors."""
    import numpy as np

    n_units = vae.latent_shape[0]
    decoded = vae.decode(np.vstack([np.zeros((1, n_units)), np.eye(n_units)]).astype("float32")).astype("float64")
    flat = decoded.reshape(len(decoded), -1)
    return Linear(flat[1:] - flat[0], flat[0], float(vae.likelihood.std) ** 2)


def owners(weights, best):
    """The unit of each principal component: the assignment in which the columns have the largest parts along them."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(np.abs(best.components[: best.n_units] @ weights.T), maximize=True)[1]


def cost_of_rotation(model: Linear) -> float:
    """The least KL(q(z | x) ‖ p(z | x)) of a diagonal q, which is that of every x: ½ (Σᵢ ln Mᵢᵢ − ln det M).

    M = I + WᵀW/σ² is the exact posterior's precision. It is diagonal where the decoder's columns are orthogonal, as
    those of principal components are. A rotation of the units leaves p(x) unchanged and costs the ELBO this KL.
    """
    import numpy as np

    precision = np.eye(len(model.weights)) + model.weights @ model.weights.T / model.noise_var
    return float(0.5 * (np.log(precision.diagonal()).sum() - np.linalg.slogdet(precision)[1]))


def measure_run(run: Run, dataset: Dataset, judge: Judge | None) -> dict[str, float]:
    """Compares a run with the closed form for its training data."""
    import keras
    import numpy as np

    from keras_vae import diagnostics

    vae = keras.models.load_model(run.model_path)
    model = linear(vae)
    is_learned = run.config["config"]["likelihood"].startswith("gaussian-optimal")
    best = optimum(dataset, len(model.weights), None if is_learned else model.noise_var)
    chunks = [slice(i, i + CHUNK) for i in range(0, len(dataset.x_train), CHUNK)]
    encodings = [vae.encode(dataset.x_train[chunk]) for chunk in chunks]
    elbo = np.concatenate(
        [
            diagnostics.linear_elbo(dataset.x_train[chunk], q.mean, q.log_var, *model)
            for chunk, q in zip(chunks, encodings, strict=True)
        ]
    )
    units = diagnostics.units_from_batches(encodings)
    k = best.n_active
    # The directions in which the decoder varies most, whichever units they belong to.
    spanned = np.linalg.svd(model.weights, full_matrices=False)[2][:k]
    cosines = np.linalg.svd(spanned @ best.components[:k].T, compute_uv=False)
    owner = owners(model.weights, best)
    columns = model.weights[owner[:k]]
    alignment = np.abs((columns * best.components[:k]).sum(axis=1)) / np.linalg.norm(columns, axis=1)
    errors = np.abs(units.mean_var[owner] / best.posterior_var - 1.0)
    row = {
        GAP.key: best.log_likelihood - float(elbo.mean()),
        ROTATION.key: cost_of_rotation(model),
        DIFFERENCE.key: int(units.active.sum()) - k,
        ANGLE.key: float(np.degrees(np.arccos(np.clip(cosines.min(), 0.0, 1.0)))),
        ALIGNMENT.key: float(alignment.min()),
        VARIANCE.key: float(errors[:k].max()),
        KL_RATIO.key: float(units.kl.sum() / best.kl.sum()),
    }
    if is_learned:
        row[NOISE.key] = model.noise_var / best.noise_var
    if k < best.n_units:
        row[COLLAPSED_KL.key] = float(units.kl[owner[k:]].max())
    return row


def claims(setting: Setting) -> list[Claim]:
    """The claims of the source, each about every configuration or about the one that it concerns."""
    names = list(setting.noise_stds)
    given = names[1:]
    limits = {name: int(name != LEARNED) for name in names}
    return [
        *(
            Mean(
                f"the ELBO reaches the maximum of the likelihood, {name}",
                GAP.key,
                (-inf, setting.max_gap[i]),
                {name: 1},
            )
            for name, i in limits.items()
        ),
        Mean("with σ² learned no unit collapses", DIFFERENCE.key, (-0.5, 0.5), {LEARNED: 1}, resolution=1),
        *(
            Mean(
                f"as many units are active as eigenvalues exceed σ², {name}",
                DIFFERENCE.key,
                (-0.5, 0.5),
                {name: 1},
                resolution=1,
            )
            for name in given
        ),
        Mean("the learned σ² is that of largest likelihood", NOISE.key, (0.98, 1.02), {LEARNED: 1}),
        *(
            Mean(
                f"the decoder spans the components of the largest eigenvalues, {name}",
                ANGLE.key,
                (-inf, setting.max_angle[i]),
                {name: 1},
            )
            for name, i in limits.items()
        ),
        *(
            Mean(f"each active unit is one principal component, {name}", ALIGNMENT.key, (0.95, inf), {name: 1})
            for name in names
        ),
        *(Mean(f"its posterior variance is σ²/λ, {name}", VARIANCE.key, (-inf, 0.05), {name: 1}) for name in given),
    ]


def setting_of(dataset: str) -> Setting:
    """The setting of a data set; another one is taken for images of MNIST's size."""
    return SETTINGS.get(dataset, SETTINGS[MNIST])


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import study_figures

    optima = {
        name: optimum(results.data, results.run(name).metrics["n_units"], None if std is None else std**2)
        for name, std in setting_of(results.dataset).noise_stds.items()
    }
    runs = {name: [results.run(name, seed) for seed in range(results.seeds)] for name in optima}
    figures = {
        "spectrum": (
            spectrum(optima, runs),
            "KL of every unit on test data, in decreasing order, one dot per seed; bars: ½ ln(λ/σ²) of the principal "
            "components of the training data, and 0 where λ is below σ².",
        ),
        "convergence": (
            convergence(optima, runs, results.data),
            "What the ELBO of the test data lacks of the log-likelihood of the closed form, which is fitted to the "
            f"training data; one line per seed, each with draws of z of its own. Differences below {MIN_GAP} are "
            "drawn at the lower edge.",
        ),
        "components": (
            components(optima, {name: results.run(name) for name in optima}),
            "Principal components, and below each the decoder's column of the unit that belongs to it, seed 0; red is "
            "positive, blue is negative, each image has a scale of its own. Columns of collapsed units are empty.",
        ),
    }
    return study_figures.save_all(results.folder, figures)


def spectrum(optima: dict, runs: dict):
    """One panel per configuration: KL of the units, measured and in closed form."""
    import numpy as np

    from keras_vae._utils import palette
    from keras_vae.plots import layout, visuals

    with visuals.style():
        figure, axes = layout.panels(len(optima), len(optima), (layout.WIDTH / len(optima), 3.2))
        for ax, (name, best) in zip(axes, optima.items(), strict=True):
            places = np.arange(1, best.n_units + 1)
            ax.bar(places, best.kl, color=palette.HAIRLINE, label="closed form")
            for i, run in enumerate(runs[name]):
                kl = np.sort(run.arrays("units")["kl"].ravel())[::-1]
                ax.plot(places, kl, "o", color=palette.KL, markersize=4, alpha=0.6, label="trained" if i == 0 else None)
            ax.set(xlabel="unit")
            layout.subtitle(ax, name)
        axes[0].set_ylabel("KL, nats")
        axes[-1].legend()
    return figure


def log_likelihood(best, x) -> float:
    """Mean log p(x) of other data under the closed form: the ELBO with the exact posteriors."""
    import numpy as np

    from keras_vae import diagnostics

    variances = best.eigenvalues[: best.n_active, None]
    columns = np.sqrt(variances - best.noise_var) * best.components[: best.n_active]
    mean = (x.reshape(len(x), -1) - best.mean) @ (columns / variances).T
    log_var = np.broadcast_to(np.log(best.noise_var / variances[:, 0]), mean.shape)
    return float(diagnostics.linear_elbo(x, mean, log_var, columns, best.mean, best.noise_var).mean())


def convergence(optima: dict, runs: dict, dataset: Dataset):
    """One panel per configuration: the log-likelihood of the closed form less the ELBO, over epochs."""
    import numpy as np
    from matplotlib.ticker import LogLocator, NullFormatter

    from keras_vae._utils import palette
    from keras_vae._utils.data_words import worded
    from keras_vae.plots import layout, visuals

    with visuals.style():
        figure, axes = layout.panels(len(optima), len(optima), (layout.WIDTH / len(optima), 3.2))
        for ax, (name, best) in zip(axes, optima.items(), strict=True):
            largest = log_likelihood(best, dataset.x_test)
            for run in runs[name]:
                history = run.history
                gap = np.maximum(largest - history["val_elbo"], MIN_GAP)
                ax.plot(history["epoch"], gap, color=palette.LOSS, linewidth=1, alpha=0.7)
            ax.set_yscale("log")
            ax.set_ylim(bottom=MIN_GAP)
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter(NullFormatter())
            visuals.epoch_axis(ax, history["epoch"])
            layout.subtitle(ax, name)
        axes[0].set_ylabel(worded("nats per image", dataset.image_shape))
    return figure


def components(optima: dict, runs: dict):
    """Two rows per configuration: the components as images, and the decoder's columns."""
    import keras
    import numpy as np
    from matplotlib.figure import Figure

    from keras_vae.plots import layout, visuals

    with visuals.style():
        n_units = next(iter(optima.values())).n_units
        figure = Figure(figsize=(layout.WIDTH, 1.9 * len(optima)), layout="constrained")
        for part, (name, best) in zip(layout.parts(figure, len(optima)), optima.items(), strict=True):
            layout.heading(part, name)
            weights = linear(keras.models.load_model(runs[name].model_path)).weights
            owner = owners(weights, best)
            columns = weights[owner] * np.sign((weights[owner] * best.components[:n_units]).sum(axis=1))[:, None]
            columns[best.n_active :] = 0.0
            side = int(best.components.shape[1] ** 0.5)
            rows = part.subplots(2, n_units, squeeze=False)
            for row, images in zip(rows, (best.components[:n_units], columns), strict=True):
                for ax, image in zip(row, images, strict=True):
                    limit = max(abs(image).max(), 1e-12)
                    ax.imshow(image.reshape(side, side), cmap="RdBu_r", vmin=-limit, vmax=limit)
                    layout.frame(ax)
            layout.row_name(rows[0, 0], "component")
            layout.row_name(rows[1, 0], "decoder")
    return figure


def linear_vae(dataset: str) -> Study:
    """The study of a data set."""
    setting = setting_of(dataset)
    return Study(
        name="linear_vae",
        title=f"Linear VAEs and probabilistic PCA: {setting.title}",
        source=(
            "J. Lucas, G. Tucker, R. Grosse, M. Norouzi, [Don't Blame the ELBO! A Linear VAE Perspective on Posterior "
            "Collapse](https://arxiv.org/abs/1911.02469), NeurIPS 2019"
        ),
        configs={
            name: {
                "architecture": setting.architecture,
                "likelihood": "gaussian-optimal" if std is None else f"gaussian std={std:g}",
                "learning_rate": setting.learning_rate,
                "batch_size": 512,
            }
            for name, std in setting.noise_stds.items()
        },
        measures=["loss", "reconstruction", "kl", "active_units", "collapsed_units", *(m.key for m in OWN_MEASURES)],
        claims=claims(setting),
        draw=draw,
        measure_run=measure_run,
        own_measures=OWN_MEASURES,
        seeds=5,
        epochs=150,
        dataset=WALSH,
        quick=Quick(WALSH, epochs=5),
        out="runs/linear",
    )


STUDY = linear_vae(WALSH)


if __name__ == "__main__":
    main(STUDY, linear_vae)
