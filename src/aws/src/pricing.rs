//! The Price List (API reference 2017-10-15), by hand-signed AwsJson 1.1: what
//! an instance and a tracking server of MLflow cost On-Demand.

use crate::Result;
use crate::json::{Service, client};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const SERVICE: Service = Service {
    name: "pricing",
    endpoint_prefix: "api.pricing",
    signing_name: "pricing",
    target_prefix: "AWSPriceListService",
    endpoint_variable: "PRICING",
    nearest: Some(endpoint_region),
};

/// Words of the list for an hour: EC2's, and others of services.
const HOURS: [&str; 3] = ["Hrs", "Hours", "hours"];

/// A price of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListPrice {
    /// US dollars for an hour of one.
    pub usd_per_hour: f64,
    /// When the list was published, as the list says it.
    pub published: String,
}

impl ListPrice {
    /// Where it is from, for people.
    #[must_use]
    pub fn source(&self) -> String {
        format!("AWS Price List of {}", self.published)
    }
}

/// The calls; [`Client`] makes them, tests script them.
#[async_trait::async_trait]
pub trait Pricing: Send + Sync {
    /// On-Demand price of Linux with shared tenancy; none if the list has no
    /// price in US dollars, or several.
    async fn on_demand(&self, region: &str, instance_type: &str) -> Result<Option<ListPrice>>;
    /// Price of a tracking server of MLflow of this size (`Small`), without what it
    /// stores; none as above.
    async fn tracking_server(&self, region: &str, size: &str) -> Result<Option<ListPrice>>;
}

client!(SERVICE);

impl Client {
    async fn ask(&self, request: &Value) -> Result<Option<ListPrice>> {
        let answer: Products = self.json.call("GetProducts", request).await?;
        Ok(price(&answer.price_list))
    }
}

/// The Price List answers in four regions only (AWS Billing user guide, "Price
/// List API endpoints").
fn endpoint_region(region: &str) -> &'static str {
    match region.split('-').next().unwrap_or_default() {
        "eu" | "me" | "il" | "af" => "eu-central-1",
        "ap" => "ap-south-1",
        "cn" => "cn-northwest-1",
        _ => "us-east-1",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Products {
    /// Each a JSON document of its own.
    #[serde(default)]
    price_list: Vec<String>,
}

/// Asks for products of a service that match all of these: type, field, value.
fn request(service_code: &str, filters: &[(&str, &str, &str)]) -> Value {
    let filter = |(kind, field, value): &_| json!({"Type": kind, "Field": field, "Value": value});
    let filters = Value::from_iter(filters.iter().map(filter));
    json!({"ServiceCode": service_code, "FormatVersion": "aws_v1", "Filters": filters})
}

fn instances(region: &str, instance_type: &str) -> Value {
    let filters = [
        ("instanceType", instance_type),
        ("regionCode", region),
        ("operatingSystem", "Linux"),
        ("preInstalledSw", "NA"),
        ("tenancy", "Shared"),
        ("capacitystatus", "Used"),
        ("marketoption", "OnDemand"),
    ];
    request("AmazonEC2", &filters.map(|(field, value)| ("TERM_MATCH", field, value)))
}

/// Before the usage type stands the billing code of the region (`APS3-`), which
/// nothing tells; the region is matched by its own name.
fn tracking_servers(region: &str, size: &str) -> Value {
    let usage = format!("MLflow:TrackingServerCompute-{size}");
    let filters = [("TERM_MATCH", "regionCode", region), ("CONTAINS", "usagetype", &usage)];
    request("AmazonSageMaker", &filters)
}

/// The one price that all products agree on.
fn price(products: &[String]) -> Option<ListPrice> {
    let mut found: Option<ListPrice> = None;
    for text in products {
        let product: Value = serde_json::from_str(text).ok()?;
        let terms = product["terms"]["OnDemand"].as_object()?.values();
        let dimensions = terms.filter_map(|term| term["priceDimensions"].as_object());
        for dimension in dimensions.flat_map(|dimensions| dimensions.values()) {
            let usd: f64 = dimension["pricePerUnit"]["USD"].as_str()?.parse().ok()?;
            if !HOURS.contains(&dimension["unit"].as_str()?) || usd <= 0.0 {
                continue;
            }
            if found.as_ref().is_some_and(|it| it.usd_per_hour != usd) {
                return None;
            }
            let published = product["publicationDate"].as_str().unwrap_or_default().to_owned();
            found = Some(ListPrice { usd_per_hour: usd, published });
        }
    }
    found
}

#[async_trait::async_trait]
impl Pricing for Client {
    async fn on_demand(&self, region: &str, instance_type: &str) -> Result<Option<ListPrice>> {
        self.ask(&instances(region, instance_type)).await
    }

    async fn tracking_server(&self, region: &str, size: &str) -> Result<Option<ListPrice>> {
        self.ask(&tracking_servers(region, size)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(usd: &str, unit: &str) -> String {
        let dimension = json!({"unit": unit, "pricePerUnit": {"USD": usd}});
        let term = json!({"priceDimensions": {"r": dimension}});
        json!({"terms": {"OnDemand": {"t": term}}, "publicationDate": "2026-07-20T00:00:00Z"})
            .to_string()
    }

    #[test]
    fn one_price_is_a_price_and_two_are_none() {
        let one = price(&[product("4.6016", "Hrs")]).expect("a price");
        assert_eq!((one.usd_per_hour, one.published.as_str()), (4.6016, "2026-07-20T00:00:00Z"));
        assert_eq!(
            price(&[product("1", "Hrs"), product("1.0", "Hrs")]).map(|it| it.usd_per_hour),
            Some(1.0)
        );
        assert_eq!(price(&[product("1", "Hrs"), product("2", "Hrs")]), None);
        for nothing in [vec![], vec![product("0", "Hrs")], vec![product("1", "Quantity")]] {
            assert_eq!(price(&nothing), None);
        }
        assert_eq!(price(&["{".to_owned()]), None);
    }

    #[test]
    fn every_region_has_an_endpoint() {
        let near = ["us-west-2", "eu-north-1", "ap-east-1", "cn-north-1", "sa-east-1"];
        let expected = ["us-east-1", "eu-central-1", "ap-south-1", "cn-northwest-1", "us-east-1"];
        assert_eq!(near.map(endpoint_region), expected);
    }
}
