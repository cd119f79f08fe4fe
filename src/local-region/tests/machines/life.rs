//! Machines start, reboot, end; nothing is left.

use std::time::{Duration, Instant};

use nixl_local_region::backend::{Machines, RootFs};
use nixl_local_region::firewall::{Firewall, Inbound};
use nixl_local_region::machine::{exec, record::MachineRecord, sweep};

use crate::ground::{Ground, ip, mac};

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_live_reboot_and_leave_nothing() {
    let Some(ground) = Ground::new() else { return };
    let (machines, fake) = ground.machines();
    let (one, two) = ("i-0000000000000001", "i-0000000000000002");
    let (a, b) = tokio::join!(machines.start(ground.spec(one)), machines.start(ground.spec(two)));
    a.unwrap();
    b.unwrap();

    let status = ground.until(one, "cloud-init status --long | grep -A99 '^status: done'").await;
    assert!(status.contains("DataSourceEc2"), "{status}");
    ground.until(one, "systemctl is-system-running | grep -qx running").await;
    assert_eq!(ground.sh(one, "cat /etc/nixl/node.toml").1, "cluster = \"t\"");
    assert!(ground.sh(one, "cloud-init query userdata").1.contains("write_files"));
    assert_eq!(ground.sh(one, "hostname").1, "ip-10-77-0-11");
    // A word that a shell knows itself is carried out in there all the same.
    let leader = MachineRecord::read(&ground.layout.machine_record(one)).unwrap().leader().unwrap();
    let outside = ["kill", "-0", &std::process::id().to_string()].map(str::to_owned);
    assert!(!exec::enter(leader, &outside).output().unwrap().status.success());
    let token = "T=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' 169.254.169.254/latest/api/token)";
    let read = format!(
        "{token}; curl -sf -H \"X-aws-ec2-metadata-token: $T\" 169.254.169.254/latest/meta-data"
    );
    assert_eq!(ground.sh(one, &format!("{read}/instance-id")).1, one);
    assert_eq!(ground.sh(two, &format!("{read}/instance-id")).1, two);
    assert_eq!(ground.sh(one, &format!("{read}/tags/instance/Name")).1, "one");
    assert!(!ground.sh(one, "curl -sf 169.254.169.254/latest/meta-data/instance-id").0);
    assert_eq!(ground.sh(one, "curl -sf http://127.0.0.1:4577/").1, "endpoint");
    assert_eq!(ground.sh(one, "cat /sys/class/net/eth0/address").1, mac(one));
    assert!(
        ground
            .sh(one, "systemctl show-environment | grep AWS_ENDPOINT_URL=http://127.0.0.1:4577")
            .0
    );
    // The machines reach each other over the bridge, once they may.
    let inbound = |to, from| Inbound { to: ip(to), named: Vec::new(), fabric: [ip(from)].into() };
    let firewall =
        Firewall { inbound: vec![inbound(one, two), inbound(two, one)], stateful: false };
    machines.firewall(firewall).await.unwrap();
    let heard = "timeout 5 bash -c '</dev/tcp/10.77.0.11/7000' && echo open";
    ground.sh(one, "systemd-run -q --unit ear python3 -m http.server 7000");
    assert_eq!(ground.until(two, heard).await, "open");

    let boot = ground
        .sh(one, "echo kept > /var/keep; cat /proc/1/stat | cut -d' ' -f22; cat /etc/machine-id");
    machines.reboot(one).await.unwrap();
    let other_boot = format!(
        "[ \"$(cat /proc/1/stat | cut -d' ' -f22; cat /etc/machine-id)\" != '{}' ]",
        boot.1
    );
    ground.until(one, &other_boot).await;
    assert_eq!(ground.until(one, "cat /var/keep").await, "kept");
    let (_, machine_id) = ground.sh(one, "cat /etc/machine-id");
    assert!(machine_id.len() == 32 && boot.1.ends_with(&machine_id), "{machine_id}");
    ground.until(one, "cloud-init status | grep -q done").await;
    assert!(!machines.console(one).is_empty());
    assert!(fake.0.lock().unwrap().is_empty(), "a reboot is not an end");

    machines.terminate(one).await.unwrap();
    let left = ground.traces();
    assert!(!left.iter().any(|line| line.contains("i-00000001") || line.contains(one)), "{left:?}");

    ground.sh(two, "systemctl poweroff");
    let deadline = Instant::now() + Duration::from_secs(20);
    while fake.0.lock().unwrap().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(*fake.0.lock().unwrap(), [(two.to_owned(), "powered off".to_owned())]);
    machines.shutdown().await;
    sweep::sweep(&ground.layout);
    assert_eq!(ground.traces(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeping_finds_a_machine_nobody_watches_any_more() {
    let Some(ground) = Ground::new() else { return };
    let (machines, _) = ground.machines();
    let id = "i-0000000000000003";
    machines.start(ground.spec(id)).await.unwrap();
    // As kill -9 of the region: nspawn's death leaves the machine's pid 1.
    let record = MachineRecord::read(&ground.layout.machine_record(id)).unwrap();
    record.nspawn.signal(9);
    assert_eq!(sweep::sweep(&ground.layout), Vec::<String>::new());
    assert_eq!(ground.traces(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_an_init_is_refused_and_leaves_nothing() {
    let Some(ground) = Ground::new() else { return };
    let (machines, fake) = ground.machines();
    let empty = ground.layout.state_dir().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let id = "i-0000000000000004";
    let mut spec = ground.spec(id);
    spec.root = RootFs { layers: vec![empty] };
    let error = machines.start(spec).await.unwrap_err().to_string();
    assert!(error.starts_with("start i-0000000000000004: "), "{error}");
    assert!(machines.ids().is_empty() && fake.0.lock().unwrap().is_empty());
    assert!(!ground.traces().iter().any(|line| line.contains("i-0000")), "{:?}", ground.traces());
}
