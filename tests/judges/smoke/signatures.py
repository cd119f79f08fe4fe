"""Signatures that are missing or wrong, and who a caller is."""

import os

import boto3
import botocore.config

from .base import check, client, refused


def judge():
    bad = {"aws_access_key_id": "AKIANOBODY", "aws_secret_access_key": "x"}
    refused("AuthFailure", client("ec2", **bad).describe_vpcs)
    refused("InvalidClientTokenId", client("sts", **bad).get_caller_identity)
    refused("InvalidClientTokenId", client("iam", **bad).list_roles)
    refused("UnrecognizedClientException", client("ssm", **bad).get_parameter, Name="x")
    refused("UnrecognizedClientException", client("imagebuilder", **bad).list_images)
    refused("InvalidAccessKeyId", client("s3", **bad).list_buckets)
    own = os.environ["AWS_ACCESS_KEY_ID"]
    wrong = {"aws_access_key_id": own, "aws_secret_access_key": "wrong"}
    refused("SignatureDoesNotMatch", client("iam", **wrong).list_roles)
    refused("SignatureDoesNotMatch", client("s3", **wrong).list_buckets)
    refused("InvalidSignatureException", client("sagemaker", **wrong).list_mlflow_tracking_servers)
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    wrong_token = {"aws_access_key_id": own, "aws_secret_access_key": secret, "aws_session_token": "nonsense"}
    refused("InvalidClientTokenId", client("sts", **wrong_token).get_caller_identity)
    unsigned = botocore.config.Config(signature_version=botocore.UNSIGNED, region_name="us-east-1")
    for service, code, operation in [
        ("ec2", "MissingAuthenticationToken", "describe_vpcs"),
        ("sagemaker", "MissingAuthenticationTokenException", "list_mlflow_tracking_servers"),
        ("imagebuilder", "MissingAuthenticationTokenException", "list_images"),
        ("s3", "AccessDenied", "list_buckets"),
    ]:
        refused(code, getattr(boto3.client(service, config=unsigned), operation))
    refused("InvalidAction", client("ec2").describe_fpga_images)
    refused("InvalidAction", client("iam").list_server_certificates)
    refused("UnknownOperationException", client("ssm").describe_patch_groups)
    refused("UnknownOperationException", client("imagebuilder").list_lifecycle_policies)


def account():
    me = client("sts").get_caller_identity()
    check(me["Arn"].startswith(f"arn:aws:iam::{me['Account']}:"), me)
    return me["Account"]
