//! Spot prices.

super::rules! {
    gaps: [
        "ec2": "Spot prices are those that were set (nixl-region set spot-price); none is there before. No price has a source and date that could be checked in.",
        "ec2": "Spot prices are of Linux/UNIX only, kept for the life of the region (AWS: 90 days), and tell nothing of capacity.",
    ]
    IN_FORCE = "ec2.spot-price.in-force" {
        says: "From StartTime on prices are told, and the one that was in force then: with the present as StartTime, the present prices.",
        source: "EC2 API reference, DescribeSpotPriceHistory",
        answer: "-",
        proof: Api,
    }
    PRODUCT = "ec2.spot-price.product" {
        says: "Only prices of the platforms that are asked for are told.",
        source: "EC2 API reference, DescribeSpotPriceHistory, ProductDescription",
        answer: "-",
        proof: Api,
    }
}
