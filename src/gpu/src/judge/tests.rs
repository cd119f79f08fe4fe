//! Table-like: a node that is well, one thing that is not, and what is told.

use super::*;
use crate::look::{Absent, Missing};
use crate::snapshot::{
    Ecc, Gpu, Lost, NvLink, Pcie, RecoveryAction, RemappedRows, Snapshot, Throttle,
};
use nixl_cluster::reason::Action;

fn address(index: u32) -> String {
    crate::pci::format(0, 0x50 + index, 0, 0)
}

/// An H100 that is well and idle.
fn gpu(index: u32) -> Gpu {
    Gpu {
        index,
        pci_address: address(index),
        ecc: Some(Ecc { volatile_uncorrected: Some(0), ..Ecc::default() }),
        remapped_rows: Some(RemappedRows::default()),
        recovery_action: Some(RecoveryAction::None),
        nvlink: Some(NvLink { links: 18, ..NvLink::default() }),
        pcie: Pcie {
            generation: Some(1),
            max_generation: Some(5),
            width: Some(16),
            max_width: Some(16),
            replays: Some(0),
        },
        throttle_reasons: Some(vec![Throttle::Idle]),
        persistence_mode: Some(true),
        temperature_celsius: Some(35),
        slowdown_celsius: Some(87),
        utilization_percent: Some(0),
        ..Gpu::default()
    }
}

fn node(gpus: u32) -> Snapshot {
    Snapshot { gpus: (0..gpus).map(gpu).collect(), ..Snapshot::default() }
}

fn complete(gpus: u32) -> Known {
    Known {
        complete: true,
        addresses: (0..gpus).map(address).collect(),
        widest: (0..gpus).map(|index| (address(index), 16)).collect(),
    }
}

/// Name and code of all that is not good.
fn bad(expected: Option<u32>, known: &Known, look: &Look) -> Vec<(&'static str, &'static str)> {
    let verdict = judge(expected, known, true, look);
    let codes = |(name, readings): (&'static str, Vec<Reading>)| {
        readings.into_iter().filter_map(move |reading| Some((name, reading.code()?)))
    };
    verdict.into_iter().flat_map(codes).collect()
}

/// The evidence of the only reading that is not good, when one GPU of eight is so.
fn one(change: impl FnOnce(&mut Gpu), name: &str, code: &str) -> String {
    let mut snapshot = node(8);
    change(&mut snapshot.gpus[3]);
    let verdict = judge(Some(8), &complete(8), false, &Look::Seen(snapshot));
    let told: Vec<(&str, Reading)> = verdict
        .into_iter()
        .flat_map(|(name, readings)| readings.into_iter().map(move |reading| (name, reading)))
        .filter(|(_, reading)| reading.reason.is_some())
        .collect();
    let [(seen, reading)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        (*seen, reading.code(), reading.id.as_deref()),
        (name, Some(code), Some("0000:53:00.0"))
    );
    reading.reason.as_ref().unwrap().1.clone()
}

#[test]
fn all_is_well_with_eight_of_eight() {
    let look = Look::Seen(node(8));
    assert_eq!(bad(Some(8), &Known::default(), &look), []);
    let mut known = Known::default();
    assert!(known.learn(Some(8), &look) && !known.learn(Some(8), &look));
    assert_eq!(known, complete(8));
    assert_eq!(bad(None, &known, &look), []);
}

#[test]
fn what_a_gpu_does_not_have_is_no_fault() {
    let plain = Gpu { pci_address: address(0), ..Gpu::default() };
    let look = Look::Seen(Snapshot { gpus: vec![plain], ..Snapshot::default() });
    assert_eq!(bad(Some(1), &complete(1), &look), []);
}

#[test]
fn a_node_without_gpus_needs_no_driver() {
    let none = Look::Absent(Absent { what: Missing::Library, error: "no such file".to_owned() });
    for expected in [Some(0), None] {
        assert_eq!(bad(expected, &Known::default(), &none), []);
    }
    assert_eq!(
        judge(Some(0), &Known::default(), true, &none)[0].1,
        [Reading::good("none expected")]
    );
    assert_eq!(bad(Some(0), &Known::default(), &Look::Seen(node(0))), []);
    assert_eq!(bad(Some(8), &Known::default(), &none), [(name::DRIVER, "gpu.library_missing")]);
}

