"""How a training went, in a few numbers: whether the loss fell smoothly and came to rest, what the KL did."""

import numpy as np

from keras_vae.runs.folder import Run

LATE = 5  # epochs, over which a training is asked whether it has come to rest


def dynamics(run: Run) -> dict[str, float]:
    """Numbers of a run's history by name; losses in nats per image.

    Args:
        run: of any posterior; what it lacks (a KL, a second epoch) is left out.

    Returns:
        The largest rise of the training loss from one epoch to the next (negative if it fell in all of them), its
        fall over the last five epochs, the share of reconstruction in the first epoch's loss; how much the KL of test
        images rose from the end of the first epoch to that of the fifth, and changed over the last five.
    """
    history = run.history
    loss, before = history["loss"], -min(LATE + 1, len(history["loss"]))
    row = {"share of reconstruction in the first epoch": history["reconstruction"][0] / loss[0]}
    if len(loss) > 1:
        row["largest rise of the loss"] = np.diff(loss).max()
        row["late fall of the loss"] = loss[before] - loss[-1]
    if "kl" in history:
        kl = history["val_kl"]
        if len(loss) > 1:
            row["first rise of the KL"] = kl[:LATE][-1] - kl[0]
            row["late change of the KL"] = kl[-1] - kl[before]
    return {name: float(value) for name, value in row.items()}
