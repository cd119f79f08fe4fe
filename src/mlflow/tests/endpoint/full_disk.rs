//! A disk that is really full: a small file system that nobody else sees.

use super::bodies::{ARTIFACT, PART};
use super::streaming::{forged, of_parts};
use super::upstream::{Scripted, ok};
use super::{PEER, parts, read, reason, request};
use nixl_mlflow::endpoint::Endpoint;
use std::process::Command;

const DISK_BYTES: usize = 2 << 20;

#[test]
fn a_full_disk_is_told_and_what_fits_passes() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "this needs root");
        eprintln!("skipped: this needs root");
        return;
    }
    let done = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "full_disk::inside", "--nocapture"])
        .status()
        .unwrap();
    assert!(done.success(), "{done}");
}

#[tokio::test]
#[ignore = "mounts: a_full_disk_is_told_and_what_fits_passes starts it in a namespace"]
async fn inside() {
    let folder = tempfile::tempdir().unwrap();
    let size = format!("size={DISK_BYTES}");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
        .arg(folder.path())
        .status();
    assert!(mounted.unwrap().success());
    // Stored before it is sent, and sent while it comes.
    for acts in [vec![forged(), ok()], vec![ok()]] {
        let server = Scripted::start(acts).await;
        let mut parts = parts(server.address);
        parts.body_folder = folder.path().to_owned();
        let endpoint = Endpoint::new(parts);
        let put = async |bytes: usize| {
            let put = request("PUT", ARTIFACT).body(of_parts(bytes / PART)).unwrap();
            read(endpoint.answer(put, PEER).await).await
        };
        let (status, told) = put(2 * DISK_BYTES).await;
        assert!(status == 507 && told.contains("No space left on device"), "{status} {told}");
        assert_eq!(reason(&endpoint).as_deref(), Some("mlflow.no_room"));
        let fits = DISK_BYTES * 3 / 4;
        assert_eq!((put(fits).await.0, reason(&endpoint)), (200, None));
        let asked = server.asked();
        assert_eq!(asked.iter().map(|it| it.body.len()).max(), Some(fits), "no half one arrived");
    }
    let unmounted = Command::new("umount").args(["--lazy".as_ref(), folder.path()]).status();
    assert!(unmounted.unwrap().success());
}
