"""Reports the results of a study: tables and verdicts on the terminal, figures, videos and pages."""

from pathlib import Path

from rich.table import Table as TerminalTable

from keras_vae._utils.progress import ProgressReporter
from keras_vae.report import run_page, study_page
from keras_vae.runs.files import write_json
from keras_vae.studies import study_text
from keras_vae.studies.results import Results

# Widths of a table in a log, in characters; a log has no width that a table must fit.
FIRST_COLUMN_WIDTH, COLUMN_WIDTH = 60, 20


def report(results: Results) -> None:
    """Prints the summary and the verdicts, makes figures and pages, and prints the paths of all files."""
    progress = ProgressReporter()
    progress.message(f"\n{study_text.description(results)}")
    for text in (study_text.summary(results), *results.tables):
        table = TerminalTable(*text.head, title=text.title or None, title_justify="left")
        for row in text.rows:
            table.add_row(*row)
        if not progress.console.is_terminal:
            progress.console.width = FIRST_COLUMN_WIDTH + COLUMN_WIDTH * (len(text.head) - 1)
        progress.console.print(table)
    for claim in map(study_text.claim_text, results.verdicts):
        progress.message(f"{claim.verdict:>14}   {claim.claim}")
        progress.message(f"{'':17}{claim.measured}; 95 % interval {claim.interval}; holds if {claim.region}")
    captions = results.study.draw(results) if results.study.draw else {}
    write_json(results.folder / "captions.json", {path.stem: caption for path, caption in captions.items()})
    progress.message("")
    for path in [*captions, results.folder / "study.json", results.folder / "study.md", write_pages(results)]:
        progress.message(str(path))


def write_pages(results: Results) -> Path:
    """Writes the study's `report.html`, and that of the first run of each configuration, to which it links."""
    for config in results.study.configs:
        run_page.write(results.run(config))
    return study_page.write(results.folder)
