"""The effect of sampling on a latent space: with sampling, and without it but with the quadratic penalty.

Source: a study of dense VAEs on MNIST, its comparison of "the variational approach (first row), with respect to an
approach where we removed sampling (second row)", for 784-256-2 and for the deeper 784-256-32-8-2. It states
neither optimizer nor epochs; here they are Adam, 1e-3, batches of 128, 50 epochs.

Points are drawn with size, as in the source: with sampling each code is the disc of its posterior; without sampling
"the dimension of points in the latent space has no significance", and codes are dots on the same axes.

Without sampling the scale of the codes is arbitrary. Shapes are therefore compared on whitened codes, and digits are
generated from N(0, I) and from a Gaussian that matches the moments of the codes.

    python recipes/sampling.py
"""

from math import inf
from pathlib import Path

from keras_vae.studies import Mean, Ratio, Results, Study, main

SHALLOW, DEEP = "784-256-2", "784-256-32-8-2"
SHALLOW_NO_SAMPLING, DEEP_NO_SAMPLING = f"{SHALLOW}, no sampling", f"{DEEP}, no sampling"

GAUSSIAN_DIVERGENCE = "gaussian_divergence"  # of whitened codes, nats
FRECHET_PRIOR, FRECHET_MATCHED = "frechet.prior", "frechet.moment_matched"
DEPTH_INTERACTION = {DEEP_NO_SAMPLING: 1, DEEP: -1, SHALLOW_NO_SAMPLING: -1, SHALLOW: 1}

CLAIMS = [
    Mean("radii eventually are small", "posterior_radius", (-inf, 0.25), {SHALLOW: 1}),
    Mean("digits distribute around the centre …", "mean_code_norm", (-inf, 0.25), {SHALLOW: 1}),
    Mean("… in a Gaussianlike distribution", GAUSSIAN_DIVERGENCE, (-inf, 0.2), {SHALLOW: 1}),
    Mean(
        "shallow: effect not so evident on the distribution",
        GAUSSIAN_DIVERGENCE,
        (-0.1, 0.1),
        {SHALLOW_NO_SAMPLING: 1, SHALLOW: -1},
    ),
    Ratio("shallow: … nor on the quality of new digits", FRECHET_PRIOR, (0.8, 1.25), (SHALLOW_NO_SAMPLING, SHALLOW)),
    Ratio("the same, z from a moment-matched Gaussian", FRECHET_MATCHED, (0.8, 1.25), (SHALLOW_NO_SAMPLING, SHALLOW)),
    Mean(
        "deep: codes sensibly less uniform without sampling",
        GAUSSIAN_DIVERGENCE,
        (0.1, inf),
        {DEEP_NO_SAMPLING: 1, DEEP: -1},
    ),
    Ratio("deep: more distorted digits without sampling", FRECHET_PRIOR, (1.25, inf), (DEEP_NO_SAMPLING, DEEP)),
    Ratio("the same, z from a moment-matched Gaussian", FRECHET_MATCHED, (1.25, inf), (DEEP_NO_SAMPLING, DEEP)),
    Mean("sampling has a larger effect in the deeper net", GAUSSIAN_DIVERGENCE, (0.1, inf), DEPTH_INTERACTION),
    Mean("deeper nets reconstruct better, with …", "reconstruction", (1, inf), {SHALLOW: 1, DEEP: -1}),
    Mean("… and without sampling", "reconstruction", (1, inf), {SHALLOW_NO_SAMPLING: 1, DEEP_NO_SAMPLING: -1}),
    Mean("without sampling even slightly better", "reconstruction", (0, 5), {DEEP: 1, DEEP_NO_SAMPLING: -1}),
]


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import sampling_figures, study_figures

    figures = {
        net: (
            sampling_figures.discs_and_dots(
                {f"{net}, with sampling": results.run(net), f"{net}, without": results.run(no_sampling)}
            ),
            f"{net} with sampling (above), each code drawn as the disc of its posterior, and without (below), where "
            "codes are points; both on the same axes. Digits generated from N(0, I) and from a Gaussian with the mean "
            "and covariance of the codes.",
        )
        for net, no_sampling in ((SHALLOW, SHALLOW_NO_SAMPLING), (DEEP, DEEP_NO_SAMPLING))
    }
    return study_figures.save_all(results.folder, figures)


STUDY = Study(
    name="sampling",
    title="Shallow and deep networks, trained with and without sampling",
    source="A. Asperti, [a page on variational autoencoders](https://www.cs.unibo.it/~asperti/variational.html)",
    configs={
        SHALLOW: {"architecture": SHALLOW},
        SHALLOW_NO_SAMPLING: {"architecture": SHALLOW, "posterior": "none"},
        DEEP: {"architecture": DEEP},
        DEEP_NO_SAMPLING: {"architecture": DEEP, "posterior": "none"},
    },
    measures=[
        "loss",
        "reconstruction",
        "kl",
        "penalty",
        "posterior_radius",
        GAUSSIAN_DIVERGENCE,
        FRECHET_PRIOR,
        FRECHET_MATCHED,
        "precision.prior",
        "recall.prior",
    ],
    claims=CLAIMS,
    draw=draw,
)

if __name__ == "__main__":
    main(STUDY)
