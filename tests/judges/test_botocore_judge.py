"""Judges the judge: it must let pass what is right and catch one wrong thing of each kind."""

import copy
import json
import unittest
import urllib.parse

import botocore.serialize

from botocore_judge import Judgement
from exchange import patterns
from exchange.report import MODEL_ERRORS
from exchange.services import service

XML = {"content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": "r"}
JSON = {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "r"}
REST = {"content-type": "application/json", "x-amzn-requestid": "r"}
ARN = "arn:aws:imagebuilder:us-east-1:123456789012:"


def exchange(name, operation, parameters, status, headers, body):
    """An exchange whose request botocore itself has written."""
    model = service(name).operation(operation)
    serializer = botocore.serialize.create_serializer(service(name).protocol, include_validation=False)
    sent = serializer.serialize_to_request(parameters, model)
    text = sent["body"]
    if isinstance(text, dict):
        text = urllib.parse.urlencode(text)
    # What makes an operation of S3 stands in the path that botocore writes.
    path, _, subresource = sent["url_path"].partition("?")
    query = urllib.parse.urlencode(sent["query_string"] or {}, doseq=True)
    return {
        "sequence": 1, "service": name, "operation": operation, "fault": None,
        "request": {
            "method": sent["method"], "path": path, "query": "&".join(filter(None, [subresource, query])),
            "headers": {key.lower(): value for key, value in sent["headers"].items()},
            "body": text if isinstance(text, str) else text.decode(),
        },
        "answer": {"status": status, "headers": dict(headers), "body": body},
    }


def run_instances():
    request = {
        "ImageId": "ami-1", "InstanceType": "g5.12xlarge", "MinCount": 1, "MaxCount": 2, "ClientToken": "t",
        "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-1", "sg-2"], "AssociatePublicIpAddress": True}],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "k", "Value": "v"}]}],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    }
    answer = (
        '<RunInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
        "<reservationId>r-1</reservationId><instancesSet><item><instanceId>i-1</instanceId>"
        "<instanceState><code>0</code><name>pending</name></instanceState><ebsOptimized>false</ebsOptimized>"
        "<launchTime>2026-11-25T01:02:03.000Z</launchTime><tagSet><item><key>k</key><value>v</value></item></tagSet>"
        "</item></instancesSet></RunInstancesResponse>"
    )
    return exchange("ec2", "RunInstances", request, 200, XML, answer)


def get_role():
    role = (
        "<Path>/</Path><RoleName>node</RoleName><RoleId>AROA1234567890123456</RoleId>"
        "<Arn>arn:aws:iam::123456789012:role/node</Arn><CreateDate>2026-11-25T01:02:03Z</CreateDate>"
        "<Tags><member><Key>k</Key><Value>v</Value></member></Tags>"
    )
    answer = (
        '<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        f"<GetRoleResult><Role>{role}</Role></GetRoleResult>"
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetRoleResponse>"
    )
    return exchange("iam", "GetRole", {"RoleName": "node"}, 200, XML, answer)


def tag_role():
    answer = (
        '<TagRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></TagRoleResponse>"
    )
    request = {"RoleName": "node", "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": ""}]}
    return exchange("iam", "TagRole", request, 200, XML, answer)


def put_parameter():
    request = {"Name": "/nixl", "Value": "v", "Type": "String", "Tags": [{"Key": "k", "Value": "v"}]}
    return exchange("ssm", "PutParameter", request, 200, JSON, '{"Version": 1, "Tier": "Standard"}')


def describe_server():
    answer = {"TrackingServerName": "nixl", "TrackingServerStatus": "Created", "CreationTime": 1732496523.25}
    request = {"TrackingServerName": "nixl"}
    return exchange("sagemaker", "DescribeMlflowTrackingServer", request, 200, JSON, json.dumps(answer))


