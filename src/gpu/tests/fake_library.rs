//! The reader on a library that answers as told: what is absent, what fails and
//! what is lost are three things.

#![allow(clippy::unwrap_used)]

mod fake;

use fake::Fake;
use nixl_gpu::look::Missing;
use nixl_gpu::snapshot::{RecoveryAction, Throttle};
use nixl_gpu::{Driver, Gpu, Look, Snapshot};
use std::path::Path;

fn look(driver: &mut Driver) -> Snapshot {
    match driver.look() {
        Look::Seen(snapshot) => snapshot,
        Look::Absent(absent) => panic!("{absent:?}"),
    }
}

/// GPU 3 of a new library with this script.
fn third(script: &str) -> Gpu {
    let fake = Fake::new();
    fake.script(script);
    look(&mut Driver::open(Some(&fake.library())).unwrap()).gpus[3].clone()
}

#[test]
fn eight_gpus_tell_all_about_themselves() {
    let fake = Fake::new();
    let snapshot = look(&mut Driver::open(Some(&fake.library())).unwrap());
    assert_eq!(snapshot.driver_version.as_deref(), Some("580.95.05"));
    assert_eq!((snapshot.gpus.len(), snapshot.lost.len()), (8, 0));
    let gpu = &snapshot.gpus[3];
    assert_eq!((gpu.index, gpu.pci_address.as_str()), (3, "0000:53:00.0"));
    assert_eq!(gpu.name.as_deref(), Some("NVIDIA H100 80GB HBM3"));
    assert!(gpu.uuid.as_ref().unwrap().starts_with("GPU-"));
    assert_eq!(gpu.ecc.unwrap().volatile_uncorrected, Some(0));
    let rows = gpu.remapped_rows.unwrap();
    assert!(!rows.pending && !rows.failure);
    assert_eq!(
        (gpu.retired_pages_pending, gpu.recovery_action),
        (None, Some(RecoveryAction::None))
    );
    let link = gpu.nvlink.as_ref().unwrap();
    assert_eq!((link.links, link.active(), link.errors.replay), (18, 18, Some(0)));
    assert_eq!((gpu.pcie.width, gpu.pcie.max_generation), (Some(16), Some(5)));
    assert_eq!(gpu.throttle_reasons.as_deref(), Some(&[Throttle::Idle][..]));
    assert_eq!((gpu.persistence_mode, gpu.temperature_celsius), (Some(true), Some(35)));
    assert_eq!((gpu.slowdown_celsius, gpu.power_watts), (Some(87), Some(70.5)));
    assert_eq!(gpu.memory.unwrap().total_bytes, 80 << 30);
    assert_eq!((gpu.processes, gpu.utilization_percent), (Some(0), Some(0)));
    assert!(gpu.unread.is_empty(), "{:?}", gpu.unread);
}

#[test]
fn values_are_those_of_their_gpu() {
    let gpu = third(
        "ecc_uncorrected.3 is 2\necc_uncorrected_ever.3 is 7\nfield143.3 is 1\nfield144.3 is 1\n\
         field230.3 is 4\ninactive_link.3 is 5\nlink_errors.3 is 1\nthrottle.3 is 0x4c\n\
         processes.3 is 2\npersistence.3 is 0\nretired_pending.3 is 1",
    );
    let ecc = gpu.ecc.unwrap();
    assert_eq!((ecc.volatile_uncorrected, ecc.aggregate_uncorrected), (Some(2), Some(7)));
    let rows = gpu.remapped_rows.unwrap();
    assert_eq!((rows.corrected, rows.uncorrected, rows.pending, rows.failure), (0, 1, true, false));
    assert_eq!(gpu.recovery_action, Some(RecoveryAction::DrainAndReset));
    let link = gpu.nvlink.unwrap();
    assert_eq!((link.inactive, link.errors.crc_data), (vec![5], Some(17)));
    let reasons = [Throttle::SwPowerCap, Throttle::HwSlowdown, Throttle::HwThermal];
    assert_eq!(gpu.throttle_reasons.as_deref(), Some(&reasons[..]));
    assert_eq!((gpu.processes, gpu.persistence_mode), (Some(2), Some(false)));
    assert_eq!(gpu.retired_pages_pending, Some(true));
}

#[test]
fn what_is_not_supported_is_absent() {
    let gpu = third(
        "links error 3\nfields error 3\necc_mode is 0\nslowdown error 3\nmemory_used error 3",
    );
    assert!(gpu.nvlink.is_none() && gpu.ecc.is_none() && gpu.memory.is_none());
    assert!(gpu.remapped_rows.is_none() && gpu.recovery_action.is_none());
    assert!(gpu.slowdown_celsius.is_none() && gpu.unread.is_empty());
    let gpu = third(
        "field142 error 3\nfield143 error 3\nfield144 error 3\nfield145 error 3\nfield230 error 3",
    );
    assert!(gpu.remapped_rows.is_none() && gpu.recovery_action.is_none() && gpu.unread.is_empty());
}

#[test]
fn what_fails_is_told_in_the_words_of_nvml() {
    let gpu = third("temperature.3 error 999\nfield144.3 error 999");
    assert!(gpu.temperature_celsius.is_none() && gpu.remapped_rows.is_none());
    let told: Vec<(&str, &str)> =
        gpu.unread.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let words = "an internal driver error occurred";
    assert_eq!(told, [("remapped rows", words), ("temperature", words)]);
}

#[test]
fn a_gpu_is_lost_with_its_address_if_it_was_ever_told() {
    let fake = Fake::new();
    let mut driver = Driver::open(Some(&fake.library())).unwrap();
    look(&mut driver);
    for (script, needs_reset) in [("gpu.3 error 15", false), ("power.3 error 16", true)] {
        fake.script(script);
        let snapshot = look(&mut driver);
        assert_eq!(snapshot.gpus.len(), 7);
        let [lost] = &snapshot.lost[..] else { panic!("{:?}", snapshot.lost) };
        assert_eq!((lost.index, lost.needs_reset), (3, needs_reset));
        assert_eq!(lost.pci_address.as_deref(), Some("0000:53:00.0"));
    }
    fake.script("gpu.3 error 15");
    let again = look(&mut Driver::open(Some(&fake.library())).unwrap());
    assert_eq!(again.lost[0].pci_address, None);
}

#[test]
fn what_is_missing_is_told_apart() {
    let missing = |script: &str| {
        let fake = Fake::new();
        fake.script(script);
        Driver::open(Some(&fake.library())).map(|_| ()).unwrap_err()
    };
    assert_eq!(missing("init error 9").what, Missing::Driver);
    assert_eq!(missing("init error 18").what, Missing::Match);
    assert_eq!(missing("init error 4").what, Missing::Permission);
    let answer = missing("init error 999");
    assert_eq!(
        (answer.what, answer.error.as_str()),
        (Missing::Answer, "an internal driver error occurred")
    );
    let library =
        Driver::open(Some(Path::new("/nonexistent/libnvidia-ml.so.1"))).map(|_| ()).unwrap_err();
    assert!(
        library.what == Missing::Library && library.error.contains("No such file"),
        "{library:?}"
    );
    let fake = Fake::new();
    fake.script("count is 0");
    assert_eq!(look(&mut Driver::open(Some(&fake.library())).unwrap()).gpus, []);
}
