//! AWS Price List (API reference 2017-10-15, AwsJson 1.1): what instances and MLflow's
//! tracking servers cost.

mod filter;
mod products;

use super::{Answer, ApiError, Call};
use crate::rules::pricing as rules;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use products::on_demand_usd_per_hour;
use products::{PRODUCTS, Product};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SERVICES: [&str; 2] = [products::EC2, products::SAGEMAKER];
const FORMAT: &str = "aws_v1";

/// Entries of a page at most, and when no number is asked for.
const PAGE: u64 = 100;
/// The same for values of an attribute.
const VALUES_PAGE: u64 = 10_000;

/// Carries out an operation.
pub fn perform(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    check_format(call, input)?;
    match call.operation {
        "DescribeServices" => describe_services(call, input),
        "GetAttributeValues" => attribute_values(call, input),
        "GetProducts" => {
            let code = service(call, input)?;
            let filters = filter::read(call, input)?;
            let in_force = &call.region.rules;
            let kept = |product: &&Product| {
                !in_force.on(&rules::FILTERS) || filters.iter().all(|filter| filter.keeps(product))
            };
            let of = PRODUCTS.iter().filter(|product| product.service == code);
            let shown = of.filter(kept).map(|p| json!(p.price_list().to_string()));
            let mut answer = page(call, input, "PriceList", shown.collect(), PAGE)?;
            answer["FormatVersion"] = json!(FORMAT);
            Ok(answer)
        }
        other => Err(ApiError::unknown_operation("pricing", other)),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("NotFoundException", message)
}

fn check_format(call: &Call<'_>, input: &Value) -> Result<(), ApiError> {
    let format = input["FormatVersion"].as_str().unwrap_or(FORMAT);
    call.region.rules.check(&rules::FORMAT, format == FORMAT, || {
        invalid(format!("Invalid format version: {format}. The only one is {FORMAT}."))
    })
}

/// The service that is named; one that has prices.
fn service<'a>(call: &Call<'_>, input: &'a Value) -> Result<&'a str, ApiError> {
    let in_force = &call.region.rules;
    let code = input["ServiceCode"].as_str().unwrap_or_default();
    in_force.check(&rules::SERVICE_NEEDED, !code.is_empty(), || {
        invalid("Input Parameters are invalid. serviceCode cannot be null or empty")
    })?;
    let plain = code.chars().all(|c| c.is_ascii_alphanumeric());
    in_force.check(&rules::SERVICE_LETTERS, plain, || {
        invalid("ServiceCode can only contain a-z, A-Z, 0-9")
    })?;
    in_force.check(&rules::SERVICE_UNKNOWN, SERVICES.contains(&code), || {
        not_found(format!("The service {code} was not found."))
    })?;
    Ok(code)
}

/// Fields of all products of a service.
fn fields(code: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    PRODUCTS.iter().filter(move |product| product.service == code).flat_map(Product::fields)
}

fn describe_services(call: &Call<'_>, input: &Value) -> Answer {
    let codes = match input["ServiceCode"].is_string() {
        true => vec![service(call, input)?],
        false => SERVICES.to_vec(),
    };
    let shown = codes.into_iter().map(|code| {
        let names: BTreeSet<&str> = fields(code).map(|(name, _)| name).collect();
        json!({"ServiceCode": code, "AttributeNames": names})
    });
    let mut answer = page(call, input, "Services", shown.collect(), PAGE)?;
    answer["FormatVersion"] = json!(FORMAT);
    Ok(answer)
}

fn attribute_values(call: &Call<'_>, input: &Value) -> Answer {
    let code = service(call, input)?;
    let name = input["AttributeName"].as_str().unwrap_or_default();
    let values: BTreeSet<&str> =
        fields(code).filter(|(key, _)| *key == name).map(|(_, v)| v).collect();
    call.region.rules.check(&rules::ATTRIBUTE, !values.is_empty(), || {
        not_found(format!("The attribute {name} of {code} was not found."))
    })?;
    let shown = values.into_iter().map(|value| json!({"Value": value})).collect();
    page(call, input, "AttributeValues", shown, VALUES_PAGE)
}

/// One page, and the token of the next; a token is the place in base 64.
fn page(call: &Call<'_>, input: &Value, field: &str, items: Vec<Value>, most: u64) -> Answer {
    let in_force = &call.region.rules;
    let size = input["MaxResults"].as_u64().unwrap_or(most);
    in_force.check(&rules::MAX_RESULTS, (1..=most).contains(&size), || {
        invalid(format!("MaxResults must be 1 to {most}."))
    })?;
    let place = |token: &str| {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        text.parse::<usize>().ok().filter(|place| *place < items.len())
    };
    let begin = input["NextToken"].as_str().map_or(Some(0), place);
    in_force.check(&rules::TOKEN, begin.is_some(), || {
        ApiError::new("InvalidNextTokenException", "The NextToken is invalid.")
    })?;
    let begin = begin.unwrap_or(0);
    let size = if in_force.on(&rules::PAGES) { usize::try_from(size).ok() } else { None };
    let end = size.map_or(items.len(), |size| begin.saturating_add(size).min(items.len()));
    let mut answer = json!({ field: &items[begin..end] });
    if end < items.len() {
        answer["NextToken"] = json!(STANDARD.encode(end.to_string()));
    }
    Ok(answer)
}
