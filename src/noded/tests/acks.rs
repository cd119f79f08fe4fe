//! Acknowledgements of a real daemon outlive it.

#![allow(clippy::unwrap_used)]

mod daemon;

use daemon::{Daemon, noded, stderr, stdout};

const CODE: &str = "node.settings_missing";

#[test]
fn an_acknowledgement_outlives_the_daemon_and_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(folder.path());
    let listen = daemon.listen();
    daemon.health(503, CODE);
    let told = stdout(&mut noded(&["ack", CODE, "--note", "ticket 4711", &listen]), 0);
    assert_eq!(told, "acknowledged: node.settings_missing of settings:file\n");
    daemon.health(200, CODE);

    daemon.again();
    let body = daemon.health(200, CODE);
    assert!(body.contains(CODE) && body.contains("ticket 4711"), "{body}");
    let shown = stdout(&mut noded(&["health", &listen]), 0);
    assert!(shown.contains(" ago: ticket 4711\n"), "{shown}");

    let told = stdout(&mut noded(&["ack", CODE, "--undo", &listen]), 0);
    assert_eq!(told, "counts again: node.settings_missing of settings:file\n");
    daemon.health(503, CODE);
    assert!(
        stderr(&mut noded(&["ack", CODE, "--undo", &listen]), 1).contains("no acknowledgement")
    );
    daemon.again();
    daemon.health(503, CODE);
}

#[test]
fn what_is_not_held_is_exit_code_1_and_wrong_use_2() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    let listen = daemon.listen();
    daemon.health(503, CODE);
    let told = stderr(&mut noded(&["ack", "mlflow.denied", &listen]), 1);
    assert!(told.contains("no check has the reason mlflow.denied now"), "{told}");
    let told = stderr(&mut noded(&["ack", CODE, "--id", "eth0 & co", &listen]), 1);
    assert!(told.contains("now about eth0 & co"), "{told}");
    let told = stderr(&mut noded(&["ack", "node.setings_missing", &listen]), 2);
    assert!(told.contains("node.settings_missing"), "{told}");
    assert!(
        stderr(&mut noded(&["ack", CODE, "--note", "a\nb", &listen]), 2).contains("line breaks")
    );
    stderr(&mut noded(&["ack", CODE, "--undo", "--note", "x", &listen]), 2);
}
