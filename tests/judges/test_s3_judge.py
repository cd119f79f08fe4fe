"""Judges the judge where it reads S3: paths, queries, headers and XML."""

import copy
import datetime
import unittest

from exchange import s3
from exchange.services import service
from test_botocore_judge import asked, exchange, findings, header, put, told

XML = {"content-type": "application/xml", "x-amz-request-id": "R1"}
BARE = {"x-amz-request-id": "R1"}
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
ERROR = "<Error><Code>{}</Code><Message>m</Message><Resource>/b</Resource><RequestId>R1</RequestId></Error>"


def made(operation, parameters, status=200, headers=BARE, body=""):
    return exchange("s3", operation, {"Bucket": "b"} | parameters, status, headers, body)


def create_bucket():
    place = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}, "ACL": "private"}
    return made("CreateBucket", place, headers=BARE | {"location": "/b"})


def put_object():
    more = {"Metadata": {"m": "v"}, "ContentLength": 4, "StorageClass": "STANDARD", "Expires": datetime.datetime(2030, 1, 1)}
    wrote = made("PutObject", {"Key": "a/b c", "Body": b"text"} | more, headers=BARE | {"etag": '"e"'})
    del wrote["request"]["body"], wrote["answer"]["body"]
    return wrote


def get_object():
    told = {
        "etag": '"e"', "content-length": "4", "last-modified": "Wed, 25 Nov 2026 01:02:03 GMT", "x-amz-meta-m": "v",
        "content-type": "application/xml", "x-amz-delete-marker": "false",
    }
    read = made("GetObject", {"Key": "k", "IfModifiedSince": datetime.datetime(2026, 1, 1)}, headers=BARE | told)
    del read["answer"]["body"]
    return read


def get_part():
    read = get_object()
    read["answer"]["headers"] = read["answer"]["headers"] | {"content-range": "bytes 0-3/9"}
    read["answer"]["status"] = 206
    return read


def list_objects():
    body = (
        f"<ListBucketResult {XMLNS}><Name>b</Name><MaxKeys>2</MaxKeys><KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>"
        "<Contents><Key>k</Key><LastModified>2026-11-25T01:02:03.000Z</LastModified><Size>4</Size><StorageClass>STANDARD</StorageClass></Contents>"
        "<Contents><Key>l</Key></Contents><CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes></ListBucketResult>"
    )
    return made("ListObjectsV2", {"MaxKeys": 2, "EncodingType": "url"}, headers=XML, body=body)


def delete_objects():
    body = f"<DeleteResult {XMLNS}><Deleted><Key>k</Key></Deleted></DeleteResult>"
    return made("DeleteObjects", {"Delete": {"Objects": [{"Key": "k"}, {"Key": "l"}], "Quiet": True}}, headers=XML, body=body)


def complete():
    parts = {"MultipartUpload": {"Parts": [{"ETag": '"e"', "PartNumber": 1}]}}
    body = f"<CompleteMultipartUploadResult {XMLNS}><Bucket>b</Bucket><Key>k</Key><ETag>\"e-1\"</ETag></CompleteMultipartUploadResult>"
    return made("CompleteMultipartUpload", {"Key": "k", "UploadId": "u"} | parts, headers=XML, body=body)


def upload_part():
    return made("UploadPart", {"Key": "k", "UploadId": "u", "PartNumber": 1}, headers=BARE | {"etag": '"e"'})


def copy_object():
    body = "<CopyObjectResult><ETag>\"e\"</ETag><LastModified>2026-11-25T01:02:03.000Z</LastModified></CopyObjectResult>"
    return made("CopyObject", {"Key": "k", "CopySource": "b/l"}, headers=XML, body=body)


def get_acl():
    grantee = '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>1</ID></Grantee>'
    grant = f"<Grant>{grantee}<Permission>READ</Permission></Grant>"
    body = f"<AccessControlPolicy {XMLNS}><AccessControlList>{grant}</AccessControlList></AccessControlPolicy>"
    return made("GetBucketAcl", {}, headers=XML, body=body)


def policy():
    return made("GetBucketPolicy", {}, headers=BARE, body='{"Statement":[]}')


def location():
    return made("GetBucketLocation", {}, headers=XML, body=f"<LocationConstraint {XMLNS}></LocationConstraint>")


def location_elsewhere():
    elsewhere = location()
    told("></Loc", ">eu-west-1</Loc")(elsewhere)
    return elsewhere


def delete_bucket():
    return made("DeleteBucket", {}, 204)


def error(code="NoSuchKey", status=404):
    read = get_object()
    read["answer"] = {"status": status, "headers": dict(XML), "body": ERROR.format(code)}
    return read


def late_error():
    return complete() | {"answer": {"status": 200, "headers": dict(XML), "body": ERROR.format("InternalError")}}


def head_error():
    return made("HeadObject", {"Key": "k"}, 404)


def at_the_door():
    return error("SignatureDoesNotMatch", 403) | {"operation": "GET"}


