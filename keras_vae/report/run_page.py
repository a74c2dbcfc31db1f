"""A run as one HTML page that needs nothing else: no server, no network.

Everything the page shows lies in the run folder. What a run lacks (a history, an audit, a density) its page leaves out.
"""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae import data as datasets
from keras_vae._utils import formatting
from keras_vae.evaluation import tables
from keras_vae.report import data_uri, rendering, svg
from keras_vae.runs import explorer_arrays
from keras_vae.runs.files import complete, write_text
from keras_vae.runs.folder import Run

LEAST_FOR_PICTURES = 0.4e6  # bytes, whatever the explorer takes
MOST_UNITS = 40  # rows of the table on units

# The style's colours, a label each. Under any of the three kinds of dichromacy some of them can hardly be told apart:
# those have different shapes, so that no two labels share both.
COLORS = (
    "#d1495b", "#1f6fb4", "#2a9d5c", "#8e5bb8", "#e07b1f", "#17a2b8", "#7a4a2b", "#e0559d", "#6b7480", "#b5a010",
)  # fmt: skip
SHAPES = (
    "circle", "circle", "triangle", "triangle", "square", "diamond", "diamond", "wedge", "square", "wedge",
)  # fmt: skip

FIGURES = {  # in the order of a page: what each shows
    "latent": "The means of test images in the plane of the two units that vary most, with the prior's rings",
    "principal": "The means of test images on their two principal components, with the prior's rings",
    "manifold": "Images decoded at the prior's quantiles in two latent units, side by side as a map",
    "samples": "One hundred images decoded from random draws of the prior",
    "units": "The KL of every latent unit over the epochs, as a map of colours",
    "interpolation": "Ways from one test image to another on a line, on an arc and by a cross-fade of pixels",
    "reconstructions": "Test images above what the model makes of each of them",
    "first-epochs": "Ten digits in the latent plane at three times of the first epochs",
    "six-of-each": "Six digits of each kind in the latent plane at three times of the training",
}
AUDIT_FIGURES = {
    "aggregate": "q(z) beside the prior: marginals, distances from the origin, parts of the KL, estimates of log p(x)",
    "samplers": "New images by where z was drawn from, and training images in their place",
}
VIDEOS = {
    "trajectory": "Test images through the training, each at its posterior's mean with the circle of its variance.",
    "first-epochs": "One test image of each label in the first epochs, with the circle of its posterior's variance.",
    "six-of-each": "Six test images of each label, drawn closer.",
}


