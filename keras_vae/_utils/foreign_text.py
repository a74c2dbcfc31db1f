"""Text from outside of the package, such as names of data sets and classes, without what can't be printed."""

import unicodedata

_NOT_PRINTABLE = ("Cc", "Cs")  # control characters; halves of a character, which can't be encoded


def is_clean(text: str) -> bool:
    """Whether text has neither control characters nor characters that can't be encoded.

    Example:
        >>> is_clean("größe [2] $x$"), is_clean("two\\nlines"), is_clean("\\udcff")
        (True, False, False)
    """
    return not any(unicodedata.category(character) in _NOT_PRINTABLE for character in text)


def cleaned(text: str) -> str:
    """The text with a replacement character for each character that is not printable.

    Example:
        >>> cleaned("two\\nlines")
        'two\\ufffdlines'
    """
    return "".join("\ufffd" if unicodedata.category(c) in _NOT_PRINTABLE else c for c in text)
