"""The models' regular expressions, which are Java's, as Python's."""

import functools
import re
import sys
import unicodedata


@functools.cache
def _ranges(category):
    """The inside of a character class with all characters of a Unicode category."""
    ranges, first = [], None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)).startswith(category)
        if inside and first is None:
            first = code
        elif not inside and first is not None:
            ranges.append(f"\\U{first:08x}-\\U{code - 1:08x}")
            first = None
    return "".join(ranges)


def _property(match):
    inside = "A-Za-z0-9" if match[1] == "Alnum" else _ranges(match[1])
    # Within a class it is a part of it, outside one of its own.
    before = match.string[: match.start()].replace("\\[", "").replace("\\]", "")
    return inside if before.count("[") > before.count("]") else f"[{inside}]"


@functools.cache
def compiled(pattern):
    """The pattern compiled."""
    text = re.sub(r"\\p\{(\w+)\}", _property, pattern)
    # A class such as `\w` begins no range in Java: `[\w-\/]` has a plain dash.
    text = re.sub(r"(\\[wds])-(?=[^\]])", r"\1\\-", text)
    return re.compile(text)


def matches(pattern, text):
    """Whether the whole text matches: AWS anchors patterns that are not anchored."""
    return compiled(pattern).fullmatch(text) is not None
