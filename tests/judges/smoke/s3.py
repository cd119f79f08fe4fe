"""Buckets and objects."""

import urllib.request

from .base import NAME, TAGS, check, client, refused
from .images import DOCUMENT


def up():
    s3 = client("s3")
    s3.create_bucket(Bucket=NAME)
    s3.create_bucket(Bucket=NAME)
    refused("404", s3.head_bucket, Bucket=NAME + "x")
    s3.head_bucket(Bucket=NAME)
    check(not s3.get_bucket_location(Bucket=NAME).get("LocationConstraint"), "location")
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=NAME)
    s3.put_bucket_tagging(Bucket=NAME, Tagging={"TagSet": TAGS})
    check(s3.get_bucket_tagging(Bucket=NAME)["TagSet"] == TAGS, "bucket tags")
    block = dict.fromkeys(
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True
    )
    s3.put_public_access_block(Bucket=NAME, PublicAccessBlockConfiguration=block)
    got = s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"]
    check(got == block, got)
    refused("NoSuchBucket", s3.put_object, Bucket=NAME + "x", Key="k", Body=b"")
    s3.put_object(Bucket=NAME, Key="a/b c+d.txt", Body=b"text", Metadata={"m": "v"})
    got = s3.get_object(Bucket=NAME, Key="a/b c+d.txt")
    check(got["Body"].read() == b"text" and got["Metadata"] == {"m": "v"}, got)
    refused("404", s3.head_object, Bucket=NAME, Key="none")
    refused("NoSuchKey", s3.get_object, Bucket=NAME, Key="none")
    refused("PreconditionFailed", s3.put_object, Bucket=NAME, Key="a/b c+d.txt", Body=b"", IfNoneMatch="*")
    refused("InvalidArgument", s3.put_object, Bucket=NAME, Key="a/../../x/y", Body=b"")
    outside = {"Objects": [{"Key": "../x/y"}]}
    refused("InvalidArgument", s3.delete_objects, Bucket=NAME, Delete=outside)
    s3.copy_object(Bucket=NAME, Key="copy", CopySource={"Bucket": NAME, "Key": "a/b c+d.txt"})
    s3.delete_object(Bucket=NAME, Key="copy")
    s3.put_object(Bucket=NAME, Key="big", Body=b"x" * (9 << 20))
    listed = s3.list_objects_v2(Bucket=NAME, Delimiter="/")
    check([p["Prefix"] for p in listed["CommonPrefixes"]] == ["a/"], listed)
    check([o["Key"] for o in listed["Contents"]] == ["big"], listed)
    listed = s3.list_objects_v2(Bucket=NAME, Prefix="a/")["Contents"]
    check([o["Key"] for o in listed] == ["a/b c+d.txt"], listed)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": NAME, "Key": "big"}, ExpiresIn=60)
    check(len(urllib.request.urlopen(url).read()) == 9 << 20, "presigned")
    parts(s3)
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=NAME)
    check(any(b["Name"] == NAME for b in s3.list_buckets()["Buckets"]), "list buckets")
    component = f"components/{NAME}.yaml"
    s3.put_object(Bucket=NAME, Key=component, Body=(DOCUMENT % "uri").encode())
    return f"s3://{NAME}/{component}"


def parts(s3):
    """Parts of an object, on the way there and back."""
    named = {"Bucket": NAME, "Key": "parts"}
    upload = named | {"UploadId": s3.create_multipart_upload(**named, Metadata={"m": "v"})["UploadId"]}
    first = s3.upload_part(**upload, PartNumber=1, Body=b"x" * (5 << 20))["ETag"]
    source = {"Bucket": NAME, "Key": "big"}
    second = s3.upload_part_copy(**upload, PartNumber=2, CopySource=source)["CopyPartResult"]["ETag"]
    listed = s3.list_parts(**upload)["Parts"]
    check([part["PartNumber"] for part in listed] == [1, 2], listed)
    made = [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": made})
    check(s3.head_object(**named)["ContentLength"] == 14 << 20, "parts")
    got = s3.get_object(**named, Range="bytes=1-2")
    check(got["Body"].read() == b"xx" and got["ContentRange"] == f"bytes 1-2/{14 << 20}", got)
    refused("InvalidRange", s3.get_object, **named, Range=f"bytes={15 << 20}-")
    for call in (s3.list_parts, s3.abort_multipart_upload):
        refused("NoSuchUpload", call, **upload)
    check(len(s3.list_objects(Bucket=NAME, Prefix="parts")["Contents"]) == 1, "listed the old way")
    s3.delete_object(**named)


def down():
    s3 = client("s3")
    keys = [{"Key": o["Key"]} for o in s3.list_objects_v2(Bucket=NAME)["Contents"]]
    s3.delete_objects(Bucket=NAME, Delete={"Objects": keys})
    listed = s3.list_objects_v2(Bucket=NAME, Delimiter="/")
    check("CommonPrefixes" not in listed and listed["KeyCount"] == 0, listed)
    s3.delete_bucket(Bucket=NAME)
    refused("NoSuchBucket", s3.delete_bucket, Bucket=NAME)
