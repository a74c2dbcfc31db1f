"""Measures of a run's training curves: smoothness, convergence, and the course of the KL."""

import numpy as np

from keras_vae.runs.folder import Run

N_WINDOW_EPOCHS = 5  # at the end of training, over which convergence is measured, and at its beginning, for the KL


def training_curves(run: Run) -> dict[str, float]:
    """Measures of `history.csv` by their keys in `keras_vae.measures`, in nats per image.

    Args:
        run: a finished run; measures that its posterior or its number of epochs doesn't define are omitted.

    Returns:
        `largest_loss_rise`, the largest increase of the training loss from one epoch to the next (negative if it fell
        in every epoch); `late_loss_fall` over the last five epochs; `first_reconstruction_fraction`, the fraction of
        reconstruction in the first epoch's loss; `early_kl_rise` of test images from the end of the first epoch to
        that of the fifth; `late_kl_change` over the last five epochs.
    """
    history = run.history
    loss = history["loss"]
    before_last = -min(N_WINDOW_EPOCHS + 1, len(loss))
    row = {"first_reconstruction_fraction": history["reconstruction"][0] / loss[0]}
    if len(loss) > 1:
        row["largest_loss_rise"] = np.diff(loss).max()
        row["late_loss_fall"] = loss[before_last] - loss[-1]
    if "kl" in history:
        kl = history["val_kl"]
        if len(loss) > 1:
            row["early_kl_rise"] = kl[:N_WINDOW_EPOCHS][-1] - kl[0]
            row["late_kl_change"] = kl[-1] - kl[before_last]
    return {name: float(value) for name, value in row.items()}
