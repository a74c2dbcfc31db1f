"""The page of a run: a self-contained HTML file.

It is made from the run folder alone; sections whose data the folder lacks (history, audit, density) are left out.
"""

import json
from pathlib import Path
from typing import Any

from keras_vae import data as datasets
from keras_vae import diagnostics
from keras_vae._utils import formatting
from keras_vae._utils.data_words import is_row, worded, worded_table
from keras_vae._utils.files import complete, write_text
from keras_vae.errors import DamagedFileError
from keras_vae.evaluation import findings, tables
from keras_vae.report import (
    audit_text,
    captions,
    data_uri,
    explorer,
    explorer_details,
    posterior_text,
    reconstruction_table,
    rendering,
    train_command,
    training_charts,
    unit_table,
)
from keras_vae.report.rendering import Fact
from keras_vae.runs import encoder_arrays, explorer_arrays
from keras_vae.runs.folder import Run
from keras_vae.runs.pictures import bar_text

MIN_FIGURE_BYTES = 0.4e6  # for all figures, however large the explorer's data are
AUDIT_FIGURES = ("aggregate", "samplers")  # stems of the figures in the section on the audit
# Stems of figures that show what the page itself draws: the explorer's plane, and its background of decoded images.
DRAWN_BY_THE_PAGE = ("latent", "manifold")
LOSSES = {"loss": "test loss", "reconstruction": "reconstruction", "kl": "KL", "penalty": "penalty"}


