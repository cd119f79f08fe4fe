"""Decodes what the protocols write as text: numbers, truth, times, bytes."""

import base64
import binascii
import datetime
import email.utils
import re

from .shapes import UNDECODED

_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def from_text(shape, text, path, report, times="iso8601"):
    """The value that a text stands for; of a shape that is no structure, list or map."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            if re.fullmatch(r"-?\d+", text):
                return int(text)
        elif kind in ("float", "double"):
            return float(text)
        elif kind == "boolean":
            if text in ("true", "false"):
                return text == "true"
        elif kind == "blob":
            return base64.b64decode(text, validate=True)
        elif kind == "timestamp":
            return timestamp(shape, text, path, report, times)
        elif kind in ("string", "character"):
            return text
    except (ValueError, binascii.Error):
        pass
    report.add(path, f"{text!r:.80} is no {kind}")
    return UNDECODED


def timestamp(shape, value, path, report, times):
    """A time in the format of its shape, or else of its protocol."""
    form = shape.serialization.get("timestampFormat", times).lower()
    utc = datetime.timezone.utc
    try:
        if form == "unixtimestamp" and isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, utc)
        if form == "iso8601" and isinstance(value, str) and _ISO_8601.fullmatch(value):
            # Python knows no more than microseconds.
            return datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value).replace("Z", "+00:00"))
        if form == "rfc822" and isinstance(value, str):
            return email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError, TypeError):
        pass
    report.add(path, f"{value!r:.80} is no timestamp in the format {form}")
    return UNDECODED
