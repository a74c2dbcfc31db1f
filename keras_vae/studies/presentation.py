"""Reports the results of a study: tables and verdicts on the terminal, figures, videos and pages."""

from pathlib import Path

from keras_vae._utils.files import write_json
from keras_vae._utils.progress import ProgressReporter
from keras_vae._utils.terminal import print_paragraph, print_table
from keras_vae.report import run_page, study_page
from keras_vae.studies import study_text
from keras_vae.studies.results import Results

VERDICT_WIDTH = 17  # characters, of the longest verdict and the space beside it


def report(results: Results) -> None:
    """Makes figures and pages, and prints the summary, the verdicts and the paths of all files."""
    captions = results.study.draw(results) if results.study.draw else {}
    write_json(results.folder / "captions.json", {path.stem: caption for path, caption in captions.items()})
    page = write_pages(results)
    progress = ProgressReporter()
    progress.message("")
    print_paragraph(progress.console, study_text.description(results))
    progress.message("")
    for table in (study_text.summary(results), *results.tables):
        print_table(progress.console, table)
    for claim in map(study_text.claim_text, results.verdicts):
        print_paragraph(progress.console, f"{claim.verdict:>14}   {claim.claim}", VERDICT_WIDTH)
        details = f"{claim.measured}; 95 % interval {claim.interval}; holds if {claim.region}"
        print_paragraph(progress.console, " " * VERDICT_WIDTH + details, VERDICT_WIDTH)
    progress.message("")
    for path in [*captions, results.folder / "study.json", results.folder / "study.md", page]:
        progress.message(str(path))


def write_pages(results: Results) -> Path:
    """Writes the study's `report.html`, and that of the first run of each configuration, to which it links."""
    for config in results.study.configs:
        run_page.write(results.run(config))
    return study_page.write(results.folder)
