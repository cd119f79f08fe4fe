//! Each row of the error table of EC2 against the account in memory: what is
//! done, how many calls it takes, how long is waited, what is told. Time is
//! counted, not spent.

use super::{patience, spec};
use crate::engine::{Clock, Engine, Pace};
use crate::errors::{LAUNCH, Launch};
use crate::failure::{Failure, Problem};
use crate::fake::{Fake, Fault};
use crate::plan::{Spec, Wanted};
use crate::report::Report;
use nixl_aws::ec2::Market;
use std::collections::BTreeSet;
use std::time::Duration;

/// Codes with a message, and the class that EC2's documentation gives them.
const CASES: &[(&str, &str, Launch)] = &[
    ("InsufficientInstanceCapacity", "no room", Launch::NextZone),
    ("InsufficientHostCapacity", "no room", Launch::NextZone),
    ("UnfulfillableCapacity", "no room", Launch::NextZone),
    ("Unsupported", "not supported in your requested Availability Zone", Launch::NotHere),
    ("InvalidPlacementGroup.InUse", "in use in another availability zone", Launch::NotHere),
    ("InsufficientFreeAddressesInSubnet", "not enough free addresses", Launch::NextSubnet),
    ("ReservationCapacityExceeded", "it has 1", Launch::Fail),
    ("InsufficientReservedInstanceCapacity", "not enough", Launch::Fail),
    ("InvalidCapacityReservationId.NotFound", "does not exist", Launch::Fail),
    ("InvalidCapacityReservationState", "is expired", Launch::Fail),
    ("VcpuLimitExceeded", "more vCPU than your limit of 64", Launch::NextFamily),
    ("InstanceLimitExceeded", "your quota allows 0 more", Launch::NextFamily),
    ("MaxSpotInstanceCountExceeded", "max spot instance count exceeded", Launch::NextFamily),
    ("SpotMaxPriceTooLow", "price too low", Launch::NextMarket),
    (
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        "no permission to create the service-linked role",
        Launch::NextMarket,
    ),
    ("RequestLimitExceeded", "request limit exceeded", Launch::Retry),
    ("Throttling", "rate exceeded", Launch::Retry),
    ("ThrottlingException", "rate exceeded", Launch::Retry),
    ("EC2ThrottledException", "rate exceeded", Launch::Retry),
    ("SlowDown", "slow down", Launch::Retry),
    ("InternalError", "an internal error", Launch::Retry),
    ("Unavailable", "the service is overloaded", Launch::Retry),
    (
        "InvalidParameterValue",
        "Value (nixl-node-us-east-1) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
        Launch::AwaitIam,
    ),
    ("InvalidParameterValue", "IAM Instance Profile has no associated IAM Roles", Launch::AwaitIam),
    ("InvalidPlacementGroup.Unknown", "is unknown", Launch::AwaitConsistency),
    (
        "InvalidPlacementGroup.InUse",
        "Placement group ID 293992 is in use.",
        Launch::AwaitConsistency,
    ),
    ("InvalidGroup.NotFound", "does not exist", Launch::AwaitConsistency),
    ("InvalidInstanceID.NotFound", "does not exist", Launch::AwaitConsistency),
    ("IdempotentParameterMismatch", "other parameters", Launch::Adopt),
    ("IdempotentInstanceTerminated", "were terminated", Launch::NewGeneration),
    ("UnauthorizedOperation", "not authorized to perform: ec2:RunInstances", Launch::Fail),
    ("AccessDenied", "no", Launch::Fail),
    ("AuthFailure", "no", Launch::Fail),
    ("OptInRequired", "not subscribed", Launch::Fail),
    ("PendingVerification", "being verified", Launch::Fail),
    ("Blocked", "blocked", Launch::Fail),
    ("ExpiredToken", "expired", Launch::Fail),
    ("RequestExpired", "expired", Launch::Fail),
    ("InvalidClientTokenId", "no such key", Launch::Fail),
    ("SignatureDoesNotMatch", "no", Launch::Fail),
    ("InvalidAMIID.NotFound", "does not exist", Launch::Fail),
    ("InvalidSubnetID.NotFound", "does not exist", Launch::Fail),
    ("InvalidUserData.Malformed", "User data is limited to 16384 bytes", Launch::Fail),
    ("InvalidBlockDeviceMapping", "smaller than the snapshot", Launch::Fail),
    ("InvalidParameterCombination", "public IP with several interfaces", Launch::Fail),
    ("InvalidParameterValue", "Invalid value 'x' for InstanceType.", Launch::Fail),
    ("MissingParameter", "MinCount", Launch::Fail),
    ("VolumeLimitExceeded", "20 TiB", Launch::Fail),
    ("AddressLimitExceeded", "5", Launch::Fail),
];

