use super::*;
use crate::client::exchange;
use nixl_mlflow::{MintError, Minter, UrlKeeper};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

struct Denied;

#[async_trait::async_trait]
impl Minter for Denied {
    async fn mint(&self, _: u32, _: u32) -> Result<String, MintError> {
        Err(MintError { denied: true, message: "not allowed".to_owned() })
    }
}

#[derive(Default)]
struct Numbered(AtomicU32);

#[async_trait::async_trait]
impl Minter for Numbered {
    async fn mint(&self, _: u32, _: u32) -> Result<String, MintError> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(format!("https://mlflow.example/auth?authToken={number}"))
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

#[test]
fn each_who_asks_gets_another_url() {
    let served = serve();
    let keeper = UrlKeeper::new(Arc::new(Numbered::default()), 1800);
    assert!(served.shared.mlflow.set(Some(keeper)).is_ok());
    let ask = || exchange(served.address, "GET", "/mlflow", "", Duration::from_secs(5)).unwrap();
    let urls = [ask(), ask()].map(|answer| answer.header("Location").unwrap().to_owned());
    assert!(urls[0].starts_with("https://mlflow.example/auth?authToken="), "{urls:?}");
    assert_ne!(urls[0], urls[1]);
    assert_eq!(ask().header("cache-control"), Some("no-store"));
}

/// Only root can be somebody else.
#[test]
fn who_administers_nothing_gets_no_url() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let served = serve();
    let minter = Arc::new(Numbered::default());
    assert!(served.shared.mlflow.set(Some(UrlKeeper::new(minter.clone(), 1800))).is_ok());
    let address = served.address;
    let somebody = std::thread::spawn(move || {
        // SAFETY: the user for files and sockets, of this thread only.
        unsafe { libc::setfsuid(54_321) };
        get(address, "/mlflow").unwrap()
    });
    let (status, body) = somebody.join().unwrap();
    assert!(status == 403 && body.contains("sudo nixl-noded mlflow url"), "{body}");
    assert_eq!(minter.0.load(Ordering::Relaxed), 0, "none was made");
}
