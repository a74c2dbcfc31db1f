"""The verdicts on a claim, as written in `study.json`."""

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "undecided"
