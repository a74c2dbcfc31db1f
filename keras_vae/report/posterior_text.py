"""How the text of a page depends on the kind of posterior."""

from keras_vae import posteriors


def model_name(posterior: str) -> str:
    """The model with its article, as a sentence begins."""
    return "A variational autoencoder" if has_beta(posterior) else "An autoencoder"


def is_named(posterior: str) -> bool:
    """Whether the settings of a run name the posterior, which the name of the model does not imply."""
    return has_beta(posterior)


def has_beta(posterior: str) -> bool:
    """Whether β weights a term of the loss; true for a posterior that this process doesn't know."""
    return posterior not in posteriors.names() or posteriors.get(posterior).has_divergence


def collapsed_units(posterior: str) -> str:
    """What the collapsed units of a model do, as a sentence."""
    if not has_beta(posterior):
        return "The others carry almost no information."
    return "The others are collapsed: they stay at the prior and carry almost no information."