def write(run: Run | str | Path, damaged: list[DamagedFileError] | None = None) -> Path:
    """Writes `report.html` of a finished run and returns its path.

    The figures and videos that the folder holds are embedded; none are drawn. A run made by a version without the
    explorer gets `arrays/explorer.npz` and `arrays/encoder.npz` from its model first, as does one whose files of these
    names are damaged.

    Args:
        run: a finished run, or its folder.
        damaged: receives the errors of damaged files that the page does without: the networks of its explorer.

    Raises:
        InputError: if the folder holds no finished run.
        DamagedFileError: if one of its files is damaged; a damaged figure is left out, and the page says so.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    run.require_finished()
    explorer_arrays.ensure(run)
    damaged = [] if damaged is None else damaged
    prior = (_readable(run, "prior", damaged) or {}) if run.has_learned_prior else None
    traversals = _readable(run, "traversals", damaged)
    explorer_data = explorer.page_data(run.arrays("explorer"), run.class_names, prior=prior, traversals=traversals)
    encoder_arrays.ensure(run)
    encoder, decoders, reconstructions = (
        _readable(run, name, damaged) for name in ("encoder", "decoders", "reconstructions_over_time")
    )
    explorer_data |= explorer_details.details(run, explorer_data, encoder)
    images = run.arrays("explorer")["images"]
    explorer_data |= explorer.networks(explorer_data, images, encoder, decoders, reconstructions)
    max_figure_bytes = max(rendering.MAX_PAGE_BYTES - len(json.dumps(explorer_data)), MIN_FIGURE_BYTES)
    evaluation = run.evaluation if run.has_evaluation else {}
    page = rendering.render(
        "run.html",
        title=run.title,
        lead=_lead(run),
        facts=_facts(run),
        explorer=explorer_data,
        charts=training_charts.charts(run),
        beta=training_charts.constant_beta(run),
        units=unit_table.unit_table(run, evaluation.get("units")),
        item=worded("image", run.image_shape),
        reconstructions=reconstruction_table.reconstruction_table(run),
        **_media(run, max_figure_bytes, damaged),
        **_evaluation(run, evaluation),
        command=train_command.command(run),
        config=json.dumps(run.config, indent=2, ensure_ascii=False),
        footer=rendering.footer(run.config),
    )
    path = run.path / rendering.PAGE
    write_text(path, page)
    return path


def _readable(run: Run, name: str, damaged: list[DamagedFileError]) -> dict[str, Any] | None:
    """Arrays that the page can do without; None if there are none, or if they are damaged, which is noted."""
    try:
        return run.arrays(name) if run.has_arrays(name) else None
    except DamagedFileError as error:
        damaged.append(error)
        return None


def _lead(run: Run) -> str:
    """The model, its data and its settings, as one sentence."""
    described, metrics = run.config, run.metrics
    config, data = described["config"], described["dataset"]
    model = (
        f"{posterior_text.model_name(config['posterior'])} with {formatting.count(metrics['n_units'], 'latent unit')}"
    )
    size = " × ".join(map(formatting.amount, data["image_shape"]))
    binary = {"static": "binarised ", "dynamic": "dynamically binarised "}.get(config.get("binarize"), "")
    kind = f"rows of {size} columns" if is_row(data["image_shape"]) else f"{binary}images of {size} pixels"
    source = f"{kind} from {datasets.title(config['dataset'])}"
    tested = f"evaluated on {formatting.amount(data['test'])} test {source}"  # the losses of the page are theirs
    if "pruned" in described:
        return f"{model}, {_pruning(described['pruned'])}, and {tested}."
    if "adopted" in described:
        return f"{model}, trained elsewhere and {tested}."
    settings = [f"{config['posterior']} posterior"] if posterior_text.is_named(config["posterior"]) else []
    noise = metrics.get("noise_std")
    estimated = (
        f" (σ\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{formatting.number(noise)})" if isinstance(noise, float) else ""
    )
    settings.append(f"{config['likelihood']} likelihood{estimated}")
    if posterior_text.has_beta(config["posterior"]):
        settings.append(f"β\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{config['beta']:g}")
    if config.get("objective", "elbo") != "elbo":
        settings.append(f"objective {config['objective']}")
    if run.has_learned_prior:
        settings.append(f"prior {config['prior']}")
    settings.append(f"Adam with learning rate {config['learning_rate']:g}")
    settings += [f"batch size {formatting.amount(config['batch_size'])}", f"seed {config['seed']}"]
    epochs, n_train = formatting.count(metrics["epochs"], "epoch"), formatting.amount(data["train"])
    return f"{model}, trained for {epochs} on {n_train} {source}: {', '.join(settings)}."


def _pruning(pruned: dict) -> str:
    """From which run a model was pruned, and the test loss before."""
    n, before = len(pruned["removed"]), pruned["test"]
    key = "elbo" if "elbo" in before else "reconstruction"
    name = "ELBO" if key == "elbo" else key
    return (
        f"pruned from {pruned['run']} ({n} of {n + len(pruned['kept'])} units removed; test {name} before "
        f"{formatting.number(before[key])} nats)"
    )


def _facts(run: Run) -> list[Fact]:
    """The numbers at the top of the page."""
    metrics, test = run.metrics, run.metrics["test"]
    facts = [Fact(name, formatting.number(test[key]), "nats") for key, name in LOSSES.items() if key in test]
    facts.append(
        Fact("active units", formatting.amount(metrics["n_active"]), f"of {formatting.amount(metrics['n_units'])}")
    )
    if metrics["seconds"]["train"] is not None:
        facts.append(Fact("training time", *rendering.duration(metrics["seconds"]["train"])))
    facts.append(Fact("parameters", formatting.amount(sum(metrics["parameters"].values()))))
    return facts


def _media(run: Run, max_figure_bytes: float, damaged: list[DamagedFileError]) -> dict[str, Any]:
    """The embedded figures and videos, which of the figures belong to the audit, and notes on damaged ones."""
    descriptions = captions.read(run.path)
    excluded = (*DRAWN_BY_THE_PAGE, "loss") if run.has_history else DRAWN_BY_THE_PAGE
    defaults = {stem: text for stem, text in captions.RUN_CAPTIONS.items() if stem not in descriptions}
    figures = [
        figure._replace(caption=findings.caption(run, figure.path.stem, figure.caption, damaged))
        for figure in captions.figures(run.path, descriptions | defaults, excluded)
    ]
    pictures = data_uri.pictures(figures, max_figure_bytes)
    text = bar_text(run)
    bars = f" {text[0].upper()}{text[1:]}." if text else ""
    known_videos = {path.stem for path in complete(run.path / "videos", "*.mp4")}
    video_captions = {
        stem: f"{findings.caption(run, stem, text, damaged)}{bars}"
        for stem, text in (captions.RUN_VIDEO_CAPTIONS | descriptions | captions.of_videos(run.path)).items()
        if stem in known_videos
    }
    videos = data_uri.videos(run.path, f"Latent space during the training of {run.title}", video_captions)
    shown = list({picture.src: picture for picture in pictures.shown}.values())  # no picture twice
    return {
        "videos": videos.shown,
        "pictures": [picture for picture in shown if picture.stem not in AUDIT_FIGURES],
        "audit_pictures": [picture for picture in shown if picture.stem in AUDIT_FIGURES],
        "notes": [*pictures.notes, *videos.notes],
    }


def _evaluation(run: Run, evaluation: dict) -> dict[str, Any]:
    """The section that shows `evaluation.json`, in the words of the run's data; empty if there is none."""
    audit, shape = evaluation.get("audit") or {}, run.image_shape
    return {
        "evaluation": [worded_table(table, shape) for table in tables.evaluation(evaluation)] if evaluation else [],
        "audited": bool(audit),
        "findings": [worded(text, shape) for text in audit_text.sentences(evaluation)] if evaluation else [],
        "description": worded(diagnostics.describe(audit["encodings"]), shape) if audit.get("encodings") else "",
    }
