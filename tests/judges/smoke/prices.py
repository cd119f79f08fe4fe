"""Prices, as a launcher asks for them."""

import json

from .base import check, client, refused


def judge():
    pricing = client("pricing")
    wanted = {
        "regionCode": "us-east-1",
        "instanceType": "g6.12xlarge",
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
    }
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    found = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters)
    check(found["FormatVersion"] == "aws_v1" and len(found["PriceList"]) == 1, found)
    product = json.loads(found["PriceList"][0])
    check(product["product"]["attributes"]["vcpu"] == "48", product)
    (term,) = product["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    check(dimension["unit"] == "Hrs" and float(dimension["pricePerUnit"]["USD"]) > 1, dimension)
    pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2")
    check(sum(len(page["PriceList"]) for page in pages) > 300, "all products")
    servers = pricing.get_products(
        ServiceCode="AmazonSageMaker",
        Filters=[{"Type": "CONTAINS", "Field": "usagetype", "Value": "MLflow:TrackingServerCompute"}],
    )
    check(len(servers["PriceList"]) == 3, servers)
    service = pricing.describe_services(ServiceCode="AmazonEC2")["Services"][0]
    check("instanceType" in service["AttributeNames"], service)
    values = pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="tenancy")
    check(values["AttributeValues"] == [{"Value": "Shared"}], values)
    refused("InvalidParameterException", pricing.get_products, ServiceCode="Amazon EC2")
    refused("NotFoundException", pricing.get_products, ServiceCode="AmazonNothing")
