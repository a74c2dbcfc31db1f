"""How the text of a page depends on the kind of posterior."""


def model_name(posterior: str) -> str:
    """The model with its article, as a sentence begins."""
    return "An autoencoder" if posterior == "autoencoder" else "A variational autoencoder"


def is_named(posterior: str) -> bool:
    """Whether the settings of a run name the posterior, which the name of the model does not imply."""
    return posterior != "autoencoder"


def has_beta(posterior: str) -> bool:
    """Whether β weighs a term of the loss."""
    return posterior != "autoencoder"


def collapsed_units(posterior: str) -> str:
    """What the collapsed units of a model do, as a sentence."""
    if posterior == "autoencoder":
        return "The others carry almost no information."
    return "The others are collapsed: they stay at the prior and carry almost no information."
