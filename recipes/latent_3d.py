"""Three latent units: the codes in space, five slices of decoded images, and the trajectories of test images.

Source: a study of dense VAEs on MNIST, which passes "from 2 to 3 latent variables" with 784-256-32-8-3, with and
without sampling: "a three dimensional view of the distribution of digits in the latent space, as well as the result
of sampling, organized in five horizontal slices of 25 points each". It states neither optimizer nor epochs; here
they are Adam, 1e-3, batches of 128, 50 epochs.

    python recipes/latent_3d.py
"""

from math import inf
from pathlib import Path

from keras_vae.studies import Mean, Ratio, Results, Study, main

NET = "784-256-32-8-3"
NO_SAMPLING = f"{NET}, no sampling"

GAUSSIAN_DIVERGENCE = "gaussian_divergence"  # of whitened codes, nats
VARIANCE_RATIO = "principal_variance_ratio"
FRECHET_PRIOR, FRECHET_MATCHED = "frechet.prior", "frechet.moment_matched"

CLAIMS = [
    Mean(
        "a much better spherical disposition with sampling", GAUSSIAN_DIVERGENCE, (0.1, inf), {NO_SAMPLING: 1, NET: -1}
    ),
    Mean(
        "the same, by the smallest over the largest variance of codes",
        VARIANCE_RATIO,
        (0.1, inf),
        {NET: 1, NO_SAMPLING: -1},
    ),
    Ratio("without it, random sampling gives very bad results", FRECHET_PRIOR, (2, inf), (NO_SAMPLING, NET)),
    Ratio("the same, z from a moment-matched Gaussian", FRECHET_MATCHED, (2, inf), (NO_SAMPLING, NET)),
]


def draw(results: Results) -> dict[Path, str]:
    from keras_vae.plots import marks, run_videos, study_figures, video

    runs = {f"{NET}, with sampling": results.run(NET), f"{NET}, no sampling": results.run(NO_SAMPLING)}
    figures = {
        "space": (study_figures.spaces(runs), "Codes of test images by digit, in the space of the three units."),
        "slices": (
            study_figures.slices(runs),
            "Digits decoded on five horizontal slices through the latent space, 25 points each.",
        ),
    }
    drawn = study_figures.save_all(results.folder, figures)
    for file, (title, run) in zip(("with", "without"), runs.items(), strict=True):
        codes, videos = run.arrays("encodings"), results.folder / "videos"
        path, early = videos / f"turn-{file}.mp4", (0, min(5, results.epochs))
        video.write_turn(codes["mean"], codes.get("labels"), path, title=title, class_names=run.class_names)
        drawn[path] = f"{title}: the codes of test images, rotated once."
        path = videos / f"trajectory-{file}.mp4"
        recorded, units = run_videos.pictured_trajectory(run), (0, 1, 2)
        video.write(recorded, path, epochs=early, units=units, title=title)
        mark = marks.explained(video.select(recorded, units=units))
        drawn[path] = f"{title}: test images during the first epochs; {mark}."
    return drawn


STUDY = Study(
    name="latent_3d",
    title="Three latent units, with and without sampling",
    source="A. Asperti, [a page on variational autoencoders](https://www.cs.unibo.it/~asperti/variational.html)",
    configs={NET: {"architecture": NET}, NO_SAMPLING: {"architecture": NET, "posterior": "none"}},
    measures=[
        "loss",
        "reconstruction",
        "kl",
        "penalty",
        "posterior_radius",
        VARIANCE_RATIO,
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
