"""Phrases of a page that depend on the kind of posterior."""

from keras_vae import posteriors


def model_name(posterior: str) -> str:
    """The kind of model with its article, as the beginning of a sentence."""
    return "A variational autoencoder" if has_beta(posterior) else "An autoencoder"


def is_named(posterior: str) -> bool:
    """Whether a page states the posterior among the settings; the name of an autoencoder implies it."""
    return has_beta(posterior)


def has_beta(posterior: str) -> bool:
    """Whether β weights a term of the loss; true for a posterior that is not registered."""
    return posterior not in posteriors.names() or posteriors.get(posterior).has_divergence


def collapsed_units(posterior: str) -> str:
    """A sentence on the collapsed units of a model."""
    if not has_beta(posterior):
        return "The others carry almost no information."
    return "The others are collapsed: they stay at the prior and carry almost no information."
