"""Captions of the figures and videos of a folder, which are also their alternative texts."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from keras_vae._utils.files import complete
from keras_vae.runs import study_forms

CAPTIONS = "captions.json"  # file stem → caption, in the order of the page

# For registered figures, and stills of videos, that were drawn without a captions.json.
RUN_CAPTIONS = {
    "loss": "Loss, reconstruction and KL over epochs.",
    "posteriors": "The posterior of every test image as its 1σ ellipse, in the plane of two latent units.",
    "latent": "Posterior means of test images in the two latent units with the largest variance of their means; rings "
    "mark the standard deviations of the prior.",
    "magnification": "Magnification √det JᵀJ of the decoder over the latent plane, behind the codes of test images.",
    "principal": "Posterior means of test images on their first two principal components; rings mark the standard "
    "deviations of the prior.",
    "manifold": "Images decoded on a grid of the prior's quantiles in two latent units.",
    "samples": "Images decoded from samples of the prior.",
    "units": "Latent units during training: their KL or, without a KL, the variance of their means.",
    "traversals": "Images decoded along each latent unit, all others at 0, beside the unit's marginal.",
    "marginals": "The marginal of each latent unit under the aggregate posterior.",
    "interpolation": "Interpolation paths between pairs of test images: linear, spherical, and a cross-fade of pixels.",
    "reconstructions": "Test images and, below each, its reconstruction.",
    "coordinates": "Test rows and their reconstructions in parallel coordinates.",
    "neighbours": "Samples and the training images nearest to each, in pixels and in the latent space.",
    "first-epochs": "One test image per label in the latent plane, at three times during the first epochs.",
    "six-of-each": "Six test images per label in the latent plane, at three times during the training.",
    "aggregate": "Aggregate posterior q(z) and prior: marginals, distances from the origin, decomposition of the KL, "
    "estimates of log p(x).",
    "samplers": "Generated images by the distribution of z, and training images for comparison.",
    "pseudo-inputs": "Pseudo-inputs of the VampPrior, whose posteriors the prior mixes.",
}
# For videos that were made without a captions.json.
RUN_VIDEO_CAPTIONS = {
    "trajectory": "Posterior means of test images during training.",
    "first-epochs": "One test image per label during the first epochs.",
    "six-of-each": "Six test images per label during training.",
}
FOLDER_VIDEO_CAPTIONS = {
    "side-by-side": "One recorded image of each label in several trainings, at the same time and to one scale.",
}


class Figure(NamedTuple):
    """A drawn figure: its file, and what it shows."""

    path: Path
    caption: str


def read(folder: Path) -> dict[str, str]:
    """Captions by file stem in the order of the page; empty if the folder has none.

    A study keeps `captions.json` in its own folder, a run beside its figures.

    Raises:
        DamagedFileError: if a captions.json is damaged.
    """
    found: dict[str, str] = {}
    for path in (folder / CAPTIONS, folder / "figures" / CAPTIONS):
        if os.path.lexists(path):
            found |= study_forms.read_captions(path, "draw the figures again")
    return found


def of_videos(folder: Path) -> dict[str, str]:
    """Captions of the videos in `videos/` by file stem; empty if what made them wrote none.

    Raises:
        DamagedFileError: if the captions.json is damaged.
    """
    path = folder / "videos" / CAPTIONS
    return study_forms.read_captions(path, "make the video again") if os.path.lexists(path) else {}


def figures(folder: Path, descriptions: Mapping[str, str], excluded: Collection[str] = ()) -> list[Figure]:
    """The figures of a folder with their captions: first those described, in that order, then the others by name.

    Args:
        folder: of the page; its figures are in `figures/`.
        descriptions: captions by file stem.
        excluded: stems of figures that are left out.
    """
    found = {path.stem: path for path in complete(folder / "figures", "*.png") if path.stem not in excluded}
    stems = [stem for stem in descriptions if stem in found] + [stem for stem in found if stem not in descriptions]
    return [Figure(found[stem], describe(stem, descriptions)) for stem in stems]


def describe(stem: str, descriptions: Mapping[str, str]) -> str:
    """The caption of a file; without one, its name as a sentence.

    Example:
        >>> describe("first-epochs", {"latent": "The latent plane."})
        'First epochs.'
    """
    return descriptions.get(stem, f"{from_stem(stem).capitalize()}.")


def from_stem(stem: str) -> str:
    """A file stem as words."""
    return stem.replace("-", " ")
