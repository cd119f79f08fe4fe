"""Parameters of SSM."""

from .base import NAME, check, client, refused


def judge():
    ssm = client("ssm")
    ami = ssm.get_parameter(Name="/aws/service/debian/release/12/latest/amd64")["Parameter"]
    check(ami["Value"].startswith("ami-") and ami["DataType"] == "aws:ec2:image", ami)
    check(ssm.put_parameter(Name=f"/{NAME}", Value="1", Type="String")["Version"] == 1, "put")
    refused("ParameterAlreadyExists", ssm.put_parameter, Name=f"/{NAME}", Value="2", Type="String")
    check(ssm.put_parameter(Name=f"/{NAME}", Value="2", Overwrite=True)["Version"] == 2, "overwrite")
    refused("AccessDeniedException", ssm.put_parameter, Name="/aws/x", Value="2", Type="String")
    many = ssm.get_parameters(Names=[f"/{NAME}", "/none"])
    check(many["Parameters"][0]["Value"] == "2" and many["InvalidParameters"] == ["/none"], many)
    check(ssm.get_parameter(Name=many["Parameters"][0]["ARN"])["Parameter"]["Value"] == "2", "by ARN")
    check(ssm.get_parameter(Name=f"/{NAME}:1")["Parameter"]["Value"] == "1", "by version")
    refused("ParameterVersionNotFound", ssm.get_parameter, Name=f"/{NAME}:7")
    below = ssm.get_parameters_by_path(Path="/", Recursive=False)["Parameters"]
    check([p["Name"] for p in below] == [f"/{NAME}"], below)
    told = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [f"/{NAME}"]}])["Parameters"]
    check(told[0]["Version"] == 2 and told[0]["Tier"] == "Standard", told)
    ssm.delete_parameter(Name=f"/{NAME}")
    refused("ParameterNotFound", ssm.get_parameter, Name=f"/{NAME}")
    refused("ParameterNotFound", ssm.delete_parameter, Name=f"/{NAME}")
    return ami["Value"]
