"""Objectives as text: a name and settings, as in configurations and on the command line."""

import dataclasses
from typing import Any

from keras_vae._utils import spelling
from keras_vae.errors import InputError
from keras_vae.objectives.objective import Objective, get

SWITCHES = {"on": True, "off": False}


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
    name, *settings = text.split() or [""]
    default = get(name)
    fields = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}
    given = {key: value for key, value in defaults.items() if key in fields}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or key not in fields:
            allowed = f"of {', '.join(fields)}" if fields else "none"
            advice = spelling.advice(key, fields, "correct it.")
            raise InputError(f"objective: expected settings {allowed}, as name=value; received {setting!r}; {advice}")
        given[key] = _value(key, value, fields[key])
    return type(default)(**given)


def as_text(objective: Objective) -> str:
    """The text of an objective, with the settings that differ from the default ones.

    Example:

    >>> from keras_vae import objectives
    >>> objectives.as_text(objectives.DecomposedKL(tc=6.0))
    'decomposed tc=6'
    """
    default = type(objective)()
    settings = {field.name: getattr(objective, field.name) for field in dataclasses.fields(objective)}
    changed = {key: value for key, value in settings.items() if value != getattr(default, key)}
    return " ".join([objective.name, *(f"{key}={_text(value)}" for key, value in changed.items())])


def _value(key: str, text: str, default: Any) -> Any:
    """The value of a setting, of the type of its default."""
    if isinstance(default, str):
        return text
    if isinstance(default, bool):
        if text in SWITCHES:
            return SWITCHES[text]
        raise InputError(f"objective: expected {key}=on or {key}=off; received {text!r}.")
    try:
        return type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise InputError(f"objective: expected {kind} as {key}; received {text!r}.") from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
