"""Studies: many configurations and seeds, and the claims that they test."""

from keras_vae._utils.formatting import Table
from keras_vae.measures import Measure
from keras_vae.studies.claims import Bracket, Claim, Exactly, Gap, Mean, Ratio, Share, Spread
from keras_vae.studies.command_line import (
    DatasetOption,
    EpochsOption,
    OutOption,
    QuickOption,
    SeedsOption,
    main,
    run_command,
    start,
)
from keras_vae.studies.results import Results
from keras_vae.studies.run_study import run_study
from keras_vae.studies.study import Study

__all__ = [
    "Bracket",
    "Claim",
    "DatasetOption",
    "EpochsOption",
    "Exactly",
    "Gap",
    "Mean",
    "Measure",
    "OutOption",
    "QuickOption",
    "Ratio",
    "Results",
    "SeedsOption",
    "Share",
    "Spread",
    "Study",
    "Table",
    "main",
    "run_command",
    "run_study",
    "start",
]
