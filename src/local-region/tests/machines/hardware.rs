//! Disks and clocks of machines' own.

use std::time::{Duration, Instant};

use nixl_local_region::backend::Machines;
use nixl_local_region::machine::{Hardware, record::MachineRecord, sweep};

use crate::ground::{Ground, booted};

/// A daemon that notes calendar and monotonic time five times a second.
const CLOCK_WATCHER: &str = r#"systemd-run -q --unit watcher python3 -uc '
import time
while True:
    print(int(time.time()), int(time.monotonic()), flush=True)
    time.sleep(0.2)'"#;
/// What it noted last.
const LAST_NOTE: &str = "journalctl -u watcher -o cat -n 1";

fn numbers(text: &str) -> Vec<i64> {
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machines_clock_jumps_for_all_that_runs_in_it_and_for_nobody_else() {
    let Some(ground) = Ground::new() else { return };
    let (machines, _) = ground.machines_with(Hardware { clocks: true, ..Hardware::default() });
    let (id, other) = ("i-0000000000000001", "i-0000000000000002");
    machines.start(ground.spec(id)).await.unwrap();
    machines.start(ground.spec(other)).await.unwrap();
    ground.until(id, "systemctl is-system-running | grep -qx running").await;
    assert!(ground.sh(id, CLOCK_WATCHER).0);
    ground.until(id, &format!("{LAST_NOTE} | grep -q .")).await;

    for (by_secs, ahead_secs) in [(3600, 3600), (-7200, -3600), (3570, -30)] {
        let before = numbers(&ground.sh(id, LAST_NOTE).1);
        assert_eq!(machines.move_clock(id, by_secs).unwrap(), ahead_secs);
        let jumped = Instant::now();
        let daemon = loop {
            let now = numbers(&ground.sh(id, LAST_NOTE).1);
            if (now[0] - before[0] - by_secs).abs() < 5 {
                break now;
            }
            assert!(jumped.elapsed() < Duration::from_secs(2), "{before:?}, then {now:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!((0..5).contains(&(daemon[1] - before[1])), "monotonic time: {before:?} {daemon:?}");
        let (_, shown) = ground.sh(id, "date +%s");
        let here = jiff::Timestamp::now().as_second();
        assert!((numbers(&shown)[0] - here - ahead_secs).abs() < 5, "{shown} here: {here}");
        let (_, elsewhere) = ground.sh(other, "date +%s");
        assert!((numbers(&elsewhere)[0] - here).abs() < 5, "{elsewhere} here: {here}");
    }
    // A wait until a time of that calendar lasts as long as it should.
    let wait = "import threading, time\n\
                begun = time.monotonic()\n\
                threading.Event().wait(0.2)\n\
                print(int((time.monotonic() - begun) * 10))";
    assert_eq!(ground.sh(id, &format!("python3 -c '{wait}'")).1, "2");
    assert!(
        ground
            .sh(id, "systemd-run -q --wait --on-active=1 true; systemctl --failed | grep -q '^0'")
            .0
    );

    // The clock stands as it did when the machine boots again.
    machines.reboot(id).await.unwrap();
    ground.until(id, &booted(2)).await;
    assert_eq!(machines.move_clock(id, 0).unwrap(), -30);
    assert_eq!(machines.reset_clock(id).unwrap(), 0);
    machines.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_one_machines_and_goes_with_it() {
    let Some(ground) = Ground::new() else { return };
    let disk_bytes = Some(1 << 30);
    let (machines, _) = ground.machines_with(Hardware { disk_bytes, ..Hardware::default() });
    let (id, other) = ("i-0000000000000003", "i-0000000000000004");
    machines.start(ground.spec(id)).await.unwrap();
    machines.start(ground.spec(other)).await.unwrap();
    ground.until(id, "systemctl is-active multi-user.target").await;
    let write = "head -c 2M /dev/zero > /root/x";
    assert_eq!(ground.sh(id, write), (true, String::new()));

    let space = machines.fill_disk(id, 4 << 20).await.unwrap();
    assert!((1..=4 << 20).contains(&space.free_bytes), "{space:?}");
    assert!(ground.sh(id, "head -c 2M /dev/zero > /root/y").0);
    let space = machines.fill_disk(id, 0).await.unwrap();
    assert!(space.free_bytes < 64 << 10, "{space:?}");
    let (written, told) = ground.sh(id, "head -c 2M /dev/zero > /root/z");
    assert!(!written && told.contains("No space left on device"), "{told}");
    assert!(ground.sh(other, write).0, "the other machine's disk");
    // It is reserved there, not taken from this computer.
    let image = ground.layout.machine_dir(id).join("disk.ext4");
    let taken = std::os::unix::fs::MetadataExt::blocks(&image.metadata().unwrap()) * 512;
    assert!(taken < 256 << 20, "{taken} bytes");

    machines.power_cut(id, Some(Duration::ZERO)).await.unwrap();
    ground.until(id, "! head -c 1M /dev/zero > /root/z").await;
    ground.until(id, "systemctl is-active multi-user.target").await;
    let space = machines.free_disk(id).await.unwrap();
    assert!(space.free_bytes > 512 << 20, "{space:?}");
    assert!(ground.sh(id, "head -c 2M /dev/zero > /root/z").0);

    // As kill -9 of the region, with a full disk.
    machines.fill_disk(id, 0).await.unwrap();
    for id in [id, other] {
        MachineRecord::read(&ground.layout.machine_record(id)).unwrap().nspawn.signal(9);
    }
    assert_eq!(sweep::sweep(&ground.layout), Vec::<String>::new());
    ground.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_asked_for_is_refused_with_the_way_to_it() {
    let Some(ground) = Ground::new() else { return };
    let (machines, _) = ground.machines();
    let id = "i-0000000000000005";
    machines.start(ground.spec(id)).await.unwrap();
    let error = machines.fill_disk(id, 0).await.unwrap_err().to_string();
    assert!(error.contains("--machine-disks"), "{error}");
    let error = machines.move_clock(id, 1).unwrap_err().to_string();
    assert!(error.contains("--machine-clocks"), "{error}");
    let error = machines.power_cut("i-0000000000000009", None).await.unwrap_err().to_string();
    assert_eq!(error, "cut the power of i-0000000000000009: no such machine");
    assert!(!ground.sh(id, "test -e /etc/ld.so.preload").0, "a machine as it is on EC2");
    machines.shutdown().await;
}
