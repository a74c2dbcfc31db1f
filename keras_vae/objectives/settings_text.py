"""Objectives as text: a name and settings, as in configurations and on the command line."""

from typing import Any

from keras_vae._utils import settings_text
from keras_vae.objectives.objective import Objective, get


def parse(text: str, **defaults: Any) -> Objective:
    """The objective of a text: a registered name, then settings `name=value`, separated by spaces.

    Args:
        text: for example `"decomposed tc=6"`.
        **defaults: settings that the text need not state; those that the objective doesn't have are ignored.

    Raises:
        InputError: if the name or a setting is unknown, or a value is out of range.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.parse("decomposed tc=6", images=4000)
    DecomposedKL(images=4000, mi=1.0, tc=6.0, marginal=1.0, estimator='stratified')
    >>> objectives.parse("free-bits nats=0.1 group=all")
    FreeBits(nats=0.1, group='all')
    """
    return settings_text.parse("objective", get, text, defaults)


def as_text(objective: Objective) -> str:
    """The text of an objective, with the settings that differ from the default ones.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.as_text(objectives.DecomposedKL(tc=6.0))
    'decomposed tc=6'
    """
    return settings_text.as_text(objective)
