"""The form of `Audit.as_dict`, which is the part `audit.encodings` of `evaluation.json`."""

from typing import Annotated

from pydantic import Field, model_validator

from keras_vae._utils.forms import OPTIONAL, Bounds, Form, Number, Positive, Whole


class DivergenceForm(Form):
    """KL of the aggregate posterior from the prior."""

    mean_kl: Number
    interval: Annotated[list[Number], Field(min_length=2, max_length=2)]
    images: Positive
    saturated: bool
    mean_kl_error: Number = 0.0  # of a learned prior


class StandardNormalForm(Form):
    """KL from N(0, I), beside that from a learned prior."""

    mean_kl: Number
    interval: Annotated[list[Number], Field(min_length=2, max_length=2)]


class MarginalsForm(Form):
    """The marginals of units; None where one is not available."""

    kl: list[Number | None]
    variance: list[Number | None]


class RadiiForm(Form):
    """Distances of samples from the origin."""

    mean: Number
    std: Number
    prior_mean: Number
    prior_std: Number
    typical: Number
    outside: Number


class DiscrepancyForm(Form):
    """Maximum mean discrepancy from the prior."""

    value: Number
    error: Number | None


class TwoSampleTestForm(Form):
    """Classifier two-sample test against the prior."""

    auc: Number
    error: Number


class AuditForm(Form):
    """The content of `Audit.as_dict`: the aggregate posterior compared with the prior."""

    images: Positive
    latent_units: Positive
    n_active: Whole
    active: list[bool]
    divergence: DivergenceForm
    total_correlation: Bounds
    marginals: MarginalsForm
    radii: RadiiForm
    mmd: DiscrepancyForm
    separation: TwoSampleTestForm | None
    used: dict[str, Positive] = OPTIONAL
    standard_normal: StandardNormalForm = OPTIONAL  # for a learned prior

    @model_validator(mode="after")
    def _refuse_other_numbers_of_units(self):
        lengths = {len(self.active), len(self.marginals.kl), len(self.marginals.variance)}
        if lengths != {self.latent_units}:
            raise ValueError(f"expected values of {self.latent_units} units; received {sorted(lengths)}")
        return self
