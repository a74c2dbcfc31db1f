"""Reports the results of a study: tables and verdicts on the terminal, figures, videos and pages."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from keras_vae._utils.files import write_json
from keras_vae._utils.progress import ProgressReporter
from keras_vae._utils.terminal import print_paragraph, print_table
from keras_vae._utils.verdicts import jointly
from keras_vae.report import run_page, study_page
from keras_vae.studies import study_text
from keras_vae.studies.results import Results

GAP = " " * 3  # between a verdict and its claim


def report(results: Results) -> None:
    """Makes figures and pages, and prints the summary, the verdicts and the paths of all files."""
    captions = results.study.draw(results) if results.study.draw else {}
    write_json(results.folder / "captions.json", {path.stem: caption for path, caption in captions.items()})
    page = write_pages(results)
    progress = ProgressReporter()
    progress.message("")
    print_paragraph(progress.console, study_text.description(results))
    progress.message("")
    print_table(progress.console, study_text.summary(results))
    if note := study_text.loss_note(results):
        print_paragraph(progress.console, note)
        progress.message("")
    for table in results.tables:
        print_table(progress.console, table)
    _print_claims(progress.console, [study_text.claim_text(claim) for claim in results.verdicts])
    if text := jointly(results.verdicts):
        progress.message("")
        print_paragraph(progress.console, text)
    for table in study_text.undecided(results):
        print_table(progress.console, table)
    progress.message("")
    for path in [*captions, results.folder / "study.json", results.folder / "study.md", page]:
        progress.message(str(path))


def _print_claims(console: Console, claims: Sequence[study_text.ClaimText]) -> None:
    """Prints each claim beside its verdict, with what was measured below it."""
    width = max((len(claim.verdict) for claim in claims), default=0)
    for claim in claims:
        details = f"{claim.measured}; 95 % interval {claim.interval}; holds if {claim.region}"
        for verdict, text in ((claim.verdict, claim.claim), ("", details)):
            print_paragraph(console, f"{verdict:>{width}}{GAP}{text}", width + len(GAP))


def write_pages(results: Results) -> Path:
    """Writes the study's `report.html`, and that of the first run of each configuration, to which it links."""
    for config in results.study.configs:
        run_page.write(results.run(config))
    return study_page.write(results.folder)
