use super::*;
use jiff::SignedDuration;

const START: Timestamp = Timestamp::UNIX_EPOCH;

/// How many of many calls at one moment pass.
fn burst(throttle: &Throttle, operation: &str, body: &str, secs: i64) -> usize {
    let now = START + SignedDuration::from_secs(secs);
    let call = ("ec2", operation, "111122223333");
    let take = |_: &i32| throttle.take(&Rules::default(), call, body.as_bytes(), now).is_ok();
    (0..2000).filter(take).count()
}

#[test]
fn buckets_hold_and_refill_what_the_guide_says() {
    for (operation, body, held, per_sec) in [
        ("DescribeVpcs", "", 100, 20),
        ("DescribeInstances", "", 50, 10),
        ("DescribeInstances", "Filter.1.Name=a", 100, 20),
        ("DescribeInstances", "MaxResults=5", 100, 20),
        ("CreatePlacementGroup", "", 50, 5),
        ("AuthorizeSecurityGroupIngress", "", 50, 5),
        ("CreateTags", "", 100, 10),
        ("RunInstances", "MaxCount=1", 5, 2),
    ] {
        let throttle = Throttle::default();
        assert_eq!(burst(&throttle, operation, body, 0), held, "{operation} {body}");
        assert_eq!(burst(&throttle, operation, body, 1), per_sec, "{operation} {body}");
        assert_eq!(burst(&throttle, operation, body, 1000), held, "{operation} {body}");
    }
}

#[test]
fn reading_parameters_shares_a_bucket() {
    let throttle = Throttle::default();
    let take =
        |operation| throttle.take(&Rules::default(), ("ssm", operation, "1"), b"{}", START).is_ok();
    assert_eq!((0..100).filter(|_| take("GetParameters")).count(), 40);
    assert!(!take("GetParameter") && take("PutParameter"));
}

#[test]
fn launches_take_a_token_for_each_instance() {
    let throttle = Throttle::default();
    assert_eq!(burst(&throttle, "RunInstances", "MaxCount=500", 0), 2);
    assert_eq!(burst(&throttle, "RunInstances", "MaxCount=20", 10), 1);
    assert_eq!(burst(&throttle, "TerminateInstances", "InstanceId.1=a&InstanceId.2=b", 0), 100);
}

#[test]
fn buckets_scale_and_can_be_switched_off() {
    let throttle = Throttle::default();
    throttle.scale("0.1".parse().unwrap());
    assert_eq!(burst(&throttle, "DescribeVpcs", "", 0), 10);
    throttle.scale("off".parse().unwrap());
    assert_eq!(burst(&throttle, "DescribeVpcs", "", 0), 2000);
    assert!("-1".parse::<Scale>().is_err() && "0".parse::<Scale>().is_err());
}