/// What came of it.
struct Outcome {
    up: Result<Report, Failure>,
    calls: usize,
    tokens: usize,
    waited: Duration,
}

impl Outcome {
    /// Type and zone, and how many calls and tokens they took.
    fn launched(&self) -> (&str, &str, usize, usize) {
        let report = self.up.as_ref().unwrap_or_else(|failure| panic!("{failure}"));
        (&report.instance_type, &report.zone, self.calls, self.tokens)
    }

    fn failure(&self) -> &Failure {
        self.up.as_ref().expect_err("refused")
    }
}

/// `up` where the launch meets these faults.
async fn up(spec: &Spec, faults: Vec<Fault>) -> Outcome {
    let fake = Fake::new();
    fake.script("RunInstances", &faults);
    let services = fake.services();
    let clock = Clock::counted();
    let poll = Duration::from_millis(1);
    let pace = Pace { clock: clock.clone(), poll, poll_tracking: poll, ..Pace::default() };
    let start = clock.now();
    let up = Engine { pace, ..fake.engine(&services) }.up(spec, patience(500)).await;
    let tokens = fake.state().sent_tokens.iter().cloned().collect::<BTreeSet<_>>().len();
    Outcome { up, calls: fake.count("RunInstances"), tokens, waited: clock.since(start) }
}

fn plain() -> Spec {
    Spec { mlflow: Wanted::None, ..spec() }
}

fn spot_first() -> Spec {
    Spec { markets: vec![Market::Spot, Market::OnDemand], ..plain() }
}

fn two_families() -> Spec {
    let instance_types = ["g6.12xlarge", "g6e.12xlarge", "p5.48xlarge"].map(str::to_owned);
    Spec { instance_types: instance_types.to_vec(), ..plain() }
}

const SHORT: Duration = Duration::from_secs(1);

fn between(waited: Duration, least_secs: u64, most_secs: u64) -> bool {
    (least_secs..=most_secs).contains(&waited.as_secs())
}

#[tokio::test]
async fn every_code_has_its_consequence() {
    for &(code, message, class) in CASES {
        for status in [400, 500, 503] {
            // What the table does not know is a fault of the server or of ours.
            let unknown = ["InternalError", "Unavailable"].contains(&code);
            if unknown && status == 400 {
                continue;
            }
            judge(Fault::Refuse(code, message, status), class, &format!("{code} {status}")).await;
        }
    }
}

