"""Decodes a recorded answer and checks it against the output of its operation."""

import types

import botocore.awsrequest
import botocore.handlers
import botocore.parsers

from . import errors, json_body, rest_xml, scalars, shapes, xml_body


def check(service, operation, method, answer, report):
    """Adds what is wrong with an answer, a success or an error, to a request with this method."""
    good = answer["status"] < 300
    if service.protocol == "rest-xml" and good and errors.is_late(operation, answer):
        errors.check(service, operation, method, answer, report)
        return
    read = _read_by_botocore(service, operation if good else None, answer, report)
    if not good:
        errors.check(service, operation, method, answer, report)
    elif operation is None:
        report.add("", "success of an operation that there is not")
    else:
        value = _success(service, operation, answer, report)
        if operation.output_shape is not None:
            shapes.check(operation.output_shape, value, "", report)
        # Two readers, one meaning; unless ours has found something already.
        if not report.findings and read != value:
            report.add("", f"botocore reads {read!r:.200} where the body says {value!r:.200}")


def _read_by_botocore(service, operation, answer, report):
    parser = botocore.parsers.create_parser(service.protocol)
    response = {
        "body": (answer.get("body") or "").encode(),
        "headers": botocore.awsrequest.HeadersDict(answer["headers"]),
        "status_code": answer["status"],
    }
    try:
        value = parser.parse(response, operation.output_shape if operation else None)
    except Exception as error:  # Whatever it says, a client would have failed here.
        report.add("", f"botocore cannot read the answer: {error}")
        return None
    error = value.get("Error")
    if answer["status"] >= 300 and not (error and error.get("Code") and "Message" in error):
        report.add("", f"botocore finds no code and message in the error: {error}")
    value.pop("ResponseMetadata", None)
    if operation and operation.name == "GetBucketLocation":
        # botocore has a reader of its own for this one.
        whole = types.SimpleNamespace(raw=True, content=response["body"])
        botocore.handlers.parse_get_bucket_location(value, whole)
        value = {name: place for name, place in value.items() if place}
    if operation and service.protocol == "rest-xml" and operation.has_streaming_output:
        value.pop(operation.output_shape.serialization["payload"], None)
    return value


def _success(service, operation, answer, report):
    request_id = "x-amz-request-id" if service.protocol == "rest-xml" else "x-amzn-requestid"
    if not answer["headers"].get(request_id):
        report.add(request_id, "is missing")
    # A part of an object says so.
    part = service.protocol == "rest-xml" and "content-range" in answer["headers"]
    expected = 206 if part else operation.http.get("responseCode", 200)
    if answer["status"] != expected:
        report.breaks(operation, f"status {answer['status']}", "status", f"{answer['status']} instead of {expected}")
    if service.protocol == "rest-xml":
        if answer.get("body") and not _is_text(operation):
            _content_type(answer, "application/xml", report)
        return rest_xml.answer(operation, answer, report)
    if service.protocol in ("ec2", "query"):
        _content_type(answer, "text/xml", report)
        return _xml(service, operation, answer, report)
    kind = "application/json" if service.protocol == "rest-json" else "application/x-amz-json-1.1"
    _content_type(answer, kind, report)
    return _json(operation, answer, report)


def _is_text(operation):
    """Whether the answer is a text as it is, such as a bucket's policy."""
    shape = operation.output_shape
    payload = shape and shape.serialization.get("payload")
    return payload and shape.members[payload].type_name == "string"


def _content_type(answer, expected, report):
    given = answer["headers"].get("content-type", "").partition(";")[0].strip()
    if given != expected:
        report.add("content-type", f"{given!r} instead of {expected}")


def _json(operation, answer, report):
    body = json_body.parse(answer["body"], report)
    shape = operation.output_shape
    if shape is None:
        for key in body:
            report.add(key, "the operation answers nothing")
        return {}
    value, in_body = {}, {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if location == "statusCode":
            value[name] = answer["status"]
        elif location == "header":
            text = answer["headers"].get(member.serialization.get("name", name).lower())
            if text is not None:
                value[name] = scalars.from_text(member, text, name, report, "rfc822")
        else:
            in_body[name] = member
    return value | json_body.structure(shape, in_body, body, "", report)


def _xml(service, operation, answer, report):
    root = xml_body.parse(answer["body"], report)
    if root is None:
        return shapes.UNDECODED
    if xml_body.tag(root) != f"{operation.name}Response":
        report.add("", f"the root is {xml_body.tag(root)} instead of {operation.name}Response")
    namespace = service.model.metadata.get("xmlNamespace")
    if namespace and xml_body.namespace(root).rstrip("/") != namespace.rstrip("/"):
        report.add("", f"the namespace is {xml_body.namespace(root)!r} instead of {namespace}")
    elements = list(root)
    if service.protocol == "ec2":
        request_ids = [element for element in elements if xml_body.tag(element) == "requestId"]
        elements = [element for element in elements if element not in request_ids]
    else:
        metadata = [element for element in elements if xml_body.tag(element) == "ResponseMetadata"]
        request_ids = [part for part in (metadata or [[]])[0] if xml_body.tag(part) == "RequestId"]
        elements = [element for element in elements if element not in metadata]
    if len(request_ids) != 1 or not request_ids[0].text:
        report.add("", "there is not one request id")
    shape = operation.output_shape
    if service.protocol == "ec2" and "Return" not in (shape.members if shape else {}):
        # EC2 says so where nothing else is to be said; the model leaves it out.
        elements = [e for e in elements if (xml_body.tag(e), e.text) != ("return", "true")]
    if shape is None:
        for element in elements:
            report.add(xml_body.tag(element), "the operation answers nothing")
        return {}
    wrapper = shape.serialization.get("resultWrapper")
    if wrapper:
        if [xml_body.tag(element) for element in elements] != [wrapper]:
            report.add("", f"inside the answer there is not just {wrapper}")
            return shapes.UNDECODED
        elements = list(elements[0])
    return xml_body.structure(shape, elements, "", report)
