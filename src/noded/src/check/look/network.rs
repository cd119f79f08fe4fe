//! Interfaces, the metadata service and the name of EC2's endpoint.

use super::Looked;
use crate::wiring;
use nixl_cluster::{Reading, reason};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What EC2 carries within a VPC (EC2 User Guide, network MTU).
const JUMBO_BYTES: u64 = 9001;
/// It answers within milliseconds, on the node itself.
const IMDS_WITHIN: Duration = Duration::from_secs(2);
/// Longer than a resolver waits for its first server.
const DNS_WITHIN: Duration = Duration::from_secs(6);

pub(super) fn look(root: &Path, ec2_answers: bool) -> Vec<(&'static str, Looked)> {
    let mut looked: Vec<_> =
        interfaces(root).into_iter().map(|looked| ("network:mtu", looked)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    looked.extend(asked(runtime, ec2_answers));
    looked
}

/// What must be asked for over the network.
fn asked(runtime: io::Result<Runtime>, ec2_answers: bool) -> [(&'static str, Looked); 2] {
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let failed = ["network:imds", "network:dns"];
            let bad = || Reading::bad(&reason::CHECK_LOOK_FAILED, error.to_string());
            return failed.map(|name| (name, Looked::Told(bad())));
        }
    };
    let (imds, dns) = runtime.block_on(async {
        let (imds, region) = imds().await;
        let host = endpoint_host(region.as_deref(), |name| std::env::var(name).ok());
        (imds, dns(host, ec2_answers).await)
    });
    // A resolver that hangs must not hold up the end.
    runtime.shutdown_background();
    [("network:imds", imds), ("network:dns", dns)]
}

/// Every interface with a device behind it that is up; others carry no traffic
/// between nodes on EC2.
fn interfaces(root: &Path) -> Vec<Looked> {
    let folder = root.join("sys/class/net");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect())
        .unwrap_or_default();
    names.sort();
    let mut looked = Vec::new();
    for name in names {
        let interface = folder.join(&name);
        let read = |file: &str| std::fs::read_to_string(interface.join(file)).ok();
        let is_up = read("operstate").is_some_and(|state| state.trim() == "up");
        let mtu_bytes = read("mtu").and_then(|mtu| mtu.trim().parse::<u64>().ok());
        let Some(mtu_bytes) = mtu_bytes.filter(|_| is_up && interface.join("device").exists())
        else {
            continue;
        };
        let name = name.to_string_lossy();
        let reading = if mtu_bytes < JUMBO_BYTES {
            let evidence =
                format!("{name} has an MTU of {mtu_bytes} bytes, EC2 carries {JUMBO_BYTES}");
            Reading::bad(&reason::CHECK_MTU_SMALL, evidence).field("mtu_bytes", mtu_bytes)
        } else {
            Reading::default()
        };
        looked.push(Looked::Told(reading.value(mtu_bytes).unit("B").about(name)));
    }
    if looked.is_empty() {
        looked.push(Looked::Skipped("no interface with a device behind it is up".to_owned()));
    }
    looked
}

/// Whether it answers, and in which region this is.
async fn imds() -> (Looked, Option<String>) {
    let bad = |evidence| Looked::Told(Reading::bad(&reason::IMDS_UNREACHABLE, evidence));
    match tokio::time::timeout(IMDS_WITHIN, wiring::imds().region()).await {
        Ok(Ok(region)) => (Looked::Told(Reading::good(region.as_str())), Some(region)),
        Ok(Err(error)) => (bad(error.to_string()), None),
        Err(_) => (bad(format!("no answer within {} s", IMDS_WITHIN.as_secs())), None),
    }
}

/// The host of EC2's endpoint, as the SDKs choose it.
fn endpoint_host(
    region: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let given = variable("AWS_ENDPOINT_URL_EC2").or_else(|| variable("AWS_ENDPOINT_URL"));
    if let Some(url) = given.filter(|url| !url.is_empty()) {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        return Some(host.to_owned());
    }
    let region = region?;
    let partition = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(format!("ec2.{region}.{partition}"))
}

