"""Checks a decoded value against its shape: types, members, enums, patterns, lengths, ranges."""

import datetime

from . import patterns

# What the recorder writes where a secret was.
REDACTED = "REDACTED"


class Undecoded:
    """A value that could not be decoded; that was said already."""


UNDECODED = Undecoded()


def check(shape, value, path, report):
    """Adds to the report all that is wrong with the value."""
    if value is UNDECODED or getattr(shape, "is_document_type", False):
        return
    kinds, act = CHECKS[shape.type_name]
    # bool is an int to Python, not to AWS.
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        report.add(path, f"{type(value).__name__} {value!r:.80} instead of {shape.type_name}")
    elif act:
        act(shape, value, path, report)


def _structure(shape, value, path, report):
    for name in shape.required_members:
        if name not in value:
            report.breaks(shape, f"required {name}", path, f"the required member {name} is missing")
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        report.add(path, f"a union with {len(value)} members")
    for name, member in value.items():
        check(shape.members[name], member, f"{path}.{name}".lstrip("."), report)


def _list(shape, value, path, report):
    _size(shape, len(value), path, "entries", report)
    for index, entry in enumerate(value):
        check(shape.member, entry, f"{path}[{index}]", report)


def _map(shape, value, path, report):
    _size(shape, len(value), path, "entries", report)
    for key, entry in value.items():
        check(shape.key, key, f"{path} (key)", report)
        check(shape.value, entry, f"{path}[{key!r}]", report)


def _string(shape, value, path, report):
    if value == REDACTED:
        return
    _size(shape, len(value), path, "characters", report)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        few = ", ".join(allowed[:6]) + (", …" if len(allowed) > 6 else "")
        report.breaks(shape, "enum", path, f"{value!r:.80} is not of the enum {shape.name} ({few})")
    pattern = shape.metadata.get("pattern")
    if pattern and not patterns.matches(pattern, value):
        report.breaks(shape, "pattern", path, f"{value!r:.80} does not match {pattern} of {shape.name}")


def _number(shape, value, path, report):
    _size(shape, value, path, "", report)


def _bytes(shape, value, path, report):
    _size(shape, len(value), path, "bytes", report)


def _size(shape, size, path, unit, report):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    # A maximum of 0 stands in old models for none.
    if least is not None and size < least:
        report.breaks(shape, "min", path, f"{size} {unit}".rstrip() + f", at least {least} for {shape.name}")
    if most and size > most:
        report.breaks(shape, "max", path, f"{size} {unit}".rstrip() + f", at most {most} for {shape.name}")


CHECKS = {
    "structure": ((dict,), _structure),
    "list": ((list,), _list),
    "map": ((dict,), _map),
    "string": ((str,), _string),
    "character": ((str,), _string),
    "integer": ((int,), _number),
    "long": ((int,), _number),
    "float": ((int, float), _number),
    "double": ((int, float), _number),
    "boolean": ((bool,), None),
    "timestamp": ((datetime.datetime,), None),
    "blob": ((bytes,), _bytes),
}
