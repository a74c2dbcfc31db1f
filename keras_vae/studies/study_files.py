"""Writes the results of a study: `study.json` and `study.md`."""

from keras_vae._utils.files import write_json, write_text
from keras_vae.studies import study_text
from keras_vae.studies.results import Results


def write_results(results: Results) -> None:
    """Writes `study.json` and `study.md`."""
    described = results.run(next(iter(results.study.configs))).config
    summary = study_text.summary(results)
    used = sorted({key for row in results.rows.values() for key in row})
    content = {
        "study": results.study.name,
        "title": results.study.title,
        "source": results.study.source,
        "command": results.command,
        "dataset": {key: value for key, value in described["dataset"].items() if key != "path"},  # of that run
        "epochs": results.epochs,
        "other_epochs": results.other_epochs,
        "seeds": results.seeds,
        "minutes": round(results.minutes, 2),
        "versions": described["versions"],
        "threads": described["threads"],
        "configs": {name: dict(config) for name, config in results.study.configs.items()},
        "measures": {m.key: {"label": m.label, "unit": m.unit} for m in map(results.study.find, used)},
        "runs": [
            {"config": name, "seed": seed, "folder": results.runs[name, seed].path.name, "measures": row}
            for (name, seed), row in results.rows.items()
        ],
        "summary": {"head": summary.head, "rows": summary.rows},
        "loss_note": study_text.loss_note(results),
        "tables": [table._asdict() for table in (*results.tables, *study_text.undecided(results))],
        "claims": results.verdicts,
    }
    write_json(results.folder / "study.json", content)
    write_text(results.folder / "study.md", study_text.markdown(results))
