"""Published likelihoods of dense VAEs on MNIST, in the protocols of their sources.

- PyTorch's VAE example: 784-400-20 on grey images, batches of 128, Adam 1e-3, 10 epochs; −ELBO of the test images.
- 784-400-40 on statically binarised images, batches of 100, Adam 1e-4; −log p(x) by 200 importance samples. The value
  is that of pythae's reproduction, after 500 epochs; here they are 100.
- Burda, Grosse & Salakhutdinov, "Importance Weighted Autoencoders", 2016, table 1: one stochastic layer of 50 units,
  two hidden layers of 200 with tanh, dynamic binarisation, batches of 20, training with k = 1, 5 and 50 samples per
  image. The source trains for 3,280 epochs, 3^i of them at the rate 10^(−3 − i/7), i = 0 … 7, and estimates −log p(x)
  by 5,000 samples. Here they are 8 epochs at the first rate, and 1,000 samples. The values are those that a
  reproduction quotes, the number of active units is from memory: the paper was not read.

Binary images are drawn from the grey values with a fixed seed; the set of images that most of the literature uses is
another draw of them. All test images are measured.

The margins were chosen before trainings of this size: a value is met within 1 nat if the training is the source's, and
if it is shorter, within 0.5 nats below and 3 (a fifth of the epochs) or 10 nats (8 of 3,280) above. A short training
cannot show a value of a long one; what it can show is the order of the objectives.

    python recipes/literature.py
"""

from math import inf
from pathlib import Path

from keras_vae import Run
from keras_vae.data import Dataset
from keras_vae.evaluation.judge import Judge
from keras_vae.studies import Claim, Mean, Measure, Quick, Results, Study, main

GREY, STATIC = "784-400-20", "784-400-40"
VAE, IWAE_5, IWAE_50 = "k = 1", "k = 5", "k = 50"
SAMPLES_IN_TRAINING = {VAE: 1, IWAE_5: 5, IWAE_50: 50}
ONE_LAYER = "784-200-200-50"
IMPORTANCE_SAMPLES = {STATIC: 200, ONE_LAYER: 1000}
PUBLISHED = {GREY: 105.56, STATIC: 89.78, VAE: 86.76, IWAE_5: 85.54, IWAE_50: 84.78}
PUBLISHED_ACTIVE = 19  # units, with k = 1
PUBLISHED_EPOCHS = {GREY: 10, STATIC: 500, **dict.fromkeys(SAMPLES_IN_TRAINING, 3280)}

NLL = Measure("nll", "−log p(x), all test images", "nats per image", "lower", bounds=(0, inf))
GAP = Measure("nll_gap", "−ELBO − (−log p(x)): mean KL(q(z | x) ‖ p(z | x))", "nats per image", bounds=(0, inf))
BIAS = Measure("nll_bias", "estimated bias of −log p(x)", "nats per image", bounds=(0, inf))
EFFECTIVE = Measure("nll_effective", "effective importance samples, median", bounds=(1, inf))
OWN_MEASURES = [NLL, GAP, BIAS, EFFECTIVE]


def measure_run(run: Run, dataset: Dataset, judge: Judge | None) -> dict[str, float]:
    """The importance-weighted −log p(x) of all test images, where the training images were binary."""
    config = run.config["config"]
    if not config["binarize"]:
        return {}
    import keras

    from keras_vae import data, diagnostics
    from keras_vae.evaluation.likelihood import log_likelihood

    vae = keras.models.load_model(run.model_path)
    x = data.binarize(dataset.x_test)
    samples = IMPORTANCE_SAMPLES[config["architecture"]]
    q = vae.encode(x)
    weights = diagnostics.importance_log_weights(log_likelihood(vae, x), q.mean, q.log_var, samples)
    found = diagnostics.importance_weighted_evidence(weights)
    return {
        NLL.key: -found.value,
        GAP.key: found.value - float(weights.mean()),
        BIAS.key: -found.bias,
        EFFECTIVE.key: found.effective,
    }


def near(name: str, measure: str, below: float, above: float) -> Claim:
    """A claim that the published value is met within a margin."""
    value = PUBLISHED[name]
    what = "−ELBO" if measure == "loss" else "−log p(x)"
    return Mean(f"{name}: {what}", measure, (value - below, value + above), {name: 1}, published=value)


def lower(words: str, better: str, worse: str, at_least: float) -> Claim:
    """A claim that one objective has a lower −log p(x) than another by a margin."""
    difference = round(PUBLISHED[worse] - PUBLISHED[better], 2)
    return Mean(words, NLL.key, (at_least, inf), {worse: 1, better: -1}, published=difference)


