//! What is sold: instances of the catalogue that have a price
//! (`data/prices.json`, written by `scripts/prices.py`), and tracking servers.

use crate::api::ec2::InstanceType;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// AWS's code of On-Demand terms.
const TERM: &str = "JRTCKXETXF";
/// AWS's code of their price for an hour.
const RATE: &str = "6YS6EN2CT7";
/// Codes of services.
pub const EC2: &str = "AmazonEC2";
pub const SAGEMAKER: &str = "AmazonSageMaker";
/// US dollars for an hour of a tracking server. Of the small one it is what people
/// paid in us-east-1; the others are guessed.
const TRACKING_SERVERS: [(&str, f64); 3] = [("Small", 0.642), ("Medium", 1.284), ("Large", 2.568)];

#[derive(Deserialize)]
struct Prices {
    /// When AWS was asked.
    time: String,
    usd_per_hour: BTreeMap<String, f64>,
}

static PRICES: LazyLock<Prices> = LazyLock::new(|| {
    let text = include_str!("../../data/prices.json");
    serde_json::from_str(text).expect("the checked-in file is parsed by a test")
});

/// Everything that is sold, by type.
pub static PRODUCTS: LazyLock<Vec<Product>> = LazyLock::new(|| {
    let types = InstanceType::all().iter();
    let sold = types
        .filter_map(|t| Some(Product::instance(t, *PRICES.usd_per_hour.get(&t.name)?)))
        .chain(TRACKING_SERVERS.map(|(size, usd)| Product::tracking_server(size, usd)));
    sold.collect()
});

/// What an hour of a type costs, if it has a price.
pub fn on_demand_usd_per_hour(instance_type: &str) -> Option<f64> {
    PRICES.usd_per_hour.get(instance_type).copied()
}

/// Instances of a type (On-Demand, Linux, shared tenancy), or servers of a size.
pub struct Product {
    /// Code of the service that sells it.
    pub service: &'static str,
    family: &'static str,
    description: String,
    sku: String,
    attributes: BTreeMap<&'static str, String>,
    usd_per_hour: f64,
}

impl Product {
    fn instance(t: &InstanceType, usd_per_hour: f64) -> Self {
        let own = [
            ("instanceType", t.name.clone()),
            ("vcpu", t.vcpus.to_string()),
            ("memory", format!("{} GiB", t.memory_mib as f64 / 1024.0)),
            ("networkPerformance", t.network.clone()),
            ("currentGeneration", if t.current { "Yes" } else { "No" }.to_owned()),
            ("usagetype", format!("BoxUsage:{}", t.name)),
        ];
        let common = [
            ("servicecode", EC2),
            ("servicename", "Amazon Elastic Compute Cloud"),
            ("regionCode", "us-east-1"),
            ("location", "US East (N. Virginia)"),
            ("locationType", "AWS Region"),
            ("operatingSystem", "Linux"),
            ("preInstalledSw", "NA"),
            ("licenseModel", "No License required"),
            ("tenancy", "Shared"),
            ("capacitystatus", "Used"),
            ("marketoption", "OnDemand"),
            ("operation", "RunInstances"),
        ];
        let gpus: u32 = t.gpus.iter().map(|(_, _, count, _)| count).sum();
        let mut attributes: BTreeMap<&str, String> = own.into_iter().collect();
        attributes.extend(common.map(|(name, value)| (name, value.to_owned())));
        if gpus > 0 {
            attributes.insert("gpu", gpus.to_string());
        }
        Self {
            service: EC2,
            family: "Compute Instance",
            description: format!("${usd_per_hour} per On Demand Linux {} Instance Hour", t.name),
            sku: sku(&t.name),
            attributes,
            usd_per_hour,
        }
    }

    fn tracking_server(size: &str, usd_per_hour: f64) -> Self {
        let usage = format!("USE1-MLflow:TrackingServerCompute-{size}");
        let attributes = [
            ("servicecode", SAGEMAKER),
            ("servicename", "Amazon SageMaker"),
            ("regionCode", "us-east-1"),
            ("location", "US East (N. Virginia)"),
            ("locationType", "AWS Region"),
            ("usagetype", &usage),
        ];
        Self {
            service: SAGEMAKER,
            family: "ML Instance",
            description: format!("${usd_per_hour} per MLflow Tracking Server {size} hour"),
            sku: sku(&usage),
            attributes: attributes.map(|(name, value)| (name, value.to_owned())).into(),
            usd_per_hour,
        }
    }

    /// What filters ask for: the attributes, and what stands beside them.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let attributes = self.attributes.iter().map(|(name, value)| (*name, value.as_str()));
        attributes.chain([("productFamily", self.family), ("termType", "OnDemand")])
    }

    /// The product as one entry of a price list.
    pub fn price_list(&self) -> Value {
        let Self { service, family, description, sku, attributes, usd_per_hour } = self;
        let term = format!("{sku}.{TERM}");
        let rate = format!("{term}.{RATE}");
        let dimension = json!({
            "rateCode": rate,
            "unit": "Hrs",
            "beginRange": "0",
            "endRange": "Inf",
            "appliesTo": [],
            "description": description,
            "pricePerUnit": {"USD": format!("{usd_per_hour:.10}")},
        });
        json!({
            "serviceCode": service,
            "product": {"sku": sku, "productFamily": family, "attributes": attributes},
            "terms": {"OnDemand": {&term: {
                "sku": sku,
                "offerTermCode": TERM,
                "effectiveDate": PRICES.time,
                "termAttributes": {},
                "priceDimensions": {&rate: dimension},
            }}},
            "publicationDate": PRICES.time,
            "version": PRICES.time.chars().filter(char::is_ascii_digit).collect::<String>(),
        })
    }
}

/// 16 letters and digits, always the same for a type.
fn sku(name: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKMNPQRSTUVWXYZ234567892";
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(16).map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_of_known_types_and_positive() {
        assert_eq!(PRODUCTS.len(), PRICES.usd_per_hour.len() + TRACKING_SERVERS.len());
        assert!(PRICES.usd_per_hour.values().all(|usd| *usd > 0.0));
        assert!(PRICES.time.parse::<jiff::Timestamp>().is_ok());
        let skus: std::collections::BTreeSet<_> = PRODUCTS.iter().map(|p| &p.sku).collect();
        assert_eq!(skus.len(), PRODUCTS.len());
    }
}
