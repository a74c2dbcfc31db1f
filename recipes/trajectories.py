"""Trajectories of test digits in a latent plane while a VAE trains on MNIST, each with the circle of its posterior.

Source: a study of dense VAEs on MNIST (784-256-2), its two opening videos: ten digits, one of each class, during
the first five epochs; then six of each class from the beginning of the second to the end of the tenth epoch, at a
larger scale: here the prior's 3σ. It states no optimizer; here it is Adam, 1e-3, batches of 128.

    python recipes/trajectories.py --dataset mnist
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from keras_vae import Run
from keras_vae.studies import DatasetOption, run_command

ZOOM_LIMIT = 3.0  # half the side of the second video's view: the prior's 3σ; arrows mark what lies outside
CLAIMS = """
Source: A. Asperti, a page on variational autoencoders, https://www.cs.unibo.it/~asperti/variational.html
Claims of the source, and this run:
  radii start close to 1 …                    median {first:.2f} before training
  … and decrease rapidly                      median {fifth:.2f} after {early} epochs, {last:.2f} after {epochs}
  digits distribute around the centre         mean of the {n:,} test codes ({x:+.2f}, {y:+.2f})
  in a Gaussianlike distribution              per unit, E[σ²] + Var[μ] = {sums} (1 is necessary, not sufficient,
                                              for q(z) = N(0, 1))
"""


def main(
    dataset: DatasetOption = "mnist",
    epochs: Annotated[int, typer.Option(help="At least 10 for both of the source's videos.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 0,
    out: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/trajectories"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing run.")] = False,
) -> None:
    """Make both videos; an interrupted run is resumed, a finished one is used as it is."""
    print(f"Trajectories of 784-256-2 on {dataset}: training, figures and two videos into {out}", flush=True)
    from keras_vae.cli.train import print_results
    from keras_vae.plots import run_figures, video
    from keras_vae.report import run_page
    from keras_vae.runs import training
    from keras_vae.runs.config import Config

    config = Config("784-256-2", dataset=dataset, epochs=epochs, seed=seed)
    run = training.train(config, out, resume=not overwrite, overwrite=overwrite)
    drawn = run_figures.draw(run, video=False)
    early = min(5, epochs)
    first = run_figures.trajectory_video(run, "first-epochs", epochs=(0, early), one_per_label=True)
    drawn += [first, video.write_gif(first, first.with_suffix(".gif"))]
    drawn.append(run_figures.trajectory_stills(run, "first-epochs", (0, early), (0, 0.6, early), one_per_label=True))
    if epochs > 1:
        late = min(10, epochs)
        drawn.append(run_figures.trajectory_video(run, "six-of-each", epochs=(1, late), limit=ZOOM_LIMIT))
        drawn.append(
            run_figures.trajectory_stills(run, "six-of-each", (1, late), (1, (1 + late) / 2, late), limit=ZOOM_LIMIT)
        )
    drawn.append(run_page.write(run))
    print_results(run.path)
    print(CLAIMS.format(**claim_values(run, early)))
    for path in drawn:
        print(path)


def claim_values(run: Run, early: int) -> dict[str, Any]:
    """The values in the text of the claims."""
    import numpy as np

    trajectory, codes = run.trajectory, run.arrays("encodings")["mean"]
    radii = np.median(np.sqrt(trajectory.std.prod(axis=2)), axis=1)
    units = run.metrics["units"]
    x, y = codes.mean(axis=0)
    return {
        "first": radii[0],
        "fifth": radii[np.searchsorted(trajectory.epochs, early, side="right") - 1],
        "last": radii[-1],
        "early": early,
        "epochs": f"{trajectory.epochs[-1]:.0f}",
        "n": len(codes),
        "x": x,
        "y": y,
        "sums": " and ".join(f"{unit['mean_var'] + unit['var_mean']:.2f}" for unit in units),
    }


if __name__ == "__main__":
    run_command(main)