#[test]
fn what_has_not_worked_yet_is_initializing() {
    let absent = |what| Look::Absent(Absent { what, error: "no".to_owned() });
    let first = Known::default();
    assert_eq!(
        bad(Some(8), &first, &absent(Missing::Driver)),
        [(name::DRIVER, "node.initializing")]
    );
    assert_eq!(
        bad(Some(8), &complete(8), &absent(Missing::Driver)),
        [(name::DRIVER, "gpu.driver_failed")]
    );
    assert_eq!(
        bad(Some(8), &first, &absent(Missing::Match)),
        [(name::DRIVER, "gpu.driver_mismatch")]
    );
    assert_eq!(
        bad(Some(8), &first, &absent(Missing::Permission)),
        [(name::DRIVER, "gpu.permission_denied")]
    );
    assert_eq!(bad(Some(8), &first, &Look::Seen(node(0))), [(name::PRESENT, "node.initializing")]);
    assert_eq!(bad(Some(8), &first, &Look::Seen(node(7))), [(name::PRESENT, "node.initializing")]);
}

#[test]
fn what_has_not_come_when_the_start_is_over_is_missing() {
    let told = |known: &Known, look: &Look| {
        let verdict = judge(Some(8), known, false, look);
        let mut bad = verdict.into_iter().flat_map(|(_, readings)| readings);
        bad.find_map(|reading| reading.reason.map(|(reason, _)| (reason.code, reason.action)))
    };
    let first = Known::default();
    let mut snapshot = node(8);
    snapshot.gpus.pop();
    let seven = Look::Seen(snapshot);
    assert_eq!(told(&first, &seven), Some(("gpu.missing_since_boot", Action::Replace)));
    assert_eq!(told(&complete(8), &seven), Some(("gpu.missing", Action::Reboot)));
    for what in [Missing::Driver, Missing::Answer] {
        let absent = Look::Absent(Absent { what, error: "no".to_owned() });
        assert_eq!(told(&first, &absent), Some(("gpu.driver_failed", Action::Reboot)));
    }
    assert_eq!(told(&first, &Look::Seen(node(8))), None);
}

#[test]
fn gpus_are_accounted_for_as_long_as_nvml_counts_them() {
    let mut snapshot = node(8);
    snapshot.gpus.pop();
    let known = complete(8);
    assert!(!known.accounts_for(Some(8), &Look::Seen(snapshot.clone())));
    assert!(!known.accounts_for(None, &Look::Seen(snapshot.clone())));
    snapshot.lost.push(Lost {
        index: 7,
        pci_address: None,
        needs_reset: true,
        error: String::new(),
    });
    assert!(known.accounts_for(Some(8), &Look::Seen(snapshot)));
    assert!(!Known::default().accounts_for(None, &Look::Seen(node(0))), "one may come");
}

#[test]
fn lanes_are_measured_by_what_was_and_by_the_likes() {
    let narrow = |gpus: u32| {
        let mut snapshot = node(gpus);
        for gpu in &mut snapshot.gpus {
            gpu.pcie.width = Some(8);
        }
        Look::Seen(snapshot)
    };
    assert_eq!(bad(Some(4), &Known::default(), &narrow(4)), [], "so is a g4dn.12xlarge");
    assert_eq!(bad(Some(1), &Known::default(), &narrow(1)), [], "and a g5.xlarge");
    let mut known = Known::default();
    assert!(known.learn(Some(1), &Look::Seen(node(1))));
    assert!(!known.learn(Some(1), &narrow(1)));
    assert_eq!(bad(Some(1), &known, &narrow(1)), [(name::PCIE, "gpu.pcie_degraded")]);
    let Look::Seen(mut other) = narrow(2) else { unreachable!() };
    other.gpus[0].pcie.width = Some(16);
    assert_eq!(
        bad(Some(2), &Known::default(), &Look::Seen(other.clone())),
        [(name::PCIE, "gpu.pcie_degraded")]
    );
    other.gpus[0].name = Some("another".to_owned());
    assert_eq!(bad(Some(2), &Known::default(), &Look::Seen(other)), []);
}

#[test]
fn one_that_is_gone_is_named() {
    let mut snapshot = node(8);
    snapshot.gpus.remove(3);
    let look = Look::Seen(snapshot);
    for expected in [Some(8), None] {
        let verdict = judge(expected, &complete(8), false, &look);
        let (name, readings) = &verdict[1];
        assert_eq!((*name, readings[0].code()), (name::PRESENT, Some("gpu.missing")));
        let (_, evidence) = readings[0].reason.as_ref().unwrap();
        assert_eq!(evidence, "7 of 8 GPUs answer; gone: 0000:53:00.0");
    }
}

#[test]
fn one_that_is_lost_is_told_once() {
    let mut snapshot = node(8);
    snapshot.gpus.remove(3);
    let lost = Lost {
        index: 3,
        pci_address: Some(address(3)),
        needs_reset: false,
        error: "fell off".to_owned(),
    };
    snapshot.lost.push(lost.clone());
    assert_eq!(
        bad(Some(8), &complete(8), &Look::Seen(snapshot.clone())),
        [(name::LOST, "gpu.lost")]
    );
    snapshot.lost = vec![Lost { pci_address: None, ..lost.clone() }];
    let verdict = judge(Some(8), &complete(8), false, &Look::Seen(snapshot.clone()));
    assert_eq!(verdict[1].1[0].code(), None);
    assert_eq!(verdict[2].1[0].id, Some(address(3)), "it can be no other");
    snapshot.lost = vec![Lost { needs_reset: true, ..lost }];
    assert_eq!(
        bad(Some(8), &complete(8), &Look::Seen(snapshot)),
        [(name::LOST, "gpu.needs_reset")]
    );
}

