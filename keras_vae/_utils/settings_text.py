"""Objects as text: a registered name and settings, as in configurations and on the command line."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from keras_vae._utils import spelling
from keras_vae.errors import InputError

SWITCHES = {"on": True, "off": False}
T = TypeVar("T")


def parse(argument: str, get: Callable[[str], T], text: str, defaults: Mapping[str, Any] | None = None) -> T:
    """The object of a text: a registered name, then settings `name=value`, separated by spaces.

    The settings are the fields of a dataclass, or what `get_config` of another object returns.

    Args:
        argument: name of the argument that takes the text, for error messages.
        get: returns the object of a registered name with its default settings.
        text: for example `"decomposed tc=6"`.
        defaults: settings that the text need not state; those that the object doesn't have are ignored.

    Raises:
        InputError: if the name or a setting is unknown, or a value is out of range.
    """
    name, *settings = text.split() or [""]
    default: Any = get(name)
    fields = _settings(default)
    given = {key: value for key, value in (defaults or {}).items() if key in fields}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or key not in fields:
            allowed = f"of {', '.join(fields)}" if fields else "none"
            advice = spelling.advice(key, fields, "correct it.")
            raise InputError(f"{argument}: expected settings {allowed}, as name=value; received {setting!r}; {advice}")
        given[key] = _value(argument, key, value, fields[key])
    return type(default)(**given)


def as_text(instance: Any) -> str:
    """The text of an object with a `name`, with the settings that differ from the default ones."""
    default, settings = _settings(type(instance)()), _settings(instance)
    changed = {key: value for key, value in settings.items() if value != default[key]}
    return " ".join([instance.name, *(f"{key}={_text(value)}" for key, value in changed.items())])


def _settings(instance: Any) -> dict[str, Any]:
    if not dataclasses.is_dataclass(instance):
        return instance.get_config()
    return {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}


def _value(argument: str, key: str, text: str, default: Any) -> Any:
    """The value of a setting, of the type of its default."""
    if isinstance(default, str):
        return text
    if isinstance(default, bool):
        if text in SWITCHES:
            return SWITCHES[text]
        raise InputError(f"{argument}: expected {key}=on or {key}=off; received {text!r}.")
    try:
        return type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise InputError(f"{argument}: expected {kind} as {key}; received {text!r}.") from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
