"""Decodes XML of the query, EC2 and rest-xml protocols into the members of a shape."""

import xml.etree.ElementTree as ElementTree

from . import scalars


def parse(text, report):
    """The root element, or nothing."""
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        report.add("", f"the body is no XML: {error}")
        return None


def tag(element):
    """Name without namespace."""
    return element.tag.rpartition("}")[2]


def namespace(element):
    """Namespace of an element."""
    return element.tag.rpartition("}")[0].lstrip("{")


def decode(shape, element, path, report):
    """The value of a shape at an element."""
    kind = shape.type_name
    if kind == "structure":
        return _attributes(shape, element, path, report) | structure(shape, list(element), path, report)
    if element.attrib:
        report.add(path, f"attributes on a {kind}: {', '.join(element.attrib)}")
    if kind == "list":
        return _list(shape, list(element), path, report, shape.member.serialization.get("name", "member"))
    if kind == "map":
        return _map(shape, list(element), path, report)
    if len(element):
        report.add(path, f"elements inside a {kind}: {tag(element[0])}")
    return scalars.from_text(shape, element.text or "", path, report)


def _attributes(shape, element, path, report):
    """Members that are attributes, which are named with the prefix of their namespace."""
    prefix = shape.serialization.get("xmlNamespace", {})
    names = {member_shape.serialization["name"]: member for member, member_shape in _attribute_members(shape)}
    value = {}
    for key, text in element.attrib.items():
        wire = key.replace(f"{{{prefix.get('uri')}}}", f"{prefix.get('prefix')}:")
        if wire in names:
            value[names[wire]] = scalars.from_text(shape.members[names[wire]], text, f"{path}.{names[wire]}", report)
        else:
            report.add(path, f"the attribute {wire} is no member of {shape.name}")
    return value


def _attribute_members(shape):
    return [(name, member) for name, member in shape.members.items() if member.serialization.get("xmlAttribute")]


def structure(shape, elements, path, report, members=None):
    """A structure from its elements, of all its members or these; a flat list has one element for each entry."""
    attributes = dict(_attribute_members(shape))
    members = {name: member for name, member in (members or shape.members).items() if name not in attributes}
    names = {_name(member_shape, member): member for member, member_shape in members.items()}
    value, seen = {}, {}
    for element in elements:
        seen.setdefault(tag(element), []).append(element)
    for name, found in seen.items():
        where = f"{path}.{names.get(name, name)}".lstrip(".")
        member_shape = members.get(names.get(name))
        if member_shape is None:
            report.add(where, f"is no member of {shape.name}")
        elif member_shape.type_name == "list" and member_shape.serialization.get("flattened"):
            value[names[name]] = _list(member_shape, found, where, report, name)
        else:
            if len(found) > 1:
                report.add(where, f"is there {len(found)} times")
            value[names[name]] = decode(member_shape, found[0], where, report)
    return value


def _name(shape, member):
    flat = shape.type_name == "list" and shape.serialization.get("flattened")
    inner = shape.member.serialization.get("name") if flat else None
    return inner or shape.serialization.get("name", member)


def _list(shape, elements, path, report, name):
    for element in elements:
        if tag(element) != name:
            report.add(path, f"{tag(element)} among the entries of a list, which are called {name}")
    return [
        decode(shape.member, element, f"{path}[{index}]", report) for index, element in enumerate(elements)
    ]


def _map(shape, entries, path, report):
    value = {}
    for entry in entries:
        parts = {tag(part): part for part in entry}
        key = shape.key.serialization.get("name", "key")
        inner = shape.value.serialization.get("name", "value")
        if tag(entry) != "entry" or set(parts) != {key, inner}:
            report.add(path, f"an entry of a map is called entry and has {key} and {inner}")
            continue
        text = parts[key].text or ""
        value[text] = decode(shape.value, parts[inner], f"{path}[{text!r}]", report)
    return value