RIGHT = [
    create_bucket, put_object, get_object, get_part, list_objects, delete_objects, complete, upload_part, copy_object,
    get_acl, policy, location, location_elsewhere, delete_bucket, error, late_error, head_error, at_the_door,
]

WRONG = [
    # Requests: paths, queries, headers, bodies.
    (list_objects, put("request", "query", "list-type=2&max-keys=two"), "MaxKeys: 'two' is no integer"),
    (list_objects, put("request", "query", "list-type=2&encoding-type=xml"), "EncodingType: 'xml' is not of the enum"),
    (list_objects, put("request", "query", "list-type=2&maxkeys=2"), "?maxkeys: is no member of the query"),
    (list_objects, put("request", "query", "list-type=2&max-keys=1&max-keys=2"), "MaxKeys: is in the query 2 times"),
    (list_objects, put("request", "query", "list-type=3"), "?list-type: is no member of the query"),
    (list_objects, put("request", "method", "PATCH"), "s3 has no operation PATCH /b"),
    (list_objects, put("request", "path", "/b/k"), "the region took it for ListObjectsV2"),
    (upload_part, put("request", "query", "partNumber=1"), "the region took it for UploadPart, and it is PutObject"),
    (upload_part, put("request", "query", "partNumber=one&uploadId=u"), "PartNumber: 'one' is no integer"),
    (put_object, header("request", "x-amz-storage-class", "COLD"), "StorageClass: 'COLD' is not of the enum"),
    (put_object, header("request", "content-length", "four"), "ContentLength: 'four' is no long"),
    (put_object, header("request", "expires", "2030-01-01"), "Expires: '2030-01-01' is no timestamp in the format rfc822"),
    (put_object, header("request", "x-amz-metadata-m", "v"), "x-amz-metadata-m: is no member of the headers"),
    (put_object, header("request", "x-amz-copy-source", "b/l"), "the region took it for PutObject, and it is CopyObject"),
    (get_object, header("request", "if-modified-since", "yesterday"), "IfModifiedSince: 'yesterday' is no timestamp"),
    (get_object, header("request", "x-amz-acl", "private"), "x-amz-acl: is no member of the headers"),
    (get_object, put("request", "body", "x"), "a body where there is none"),
    (create_bucket, asked("eu-west-1", "mars"), "CreateBucketConfiguration.LocationConstraint: 'mars' is not of the enum"),
    (create_bucket, put("request", "body", "<CreateBucketConfiguration><Place/></CreateBucketConfiguration>"), "CreateBucketConfiguration.Place: is no member"),
    (delete_objects, asked("<Key>k</Key>", ""), "Delete.Objects[0]: the required member Key is missing"),
    (delete_objects, asked("<Key>k</Key>", "<Key></Key>"), "Delete.Objects[0].Key: 0 characters, at least 1"),
    (delete_objects, asked("<Quiet>true", "<Quiet>yes"), "Delete.Quiet: 'yes' is no boolean"),
    (delete_objects, asked("<Delete ", "<Remove "), "the body is no XML"),
    (delete_objects, asked("doc/2006-03-01", "doc/2020-01-01"), "the namespace is"),
    (delete_objects, put("request", "body", ""), "the required member Delete is missing"),
    (delete_objects, put("request", "body", f"<Tagging {XMLNS}/>"), "the root is Tagging instead of Delete"),
    (complete, asked("<PartNumber>1", "<PartNumber>one"), "MultipartUpload.Parts[0].PartNumber: 'one' is no integer"),
    (complete, asked("<Part>", "<Piece/><Part>"), "MultipartUpload.Piece: is no member of CompletedMultipartUpload"),
    # Answers.
    (list_objects, told("<Size>4", "<Size>four"), "botocore cannot read"),
    (list_objects, told("<Size>4", "<Size>four"), "Contents[0].Size: 'four' is no long"),
    (list_objects, told("<StorageClass>STANDARD", "<StorageClass>COLD"), "Contents[0].StorageClass: 'COLD' is not of the enum"),
    (list_objects, told("2026-11-25T01:02:03.000Z", "2026-11-25 01:02:03"), "is no timestamp in the format iso8601"),
    (list_objects, told("<Name>b</Name>", "<Bucket>b</Bucket>"), "Bucket: is no member of ListObjectsV2Output"),
    (list_objects, told("<Name>b</Name>", "<Name>b</Name><Name>c</Name>"), "Name: is there 2 times"),
    (list_objects, told("doc/2006-03-01", "doc/2020-01-01"), "the namespace is"),
    (list_objects, put("answer", "body", f"<ListResult {XMLNS}/>"), "the root is ListResult instead of ListBucketResult"),
    (list_objects, put("answer", "body", ""), "the body is no XML"),
    (list_objects, header("answer", "content-type", "text/xml"), "'text/xml' instead of application/xml"),
    (list_objects, header("answer", "x-amz-request-id", ""), "x-amz-request-id: is missing"),
    (get_acl, told("CanonicalUser", "Somebody"), "Grants[0].Grantee.Type: 'Somebody' is not of the enum"),
    (get_acl, told("<Permission>", '<Permission kind="x">'), "Grants[0].Permission: attributes on a string: kind"),
    (get_acl, told("xsi:type", "xsi:kind"), "the attribute xsi:kind is no member of Grantee"),
    (copy_object, told("CopyObjectResult><ETag", "CopyResult><ETag"), "the body is no XML"),
    (copy_object, told("<ETag>", "<Tag/><ETag>"), "CopyObjectResult.Tag: is no member of CopyObjectResult"),
    (location, told("></Loc", ">mars</Loc"), "LocationConstraint: 'mars' is not of the enum"),
    (get_object, header("answer", "content-length", "four"), "ContentLength: 'four' is no long"),
    (get_object, header("answer", "last-modified", "2026-11-25T01:02:03Z"), "LastModified: '2026-11-25T01:02:03Z' is no timestamp"),
    (get_object, header("answer", "x-amz-delete-marker", "no"), "DeleteMarker: 'no' is no boolean"),
    (get_object, header("answer", "x-amz-owner", "me"), "x-amz-owner: is no member of the headers"),
    (get_object, put("answer", "status", 206), "status: 206 instead of 200"),
    (get_part, put("answer", "status", 200), "status: 200 instead of 206"),
    (delete_bucket, put("answer", "status", 200), "status: 200 instead of 204"),
    (delete_bucket, put("answer", "body", "<Deleted/>"), "a body where the operation answers none"),
    # Errors.
    (error, told("NoSuchKey", "NoSuchObject"), "NoSuchObject is no error code of S3"),
    (at_the_door, put("answer", "status", 200), "the region took it for GET, and it is GetObject"),
    (error, put("answer", "status", 400), "status 400 instead of 404 for NoSuchKey"),
    (error, told("<Message>m</Message>", ""), "Message: an error without it"),
    (error, told("<RequestId>R1</RequestId>", ""), "RequestId: an error without it"),
    (error, told("<Code>NoSuchKey</Code>", ""), "Code: an error without it"),
    (error, told("<Message>", "<Detail>d</Detail><Message>"), "Detail: is no member of an error of S3"),
    (error, told("<Message>", "<Message>n</Message><Message>"), "Message: is no member of an error of S3, or there twice"),
    (error, put("answer", "body", ""), "the body is no XML"),
    (error, header("answer", "x-amz-request-id", ""), "x-amz-request-id: is missing"),
    (late_error, told("InternalError", "Oops"), "Oops is no error code of S3"),
    (head_error, put("answer", "body", ERROR.format("NoSuchKey")), "a body where none can be"),
    (head_error, put("answer", "status", 418), "418 is the status of no error of S3"),
]


