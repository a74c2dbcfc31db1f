"""Text that is not the package's own, such as names of data sets and classes, made safe to print and to write."""

import unicodedata

_NOT_PRINTABLE = ("Cc", "Cs")  # control characters; halves of a character, which can't be encoded


def is_printable(text: str) -> bool:
    """Whether text has neither control characters nor characters that can't be encoded.

    Example:
        >>> is_printable("größe [2] $x$"), is_printable("two\\nlines"), is_printable("\\udcff")
        (True, False, False)
    """
    return not any(unicodedata.category(character) in _NOT_PRINTABLE for character in text)


def printable(text: str) -> str:
    """The text with a replacement character for each character that is not printable.

    Example:
        >>> printable("two\\nlines")
        'two\\ufffdlines'
    """
    return "".join("\ufffd" if unicodedata.category(c) in _NOT_PRINTABLE else c for c in text)
