use super::*;

fn ask(served: &Served, path: &str) -> (u16, String) {
    get(served.address, path).unwrap()
}

#[test]
fn ready_follows_the_pairing_and_says_what_is_missing() {
    let served = serve();
    let (status, body) = ask(&served, "/readyz");
    assert_eq!(status, 503);
    assert!(body.contains("[-]settings:file failed: not reached yet\n"), "{body}");
    assert!(body.contains("[-]pairing:peers failed: node.initializing: the daemon"), "{body}");
    assert!(body.ends_with("readyz check failed\n"), "{body}");
    served.shared.board.set(name::PEERS, Reading::good(1));
    served.shared.board.set_all_paired(true);
    assert_eq!(ask(&served, "/readyz"), (200, "ok\n".to_owned()));
    let (status, body) = ask(&served, "/readyz?verbose");
    assert!(status == 200 && body.contains("[+]pairing:peers ok\n"), "{body}");
    assert!(body.ends_with("readyz check passed\n"), "{body}");
}

#[test]
fn devices_count_and_can_be_excluded() {
    let served = serve();
    let board = &served.shared.board;
    board.set(name::PEERS, Reading::good(1));
    board.set_all_paired(true);
    board.set(
        "gpu:xid",
        Reading::bad(&reason::FABRIC_DEVICE_ERROR, "\u{1b}dead\n[+]").about("GPU-1"),
    );
    board.set("efa:counters", Reading::bad(&reason::EC2_UNREACHABLE, "a warning"));
    let (status, body) = ask(&served, "/readyz");
    assert!(status == 503 && !board.ready(), "{body}");
    assert!(body.contains("[-]gpu:xid failed: GPU-1: fabric.device_error:  dead [+]\n"), "{body}");
    assert!(body.contains("[+]efa:counters ok\n"), "{body}");
    for excluded in ["exclude=gpu:xid", "exclude=gpu%3Axid", "exclude=efa&exclude=gpu"] {
        assert_eq!(ask(&served, &format!("/readyz?{excluded}")), (200, "ok\n".to_owned()));
    }
    let (_, body) = ask(&served, "/readyz?verbose&exclude=gpu&exclude=disk");
    assert!(body.contains("[+]gpu:xid excluded: ok\n"), "{body}");
    assert!(body.contains("warn: nothing to exclude is named \"disk\"\n"), "{body}");
}

#[test]
fn each_check_is_asked_by_itself() {
    let served = serve();
    served.shared.board.set(name::SETTINGS, Reading::good("/etc/nixl/node.toml"));
    assert_eq!(ask(&served, "/readyz/settings:file"), (200, "ok\n".to_owned()));
    let (status, body) = ask(&served, "/readyz/pairing");
    assert!(status == 503 && body.starts_with("pairing:peers failed: "), "{body}");
    assert_eq!(ask(&served, "/readyz/disk").0, 404);
    assert_eq!(ask(&served, "/livez/http"), (200, "ok\n".to_owned()));
    assert_eq!(ask(&served, "/livez/engine").0, 404);
}

#[test]
fn alive_is_every_loop() {
    let served = serve();
    let _beat = served.shared.beats.task("engine");
    assert_eq!(ask(&served, "/livez"), (200, "ok\n".to_owned()));
    let told = "[+]http ok\n[+]engine ok\nlivez check passed\n";
    assert_eq!(ask(&served, "/livez?verbose"), (200, told.to_owned()));
}