async fn dns(host: Option<String>, ec2_answers: bool) -> Looked {
    let Some(host) = host else {
        return Looked::Skipped("the region is not known without the metadata service".to_owned());
    };
    // A port is wanted for an address; which one does not matter.
    let found =
        tokio::time::timeout(DNS_WITHIN, tokio::net::lookup_host((host.as_str(), 443))).await;
    let why = match found {
        Ok(Ok(mut addresses)) => match addresses.next() {
            Some(address) => {
                let value = format!("{host} is {}", address.ip());
                return Looked::Told(Reading::good(value));
            }
            None => "no address".to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", DNS_WITHIN.as_secs()),
    };
    if ec2_answers {
        // Its AWS_ENDPOINT_URL, which this shell does not have, leads elsewhere.
        return Looked::Skipped(format!(
            "{host} does not resolve here, and EC2 answers the daemon all the same"
        ));
    }
    Looked::Told(Reading::bad(&reason::CHECK_DNS_FAILED, format!("{host}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(root: &Path, name: &str, mtu: &str, state: &str, device: bool) {
        let folder = root.join("sys/class/net").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("mtu"), mtu).unwrap();
        std::fs::write(folder.join("operstate"), state).unwrap();
        if device {
            std::fs::create_dir(folder.join("device")).unwrap();
        }
    }

    #[test]
    fn a_device_without_jumbo_frames_is_named_and_others_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(interfaces(root.path())[..], [Looked::Skipped(_)]));
        interface(root.path(), "docker0", "1500\n", "up\n", false);
        interface(root.path(), "ens6", "1500\n", "down\n", true);
        interface(root.path(), "ens7", "many\n", "up\n", true);
        assert!(matches!(interfaces(root.path())[..], [Looked::Skipped(_)]));
        interface(root.path(), "ens32", "9001\n", "up\n", true);
        interface(root.path(), "ens5", "1500\n", "up\n", true);
        let looked = interfaces(root.path());
        let [Looked::Told(good), Looked::Told(bad)] = &looked[..] else { panic!() };
        assert_eq!((good.id.as_deref(), &good.reason), (Some("ens32"), &None));
        let (reason, evidence) = bad.reason.clone().unwrap();
        assert_eq!(reason.code, "check.mtu_small");
        assert_eq!(evidence, "ens5 has an MTU of 1500 bytes, EC2 carries 9001");
    }

    #[test]
    fn the_endpoint_is_the_regions_or_the_one_given() {
        let none = |_: &str| None;
        assert_eq!(endpoint_host(Some("us-east-1"), none).unwrap(), "ec2.us-east-1.amazonaws.com");
        assert_eq!(
            endpoint_host(Some("cn-north-1"), none).unwrap(),
            "ec2.cn-north-1.amazonaws.com.cn"
        );
        assert_eq!(endpoint_host(None, none), None);
        let given =
            |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "http://127.0.0.1:4577/x".to_owned());
        assert_eq!(endpoint_host(None, given).unwrap(), "127.0.0.1");
    }

    #[test]
    fn what_cannot_be_asked_for_is_told() {
        let told = asked(Err(io::Error::other("Too many open files")), true);
        for (name, looked) in &told {
            let Looked::Told(reading) = looked else { panic!("{name}") };
            let (reason, evidence) = reading.reason.clone().unwrap();
            assert_eq!((reason.code, &*evidence), ("check.look_failed", "Too many open files"));
        }
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_fails_unless_ec2_answers_the_daemon() {
        let host = || Some("ec2.nowhere.invalid".to_owned());
        let Looked::Told(bad) = dns(host(), false).await else { panic!() };
        assert_eq!(bad.code(), Some("check.dns_failed"));
        assert!(matches!(dns(host(), true).await, Looked::Skipped(_)));
        assert!(matches!(dns(None, false).await, Looked::Skipped(_)));
        let Looked::Told(good) = dns(Some("127.0.0.1".to_owned()), false).await else { panic!() };
        assert_eq!(good.reason, None);
    }
}
