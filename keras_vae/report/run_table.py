"""A table of runs: the settings in which they differ, and their losses and units."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_vae.errors import InputError
from keras_vae.report import index_page
from keras_vae.runs import comparison
from keras_vae.runs.folder import Run

if TYPE_CHECKING:
    import pandas


def as_paths(runs: Run | str | Path | Sequence[Run | str | Path]) -> list[Path]:
    """The folders of runs that are given as runs or paths, one or several.

    Raises:
        InputError: for anything else, and for an empty list.
    """
    several = [runs] if isinstance(runs, Run | str | Path) else runs
    if not isinstance(several, Sequence) or not several:
        raise InputError(f"runs: expected a run, its folder, or a list of them; received {type(runs).__name__}.")
    wrong = [type(run).__name__ for run in several if not isinstance(run, Run | str | Path)]
    if wrong:
        raise InputError(f"runs: expected runs or their folders; received a value of type {wrong[0]} among them.")
    return [run.path if isinstance(run, Run) else Path(run) for run in several]


def compare(runs: Run | str | Path | Sequence[Run | str | Path]) -> "pandas.DataFrame":
    """Compares finished runs: the settings in which they differ, losses of test images, and active units.

    Losses can be compared between runs of the same data and likelihood only; both are among the columns where they
    differ. `show` opens the same runs as a page.

    Args:
        runs: runs or their folders; a folder that holds runs stands for all of them. Unfinished ones are left out.

    Returns:
        A row per run, by the name of its folder. The columns are the settings that differ; `loss`, `reconstruction`,
        `kl` or `penalty`, and `elbo` of test images in nats per image; `n_units`, `n_active`, `epochs`; and
        `frechet.prior`, the Fréchet distance of samples of N(0, I), where a run was evaluated with a classifier.

    Raises:
        InputError: if there is no finished run.

    Example:
        >>> import tempfile, numpy as np, keras_vae as kv
        >>> x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), "uint8")
        >>> folder = tempfile.mkdtemp()
        >>> np.savez(f"{folder}/noise.npz", x_train=x[:30], x_test=x[30:])
        >>> for beta in (1.0, 4.0):
        ...     config = kv.Config("64-2", dataset=f"{folder}/noise.npz", epochs=1, batch_size=10, beta=beta)
        ...     run = kv.train(config, f"{folder}/runs/beta-{beta:g}", quiet=True)
        >>> kv.compare(f"{folder}/runs")[["beta", "n_units", "epochs"]]
                beta  n_units  epochs
        beta-1   1.0        2       1
        beta-4   4.0        2       1
    """
    import pandas

    found = index_page.find(as_paths(runs)).runs
    if not found:
        raise InputError("runs: expected at least one finished run; received unfinished ones only; train them first.")
    settings = [run.config["config"] for run in found]
    keys = comparison.differing(found)
    rows = [{**{key: row.get(key) for key in keys}, **_measured(run)} for row, run in zip(settings, found, strict=True)]
    names = [run.path.name for run in found]
    is_unique = len(set(names)) == len(names)
    return pandas.DataFrame(rows, index=names if is_unique else [str(run.path) for run in found])


def _measured(run: Run) -> dict[str, Any]:
    metrics = run.metrics
    measured = {**metrics["test"], **{key: metrics[key] for key in ("n_units", "n_active", "epochs")}}
    if run.has_evaluation:
        samples = run.evaluation.get("samples", {})
        measured |= {"frechet.prior": samples["prior"]["frechet"]} if "prior" in samples else {}
    return measured
