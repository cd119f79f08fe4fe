//! Which URL a service answers at.

/// No source named a region.
pub(super) const NO_REGION: &str = "no region: set AWS_REGION or pass --region (for the local region: `eval \"$(nixl-region env)\"`)";

/// The service's own variable, then the shared endpoint, then AWS's public one.
pub(super) fn resolve(
    service_variable: Option<&str>,
    shared: Option<&str>,
    prefix: &str,
    region: Option<&str>,
) -> Result<String, String> {
    let given = service_variable.filter(|url| !url.is_empty()).or(shared);
    if let Some(url) = given {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(format!(
                "endpoint {url:?} is no http or https URL; correct AWS_ENDPOINT_URL"
            ));
        }
        return Ok(format!("{}/", url.trim_end_matches('/')));
    }
    let region = region.ok_or(NO_REGION)?;
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://{prefix}.{region}.{suffix}/"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn the_nearest_source_wins() {
        let get = |own, shared| resolve(own, shared, "api.sagemaker", Some("us-east-1")).unwrap();
        assert_eq!(get(Some("http://a:1"), Some("http://b")), "http://a:1/");
        assert_eq!(get(Some(""), Some("http://b/")), "http://b/");
        assert_eq!(get(None, None), "https://api.sagemaker.us-east-1.amazonaws.com/");
    }

    #[test]
    fn nonsense_is_named() {
        assert!(resolve(None, Some("localhost:1"), "x", None).unwrap_err().contains("localhost:1"));
        assert!(resolve(None, None, "x", None).unwrap_err().contains("AWS_REGION"));
    }
}
