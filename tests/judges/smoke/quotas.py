"""vCPU quotas, as Service Quotas tells them."""

from .base import check, client, refused

G = "L-DB2E81BA"


def judge():
    quotas = client("service-quotas")
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="ec2", PaginationConfig={"PageSize": 5}
    )
    listed = {quota["QuotaCode"]: quota for page in pages for quota in page["Quotas"]}
    quota = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=G)["Quota"]
    check(quota == listed[G] and quota["QuotaName"] == "Running On-Demand G and VT instances", quota)
    default = quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=G)["Quota"]
    check(default["Value"] == 0 < quota["Value"], default)
    refused("NoSuchResourceException", quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-00000000")
    refused(
        "IllegalArgumentException",
        quotas.request_service_quota_increase,
        ServiceCode="ec2",
        QuotaCode=G,
        DesiredValue=1,
    )
    asked = {"ServiceCode": "ec2", "QuotaCode": G, "DesiredValue": quota["Value"] + 96}
    change = quotas.request_service_quota_increase(**asked)["RequestedQuota"]
    check(change["Status"] == "PENDING", change)
    refused("ResourceAlreadyExistsException", quotas.request_service_quota_increase, **asked)
    history = quotas.list_requested_service_quota_change_history_by_quota(ServiceCode="ec2", QuotaCode=G)
    check([entry["Id"] for entry in history["RequestedQuotas"]] == [change["Id"]], history)
    got = quotas.get_requested_service_quota_change(RequestId=change["Id"])["RequestedQuota"]
    check(got == change, got)
