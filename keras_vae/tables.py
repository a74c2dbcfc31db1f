"""Numbers as people read them, in tables on a screen and in Markdown."""

from collections.abc import Sequence

ABSENT = "–"

# A unit's row in evaluation.json, in a reader's order.
UNIT_COLUMNS = {
    "kl": "KL, nats",
    "var_mean": "Var[μ]",
    "mean_var": "E[σ²]",
    "total_var": "E[σ²] + Var[μ]",
    "active": "active, by Var[μ] > 0.01",
    "active_by_variance": "active, by E[σ²] < 0.8",
    "replacement_loss": "lost when replaced, nats",
    "born": "active from epoch",
    "died": "died in epoch",
}


def number(value: float | None) -> str:
    """A number to two decimals, large ones to fewer and small ones to more; a dash for none."""
    if value is None:
        return ABSENT
    digits = next((d for border, d in ((1000, 0), (100, 1), (0.1, 2), (0.01, 3)) if abs(value) >= border), 4)
    text = f"{value:.{digits}f}"
    return "0" if not float(text) else text.replace("-", "−")


def count(n: int, thing: str) -> str:
    """`1 epoch`, `2 epochs`."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def liveliest_first(rows: Sequence[dict]) -> list[tuple[int, dict]]:
    """Units with their numbers, those whose means vary most first."""
    return sorted(enumerate(rows), key=lambda unit: -unit[1]["var_mean"])


def units(rows: Sequence[dict]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the report on a run's latent units, the liveliest first.

    Args:
        rows: `units` of `evaluation.json`.
    """
    columns = [column for column in UNIT_COLUMNS if column in rows[0]]
    liveliest = liveliest_first(rows)
    return (
        ["unit", *(UNIT_COLUMNS[column] for column in columns)],
        [[str(i), *(_cell(unit[column]) for column in columns)] for i, unit in liveliest],
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _cell(value: float | bool | None) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else number(value)


def typicality(units: tuple[int, ...]) -> tuple[str, list[str], list[list[str]]]:
    """Title, head and rows of Lemma 2 and Theorem 3 of "Why Bigger is Not Better" by Monte-Carlo, over and under the
    variance at which the entropy is 0."""
    from keras_vae import diagnostics

    wide, narrow = (diagnostics.typicality(variance, units=units) for variance in (1.0, 0.03))
    columns = (wide.typical, wide.exact_typical, wide.log_difference, narrow.log_difference, wide.literal)
    rows = [[str(d), *(number(column[i]) for column in columns)] for i, d in enumerate(units)]
    head = ["n", "share 0.1-typical", "exactly", "log₁₀ |f(Z₁) − f(Z₂)|, σ² = 1", "the same, σ² = 0.03", "literal"]
    title = f"Theorem 3; Lemma 2 (ii) holds for ε = 0.1 from n = {diagnostics.first_typical(0.1)} on"
    return title, head, rows
