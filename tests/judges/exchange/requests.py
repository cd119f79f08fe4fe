"""Decodes a recorded request and checks it against the input of its operation."""

import urllib.parse

from . import form, json_body, rest_xml, scalars, shapes

FORM = "application/x-www-form-urlencoded"


def check(service, request, report):
    """Returns the model of the operation that is asked for; None if there is none."""
    decode = {"ec2": _form, "query": _form, "json": _json, "rest-json": _rest, "rest-xml": rest_xml.request}[service.protocol]
    operation, value = decode(service, request, report)
    if operation is not None and operation.input_shape is not None:
        shapes.check(operation.input_shape, value, "", report)
    return operation


def _content_type(request, expected, report):
    given = request["headers"].get("content-type", "").partition(";")[0].strip()
    if given != expected:
        report.add("content-type", f"{given!r} instead of {expected}")


def _root(request, report):
    if (request["method"], request["path"], request["query"]) != ("POST", "/", ""):
        report.add("", f"{request['method']} {request['path']}?{request['query']} instead of POST /")


def _find(service, name, report):
    operation = service.operation(name)
    if operation is None:
        report.add("", f"{service.name} has no operation {name!r}")
    return operation


def _form(service, request, report):
    _root(request, report)
    _content_type(request, FORM, report)
    tree = form.parse(request["body"], report)
    operation = _find(service, tree.pop("Action", ""), report)
    version = tree.pop("Version", None)
    if version != service.model.metadata["apiVersion"]:
        report.add("Version", f"{version!r} instead of {service.model.metadata['apiVersion']}")
    flavour = form.Ec2() if service.protocol == "ec2" else form.Query()
    if operation is None or operation.input_shape is None:
        for key in tree if operation else ():
            report.add(key, "the operation takes no parameters")
        return operation, {}
    return operation, form.decode(flavour, operation.input_shape, tree, "", report)


def _json(service, request, report):
    _root(request, report)
    metadata = service.model.metadata
    _content_type(request, f"application/x-amz-json-{metadata['jsonVersion']}", report)
    target = request["headers"].get("x-amz-target", "")
    prefix, _, name = target.rpartition(".")
    if prefix != metadata["targetPrefix"]:
        report.add("x-amz-target", f"{target!r} does not begin with {metadata['targetPrefix']}")
    operation = _find(service, name, report)
    body = json_body.parse(request["body"], report)
    if operation is None or operation.input_shape is None:
        return operation, {}
    return operation, json_body.decode(operation.input_shape, body, "", report)


def _rest(service, request, report):
    operation, labels = service.route(request["method"], request["path"])
    if operation is None:
        report.add("", f"{service.name} has no operation {request['method']} {request['path']}")
        return None, {}
    members = operation.input_shape.members if operation.input_shape else {}
    value, in_body = {}, {}
    query = urllib.parse.parse_qs(request["query"], keep_blank_values=True)
    for name, shape in members.items():
        location, wire = shape.serialization.get("location"), shape.serialization.get("name", name)
        if location == "uri":
            value[name] = scalars.from_text(shape, labels[wire], name, report)
        elif location == "querystring":
            texts = query.pop(wire, None)
            if texts is not None:
                value[name] = _query_member(shape, texts, name, report)
        elif location is None:
            in_body[name] = shape
        # The recorder keeps no headers that carry members; no operation here has any.
    for key in query:
        report.add(f"?{key}", "is no member of the query")
    body = json_body.parse(request["body"], report)
    if body:
        _content_type(request, "application/json", report)
    if in_body or body:
        shape = operation.input_shape
        value |= json_body.structure(shape, in_body, body, "", report) if shape else {}
    return operation, value


def _query_member(shape, texts, path, report):
    if shape.type_name == "list":
        return [scalars.from_text(shape.member, text, path, report) for text in texts]
    if len(texts) > 1:
        report.add(path, f"is in the query {len(texts)} times")
    return scalars.from_text(shape, texts[0], path, report)
