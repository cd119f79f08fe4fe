"""MLflow tracking servers of SageMaker."""

import json

import botocore.exceptions

from .base import NAME, TAGS, check, client, refused, wait
from .iam import TRUST


def judge(role):
    sagemaker, iam = client("sagemaker"), client("iam")
    request = {"TrackingServerName": NAME, "ArtifactStoreUri": f"s3://{NAME}/mlflow", "RoleArn": role["Arn"], "Tags": TAGS}
    refused("ValidationException", sagemaker.create_mlflow_tracking_server, **request)
    trust = json.loads(json.dumps(TRUST).replace("ec2.amazonaws", "sagemaker.amazonaws"))
    iam.update_assume_role_policy(RoleName=NAME, PolicyDocument=json.dumps(trust))
    refused("ValidationException", sagemaker.create_mlflow_tracking_server, **{**request, "ArtifactStoreUri": "s3://none-here/x"})
    refused("ValidationException", sagemaker.create_mlflow_tracking_server, **{**request, "TrackingServerSize": "Huge"})
    refused("ResourceNotFound", sagemaker.describe_mlflow_tracking_server, TrackingServerName=NAME)
    arn = sagemaker.create_mlflow_tracking_server(**request)["TrackingServerArn"]
    check(arn.endswith(f":mlflow-tracking-server/{NAME}"), arn)
    refused("ConflictException", sagemaker.create_mlflow_tracking_server, **request)

    def describe():
        return sagemaker.describe_mlflow_tracking_server(TrackingServerName=NAME)

    check(describe()["TrackingServerStatus"] == "Creating" and describe()["IsActive"] == "Inactive", "creating")
    refused("ValidationException", sagemaker.create_presigned_mlflow_tracking_server_url, TrackingServerName=NAME)
    refused("ValidationException", sagemaker.delete_mlflow_tracking_server, TrackingServerName=NAME)
    wait("tracking server", lambda: describe()["IsActive"] == "Active")
    got = describe()
    check(got["TrackingServerStatus"] == "Created" and "/_mlflow/t-" in got["TrackingServerUrl"], got)
    listed = sagemaker.list_mlflow_tracking_servers()["TrackingServerSummaries"]
    check(any(s["TrackingServerName"] == NAME for s in listed), listed)
    check(sagemaker.list_tags(ResourceArn=arn)["Tags"] == TAGS, "tags")
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    check(len(sagemaker.list_tags(ResourceArn=arn)["Tags"]) == 2, "two tags")
    mint = sagemaker.create_presigned_mlflow_tracking_server_url
    for wrong in [{"ExpiresInSeconds": 4}, {"ExpiresInSeconds": 301}, {"SessionExpirationDurationInSeconds": 1799}]:
        try:
            mint(TrackingServerName=NAME, **wrong)
            raise AssertionError(f"{wrong} was accepted")
        except (botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError):
            pass
    url = mint(TrackingServerName=NAME, ExpiresInSeconds=60, SessionExpirationDurationInSeconds=1800)["AuthorizedUrl"]
    check(url.startswith(got["TrackingServerUrl"] + "/auth?authToken="), "presigned URL")
    check(url != mint(TrackingServerName=NAME)["AuthorizedUrl"], "every URL is its own")
    stop_and_start(sagemaker, describe)
    apps(sagemaker, request)
    sagemaker.delete_mlflow_tracking_server(TrackingServerName=NAME)

    def gone():
        try:
            describe()
        except sagemaker.exceptions.ResourceNotFound:
            return True
        return False

    wait("deleted", gone)


def stop_and_start(sagemaker, describe):
    one = {"TrackingServerName": NAME}
    refused("ValidationException", sagemaker.start_mlflow_tracking_server, **one)
    sagemaker.stop_mlflow_tracking_server(**one)
    refused("ValidationException", sagemaker.delete_mlflow_tracking_server, **one)
    wait("stopped", lambda: describe()["TrackingServerStatus"] == "Stopped")
    refused("ValidationException", sagemaker.create_presigned_mlflow_tracking_server_url, **one)
    sagemaker.start_mlflow_tracking_server(**one)
    wait("started", lambda: describe()["IsActive"] == "Active")
    sagemaker.update_mlflow_tracking_server(TrackingServerSize="Medium", **one)
    wait("updated", lambda: describe()["TrackingServerStatus"] == "Updated")
    check(describe()["TrackingServerSize"] == "Medium", describe())


def apps(sagemaker, request):
    same = {name: request[name] for name in ["ArtifactStoreUri", "RoleArn", "Tags"]}
    arn = sagemaker.create_mlflow_app(Name=NAME, **same)["Arn"]
    check(":mlflow-app/app-" in arn, arn)
    wait("app", lambda: sagemaker.describe_mlflow_app(Arn=arn)["Status"] == "Created")
    listed = sagemaker.list_mlflow_apps(SortBy="Name")["Summaries"]
    check(any(app["Arn"] == arn and app["Name"] == NAME for app in listed), listed)
    check(sagemaker.list_tags(ResourceArn=arn)["Tags"] == TAGS, "tags of an app")
    url = sagemaker.create_presigned_mlflow_app_url(Arn=arn, ExpiresInSeconds=5)["AuthorizedUrl"]
    check("/auth?authToken=" in url, "presigned URL of an app")
    sagemaker.delete_mlflow_app(Arn=arn)

    def gone():
        try:
            sagemaker.describe_mlflow_app(Arn=arn)
        except sagemaker.exceptions.ResourceNotFound:
            return True
        return False

    wait("app deleted", gone)
