//! What an SSM agent does in a machine.

use std::time::{Duration, Instant};

use nixl_local_region::backend::{Machines, Script, ScriptEnd};
use tokio_util::sync::CancellationToken;

use crate::ground::Ground;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_tells_what_its_machine_is_and_runs_scripts() {
    let Some(ground) = Ground::new() else { return };
    let (machines, _) = ground.machines();
    let id = "i-0000000000000006";
    machines.start(ground.spec(id)).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(90);
    let platform = loop {
        if let Some(platform) = machines.platform(id).await {
            break platform;
        }
        assert!(Instant::now() < deadline, "never at multi-user.target");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(ground.sh(id, "systemctl is-active multi-user.target").0);
    assert_eq!(platform.computer_name, "ip-10-77-0-16");
    assert_eq!((platform.name.as_str(), platform.version.as_str()), ("Debian GNU/Linux", "12"));

    let stop = CancellationToken::new();
    let script = |text: &str, folder: Option<&str>| Script {
        command_id: "c".into(),
        text: text.into(),
        working_directory: folder.map(str::to_owned),
        environment: vec![("SSM_COMMAND_ID".into(), "c d".into())],
    };
    let run = async |text: &str, folder: Option<&str>| -> ScriptEnd {
        machines.run(id, &script(text, folder), stop.clone()).await.unwrap()
    };
    ground.sh(id, "echo FROM_ETC=1 >> /etc/environment");
    let end = run("env; pwd; id -u; umask; cat; echo bad >&2; exit 3\n", None).await;
    let told = String::from_utf8(end.stdout).unwrap();
    for line in
        ["AWS_ENDPOINT_URL=http://127.0.0.1:4577", "SSM_COMMAND_ID=c d", "/usr/bin", "0", "0022"]
    {
        assert!(told.lines().any(|told| told == line), "{line} in {told}");
    }
    assert!(!told.contains("FROM_ETC") && !told.contains("HOME="), "{told}");
    assert_eq!((end.exit_code, end.stderr.as_slice()), (Some(3), &b"bad\n"[..]));
    let end = run("#!/usr/bin/env python3\nimport os\nprint(os.getcwd())\n", Some("/tmp")).await;
    assert_eq!((end.exit_code, end.stdout.as_slice()), (Some(0), &b"/tmp\n"[..]));
    let end = run("true\n", Some("/nowhere")).await;
    assert!(end.exit_code != Some(0) && !end.stderr.is_empty());

    let text = "echo begun; touch /run/begun; sleep 1000 & sleep 1000\n";
    let endless = run(text, None);
    let stopping = async {
        ground.until(id, "test -e /run/begun").await;
        stop.cancel();
    };
    let (end, ()) = tokio::join!(endless, stopping);
    assert_eq!((end.exit_code, end.stdout.as_slice()), (None, &b"begun\n"[..]));
    ground.until(id, "! grep -qx sleep /proc/[0-9]*/comm").await;

    machines.terminate(id).await.unwrap();
    assert!(machines.platform(id).await.is_none());
    assert!(machines.run(id, &script("true\n", None), CancellationToken::new()).await.is_err());
}
