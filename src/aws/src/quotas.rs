//! Service Quotas (API reference 2019-06-24), by hand-signed AwsJson 1.1.

use crate::Result;
use crate::json::{Service, client};
use serde::{Deserialize, Serialize};

const SERVICE: Service = Service {
    name: "service-quotas",
    endpoint_prefix: "servicequotas",
    signing_name: "servicequotas",
    target_prefix: "ServiceQuotasV20190624",
    endpoint_variable: "SERVICE_QUOTAS",
    nearest: None,
};

/// An increase that was asked for and is not settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Increase {
    /// Value asked for.
    pub desired: f64,
    /// `PENDING` or `CASE_OPENED`.
    pub status: String,
}

/// The calls; [`Client`] makes them, tests script them.
#[async_trait::async_trait]
pub trait Quotas: Send + Sync {
    /// Value of a quota as applied to the account in the client's region.
    async fn quota(&self, service: &str, code: &str) -> Result<f64>;
    /// Increases of it that are not settled, oldest first.
    async fn pending_increases(&self, service: &str, code: &str) -> Result<Vec<Increase>>;
}

client!(SERVICE);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OfQuota<'a> {
    service_code: &'a str,
    quota_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQuotaAnswer {
    quota: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    value: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HistoryAnswer {
    #[serde(default)]
    requested_quotas: Vec<Requested>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Requested {
    desired_value: f64,
    status: String,
    #[serde(default)]
    created: f64,
}

#[async_trait::async_trait]
impl Quotas for Client {
    async fn quota(&self, service_code: &str, quota_code: &str) -> Result<f64> {
        let body = OfQuota { service_code, quota_code, next_token: None };
        let answer: GetQuotaAnswer = self.json.call("GetServiceQuota", &body).await?;
        Ok(answer.quota.value)
    }

    async fn pending_increases(
        &self,
        service_code: &str,
        quota_code: &str,
    ) -> Result<Vec<Increase>> {
        let mut found = Vec::new();
        let mut next_token = None;
        loop {
            let body = OfQuota { service_code, quota_code, next_token };
            let page: HistoryAnswer =
                self.json.call("ListRequestedServiceQuotaChangeHistoryByQuota", &body).await?;
            found.extend(page.requested_quotas);
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        found.retain(|it| matches!(it.status.as_str(), "PENDING" | "CASE_OPENED"));
        found.sort_by(|a, b| a.created.total_cmp(&b.created));
        Ok(found
            .into_iter()
            .map(|it| Increase { desired: it.desired_value, status: it.status })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_those_of_the_api() {
        let body = OfQuota { service_code: "ec2", quota_code: "L-1", next_token: None };
        let body = serde_json::to_string(&body).expect("plain JSON");
        assert_eq!(body, r#"{"ServiceCode":"ec2","QuotaCode":"L-1"}"#);
        let answer: GetQuotaAnswer =
            serde_json::from_str(r#"{"Quota":{"QuotaCode":"L-1","Value":96.0,"Unit":"None"}}"#)
                .expect("the answer parses");
        assert_eq!(answer.quota.value, 96.0);
        let page: HistoryAnswer = serde_json::from_str(
            r#"{"RequestedQuotas":[{"Id":"x","DesiredValue":192.0,"Status":"PENDING","Created":1.5}]}"#,
        )
        .expect("the answer parses");
        assert_eq!(page.requested_quotas[0].desired_value, 192.0);
    }
}