class TheJudgeOfS3(unittest.TestCase):
    def test_lets_pass_what_is_right(self):
        for make in RIGHT:
            with self.subTest(make.__name__):
                found, counts = findings(make())
                self.assertEqual(found, [])
                self.assertEqual((counts["requests"], counts["answers"], counts["invalid"]), (1, 1, 0))

    def test_catches_each_wrong_thing(self):
        for make, act, expected in WRONG:
            with self.subTest(expected):
                wrong = copy.deepcopy(make())
                act(wrong)
                found, counts = findings(wrong)
                self.assertTrue(any(expected in text for text in found), found)
                self.assertGreater(counts["invalid"], 0)

    def test_a_presigned_request_is_read_like_a_signed_one(self):
        read = get_object()
        put("request", "query", "X-Amz-Algorithm=a&X-Amz-Signature=REDACTED&response-expires=soon")(read)
        self.assertEqual(len(findings(read)[0]), 1, "only the time is wrong")

    def test_a_bucket_may_end_with_a_slash_and_a_query_name_its_operation(self):
        read = list_objects()
        put("request", "path", "/b/")(read)
        put("request", "query", "list-type=2&x-id=ListObjectsV2")(read)
        self.assertEqual(findings(read)[0], [])

    def test_a_body_that_was_too_long_to_keep_is_not_judged(self):
        sent = delete_objects()
        sent["request"].pop("body")
        header("request", "content-length", "3000000")(sent)
        self.assertEqual(findings(sent)[0], [])

    def test_every_operation_is_found_by_its_own_request(self):
        model = service("s3")
        twice = {"GetBucketLifecycle", "GetBucketNotification", "PutBucketLifecycle", "PutBucketNotification"}
        for name in set(model.model.operation_names) - twice - set(s3.FACTS["elsewhere"]):
            shape = model.operation(name).input_shape
            needed = {}
            for member in shape.required_members if shape else ():
                kind = shape.members[member].type_name
                needed[member] = {"string": "x", "structure": {}, "integer": 1, "list": ["x"], "long": 1, "blob": b""}[kind]
            with self.subTest(name):
                sent = exchange("s3", name, needed, 200, BARE, "")
                self.assertEqual(s3.route(model, sent["request"])[0].name, name)


if __name__ == "__main__":
    unittest.main()
