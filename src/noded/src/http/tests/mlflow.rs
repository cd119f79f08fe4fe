use super::*;
use nixl_mlflow::{MintError, Minter, UrlKeeper};

struct Denied;

#[async_trait::async_trait]
impl Minter for Denied {
    async fn mint(&self, _: u32, _: u32) -> Result<String, MintError> {
        Err(MintError { denied: true, message: "not allowed".to_owned() })
    }
}

#[test]
fn mlflow_says_why_there_is_no_link() {
    let served = serve();
    assert_eq!(get(served.address, "/mlflow").unwrap().0, 503);
    assert!(served.shared.mlflow.set(None).is_ok());
    let (status, body) = get(served.address, "/mlflow").unwrap();
    assert!(status == 404 && body.contains("mlflow_tracking_arn"), "{body}");
    let denied = serve();
    let keeper = UrlKeeper::new(Arc::new(Denied), 1800);
    assert!(denied.shared.mlflow.set(Some(keeper)).is_ok());
    assert_eq!(get(denied.address, "/mlflow").unwrap().0, 503);
}
