"""The verdicts on a claim, as written in `study.json`."""

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "undecided"
NOT_JUDGED = "toy size: not judged"  # of a study run with `--quick`
