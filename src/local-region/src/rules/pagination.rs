//! Pages of the describe operations.

super::rules! {
    gaps: [
        "ec2": "A next token does not expire and is not bound to the other parameters of the request.",
        "ec2": "Without MaxResults everything is sent (except instance types), and a page is short only at the end; AWS may send short pages at any time.",
    ]
    SIZE = "ec2.pages.size" {
        says: "MaxResults is in the operation's range, mostly 5 to 1000.",
        source: "EC2 API model, MaxResults of each operation; EC2 API reference, Pagination",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    TOKEN = "ec2.pages.token" {
        says: "A next token that was never given out is refused.",
        source: "karpenter issue 6061; message: boto3 issue 2673",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    TOKEN_OF_OPERATION = "ec2.pages.token-of-operation" {
        says: "A next token is good only for the operation that gave it.",
        source: "EC2 API reference, Pagination",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    BY_INSTANCE = "ec2.pages.by-instance" {
        says: "DescribeInstances counts instances, not reservations: a reservation may be in two pages.",
        source: "aws-doc-sdk-examples issue 201",
        answer: "-",
        proof: Api,
    }
    INSTANCE_IDS = "ec2.pages.instance-ids" {
        says: "DescribeInstances takes instance ids or MaxResults.",
        source: "EC2 API model, DescribeInstances, MaxResults; message: moto issue 6282",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    STATUS_IDS = "ec2.pages.status-ids" {
        says: "DescribeInstanceStatus takes instance ids or MaxResults.",
        source: "EC2 API model, DescribeInstanceStatus, MaxResults",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    INTERFACE_IDS = "ec2.pages.interface-ids" {
        says: "DescribeNetworkInterfaces takes interface ids or MaxResults.",
        source: "EC2 API model, DescribeNetworkInterfaces, MaxResults",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
}
