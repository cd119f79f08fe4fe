use super::*;
use proptest::prelude::*;

const DONE: &str = r#"{"v1": {"datasource": "DataSourceEc2Local", "errors": []}}"#;
const STATUS: &str = r#"{"v1": {"datasource": "DataSourceEc2Local", "stage": null,
    "init-local": {"errors": [], "start": 1700000000.5, "finished": 1700000001.5},
    "modules-final": {"errors": [], "start": 1700000010.5, "finished": 1700000021.5}}}"#;
const OUTPUT: &str = "\
Cloud-init v. 22.4.2 running 'init-local' at Tue, 28 Nov 2026 09:00:00 +0000. Up 5.00 seconds.
/var/lib/cloud/instance/scripts/part-001: line 9: old: command not found
2026-11-28 09:00:20,000 - util.py[WARNING]: Failed running it (of an earlier boot)
Cloud-init v. 22.4.2 running 'init-local' at Tue, 28 Nov 2026 10:00:00 +0000. Up 5.00 seconds.
2026-11-28 10:00:03,000 - util.py[WARNING]: Getting data from <class 'cloudinit.sources.DataSourceEc2.DataSourceEc2Local'> failed
Cloud-init v. 22.4.2 running 'modules:final' at Tue, 28 Nov 2026 10:00:09 +0000. Up 14.00 seconds.
hello
/var/lib/cloud/instance/scripts/part-001: line 2: nvidia-smu: command not found
2026-11-28 10:00:20,000 - subp.py[WARNING]: Failed running /var/lib/cloud/instance/scripts/part-001 [127]
2026-11-28 10:00:20,000 - cc_scripts_user.py[WARNING]: Failed to run module scripts-user
";

struct Node(tempfile::TempDir);

impl Node {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(root)
    }

    fn judge(&self, now: i64) -> Reading {
        judge(&read(self.0.path()).unwrap(), Timestamp::from_second(now).unwrap())
    }
}

#[test]
fn a_node_without_cloud_init_and_one_with_a_good_one_are_fine() {
    let absent = Node::new(&[]).judge(0);
    assert_eq!((absent.code(), absent.value), (None, Some("not in use".into())));
    let done =
        Node::new(&[("run/cloud-init/status.json", STATUS), ("run/cloud-init/result.json", DONE)]);
    assert_eq!(done.judge(0).value, Some("done".into()));
}

#[test]
fn a_stage_may_take_its_time_but_not_all() {
    let status = STATUS.replace("null", "\"modules-final\"");
    let node = Node::new(&[("run/cloud-init/status.json", &status)]);
    assert_eq!(node.judge(1_700_000_500).value, Some("running: modules-final".into()));
    let long = node.judge(1_700_000_700);
    assert_eq!(long.code(), Some("system.cloud_init_running"));
    assert_eq!(long.reason.unwrap().1, "modules-final has been running for 11 min 30 s");
}

#[test]
fn a_failure_is_told_with_the_line_of_this_boot() {
    let result =
        DONE.replace("[]", r#"["('scripts-user', RuntimeError('Runparts: 1 failures'))"]"#);
    let files = [
        ("run/cloud-init/status.json", STATUS),
        ("run/cloud-init/result.json", &result),
        ("var/log/cloud-init-output.log", OUTPUT),
    ];
    let reading = Node::new(&files).judge(0);
    assert_eq!(reading.code(), Some("system.cloud_init_failed"));
    assert_eq!(
        reading.fields["line"],
        "/var/lib/cloud/instance/scripts/part-001: line 2: nvidia-smu: command not found"
    );
    let (_, evidence) = reading.reason.unwrap();
    assert!(evidence.starts_with("('scripts-user', RuntimeError("), "{evidence}");
    let unreadable = Node::new(&files[..2]).judge(0);
    assert_eq!(unreadable.code(), Some("system.cloud_init_failed"));
    assert!(!unreadable.fields.contains_key("line"));
}

#[test]
fn what_it_got_over_is_told_but_for_deprecations() {
    let with = |level: &str| {
        let errors =
            format!(r#""recoverable_errors": {{"{level}": ["no such group"]}}, "errors": []"#);
        let status = STATUS.replacen(r#""errors": []"#, &errors, 1);
        let files =
            [("run/cloud-init/status.json", status.as_str()), ("run/cloud-init/result.json", DONE)];
        Node::new(&files).judge(0)
    };
    assert_eq!(with("WARNING").code(), Some("system.cloud_init_degraded"));
    assert_eq!(with("DEPRECATED").code(), None);
}

#[test]
fn a_file_that_is_none_of_its_is_an_error() {
    let node = Node::new(&[("run/cloud-init/status.json", "{")]);
    assert!(read(node.0.path()).is_err());
}

#[test]
fn what_may_be_secret_is_cut_out() {
    let shown = line::fit(
        "curl --token abc https://b.s3.amazonaws.com/x?X-Amz-Signature=abc password=abc SECRET: abc -H Authorization: Bearer abc",
    );
    assert_eq!(
        shown,
        "curl --token … https://b.s3.amazonaws.com/x?… password=… SECRET: … -H Authorization: Bearer …"
    );
    assert_eq!(
        line::fit("line 2: nvidia-smu: command not found"),
        "line 2: nvidia-smu: command not found"
    );
    assert_eq!(line::fit(&"ä".repeat(300)).chars().count(), 241);
}

proptest! {
    #[test]
    fn any_line_fits(line in "\\PC{0,400}") {
        prop_assert!(line::fit(&line).chars().count() <= 241);
    }
}
