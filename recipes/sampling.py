"""The effect of sampling on a latent space: with sampling, and without it but with the quadratic penalty.

Source: a study of dense VAEs on MNIST, its comparison of "the variational approach (first row), with respect to an
approach where we removed sampling (second row)", for 784-256-2 and for the deeper 784-256-32-8-2. It states
neither optimizer nor epochs; here they are Adam, 1e-3, batches of 128, 50 epochs.

Without sampling the scale of the codes is arbitrary. Shapes are therefore compared on whitened codes, and digits are
generated from N(0, I) and from a Gaussian that matches the moments of the codes.

    python recipes/sampling.py
"""

from math import inf

from keras_vae.studies import Mean, Ratio, Results, Study, main

SHALLOW, DEEP = "784-256-2", "784-256-32-8-2"
PLAIN_SHALLOW, PLAIN_DEEP = f"{SHALLOW} without", f"{DEEP} without"

SHAPE = "gaussian_divergence"  # of the whitened codes, in nats
PRIOR, MATCHED = "frechet.prior", "frechet.moment_matched_test"
DEPTH = {PLAIN_DEEP: 1, DEEP: -1, PLAIN_SHALLOW: -1, SHALLOW: 1}

CLAIMS = [
    Mean("radii eventually are small", "posterior_radius", (-inf, 0.25), {SHALLOW: 1}),
    Mean("digits distribute around the centre …", "mean_code_norm", (-inf, 0.25), {SHALLOW: 1}),
    Mean("… in a Gaussianlike distribution", SHAPE, (-inf, 0.2), {SHALLOW: 1}),
    Mean("shallow: effect not so evident on the distribution", SHAPE, (-0.1, 0.1), {PLAIN_SHALLOW: 1, SHALLOW: -1}),
    Ratio("shallow: … nor on the quality of new digits", PRIOR, (0.8, 1.25), (PLAIN_SHALLOW, SHALLOW)),
    Ratio("the same, moment-matched", MATCHED, (0.8, 1.25), (PLAIN_SHALLOW, SHALLOW)),
    Mean("deep: codes sensibly less uniform without", SHAPE, (0.1, inf), {PLAIN_DEEP: 1, DEEP: -1}),
    Ratio("deep: more distorted digits without", PRIOR, (1.25, inf), (PLAIN_DEEP, DEEP)),
    Ratio("the same, moment-matched", MATCHED, (1.25, inf), (PLAIN_DEEP, DEEP)),
    Mean("so depth is what makes sampling matter", SHAPE, (0.1, inf), DEPTH),
    Mean("deeper nets reconstruct better, with …", "reconstruction", (1, inf), {SHALLOW: 1, DEEP: -1}),
    Mean("… and without sampling", "reconstruction", (1, inf), {PLAIN_SHALLOW: 1, PLAIN_DEEP: -1}),
    Mean("without sampling even slightly better", "reconstruction", (0, 5), {DEEP: 1, PLAIN_DEEP: -1}),
]


def draw(results: Results) -> dict:
    from keras_vae.plots import study_figures

    shown = {
        net: (
            study_figures.comparison(
                {f"{net}, with sampling": results.run(net), f"{net}, without": results.run(plain)}
            ),
            f"{net} with sampling (above) and without: codes of test images by digit, and digits generated from "
            "N(0, I) and from a Gaussian with the mean and covariance of the codes.",
        )
        for net, plain in ((SHALLOW, PLAIN_SHALLOW), (DEEP, PLAIN_DEEP))
    }
    return study_figures.save_all(results.folder, shown)


STUDY = Study(
    name="sampling",
    title="With and without sampling, shallow and deep",
    configs={
        SHALLOW: {"architecture": SHALLOW},
        PLAIN_SHALLOW: {"architecture": SHALLOW, "posterior": "none"},
        DEEP: {"architecture": DEEP},
        PLAIN_DEEP: {"architecture": DEEP, "posterior": "none"},
    },
    measures=[
        "loss",
        "reconstruction",
        "kl",
        "penalty",
        "posterior_radius",
        SHAPE,
        PRIOR,
        MATCHED,
        "precision.prior",
        "recall.prior",
    ],
    claims=CLAIMS,
    draw=draw,
)

if __name__ == "__main__":
    main(STUDY)
