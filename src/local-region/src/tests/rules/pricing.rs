//! Proofs of the rules of the price list.

use super::{Case, case, same};
use crate::rules::{Rule, pricing as rules};
use crate::testing::Bench;
use serde_json::{Value, json};

async fn ask(bench: &Bench, operation: &str, input: Value) -> Value {
    bench.json("pricing", &format!("AWSPriceListService.{operation}"), input).await.1
}

fn refuses(rule: &'static Rule, operation: &'static str, input: Value) -> Case {
    case(rule, move |bench: Bench| {
        let input = input.clone();
        async move {
            let told = ask(&bench, operation, input).await;
            same(told["__type"].as_str(), Some(rule.answer))
        }
    })
}

fn of(more: Value) -> Value {
    let mut input = json!({"ServiceCode": "AmazonEC2"});
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    input
}

fn filter(kind: &str, field: &str, value: &str) -> Value {
    json!({"Type": kind, "Field": field, "Value": value})
}

fn products(told: &Value) -> Vec<Value> {
    let list = told["PriceList"].as_array().into_iter().flatten().filter_map(Value::as_str);
    list.filter_map(|text| serde_json::from_str(text).ok()).collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        refuses(&rules::SERVICE_NEEDED, "GetProducts", json!({})),
        refuses(&rules::SERVICE_LETTERS, "GetProducts", json!({"ServiceCode": "Amazon EC2"})),
        refuses(
            &rules::SERVICE_UNKNOWN,
            "DescribeServices",
            json!({"ServiceCode": "AmazonNothing"}),
        ),
        refuses(&rules::FORMAT, "GetProducts", of(json!({"FormatVersion": "aws_v2"}))),
        refuses(
            &rules::FILTER,
            "GetProducts",
            of(json!({"Filters": [filter("LIKE", "vcpu", "8")]})),
        ),
        refuses(&rules::ATTRIBUTE, "GetAttributeValues", of(json!({"AttributeName": "nothing"}))),
        refuses(&rules::MAX_RESULTS, "GetProducts", of(json!({"MaxResults": 101}))),
        refuses(&rules::TOKEN, "GetProducts", of(json!({"NextToken": "x"}))),
        case(&rules::FILTERS, async |bench: Bench| {
            let filters = json!({"ServiceCode": "AmazonSageMaker", "Filters": [
                filter("TERM_MATCH", "regionCode", "us-east-1"),
                filter("CONTAINS", "usagetype", "MLflow:TrackingServerCompute-Small"),
            ]});
            let found = products(&ask(&bench, "GetProducts", of(filters)).await);
            same(found.len(), 1)?;
            same(found[0]["product"]["attributes"]["servicecode"].as_str(), Some("AmazonSageMaker"))
        }),
        case(&rules::FILTERS, async |bench: Bench| {
            // As launchers ask: one product with one price.
            let filters = json!({"Filters": [
                filter("TERM_MATCH", "regionCode", "us-east-1"),
                filter("TERM_MATCH", "instanceType", "g5.12xlarge"),
                filter("TERM_MATCH", "operatingSystem", "Linux"),
                filter("TERM_MATCH", "preInstalledSw", "NA"),
                filter("TERM_MATCH", "tenancy", "Shared"),
                filter("TERM_MATCH", "capacitystatus", "Used"),
                filter("TERM_MATCH", "marketoption", "OnDemand"),
            ]});
            let found = products(&ask(&bench, "GetProducts", of(filters)).await);
            same(found.len(), 1)?;
            let term = found[0]["terms"]["OnDemand"].as_object().and_then(|t| t.values().next());
            let rates = term.and_then(|term| term["priceDimensions"].as_object());
            let rate = rates.and_then(|rates| rates.values().next()).ok_or("no price")?;
            same(rate["pricePerUnit"]["USD"].as_str(), Some("5.6720000000"))
        }),
        case(&rules::FILTERS, async |bench: Bench| {
            let filters = json!({"Filters": [
                filter("ANY_OF", "instanceType", "g5.12xlarge,g6.12xlarge,p5.48xlarge"),
                filter("NONE_OF", "gpu", "8"),
                filter("CONTAINS", "usagetype", "BoxUsage:g6"),
            ]});
            let found = products(&ask(&bench, "GetProducts", of(filters)).await);
            let types: Vec<_> =
                found.iter().map(|p| p["product"]["attributes"]["instanceType"].clone()).collect();
            same(types, vec![json!("g6.12xlarge")])
        }),
        case(&rules::PAGES, async |bench: Bench| {
            let first = ask(&bench, "GetProducts", of(json!({}))).await;
            same(products(&first).len(), 100)?;
            let mut skus: Vec<Value> = Vec::new();
            let mut told = first;
            loop {
                skus.extend(products(&told).iter().map(|p| p["product"]["sku"].clone()));
                if told["NextToken"].is_null() {
                    break;
                }
                let next = json!({"NextToken": told["NextToken"]});
                told = ask(&bench, "GetProducts", of(next)).await;
            }
            let count = skus.len();
            skus.sort_by_key(ToString::to_string);
            skus.dedup();
            same((skus.len(), count > 300), (count, true))
        }),
    ]
}
