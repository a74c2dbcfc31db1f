"""The page of encodings without their model: a self-contained HTML file."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from keras_vae import diagnostics
from keras_vae._utils import formatting
from keras_vae._utils.files import write_text
from keras_vae.evaluation import tables
from keras_vae.evaluation.encodings_audit import EncodingsAudit
from keras_vae.evaluation.encodings_file import EncodedImages
from keras_vae.report import audit_text, data_uri, posterior_text, rendering, unit_table
from keras_vae.report.captions import Figure
from keras_vae.report.rendering import Fact

IMAGES = "the encoded images"


def write(path: Path, source: Path, images: EncodedImages, audit: EncodingsAudit, figures: Sequence[Figure]) -> Path:
    """Writes the page of some encodings and returns its path.

    Args:
        path: of the page.
        source: the file of the encodings, which names them.
        images: the encodings.
        audit: their audit.
        figures: files and captions; they are embedded.
    """
    found = audit.encodings
    pictures = data_uri.pictures(figures, rendering.MAX_PAGE_BYTES)
    collapsed = posterior_text.collapsed_units("diagonal")
    shown = "" if audit.measured_codes == found["images"] else f"{audit.measured_codes:,} of "
    page = rendering.render(
        "encodings.html",
        title=source.stem,
        lead=_lead(source, images),
        facts=_facts(found),
        findings=[*audit_text.sentences_of_encodings(found), *audit.remarks],
        pictures=pictures.shown,
        notes=pictures.notes,
        units=unit_table.of_rows(audit.units, found["n_active"], collapsed, IMAGES),
        codes=tables.codes(audit.codes, f"codes of {shown}{IMAGES}"),
        description=diagnostics.describe(found),
        command=f"keras-vae evaluate {shlex.quote(source.name)} --overwrite",  # this page exists
        footer=rendering.footer({}),
    )
    write_text(path, page)
    return path


def _lead(source: Path, images: EncodedImages) -> str:
    n, units = images.mean.shape
    n_classes = 0 if images.labels is None else len(set(images.labels.tolist()))
    labels = f", with {formatting.count(n_classes, 'label')}" if n_classes else ""
    return (
        f"{n:,} encodings of {formatting.count(units, 'latent unit')} from {source.name}{labels}. All results "
        "follow from their means and log variances, without the model."
    )


def _facts(found: dict) -> list[Fact]:
    divergence = found["divergence"]
    low, high = (max(end, 0.0) for end in divergence["interval"])
    facts = [
        Fact("encodings", f"{found['images']:,}"),
        Fact("active units", f"{found['n_active']:,}", f"of {found['latent_units']:,}"),
        Fact("mean KL", formatting.number(divergence["mean_kl"]), "nats"),
        Fact("KL(q(z) ‖ N(0, I))", f"{formatting.number(low)} … {formatting.number(high)}", "nats"),
    ]
    if found["separation"]:
        facts.append(Fact("classifier of q(z) and prior", formatting.number(found["separation"]["auc"]), "AUC"))
    return facts
