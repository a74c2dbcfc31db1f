"""Studies: many configurations and seeds, and the claims that they test."""

from keras_vae.studies.claims import Bracket, Claim, Exactly, Gap, Mean, Ratio, Share, Spread
from keras_vae.studies.results import ReportTable, Results
from keras_vae.studies.study import Study, run_command

__all__ = [
    "Bracket",
    "Claim",
    "Exactly",
    "Gap",
    "Mean",
    "Ratio",
    "ReportTable",
    "Results",
    "Share",
    "Spread",
    "Study",
    "run_command",
]
