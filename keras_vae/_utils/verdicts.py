"""The verdicts on a claim, as `study.json` holds them."""

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "undecided"
