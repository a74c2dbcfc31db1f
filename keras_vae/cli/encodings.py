"""What `keras-vae evaluate` does with an `.npz` file of encodings: measures them and writes a page."""

import os
import tempfile
from pathlib import Path

from keras_vae.cli.arguments import print_first
from keras_vae.cli.results import print_results
from keras_vae.errors import InputError

MAX_PRINTED_UNITS = 128  # of more the page shows those with the largest KL


def is_encodings(path: Path) -> bool:
    """Whether a path is that of a file of encodings, not of a run or a model."""
    return path.suffix.lower() == ".npz" and not path.is_dir()


def evaluate(source: Path, out: Path | None, overwrite: bool) -> None:
    """Measures encodings, prints the results and writes their page.

    Args:
        source: the `.npz` file.
        out: the page, or a folder for it; default beside the file.
        overwrite: replace an existing page.
    """
    print_first(f"Reading {source}")
    page = page_path(source, out, overwrite)
    from keras_vae.evaluation import encodings_audit, encodings_file, tables
    from keras_vae.report import audit_text, encodings_page

    images = encodings_file.read(source)
    print_first(f"Measuring {len(images.mean):,} encodings of {images.mean.shape[1]:,} units")
    audit = encodings_audit.audit(images)
    print_first("Drawing")
    from keras_vae.plots import encoding_figures
    from keras_vae.report.captions import Figure

    with tempfile.TemporaryDirectory() as folder:
        drawn = encoding_figures.draw(source.stem, images, audit, Path(folder))
        encodings_page.write(page, source, images, audit, [Figure(*figure) for figure in drawn])
    shown = [tables.units(audit.units), tables.codes(audit.codes, "codes")]
    if len(audit.units) > MAX_PRINTED_UNITS:
        del shown[0]
    sentences = audit_text.sentences_of_encodings(audit.encodings)
    print_results([*sentences, *audit.remarks], shown, audit.encodings)
    print(page)


def page_path(source: Path, out: Path | None, overwrite: bool) -> Path:
    """The path of the page, which is checked before anything is computed.

    Raises:
        InputError: if it is not the name of a page, or exists and must not be replaced.
        WriteError: if its folder can't be written.
    """
    from keras_vae._utils.files import check_writable

    page = out or source.with_suffix(".html")
    if page.is_dir():
        page /= f"{source.stem}.html"
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"out: expected a path that ends in .html, or a folder that exists; received {page}.")
    if os.path.lexists(page) and not overwrite:
        raise InputError(
            f"out: expected a new page; {page} exists; set overwrite=True to replace it, or choose another page."
        )
    check_writable(page.parent)
    return page
