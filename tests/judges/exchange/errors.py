"""Checks an error: its envelope, whether AWS knows its code, its status."""

import json

from . import json_body, s3, shapes, xml_body
from .report import DATA, MODEL_ERRORS

# Codes that every operation may answer, by protocol, and EC2's own.
COMMON = json.loads((DATA / "common_codes.json").read_text())
EC2 = {
    line
    for line in (DATA / "ec2_codes.txt").read_text().splitlines()
    if line and not line.startswith("#")
}


def check(service, operation, method, answer, report):
    """Adds what is wrong with an error that answers a request with this method."""
    if service.protocol == "rest-xml":
        _s3(operation, method, answer, report)
        return
    xml = service.protocol in ("ec2", "query")
    code, body = (_xml if xml else _json)(service, answer, report)
    if not code:
        report.add("", "an error without a code")
        return
    if answer["status"] < 400:
        report.add("status", f"{answer['status']} for the error {code}")
    modelled = {shape.error_code: shape for shape in (operation.error_shapes if operation else ())}
    for name in ["*", operation.name if operation else "-"]:
        if (service.name, name, f"error {code}") in MODEL_ERRORS:
            modelled[code] = service.model.shape_for_error_code(code)
    if not xml and not _silent(modelled.get(code)) and not isinstance(body.get("message", body.get("Message")), str):
        report.add("message", "an error without a message")
    if code in modelled:
        _modelled(modelled[code], answer, body, report)
    elif service.protocol == "ec2":
        if code not in EC2:
            report.add("code", f"{code} is no error code of EC2")
    elif code not in COMMON["query" if xml else "json"]:
        name = operation.name if operation else "an unknown operation"
        report.add("code", f"{code} is neither an error of {name} nor one of all operations")


def _silent(shape):
    """Whether the model knows the error and gives it no message."""
    return shape is not None and "message" not in (name.lower() for name in shape.members)


def _modelled(shape, answer, body, report):
    expected = shape.metadata.get("error", {}).get("httpStatusCode")
    if expected and answer["status"] != expected:
        report.add("status", f"{answer['status']} instead of {expected} for {shape.error_code}")
    if body is not None:
        # Whether the model calls it Message, message or nothing: clients read both.
        names = {name.lower(): name for name in shape.members}
        body = {names.get(name.lower(), name): inner for name, inner in body.items()}
        if "message" not in names:
            body = {name: inner for name, inner in body.items() if name.lower() != "message"}
        shapes.check(shape, json_body.decode(shape, body, "", report), "", report)


def _xml(service, answer, report):
    root = xml_body.parse(answer["body"], report)
    if root is None:
        return None, None
    ec2 = service.protocol == "ec2"
    for name in ["Response", "Errors"] if ec2 else ["ErrorResponse"]:
        if root is not None and xml_body.tag(root) != name:
            report.add("", f"{xml_body.tag(root)} instead of {name}")
        request_ids = [part for part in root if xml_body.tag(part) in ("RequestID", "RequestId")]
        inner = [part for part in root if part not in request_ids]
        if name != "Errors" and [xml_body.tag(part) for part in request_ids] != ["RequestID" if ec2 else "RequestId"]:
            report.add("", "there is not one request id")
        if len(inner) != 1:
            report.add("", f"{len(inner)} elements in {name}, where one is")
            return None, None
        root = inner[0]
    fields = {xml_body.tag(part): part.text for part in root}
    if set(fields) != ({"Code", "Message"} if ec2 else {"Type", "Code", "Message"}):
        report.add("", f"an error has not {', '.join(fields)}")
    if not ec2 and fields.get("Type") not in ("Sender", "Receiver"):
        report.add("Type", f"{fields.get('Type')!r} is neither Sender nor Receiver")
    return fields.get("Code"), None


def _json(service, answer, report):
    """The members of the body without the code."""
    body = json_body.parse(answer["body"], report)
    code = body.pop("__type", None)
    if service.protocol == "rest-json":
        code = answer["headers"].get("x-amzn-errortype")
    return code, body


def is_late(operation, answer):
    """Whether S3 began to answer before it was done: then the status is that of a success."""
    late = operation is not None and operation.name in s3.FACTS["late_errors"]
    return late and "<Error>" in (answer.get("body") or "")


def _s3(operation, method, answer, report):
    statuses = s3.FACTS["codes"]
    if not answer["headers"].get("x-amz-request-id"):
        report.add("x-amz-request-id", "is missing")
    if method == "HEAD" or answer["status"] == 304:
        if answer.get("body"):
            report.add("", "a body where none can be")
        if answer["status"] not in statuses.values():
            report.add("code", f"{answer['status']} is the status of no error of S3")
        return
    root = xml_body.parse(answer.get("body") or "", report)
    if root is None:
        return
    if xml_body.tag(root) != "Error":
        report.add("", f"the root is {xml_body.tag(root)} instead of Error")
    names = [xml_body.tag(part) for part in root]
    fields = {xml_body.tag(part): part.text for part in root}
    for name in ("Code", "Message", "RequestId"):
        if not fields.get(name):
            report.add(name, "an error without it")
    code = fields.get("Code")
    modelled = {shape.error_code: shape for shape in (operation.error_shapes if operation else ())}
    known = {"Code", "Message", *s3.FACTS["error_members"], *(modelled[code].members if code in modelled else ())}
    for name in names:
        if name not in known or names.count(name) > 1:
            report.add(name, "is no member of an error of S3, or there twice")
    if code not in statuses:
        report.add("code", f"{code} is no error code of S3")
    elif answer["status"] != statuses[code] and not is_late(operation, answer):
        report.add("code", f"status {answer['status']} instead of {statuses[code]} for {code}")