def create_component():
    request = {
        "name": "nixl", "semanticVersion": "1.0.0", "platform": "Linux", "data": "d", "clientToken": "t",
        "tags": {"k": "v"},
    }
    answer = {"requestId": "r", "clientToken": "t", "componentBuildVersionArn": f"{ARN}component/nixl/1.0.0/1"}
    return exchange("imagebuilder", "CreateComponent", request, 200, REST, json.dumps(answer))


def get_image():
    arn = f"{ARN}image/nixl/1.0.0/1"
    answer = {"requestId": "r", "image": {"arn": arn, "name": "nixl", "state": {"status": "PENDING"}}}
    return exchange("imagebuilder", "GetImage", {"imageBuildVersionArn": arn}, 200, REST, json.dumps(answer))


def untag():
    request = {"resourceArn": f"{ARN}image/nixl/1.0.0/1", "tagKeys": ["k"]}
    return exchange("imagebuilder", "UntagResource", request, 200, REST, "{}")


def ec2_error(code="InvalidAMIID.NotFound"):
    made = run_instances()
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors><RequestID>r</RequestID></Response>"
    made["answer"] |= {"status": 400, "body": body}
    return made


def iam_error(code="NoSuchEntity", status=404):
    made = get_role()
    body = (
        '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
    made["answer"] |= {"status": status, "body": body}
    return made


def ssm_error(code="ParameterAlreadyExists"):
    made = put_parameter()
    made["answer"] |= {"status": 400, "body": json.dumps({"__type": code, "message": "m"})}
    return made


def image_error(code="ResourceNotFoundException", status=404):
    made = get_image()
    made["answer"] = {"status": status, "headers": REST | {"x-amzn-errortype": code}, "body": '{"message": "m"}'}
    return made


RIGHT = [
    run_instances, get_role, tag_role, put_parameter, describe_server, create_component, get_image, untag,
    ec2_error, iam_error, ssm_error, image_error,
    lambda: ec2_error("InvalidCapacityReservationState"), lambda: ssm_error("AccessDeniedException"),
    lambda: iam_error("AccessDenied", 403),
]


def change(side, part, old, new):
    """A change of a text in an exchange, which must be there."""

    def act(made):
        text = made[side][part]
        assert old in text, (old, text)
        made[side][part] = text.replace(old, new, 1)

    return act


def asked(old, new):
    return change("request", "body", old, new)


def told(old, new):
    return change("answer", "body", old, new)


def header(side, name, value):
    def act(made):
        made[side]["headers"] = made[side]["headers"] | {name: value}

    return act


def put(side, part, value):
    def act(made):
        made[side][part] = value

    return act


# What is changed in something right, and what the judge must say of it.
WRONG = [
    # Requests: members, types, enums, required, patterns, lengths, ranges, times, lists.
    (run_instances, asked("ImageId=", "ImageID="), "ImageID: is no member of RunInstancesRequest"),
    (run_instances, asked("DeviceIndex=0", "DeviceIndex=first"), "NetworkInterfaces[0].DeviceIndex: 'first' is no integer"),
    (run_instances, asked("AssociatePublicIpAddress=true", "AssociatePublicIpAddress=yes"), "'yes' is no boolean"),
    (run_instances, asked("HttpTokens=required", "HttpTokens=always"), "MetadataOptions.HttpTokens: 'always' is not of the enum"),
    (run_instances, asked("MinCount=1&", ""), "the required member MinCount is missing"),
    (run_instances, asked("NetworkInterface.1.DeviceIndex", "NetworkInterface.3.DeviceIndex"), "NetworkInterfaces: entries of a list are numbered from 1"),
    (run_instances, asked("SecurityGroupId.1", "SecurityGroupId.item.1"), "NetworkInterfaces[0].Groups: entries of a list"),
    (run_instances, asked("MaxCount=2", "MaxCount.1=2"), "parameters below a integer"),
    (run_instances, asked("ImageId=ami-1", "ImageId=ami-1&ImageId=ami-2"), "ImageId: is given twice"),
    (run_instances, asked("TagSpecification.1.ResourceType=instance&", "TagSpecification=x&"), "TagSpecification.1.Tag.1"),
    (run_instances, asked("2016-11-15", "2014-01-01"), "Version: '2014-01-01' instead of 2016-11-15"),
    (run_instances, asked("Action=RunInstances", "Action=RunInstance"), "ec2 has no operation 'RunInstance'"),
    (run_instances, header("request", "content-type", "text/plain"), "'text/plain' instead of application/x-www-form"),
    (run_instances, put("request", "method", "GET"), "GET /? instead of POST /"),
    (get_role, asked("node", "a%2Fb"), "RoleName: 'a/b' does not match"),
    (get_role, asked("node", "x" * 65), "RoleName: 65 characters, at most 64"),
    (tag_role, asked("Tags.member.1.Key", "Tags.1.Key"), "Tags: entries of a list"),
    (put_parameter, asked('"Name"', '"name"'), "name: is no member of PutParameterRequest"),
    (put_parameter, asked('"Value": "v"', '"Value": 1'), "Value: int 1 instead of string"),
    (put_parameter, asked('"String"', '"Text"'), "Type: 'Text' is not of the enum"),
    (put_parameter, asked('"Key": "k"', '"Key": "k!"'), "Tags[0].Key: 'k!' does not match"),
    (put_parameter, asked('"Name": "/nixl"', '"Name": null'), "Name: is null"),
    (put_parameter, put("request", "body", '{"Name": "/a", "Name": "/b", "Value": "v"}'), "a member is there twice"),
    (put_parameter, put("request", "body", "[]"), "the body is no JSON object"),
    (put_parameter, header("request", "x-amz-target", "AmazonEC2.PutParameter"), "does not begin with AmazonSSM"),
    (put_parameter, header("request", "content-type", "application/json"), "'application/json' instead of"),
    (create_component, asked('"data": "d"', '"data": ""'), "data: 0 characters, at least 1"),
    (create_component, asked('"data": "d"', f'"data": "{"x" * 16001}"'), "data: 16001 characters, at most 16000"),
    (create_component, asked('"1.0.0"', '"1.0"'), "semanticVersion: '1.0' does not match"),
    (create_component, asked('{"k": "v"}', '{"aws:k": "v"}'), "tags (key): 'aws:k' does not match"),
    (create_component, asked('{"k": "v"}', json.dumps({str(n): "v" for n in range(51)})), "tags: 51 entries, at most 50"),
    (create_component, asked('{"k": "v"}', '["k"]'), "tags: list ['k'] instead of map"),
    (create_component, put("request", "path", "/CreateComponents"), "no operation PUT /CreateComponents"),
    (create_component, put("request", "method", "POST"), "no operation POST /CreateComponent"),
    (get_image, put("request", "query", ""), "the required member imageBuildVersionArn is missing"),
    (get_image, put("request", "query", "imageBuildVersionArn=nixl"), "imageBuildVersionArn: 'nixl' does not match"),
    (get_image, put("request", "query", f"imageBuildVersionArn={ARN}image/nixl/1.0.0/1&all=1"), "?all: is no member of the query"),
    (untag, put("request", "query", ""), "the required member tagKeys is missing"),
    (untag, put("request", "path", "/tags/nixl"), "resourceArn: 'nixl' does not match"),
    # Answers: the same, and envelopes.
    (run_instances, told("<instanceId>i-1</instanceId>", "<instanceID>i-1</instanceID>"), "Instances[0].instanceID: is no member of Instance"),
    (run_instances, told("<code>0</code>", "<code>zero</code>"), "Instances[0].State.Code: 'zero' is no integer"),
    (run_instances, told("<name>pending</name>", "<name>starting</name>"), "Instances[0].State.Name: 'starting' is not of the enum"),
    (run_instances, told("<ebsOptimized>false", "<ebsOptimized>no"), "Instances[0].EbsOptimized: 'no' is no boolean"),
    (run_instances, told("2026-11-25T01:02:03.000Z", "2026-11-25 01:02:03"), "is no timestamp in the format iso8601"),
    (run_instances, told("<tagSet><item>", "<tagSet><member>"), "botocore cannot read"),
    (run_instances, told("<item><key>k</key><value>v</value></item>", "<member><key>k</key><value>v</value></member>"), "member among the entries of a list, which are called item"),
    (run_instances, told("<requestId>r</requestId>", ""), "there is not one request id"),
    (run_instances, told("2016-11-15", "2012-01-01"), "the namespace is"),
    (run_instances, told("<RunInstancesResponse", "<RunInstancesResult"), "botocore cannot read"),
    (run_instances, told("<reservationId>", "<reservationId>r-0</reservationId><reservationId>"), "ReservationId: is there 2 times"),
    (run_instances, header("answer", "content-type", "application/json"), "'application/json' instead of text/xml"),
    (run_instances, put("answer", "status", 202), "status: 202 instead of 200"),
    (get_role, told("<RoleName>node</RoleName>", ""), "Role: the required member RoleName is missing"),
    (get_role, told("AROA1234567890123456", "AROA"), "Role.RoleId: 4 characters, at least 16"),
    (get_role, told("GetRoleResult><Role", "Role><Role"), "botocore cannot read"),
    (get_role, told("<member><Key>", "<item><Key>"), "botocore cannot read"),
    (tag_role, told("<ResponseMetadata>", "<Role/><ResponseMetadata>"), "Role: the operation answers nothing"),
    (put_parameter, told('"Version": 1', '"Version": "1"'), "Version: str '1' instead of long"),
    (put_parameter, told('"Version": 1', '"Version": true'), "Version: bool True instead of long"),
    (put_parameter, told('"Tier": "Standard"', '"Level": "Standard"'), "Level: is no member of PutParameterResult"),
    (put_parameter, header("answer", "x-amzn-requestid", ""), "x-amzn-requestid: is missing"),
    (describe_server, told("1732496523.25", '"2024-11-25T01:02:03Z"'), "CreationTime: '2024-11-25T01:02:03Z' is no timestamp"),
    (describe_server, told('"Created"', '"Ready"'), "TrackingServerStatus: 'Ready' is not of the enum"),
    (get_image, told('"PENDING"', '"WAITING"'), "image.state.status: 'WAITING' is not of the enum"),
    (get_image, told('"name": "nixl"', '"name": null'), "image.name: is null"),
    (get_image, told('"name"', '"owner": "x", "name"'), "image.owner: is no member of Image"),
    (get_image, header("answer", "content-type", "text/html"), "'text/html' instead of application/json"),
    # Errors: codes, statuses, envelopes.
    (ec2_error, told("InvalidAMIID.NotFound", "InvalidAMI.NotFound"), "InvalidAMI.NotFound is no error code of EC2"),
    (ec2_error, told("RequestID", "RequestId"), "botocore cannot read"),
    (ec2_error, told("<Message>m</Message>", ""), "an error has not Code"),
    (ec2_error, put("answer", "status", 302), "status: 302 for the error InvalidAMIID.NotFound"),
    (iam_error, told("NoSuchEntity", "NoSuchRole"), "NoSuchRole is neither an error of GetRole nor one of all operations"),
    (iam_error, put("answer", "status", 400), "status: 400 instead of 404 for NoSuchEntity"),
    (iam_error, told("Sender", "Client"), "'Client' is neither Sender nor Receiver"),
    (ssm_error, told("ParameterAlreadyExists", "ParameterExists"), "ParameterExists is neither an error of PutParameter"),
    (ssm_error, told('"message": "m"', '"detail": "m"'), "an error without a message"),
    (ssm_error, told('"message"', '"detail": "d", "message"'), "detail: is no member of ParameterAlreadyExists"),
    (image_error, put("answer", "status", 400), "status: 400 instead of 404 for ResourceNotFoundException"),
    (image_error, header("answer", "x-amzn-errortype", "NotFound"), "NotFound is neither an error of GetImage"),
    (image_error, header("answer", "x-amzn-errortype", ""), "an error without a code"),
]


def findings(made, **options):
    judgement = Judgement(**options)
    judgement.judge(made)
    return [
        f"{places[0][1]}: {why}" for (_, _, _, _, why), places in judgement.findings.items()
    ], judgement.counts


class TheJudge(unittest.TestCase):
    def test_lets_pass_what_is_right(self):
        for make in RIGHT:
            with self.subTest(make.__name__):
                found, counts = findings(make())
                self.assertEqual(found, [])
                self.assertEqual((counts["requests"], counts["answers"], counts["invalid"]), (1, 1, 0))

    def test_catches_each_wrong_thing(self):
        for make, act, expected in WRONG:
            with self.subTest(expected):
                made = copy.deepcopy(make())
                act(made)
                found, counts = findings(made)
                self.assertTrue(any(expected in text for text in found), found)
                self.assertGreater(counts["invalid"], 0)

    def test_a_wrong_request_is_fine_only_where_it_was_a_refused_probe(self):
        made = ec2_error()
        asked("HttpTokens=required", "HttpTokens=always")(made)
        self.assertEqual(findings(made)[1]["invalid"], 1)
        self.assertEqual(findings(made, probes="Boto3")[1]["invalid"], 1, "another client")
        header("request", "user-agent", "Boto3/1 md/Botocore")(made)
        self.assertEqual(findings(made, probes="Boto3")[1]["invalid"], 0)
        accepted = run_instances()
        header("request", "user-agent", "Boto3/1 md/Botocore")(accepted)
        asked("HttpTokens=required", "HttpTokens=always")(accepted)
        self.assertEqual(findings(accepted, probes="Boto3")[1]["invalid"], 1)

    def test_a_dropped_answer_is_no_answer(self):
        made = run_instances() | {"answer": None}
        self.assertEqual(findings(made)[1]["answers"], 0)

    def test_a_fault_may_have_any_code_but_not_any_form(self):
        made = ec2_error("Odd") | {"fault": "fault-1"}
        self.assertEqual(findings(made)[0], [])
        told("<Message>m</Message>", "")(made)
        self.assertEqual(findings(made)[1]["invalid"], 1)

    def test_requests_are_left_alone_where_only_answers_count(self):
        made = run_instances()
        asked("HttpTokens=required", "HttpTokens=always")(made)
        self.assertEqual(findings(made, answers_only=True)[0], [])
        told("<code>0</code>", "<code>zero</code>")(made)
        self.assertEqual(findings(made, answers_only=True)[1]["invalid"], 1)

    def test_secrets_that_were_taken_out_fit_everywhere(self):
        made = get_role()
        told("AROA1234567890123456", "REDACTED")(made)
        self.assertEqual(findings(made)[0], [])

    def test_patterns_are_read_as_aws_means_them(self):
        self.assertTrue(patterns.matches(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "schön 1"))
        self.assertFalse(patterns.matches(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "schön!"))
        self.assertTrue(patterns.matches(r"\p{Alnum}+", "a1"))
        self.assertTrue(patterns.matches(r"^[\w-\/.@]{1,9}$", "a-/"))
        self.assertFalse(patterns.matches(r"[a-z]+", "abc1"), "not anchored, but meant so")

    def test_known_errors_of_models_are_there_and_have_a_reason(self):
        for (name, shape, trait), reason in MODEL_ERRORS.items():
            with self.subTest(shape):
                if trait.startswith("status "):
                    self.assertNotIn("responseCode", service(name).model.operation_model(shape).http)
                elif not trait.startswith("error "):
                    found = service(name).model.shape_for(shape)
                    self.assertIn(trait.split()[0], found.metadata)
                self.assertGreater(len(reason), 20)


if __name__ == "__main__":
    unittest.main()
