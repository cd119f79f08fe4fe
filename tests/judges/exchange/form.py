"""Decodes the form bodies of the query and EC2 protocols into the members of a shape."""

import urllib.parse

from . import scalars
from .shapes import UNDECODED


def parse(text, report):
    """The parameters of a body as a tree: `A.1.B=x` is {"A": {"1": {"B": "x"}}}."""
    tree = {}
    try:
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        report.add("", f"the body is no form: {error}")
        return tree
    for key, value in pairs:
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                break
        if not isinstance(node, dict) or leaf in node:
            report.add(key, "is given twice, or both as a value and as a structure")
        else:
            node[leaf] = value
    return tree


class Ec2:
    """EC2: lists are flat, and each name has its own first rule."""

    def name(self, shape, member):
        written = shape.serialization
        if "queryName" in written:
            return written["queryName"]
        name = written.get("name", member)
        return name[:1].upper() + name[1:] if "name" in written else name

    def entries(self, shape, node):
        return node


class Query:
    """IAM and STS: entries of a list are below `member`, of a map below `entry`."""

    def name(self, shape, member):
        return shape.serialization.get("name", member)

    def entries(self, shape, node):
        if shape.serialization.get("flattened"):
            return node
        name = "entry" if shape.type_name == "map" else shape.member.serialization.get("name", "member")
        return node.get(name) if set(node) == {name} else None


def decode(flavour, shape, node, path, report):
    """The value of a shape at a node of the tree."""
    kind = shape.type_name
    if kind not in ("structure", "list", "map"):
        if isinstance(node, dict):
            report.add(path, f"parameters below a {kind}: {', '.join(sorted(node)[:4])}")
            return UNDECODED
        return scalars.from_text(shape, node, path, report)
    if kind == "list" and node == "":
        return []
    if not isinstance(node, dict):
        report.add(path, f"{node!r:.80} instead of a {kind}")
        return UNDECODED
    if kind == "structure":
        return _structure(flavour, shape, node, path, report)
    entries = flavour.entries(shape, node)
    if not isinstance(entries, dict) or set(entries) != {str(n + 1) for n in range(len(entries))}:
        report.add(path, f"entries of a {kind} are numbered from 1 without gaps, not {', '.join(sorted(node)[:4])}")
        return UNDECODED
    ordered = [entries[str(n + 1)] for n in range(len(entries))]
    if kind == "list":
        return [
            decode(flavour, shape.member, entry, f"{path}[{index}]", report)
            for index, entry in enumerate(ordered)
        ]
    return _map(flavour, shape, ordered, path, report)


def _structure(flavour, shape, node, path, report):
    names = {flavour.name(member_shape, member): member for member, member_shape in shape.members.items()}
    value = {}
    for key, inner in node.items():
        where = f"{path}.{names.get(key, key)}".lstrip(".")
        if key not in names:
            report.add(where, f"is no member of {shape.name}")
        else:
            value[names[key]] = decode(flavour, shape.members[names[key]], inner, where, report)
    return value


def _map(flavour, shape, entries, path, report):
    value = {}
    for entry in entries:
        key, inner = flavour.name(shape.key, "key"), flavour.name(shape.value, "value")
        if not isinstance(entry, dict) or set(entry) != {key, inner}:
            report.add(path, f"an entry of a map has {key} and {inner}")
            continue
        value[entry[key]] = decode(flavour, shape.value, entry[inner], f"{path}[{entry[key]!r}]", report)
    return value
