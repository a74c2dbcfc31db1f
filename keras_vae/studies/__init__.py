"""Studies: configurations trained with several seeds, and claims that are tested on the results."""

from keras_vae._utils.execution_options import CpusOption, GpusOption, RayOption, StorageOption, WorkersOption
from keras_vae._utils.formatting import Table, number
from keras_vae.measures import Measure
from keras_vae.studies.claims import Bracket, Claim, ExactRatio, Gap, Mean, Proportion, Ratio, Spread
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
from keras_vae.studies.curve_claims import AtEqual, GapAtEqual
from keras_vae.studies.execution import Execution
from keras_vae.studies.results import Results
from keras_vae.studies.run_study import run_study
from keras_vae.studies.study import Quick, Study

__all__ = [
    "AtEqual",
    "Bracket",
    "Claim",
    "CpusOption",
    "DatasetOption",
    "EpochsOption",
    "ExactRatio",
    "Execution",
    "Gap",
    "GapAtEqual",
    "GpusOption",
    "Mean",
    "Measure",
    "OutOption",
    "Proportion",
    "Quick",
    "QuickOption",
    "Ratio",
    "RayOption",
    "Results",
    "SeedsOption",
    "Spread",
    "StorageOption",
    "Study",
    "Table",
    "WorkersOption",
    "main",
    "number",
    "run_command",
    "run_study",
    "start",
]