def write(run: Run | str | Path) -> Path:
    """Writes `report.html` of a finished run and returns its path.

    Figures and videos are shown as `gallery.draw` left them. A run made before there was an explorer gets its arrays
    from its model first.

    Raises:
        InputError: if the folder holds no finished run.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    run.require_finished()
    explorer_arrays.ensure(run)
    explored = _explorer(run.arrays("explorer"))
    rest = max(rendering.LARGEST_PAGE - len(json.dumps(explored)), LEAST_FOR_PICTURES)
    pictures = data_uri.pictures(_figures(run), rest)
    audit = [it for it in pictures if it.alt in AUDIT_FIGURES.values()]
    page = rendering.render(
        "run.html",
        title=run.title,
        lead=_lead(run),
        facts=_facts(run),
        explorer=explored,
        videos=data_uri.videos(run.path, f"The latent plane while {run.title} trains", VIDEOS),
        charts=_charts(run),
        beta=_constant_beta(run),
        pictures=[it for it in pictures if it not in audit],
        audit_pictures=audit,
        units=_units(run),
        **_evaluation(run),
        command=command(run),
        config=json.dumps(run.config, indent=2, ensure_ascii=False),
        footer=rendering.footer(run.config),
    )
    path = run.path / rendering.PAGE
    write_text(path, page)
    return path


def _lead(run: Run) -> str:
    described, metrics = run.config, run.metrics
    config, data = described["config"], described["dataset"]
    kind = "An autoencoder" if config["posterior"] == "autoencoder" else "A variational autoencoder"
    size = " × ".join(map(str, data["image_shape"]))
    units = formatting.count(metrics["n_units"], "latent unit")
    where = f"{data['train']:,} images of {size} from {datasets.title(config['dataset'])}"
    if not run.has_history:
        return f"{kind} with {units} that was trained elsewhere, looked at on {where}."
    with_beta = (
        "" if config["posterior"] == "autoencoder" else f", β\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{config['beta']:g}"
    )
    return (
        f"{kind} with {units}, trained for {formatting.count(metrics['epochs'], 'epoch')} on {where}: "
        f"{config['posterior']} posterior, {config['likelihood']} likelihood{with_beta}, Adam "
        f"{config['learning_rate']:g}, batches of {config['batch_size']}, seed {config['seed']}."
    )


def _facts(run: Run) -> list[tuple[str, str, str]]:
    """The numbers that a page begins with: name, value, and what is to be said small."""
    metrics, test = run.metrics, run.metrics["test"]
    names = {"loss": "test loss", "reconstruction": "reconstruction", "kl": "KL", "penalty": "penalty"}
    facts = [(name, formatting.number(test[key]), "nats") for key, name in names.items() if key in test]
    facts.append(("active units", f"{metrics['n_active']:,}", f"of {metrics['n_units']:,}"))
    if metrics["seconds"]["train"] is not None:
        facts.append(("training", *rendering.duration(metrics["seconds"]["train"])))
    facts.append(("parameters", f"{sum(metrics['parameters'].values()):,}", ""))
    return facts


def _charts(run: Run) -> list[dict]:
    """Curves of the training: loss and reconstruction, KL or penalty, and β where it changes."""
    if not run.has_history:
        return []
    history = run.history
    shown = []
    panels = {"Loss and reconstruction": ("loss", "reconstruction"), "KL": ("kl",), "Penalty": ("penalty",)}
    for heading, keys in (panels | {"β": ("beta",)}).items():
        lines = {key: history[key] for key in keys if key in history}
        if not lines or (heading == "β" and _constant_beta(run) is not None):
            continue
        lines |= {f"test {key}": history[f"val_{key}"] for key in lines if f"val_{key}" in history}
        if heading == "β":
            lines = {"β": lines["beta"]}
        last = "; ".join(f"{name} ends at {formatting.number(values[-1])}" for name, values in lines.items())
        first_names = list(dict.fromkeys(name.removeprefix("test ") for name in lines))
        shown.append(
            {
                "title": heading,
                "key": [
                    (name.replace("kl", "KL"), first_names.index(name.removeprefix("test ")) + 1, "test " in name)
                    for name in lines
                ],
                "svg": svg.curves(history["epoch"], lines, f"{heading} over epochs: {last}."),
            }
        )
    return shown


def _constant_beta(run: Run) -> float | None:
    """β, where there is one, and one alone."""
    beta = run.history.get("beta") if run.has_history else None
    return float(beta[0]) if beta is not None and len(np.unique(beta)) == 1 else None


def _units(run: Run) -> dict[str, Any]:
    """The report on latent units: a row each, the liveliest first."""
    evaluated = run.evaluation["units"] if _is_evaluated(run) else None
    rows = evaluated or _rows(run.arrays("units"))
    key = "kl" if rows[0].get("kl") is not None else "var_mean"
    columns = {k: name for k, name in tables.UNIT_COLUMNS.items() if k in rows[0] and k != key}
    ordered = sorted(tables.by_decreasing_variance(rows), key=lambda unit: -unit[1][key])
    most = max(unit[key] for unit in rows) or 1.0
    n, active = len(rows), run.metrics["n_active"]
    sentence = (
        f"{active:,} of {formatting.count(n, 'unit')} {'is' if active == 1 else 'are'} active: over images their means "
    )
    where = "carry" if run.config["config"]["posterior"] == "autoencoder" else "sit at the prior, and carry"
    sentence += "vary by Var[μ] > 0.01. " + f"The others {where} next to nothing." * (active < n)
    return {
        "sentence": sentence,
        "head": ["unit", tables.UNIT_COLUMNS[key], *columns.values()],
        "rows": [
            {
                "unit": i,
                "share": round(100 * unit[key] / most, 1),
                "measure": formatting.number(unit[key]),
                "cells": [formatting.cell(unit[k]) for k in columns],
                "collapsed": not unit["active"],
            }
            for i, unit in ordered[:MOST_UNITS]
        ],
        "left_out": f"The {n - MOST_UNITS:,} with less are left out." if n > MOST_UNITS else "",
    }


def _rows(columns: dict[str, np.ndarray]) -> list[dict]:
    """A row a unit, of arrays of the latent space's shape."""
    listed = {name: column.ravel().tolist() for name, column in columns.items() if name != "collapsed"}
    return [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]


def _is_evaluated(run: Run) -> bool:
    return (run.path / "evaluation.json").is_file()


def _evaluation(run: Run) -> dict[str, Any]:
    """What of a page comes from `evaluation.json`."""
    if not _is_evaluated(run):
        return {"evaluation": [], "audited": False, "findings": [], "description": ""}
    found = run.evaluation
    audit = found.get("audit") or {}
    described = ""
    if audit.get("encodings"):
        from keras_vae import diagnostics

        described = diagnostics.describe(audit["encodings"])
    return {
        "evaluation": tables.evaluation(found),
        "audited": bool(audit),
        "findings": _findings(audit),
        "description": described,
    }


