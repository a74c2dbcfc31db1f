"""Models trained with and without sampling, side by side: their codes to one scale, and images decoded from draws."""

import numpy as np
from matplotlib.figure import Figure

from keras_vae import geometry
from keras_vae._utils.formatting import number
from keras_vae.plots import layout, visuals
from keras_vae.plots.posterior_plane import posterior_plane, view_of
from keras_vae.plots.study_figures import Runs, of_runs
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import pictures

PANEL_INCHES = 3.3
SOURCES = {"images": "N(0, I)", "moment_matched": "a Gaussian fitted to the codes"}


@of_runs
def discs_and_dots(runs: Runs) -> Figure:
    """A row for each run: its codes, samples from the prior, samples from a Gaussian fitted to the codes.

    Where the posterior has a density, a code is drawn with its size, the disc r² = σₓ σᵧ; without one it is a point,
    drawn as a dot whose size has no meaning. All rows have the same axes.
    """
    figure = Figure(figsize=(3 * PANEL_INCHES, (PANEL_INCHES + 0.75) * len(runs)), layout="constrained")
    planes = {name: _plane(run) for name, run in runs.items()}
    view = view_of(*((mean, std) for _, mean, std in planes.values()))
    for (name, run), row in zip(runs.items(), figure.subplots(len(runs), 3, squeeze=False), strict=True):
        units, mean, std = planes[name]
        left, *others = row
        posterior_plane(left, mean, std, run.arrays("encodings").get("labels"), units, run.class_names, view, True)
        layout.title(left, visuals.plain(name), _size(std))
        samples = run.arrays("samples")
        for ax, (key, source) in zip(others, SOURCES.items(), strict=True):
            visuals.image_grid(ax, pictures(run, samples[key]), 10, gap=2)
            layout.frame(ax)
            layout.subtitle(ax, f"z from {source}")
    return figure


def _plane(run: Run) -> tuple[tuple[int, ...], np.ndarray, np.ndarray | None]:
    """The two units that vary most, and the means and standard deviations of the codes in their plane."""
    mean, std = run.flat_encodings
    units = geometry.most_varying_units(mean.var(axis=0))
    return units, mean[:, list(units)], None if std is None else std[:, list(units)]


def _size(std: np.ndarray | None) -> str:
    """What the size of the codes means."""
    if std is None:
        return "codes are points; a dot's size has no meaning"
    radius = float(np.median(np.sqrt(std.prod(axis=1))))
    return f"a disc is a posterior; median radius {number(radius)}"
