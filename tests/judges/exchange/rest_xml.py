"""Decodes requests and answers of the rest-xml protocol, which S3 alone has here."""

from . import s3, scalars, xml_body
from .shapes import UNDECODED


def request(service, asked, report):
    """The operation a request asks for and the value of its input."""
    operation, labels, fixed = s3.route(service, asked)
    if operation is None:
        report.add("", f"{service.name} has no operation {asked['method']} {asked['path']}?{asked['query']}")
        return None, {}
    shape = operation.input_shape
    members = shape.members if shape else {}
    query = s3.parameters(asked)
    value = headers(members, asked["headers"], [*s3.FACTS["request_headers"], *_checksum(operation)], report)
    for name, member in members.items():
        location, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if location == "uri":
            value[name] = scalars.from_text(member, labels[wire], name, report)
        elif location == "querystring" and wire in query:
            texts = query.pop(wire)
            if len(texts) > 1:
                report.add(name, f"is in the query {len(texts)} times")
            value[name] = scalars.from_text(member, texts[0], name, report)
    for key in query:
        if key not in fixed:
            report.add(f"?{key}", "is no member of the query")
    if shape:
        kept = asked.get("body") is not None or asked["headers"].get("content-length", "0") == "0"
        root = {"name": shape.serialization.get("name", shape.name), "optional": True}
        value |= body(shape, asked.get("body") or "" if kept else None, root, report)
    return operation, value


def answer(operation, answered, report):
    """The value of the output of an operation that was carried out."""
    shape = operation.output_shape
    value = headers(shape.members if shape else {}, answered["headers"], s3.FACTS["answer_headers"], report)
    text = answered.get("body") or ""
    if shape is None:
        if text:
            report.add("", "a body where the operation answers none")
        return value
    if operation.name == "GetBucketLocation":
        # Its root is the only member itself, which is empty for us-east-1.
        root = _root(text, s3.FACTS["roots"][operation.name], report)
        if root is not None and root.text:
            value["LocationConstraint"] = root.text
        return value
    return value | body(shape, text, {"name": s3.FACTS["roots"].get(operation.name)}, report)


def headers(members, given, others, report):
    """The members that are in headers; of the rest none may look as if it were one."""
    value, known = {}, set(others)
    for name, member in members.items():
        location, wire = member.serialization.get("location"), member.serialization.get("name", name).lower()
        if location == "header":
            known.add(wire)
            if wire in given:
                value[name] = _header(member, given[wire], name, report)
        elif location == "headers":
            found = [key for key in given if key.startswith(wire)]
            known.update(found)
            # botocore's parser has an empty map where there is none.
            value[name] = {key.removeprefix(wire): given[key] for key in found}
    for key in given:
        if key.startswith("x-amz-") and key not in known:
            report.add(key, "is no member of the headers")
    return value


def _header(member, text, path, report):
    if member.type_name == "list":
        return [scalars.from_text(member.member, part.strip(), path, report) for part in text.split(",")]
    return scalars.from_text(member, text, path, report, "rfc822")


def body(shape, text, root, report):
    """The members that are in a body; without a text the recorder did not keep it."""
    payload = shape.serialization.get("payload")
    if payload:
        member = shape.members[payload]
        if member.type_name == "blob" or getattr(member, "is_eventstream", False):
            return {}  # What is in an object is not recorded.
        if text is None:
            return {payload: UNDECODED}
        if member.type_name == "string" or not text:
            return {payload: text} if text else {}
        found = _root(text, member.serialization.get("name", payload), report)
        return {} if found is None else {payload: xml_body.decode(member, found, payload, report)}
    members = {name: member for name, member in shape.members.items() if not member.serialization.get("location")}
    if not members or (root.get("optional") and not text):
        if text:
            report.add("", "a body where there is none")
        return {}
    if root["name"] is None:
        report.add("", f"no root is known for {shape.name}: it belongs into data/s3.json")
        return {}
    found = _root(text or "", root["name"], report)
    return {} if found is None else xml_body.structure(shape, list(found), "", report, members)


def _root(text, name, report):
    root = xml_body.parse(text, report)
    if root is None:
        return None
    if xml_body.tag(root) != name:
        report.add("", f"the root is {xml_body.tag(root)} instead of {name}")
    # S3 takes and gives some roots without a namespace; another is wrong.
    if xml_body.namespace(root) not in ("", s3.NAMESPACE):
        report.add("", f"the namespace is {xml_body.namespace(root)!r} instead of {s3.NAMESPACE}")
    return root


def _checksum(operation):
    """Headers with a checksum, which the model has beside the members."""
    if not operation.http_checksum:
        return []
    return [f"x-amz-checksum-{name}" for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")] + ["x-amz-sdk-checksum-algorithm"]
