"""What S3 has beside its model, and which operation a request of S3 asks for."""

import json
import re
import urllib.parse

from .report import DATA

FACTS = json.loads((DATA / "s3.json").read_text())
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def parameters(request):
    """The query as names and lists of values, without what every request may have."""
    query = urllib.parse.parse_qs(request["query"], keep_blank_values=True)
    return {name: texts for name, texts in query.items() if name not in FACTS["query"]}


def route(service, request):
    """The operation, the labels in its path, and the names in the query that make it this operation.

    Many share method and path: the one that needs most of what is there is meant.
    """
    query, best = parameters(request), None
    path = request["path"]
    if path.count("/") == 2 and path != "//":
        path = path.rstrip("/")  # A bucket may end with a slash.
    for name in service.model.operation_names:
        operation = service.operation(name)
        uri, _, literal = operation.http["requestUri"].partition("?")
        found = _pattern(uri).fullmatch(path) if operation.http["method"] == request["method"] else None
        fixed = urllib.parse.parse_qs(literal, keep_blank_values=True)
        if not found or name in FACTS["elsewhere"] or any(query.get(key) != texts for key, texts in fixed.items() if texts != [""]):
            continue
        needed = [*fixed, *_required(operation, "querystring")]
        headers = _required(operation, "header")
        if any(key not in query for key in needed) or any(key.lower() not in request["headers"] for key in headers):
            continue
        rank = (len(needed) + len(headers), not operation.deprecated)
        if best is None or rank > best[0]:
            best = (rank, operation, found.groupdict(), set(fixed))
    if best is None:
        return None, {}, set()
    _, operation, labels, fixed = best
    return operation, {name: urllib.parse.unquote(text) for name, text in labels.items()}, fixed


def _pattern(uri):
    return re.compile(uri.replace("{Bucket}", "(?P<Bucket>[^/]+)").replace("{Key+}", "(?P<Key>.+)"), re.DOTALL)


def _required(operation, location):
    shape = operation.input_shape
    members = [(name, shape.members[name].serialization) for name in (shape.required_members if shape else ())]
    return [written.get("name", name) for name, written in members if written.get("location") == location]