async fn judge(fault: Fault, class: Launch, about: &str) {
    let Fault::Refuse(code, ..) = fault else { panic!("{about}") };
    let once = vec![fault.clone()];
    let always = vec![fault.clone(); 600];
    match class {
        Launch::NextZone | Launch::NotHere | Launch::NextSubnet => {
            let it = up(&plain(), once).await;
            assert_eq!(it.launched(), ("g6.12xlarge", "us-east-1b", 2, 2), "{about}");
            assert!(it.waited < SHORT, "{about}");
            let it = up(&plain(), always).await;
            assert!(matches!(it.failure().problem, Problem::NoCapacity { .. }), "{about}");
            assert_eq!((it.calls, it.tokens), (2, 2), "{about}");
            assert!(it.waited < SHORT && it.failure().to_string().contains(code), "{about}");
        }
        Launch::NextFamily => {
            let it = up(&two_families(), once).await;
            assert_eq!(it.launched(), ("p5.48xlarge", "us-east-1a", 2, 2), "{about}");
            let it = up(&plain(), always).await;
            assert_eq!(it.calls, 1, "{about}");
            let text = it.failure().to_string();
            assert!(text.contains("request-service-quota-increase"), "{about}: {text}");
        }
        Launch::NextMarket => {
            let it = up(&spot_first(), once).await;
            assert_eq!(it.launched(), ("g6.12xlarge", "us-east-1a", 2, 2), "{about}");
            let spot_only = Spec { markets: vec![Market::Spot], ..plain() };
            let it = up(&spot_only, always).await;
            assert_eq!(it.calls, 1, "{about}");
            assert!(it.failure().to_string().contains("Spot cannot be used"), "{about}");
        }
        Launch::Retry => {
            let it = up(&plain(), vec![fault; 3]).await;
            assert_eq!(it.launched(), ("g6.12xlarge", "us-east-1a", 4, 1), "{about}");
            assert!(between(it.waited, 3, 4), "{about}: {:?}", it.waited);
            let it = up(&plain(), always).await;
            let unsettled = matches!(it.failure().problem, Problem::Unsettled { .. });
            let unknown = ["InternalError", "Unavailable"].contains(&code);
            assert_eq!(unsettled, unknown, "{about}: {}", it.failure());
            assert!(between(it.waited, 100, 181), "{about}: {:?}", it.waited);
            assert!(it.failure().to_string().contains(code), "{about}");
        }
        Launch::AwaitIam | Launch::AwaitConsistency => {
            let it = up(&plain(), vec![fault; 3]).await;
            assert_eq!(it.launched(), ("g6.12xlarge", "us-east-1a", 4, 1), "{about}");
            assert!(between(it.waited, 3, 4), "{about}");
            let it = up(&plain(), always).await;
            let most = if class == Launch::AwaitIam { 120 } else { 60 };
            assert!(between(it.waited, most - 20, most), "{about}: {:?}", it.waited);
            assert!(it.calls < 20 && it.failure().to_string().contains(code), "{about}");
        }
        Launch::Adopt => {
            let it = up(&plain(), once).await;
            let unsettled = matches!(it.failure().problem, Problem::Unsettled { .. });
            assert_eq!((unsettled, it.calls, it.tokens), (true, 1, 1), "{about}");
            assert!(between(it.waited, 60, 61), "{about}: looked for: {:?}", it.waited);
            let it = up(&plain(), vec![Fault::Lose, fault]).await;
            assert_eq!(it.launched(), ("g6.12xlarge", "us-east-1a", 2, 1), "{about}");
            assert!(it.waited < SHORT, "{about}: found at once: {:?}", it.waited);
        }
        Launch::NewGeneration => {
            let it = up(&plain(), once).await;
            assert_eq!(it.launched(), ("g6.12xlarge", "us-east-1a", 2, 2), "{about}");
            assert!(it.waited < SHORT, "{about}");
            let it = up(&plain(), always).await;
            assert_eq!(
                (it.calls, it.tokens),
                (4, 4),
                "{about}: one new generation for each attempt"
            );
        }
        Launch::Fail => {
            let it = up(&plain(), always).await;
            assert_eq!((it.calls, it.tokens), (1, 1), "{about}");
            let text = it.failure().to_string();
            assert!(it.waited < SHORT && text.contains(code), "{about}: {text}");
        }
    }
}

#[test]
fn every_code_of_the_table_is_judged() {
    for row in LAUNCH {
        for pattern in row.codes {
            let start = pattern.trim_end_matches('*');
            let judged = CASES.iter().any(|(code, _, class)| {
                *class == row.launch
                    && (code == pattern || pattern.len() > start.len() && code.starts_with(start))
            });
            assert!(judged, "{pattern}");
        }
    }
}

/// Lost answers and lost connections never change the token, whatever follows.
#[tokio::test]
async fn no_unclear_answer_changes_its_token() {
    let it = up(&plain(), vec![Fault::Lose, Fault::Lose, Fault::Lose]).await;
    assert_eq!((it.launched().2, it.tokens), (4, 1));
    let server = Fault::Refuse("InternalError", "", 500);
    let throttled = Fault::Refuse("RequestLimitExceeded", "", 503);
    let it = up(&plain(), vec![server.clone(), throttled, server, Fault::Lose]).await;
    assert_eq!((it.launched().2, it.tokens), (5, 1));
}
