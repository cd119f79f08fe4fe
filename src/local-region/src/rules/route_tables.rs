//! Route tables.

super::rules! {
    gaps: [
        "ec2": "There is the main route table of the default VPC and no other; routes and gateways cannot be made or changed.",
    ]
    MAIN = "ec2.route-table.main" {
        says: "The main route table of the default VPC leads 0.0.0.0/0 to an internet gateway.",
        source: "VPC user guide, Default VPC components",
        answer: "-",
        proof: Api,
    }
    UNKNOWN = "ec2.route-table.unknown" {
        says: "A route table that is asked for exists.",
        source: "EC2 API reference, Error codes, InvalidRouteTableID.NotFound",
        answer: "InvalidRouteTableID.NotFound",
        proof: Api,
    }
}
