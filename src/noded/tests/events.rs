//! `nixl-noded events` with a journalctl that says what a script lets it say.

#![allow(clippy::unwrap_used)]

mod daemon;

use assert_cmd::Command;
use daemon::{noded, stderr, stdout};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const LOST: &str = r#"{"__REALTIME_TIMESTAMP":"60000000","_UID":"997","_SYSTEMD_UNIT":"nixl-noded.service","PRIORITY":"4","MESSAGE_ID":"c885bd8c317746eb92536f7d45135b63","MESSAGE":"peer i-2: paired -> lost","PEER_ID":"i-2"}"#;
const LOG: &str = r#"{"__REALTIME_TIMESTAMP":"61000000","MESSAGE":"a line of the log"}"#;

/// A journalctl that writes its arguments down and does this.
fn events(folder: &Path, script: &str, args: &[&str]) -> Command {
    let path = folder.join("journalctl");
    let script =
        format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >'{0}/args'\n{script}\n", folder.display());
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = noded(&[&["events"], args].concat());
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    command
}

#[test]
fn events_are_shown_and_other_lines_of_the_log_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let forged = LOST.replace("nixl-noded.service", "user@1000.service");
    let script = format!("echo '{LOST}'; echo '{forged}'; echo '{LOG}'; echo '-- No entries --'");
    let told = stdout(&mut events(folder.path(), &script, &[]), 0);
    assert_eq!(told, "1970-01-01T00:01:00.000Z  warning  peer i-2: paired -> lost\n");
    let told = stdout(&mut events(folder.path(), &script, &["-x", "--peer=--file=/etc/passwd"]), 0);
    assert!(told.contains("    Lost i-2\n"), "{told}");
    let args = std::fs::read_to_string(folder.path().join("args")).unwrap();
    assert!(
        args.ends_with("--identifier=nixl-noded\n--boot=0\nPEER_ID=--file=/etc/passwd\n"),
        "{args}"
    );
}

#[test]
fn what_keeps_it_from_reading_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let denied = "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1";
    let told = stderr(&mut events(folder.path(), denied, &[]), 1);
    assert!(told.contains("systemd-journal") && told.contains("adm"), "{told}");
    // Its own user's journal may be read by anybody; that of the system is not in it.
    let hint =
        "echo 'Hint: You are currently not seeing messages from other users and the system.' >&2";
    assert!(stderr(&mut events(folder.path(), hint, &[]), 1).contains("systemd-journal"));
    // One that follows would wait for ever.
    let follows = hint.to_owned() + "; exec sleep 600";
    let mut command = events(folder.path(), &follows, &["--follow"]);
    assert!(stderr(&mut command, 1).contains("systemd-journal"));
    let told = stderr(
        &mut events(folder.path(), "echo 'Failed to parse timestamp: x' >&2; exit 1", &[]),
        1,
    );
    assert!(told.contains("Failed to parse timestamp: x"), "{told}");
    let told = stderr(&mut events(folder.path(), "echo '{\"MESSAGE'", &[]), 1);
    assert!(told.contains("no JSON object"), "{told}");
    let mut without = noded(&["events"]);
    without.env("PATH", folder.path().join("nothing"));
    assert!(stderr(&mut without, 1).contains("there is no journalctl here"));
    assert!(stderr(&mut events(folder.path(), "exit 0", &[]), 0).contains("no events since"));
}

#[test]
fn whoever_reads_may_stop_reading() {
    let folder = tempfile::tempdir().unwrap();
    // It would go on for ever.
    let script = format!("while echo '{LOST}'; do :; done");
    let mut command = std::process::Command::new("sh");
    let program = assert_cmd::cargo::cargo_bin!("nixl-noded").display().to_string();
    drop(events(folder.path(), &script, &[]));
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let line = format!("\"{program}\" events --follow | head -n 1; echo ended");
    let output = command.args(["-c", &line]).env("PATH", path).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.ends_with("lost\nended\n"), "{told}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
