"""Text from outside of the package, such as names of data sets and classes: without what can't be printed, short."""

import unicodedata

_NOT_PRINTABLE = ("Cc", "Cs")  # control characters; halves of a character, which can't be encoded


def is_clean(text: str) -> bool:
    """Whether text has neither control characters nor characters that can't be encoded.

    Example:
        >>> is_clean("größe [2] $x$"), is_clean("two\\nlines"), is_clean("\\udcff")
        (True, False, False)
    """
    return not any(unicodedata.category(character) in _NOT_PRINTABLE for character in text)


def shortened(text: str, n: int) -> str:
    """Text of at most `n` characters; a longer one is cut in the middle, since names often differ at their ends.

    Example:
        >>> shortened("a long name of a class", 11)
        'a lon…class'
    """
    return text if len(text) <= n else f"{text[: n // 2]}…{text[len(text) - (n - n // 2 - 1) :]}"


def cleaned(text: str) -> str:
    """The text with a replacement character for each character that is not printable.

    Example:
        >>> cleaned("two\\nlines")
        'two\\ufffdlines'
    """
    return "".join("\ufffd" if unicodedata.category(c) in _NOT_PRINTABLE else c for c in text)