CLAIMS = [
    near(GREY, "loss", 1, 1),
    near(STATIC, NLL.key, 0.5, 3),
    *(near(name, NLL.key, 0.5, 10) for name in SAMPLES_IN_TRAINING),
    # A quarter of the published differences: they grow during training.
    lower("more samples are better: 5 than 1", IWAE_5, VAE, 0.3),
    lower("… 50 than 5", IWAE_50, IWAE_5, 0.2),
    lower("… 50 than 1", IWAE_50, VAE, 0.5),
    Mean(
        "k = 1: about 19 of 50 units active",
        "active_units",
        (14, 24),
        {VAE: 1},
        resolution=1,
        published=PUBLISHED_ACTIVE,
    ),
    Mean("more samples: more units active, 5 than 1", "active_units", (1, inf), {IWAE_5: 1, VAE: -1}, resolution=1),
    Mean("… 50 than 1", "active_units", (1, inf), {IWAE_50: 1, VAE: -1}, resolution=1),
    Mean(
        "posteriors need not be factorial: farther from p(z | x), 50 than 1", GAP.key, (0.5, inf), {IWAE_50: 1, VAE: -1}
    ),
]


def kl_of_units(results: Results, name: str):
    """The KL of the units on test images, `(seeds, units)`."""
    import numpy as np

    return np.stack([results.run(name, seed).arrays("units")["kl"] for seed in range(results.seeds)])


def epochs_of(trained: dict[str, int]) -> str:
    """The epochs of each configuration beside those of its source: `784-400-40 100 of 500; …`."""
    same: dict[tuple[int, int], list[str]] = {}
    for name, epochs in trained.items():
        same.setdefault((epochs, PUBLISHED_EPOCHS[name]), []).append(name)
    return "; ".join(f"{', '.join(names)}: {here} of {there:,}" for (here, there), names in same.items())


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import seed_figures, study_figures

    runs = {name: results.run(name) for name in results.study.configs}
    one_layer = {name: run for name, run in runs.items() if name in SAMPLES_IN_TRAINING}
    figures = {
        "published": (
            seed_figures.published(
                {name: results.values(name, "loss" if name == GREY else NLL.key) for name in runs},
                PUBLISHED,
                "−ELBO or −log p(x) of test images, nats per image",
            ),
            f"Measured values, one dot per seed, and published ones. {GREY}: −ELBO; others: −log p(x). Epochs, of "
            f"those of the source: {epochs_of({name: run.config['config']['epochs'] for name, run in runs.items()})}.",
        ),
        "dynamics": (
            study_figures.dynamics(one_layer),
            "Losses over epochs, training with k samples per image. The loss is the negative bound of k samples: for "
            "k = 1 the sum of reconstruction and KL, for more of them less than the sum.",
        ),
        "units": (
            seed_figures.unit_kl({name: kl_of_units(results, name) for name in one_layer}),
            "KL of every unit on test images, in decreasing order, one line per seed.",
        ),
        "samples": (study_figures.samples(runs), "A hundred digits of each model, z from N(0, I)."),
    }
    return study_figures.save_all(results.folder, figures)


STUDY = Study(
    name="literature",
    title="Published likelihoods of dense VAEs on MNIST",
    source=(
        "PyTorch, [VAE example](https://github.com/pytorch/examples/tree/main/vae); "
        "C. Chadebec, L. J. Vincent, S. Allassonnière, [Pythae](https://github.com/clementchadebec/benchmark_VAE), "
        "NeurIPS 2022; "
        "Y. Burda, R. Grosse, R. Salakhutdinov, [Importance Weighted Autoencoders](https://arxiv.org/abs/1509.00519), "
        "ICLR 2016 (values that a reproduction quotes)"
    ),
    configs={
        GREY: {"architecture": GREY, "epochs": 10},
        STATIC: {"architecture": STATIC, "binarize": "static", "batch_size": 100, "learning_rate": 1e-4},
        **{
            name: {
                "architecture": ONE_LAYER,
                "activation": "tanh",
                "binarize": "dynamic",
                "objective": "elbo" if k == 1 else f"importance-weighted k={k}",
                "batch_size": 20,
                "epochs": 8,
                "record_every": 1000,  # frames end the compiled calls of many steps
            }
            for name, k in SAMPLES_IN_TRAINING.items()
        },
    },
    measures=["loss", "reconstruction", "kl", *(m.key for m in OWN_MEASURES), "active_units", "frechet.prior"],
    claims=CLAIMS,
    draw=draw,
    measure_run=measure_run,
    own_measures=OWN_MEASURES,
    seeds=3,
    epochs=100,
    # As long for every configuration, and without the one whose steps are the longest.
    quick=Quick(epochs=5, arguments={"batch_size": 32, "epochs": 100}, configs=[GREY, STATIC, VAE, IWAE_5]),
    out="runs/literature",
)

if __name__ == "__main__":
    main(STUDY)
