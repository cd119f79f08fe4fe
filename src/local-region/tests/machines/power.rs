//! Stops, power cuts, starts.

use std::time::Duration;

use nixl_local_region::backend::Machines;
use nixl_local_region::machine::sweep;

use crate::ground::{Ground, booted};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_machine_leaves_its_disk_alone_and_boots_from_it() {
    let Some(ground) = Ground::new() else { return };
    let (machines, fake) = ground.machines();
    let id = "i-0000000000000001";
    machines.start(ground.spec(id)).await.unwrap();
    ground.until(id, "cloud-init status | grep -q done").await;
    let prepare = "set -e; echo kept > /var/keep; rm /etc/nixl/node.toml\n\
                   f=/var/lib/cloud/scripts/per-boot/note; echo '#!/bin/sh' > $f\n\
                   echo 'echo booted >> /var/boots' >> $f; chmod +x $f; cat /etc/machine-id";
    let (prepared, machine_id) = ground.sh(id, prepare);
    assert!(prepared, "{machine_id}");
    machines.stop(id, true).await.unwrap();
    assert_eq!(machines.states(), [(id.to_owned(), "stopped")]);
    let left = ground.traces();
    assert!(!left.iter().any(|line| line.contains(id) || line.contains("-i-00000001")), "{left:?}");
    assert!(fake.0.lock().unwrap().is_empty(), "a stop is not an end by itself");

    machines.start(ground.spec(id)).await.unwrap();
    // cloud-init: per boot again, per instance not.
    assert_eq!(ground.until(id, "cat /var/boots").await, "booted");
    ground.until(id, "cloud-init status | grep -q done").await;
    assert!(!ground.sh(id, "test -e /etc/nixl/node.toml").0);
    assert_eq!(ground.sh(id, "cat /var/keep /etc/machine-id").1, format!("kept\n{machine_id}"));
    ground.until(id, &booted(2)).await;
    machines.stop(id, false).await.unwrap();
    machines.terminate(id).await.unwrap();
    assert!(machines.ids().is_empty() && !ground.layout.machine_dir(id).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_is_no_shutdown_and_power_comes_back() {
    let Some(ground) = Ground::new() else { return };
    let (machines, fake) = ground.machines();
    let id = "i-0000000000000002";
    machines.start(ground.spec(id)).await.unwrap();
    ground.until(id, "systemctl is-active multi-user.target").await;
    // It says so when it is shut down, and holds up who would.
    let goodbye = "systemd-run -q --unit goodbye -p Type=oneshot -p RemainAfterExit=yes \
                   -p 'ExecStop=/bin/touch /var/goodbye' /bin/true; echo written > /var/written";
    assert!(ground.sh(id, goodbye).0);
    let error = machines.power_on(id).unwrap_err().to_string();
    assert!(error.contains("it has power"), "{error}");

    machines.power_cut(id, None).await.unwrap();
    let off = || machines.states() == [(id.to_owned(), "off")];
    while !off() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(machines.reboot(id).await.is_err() && machines.power_cut(id, None).await.is_err());
    assert!(fake.0.lock().unwrap().is_empty(), "a power cut is not an end by itself");
    machines.power_on(id).unwrap();
    assert_eq!(ground.until(id, "cat /var/written").await, "written");
    assert!(!ground.sh(id, "test -e /var/goodbye").0);
    ground.until(id, "systemctl is-active multi-user.target").await;

    ground.until(id, &booted(2)).await;
    machines.power_cut(id, Some(Duration::from_millis(300))).await.unwrap();
    ground.until(id, &booted(3)).await;

    // Whoever stops or ends a machine without power need not wait for it.
    machines.power_cut(id, None).await.unwrap();
    machines.stop(id, true).await.unwrap();
    machines.start(ground.spec(id)).await.unwrap();
    ground.until(id, &booted(4)).await;
    machines.power_cut(id, None).await.unwrap();
    machines.shutdown().await;
    assert_eq!(sweep::sweep(&ground.layout), Vec::<String>::new());
    assert_eq!(ground.traces(), Vec::<String>::new());
}
