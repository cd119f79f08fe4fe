"""Decodes JSON bodies into the members of a shape."""

import json

from . import scalars
from .shapes import UNDECODED


def parse(text, report):
    """The object in a body; an empty body is an empty object."""

    def once(pairs):
        value = dict(pairs)
        if len(value) < len(pairs):
            report.add("", f"a member is there twice in {sorted(value)}")
        return value

    try:
        value = json.loads(text, object_pairs_hook=once) if text else {}
    except ValueError as error:
        report.add("", f"the body is no JSON: {error}")
        return {}
    if not isinstance(value, dict):
        report.add("", "the body is no JSON object")
        return {}
    return value


def decode(shape, value, path, report):
    """The value of a shape. What has another JSON type is left as it is, for the check of types."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        return structure(shape, shape.members, value, path, report)
    if kind == "list" and isinstance(value, list):
        return [decode(shape.member, entry, f"{path}[{index}]", report) for index, entry in enumerate(value)]
    if kind == "map" and isinstance(value, dict):
        return {key: decode(shape.value, entry, f"{path}[{key!r}]", report) for key, entry in value.items()}
    if kind == "timestamp":
        return scalars.timestamp(shape, value, path, report, "unixtimestamp")
    if kind == "blob" and isinstance(value, str):
        return scalars.from_text(shape, value, path, report)
    return value


def structure(shape, members, body, path, report):
    """A structure of which these members are in the body."""
    names = {member_shape.serialization.get("name", member): member for member, member_shape in members.items()}
    value = {}
    for key, inner in body.items():
        where = f"{path}.{names.get(key, key)}".lstrip(".")
        if key not in names:
            report.add(where, f"is no member of {shape.name}")
        elif inner is None:
            report.add(where, "is null")
            value[names[key]] = UNDECODED
        else:
            value[names[key]] = decode(members[names[key]], inner, where, report)
    return value
