//! Topology of instances.

super::rules! {
    gaps: [
        "ec2": "Network nodes are invented: instances of a cluster placement group share all levels, others of a zone the top one.",
        "ec2": "Instances of types without a topology are left out, also when asked for by id; what AWS answers then is not verified.",
    ]
    RUNNING = "ec2.topology.running" {
        says: "The topology of running instances is told, of types that have one.",
        source: "EC2 user guide, Amazon EC2 topology, considerations and prerequisites",
        answer: "-",
        proof: Api,
    }
    NODES = "ec2.topology.nodes" {
        says: "Three or four network nodes are told, the last the nearest; instances that are near share them.",
        source: "EC2 user guide, How Amazon EC2 instance topology works",
        answer: "-",
        proof: Api,
    }
    IDS = "ec2.topology.ids" {
        says: "DescribeInstanceTopology takes instance ids or MaxResults.",
        source: "EC2 API model, DescribeInstanceTopology, MaxResults",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
}