#[test]
fn memory() {
    let ecc = |gpu: &mut Gpu| {
        gpu.ecc = Some(Ecc {
            volatile_uncorrected: Some(2),
            aggregate_uncorrected: Some(5),
            ..Ecc::default()
        })
    };
    let told = one(ecc, name::ECC, "gpu.ecc_uncorrected");
    assert_eq!(
        told,
        "2 uncorrected errors since the driver was loaded (5 ever), unknown corrected"
    );
    let old = |gpu: &mut Gpu| {
        gpu.ecc = Some(Ecc {
            volatile_uncorrected: Some(0),
            aggregate_uncorrected: Some(5),
            ..Ecc::default()
        })
    };
    let mut snapshot = node(1);
    old(&mut snapshot.gpus[0]);
    assert_eq!(bad(Some(1), &complete(1), &Look::Seen(snapshot)), [], "errors of the past");

    let rows = RemappedRows { corrected: 1, uncorrected: 2, pending: true, failure: false };
    one(|gpu| gpu.remapped_rows = Some(rows), name::ROWS, "gpu.rows_pending");
    let rows = RemappedRows { failure: true, ..rows };
    one(|gpu| gpu.remapped_rows = Some(rows), name::ROWS, "gpu.rows_exhausted");
    one(|gpu| gpu.retired_pages_pending = Some(true), name::ROWS, "gpu.pages_pending");
}

#[test]
fn what_the_driver_asks_for() {
    one(|gpu| gpu.recovery_action = Some(RecoveryAction::Reset), name::RECOVERY, "gpu.needs_reset");
    one(
        |gpu| gpu.recovery_action = Some(RecoveryAction::Reboot),
        name::RECOVERY,
        "gpu.needs_reboot",
    );
    let told = one(
        |gpu| gpu.recovery_action = Some(RecoveryAction::DrainAndReset),
        name::RECOVERY,
        "gpu.needs_reset",
    );
    assert_eq!(told, "the driver asks for: drain and reset");
}

#[test]
fn links() {
    let told = one(
        |gpu| gpu.nvlink.as_mut().unwrap().inactive = vec![2, 5],
        name::NVLINK,
        "gpu.nvlink_inactive",
    );
    assert_eq!(told, "16 of 18 links are active; not active: 2, 5");
    let mut snapshot = node(8);
    for gpu in &mut snapshot.gpus {
        gpu.nvlink.as_mut().unwrap().inactive = (0..18).collect();
    }
    let codes = bad(Some(8), &complete(8), &Look::Seen(snapshot.clone()));
    assert_eq!(codes, [(name::NVLINK, "gpu.nvlink_down"); 8]);
    snapshot.gpus.truncate(1);
    assert_eq!(bad(Some(1), &complete(1), &Look::Seen(snapshot)), [], "a p5.4xlarge is alone");

    let told = one(|gpu| gpu.pcie.width = Some(8), name::PCIE, "gpu.pcie_degraded");
    assert_eq!(told, "8 of 16 lanes, generation 1 of 5");
    let told = one(|gpu| gpu.utilization_percent = Some(90), name::PCIE, "gpu.pcie_degraded");
    assert_eq!(told, "16 of 16 lanes, generation 1 of 5 under load");
}

#[test]
fn clocks_heat_and_the_rest() {
    let told = one(
        |gpu| gpu.throttle_reasons = Some(vec![Throttle::SwPowerCap, Throttle::HwThermal]),
        name::THROTTLE,
        "gpu.throttled",
    );
    assert_eq!(told, "clocks are held down at 35 °C: hw_thermal");
    let mut snapshot = node(1);
    snapshot.gpus[0].throttle_reasons = Some(vec![Throttle::SwPowerCap]);
    assert_eq!(bad(Some(1), &complete(1), &Look::Seen(snapshot)), [], "as it should be under load");
    let told = one(|gpu| gpu.temperature_celsius = Some(84), name::TEMPERATURE, "gpu.hot");
    assert_eq!(told, "84 °C, at 87 °C the hardware halves the clocks");
    one(|gpu| gpu.persistence_mode = Some(false), name::PERSISTENCE, "gpu.persistence_off");
    let told = one(
        |gpu| _ = gpu.unread.insert("power".to_owned(), "unknown error".to_owned()),
        name::UNREAD,
        "gpu.unread",
    );
    assert_eq!(told, "power: unknown error");
}