def _findings(audit: dict) -> list[str]:
    """The audit in sentences."""
    number, said = formatting.number, []
    if audit.get("encodings"):
        encodings = audit["encodings"]
        divergence = encodings["divergence"]
        low, high = divergence["interval"]
        said.append(
            f"Samples come from N(0, I), but what the decoder learned to read is q(z), the mixture of all posteriors. "
            f"Here KL(q(z) ‖ N(0, I)) lies within {number(low)} … {number(high)} nats"
            + (", an upper end that says how many images there are. " if divergence["saturated"] else ". ")
            + (
                f"A classifier tells draws of the two apart with an AUC of {number(encodings['separation']['auc'])} "
                "(0.5 by chance)."
                if encodings.get("separation")
                else ""
            )
        )
    scores = (audit.get("samplers") or {}).get("scores") or {}
    if {"prior", "aggregate_posterior", "floor"} <= set(scores):
        distance = {name: number(score["frechet"]) for name, score in scores.items()}
        said.append(
            f"It shows in samples: from N(0, I) their Fréchet distance to test images is {distance['prior']}, from the "
            f"mixture of posteriors {distance['aggregate_posterior']}; training images have {distance['floor']}."
        )
    return said


def command(run: Run) -> str:
    """What makes a run again: a command where its options suffice, else Python."""
    described = run.config
    config = described["config"]
    if "adopted" in described:
        return f"keras-vae evaluate model.keras --dataset {shlex.quote(config['dataset'])} --out runs/again"
    from keras_vae.runs.config import Config

    usual = Config(config["architecture"]).model_dump()
    differing = {key: value for key, value in config.items() if key != "architecture" and value != usual.get(key)}
    if {"record_every", "record_per_label", "decoder"} & set(differing):
        arguments = ", ".join(f"{key}={value!r}" for key, value in differing.items())
        return f'import keras_vae as kv\n\nkv.train(kv.Config({config["architecture"]!r}, {arguments}), "runs/again")'
    switches = {True: "on", False: "off"}
    options = [
        f"--{key.replace('_', '-')} {shlex.quote(switches[value] if isinstance(value, bool) else str(value))}"
        for key, value in ({"dataset": config["dataset"], "epochs": config["epochs"]} | differing).items()
    ]
    return " ".join(
        ["keras-vae train --architecture", shlex.quote(config["architecture"]), *options, "--out runs/again"]
    )


def _figures(run: Run) -> list[tuple[Path, str]]:
    """The drawn figures of a run in a reader's order, with what each shows."""
    found = {path.stem: path for path in complete(run.path / "figures", "*.png")}
    if run.has_history:
        found.pop("loss", None)  # whose curves the page draws itself
    known = FIGURES | AUDIT_FIGURES
    stems = [stem for stem in known if stem in found] + [stem for stem in found if stem not in known]
    return [(found[stem], known.get(stem, f"{stem.replace('-', ' ')}, a figure of {run.title}")) for stem in stems]


# -- what the explorer is told --------------------------------------------------------------------------------


def _explorer(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The arrays of `arrays/explorer.npz` as the page's script takes them: base 64 and pictures."""
    described = json.loads(str(arrays["description"]))
    images, mean = arrays["images"], arrays["mean"]
    height, width = images.shape[1:3]
    told = {
        "image": {"height": height, "width": width, "channels": 1 if images.ndim == 3 else images.shape[3]},
        "total": mean.shape[1],
        "shown": described["units"],
        "latentShape": described["latent_shape"],
        "points": {
            "count": len(images),
            "mean": data_uri.numbers(mean),
            "logVar": data_uri.numbers(arrays.get("log_var")),
            "labels": _listed(arrays.get("labels")),
            "sprite": data_uri.sprite(images),
            "reconstructions": data_uri.sprite(arrays.get("reconstructions")),
        },
        "trajectory": _trajectory(arrays),
        "colors": COLORS,
        "shapes": SHAPES,
    }
    if "obstacle" in described:
        units = described["units"][:2]
        side = explorer_arrays.GRID_SIDE
        grid = {
            "limit": float(arrays["grid_limit"]),
            "side": side,
            "units": units,
            "sprite": data_uri.sprite(arrays["grid_images"]),
        }
        return told | {"obstacle": described["obstacle"], "grid": grid, "decoder": None, "check": None}
    layers = [
        layer
        | {"weights": [data_uri.numbers(arrays[f"weight_{i}_{j}"]) for j in range(2) if f"weight_{i}_{j}" in arrays]}
        for i, layer in enumerate(described["layers"])
    ]
    check = {"z": data_uri.numbers(arrays["check_z"]), "images": data_uri.numbers(arrays["check_images"])}
    return told | {"decoder": {"layers": layers, "output": described["output"]}, "grid": None, "check": check}


def _trajectory(arrays: dict[str, np.ndarray]) -> dict[str, Any] | None:
    if "epochs" not in arrays:
        return None
    return {
        "count": arrays["trajectory_mean"].shape[1],
        "epochs": np.round(arrays["epochs"], 3).tolist(),
        "units": arrays["trajectory_units"].tolist(),
        "mean": data_uri.numbers(arrays["trajectory_mean"]),
        "logVar": data_uri.numbers(arrays.get("trajectory_log_var")),
        "labels": _listed(arrays.get("trajectory_labels")),
        "sprite": data_uri.sprite(arrays.get("trajectory_images")),
    }


def _listed(array: np.ndarray | None) -> list | None:
    return None if array is None else array.tolist()
