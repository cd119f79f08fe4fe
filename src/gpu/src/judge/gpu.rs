//! One GPU that answers. Without a value there is nothing to judge.

use crate::snapshot::{Ecc, Gpu, Pcie, RecoveryAction, RemappedRows, Throttle};
use nixl_cluster::Reading;
use nixl_cluster::reason;
use serde_json::Value;

/// So near below where the hardware slows down it is hot.
const NEAR_CELSIUS: u32 = 3;
/// An idle GPU lowers the generation of its link by itself.
const LOADED_PERCENT: u32 = 10;

pub(super) fn ecc(gpu: &Gpu) -> Option<Reading> {
    let Ecc { volatile_uncorrected, aggregate_uncorrected, volatile_corrected, .. } = gpu.ecc?;
    let volatile = volatile_uncorrected?;
    if volatile == 0 {
        return Some(Reading::good(0).unit("uncorrected errors"));
    }
    let told = |count: Option<u64>| count.map_or("unknown".to_owned(), |count| count.to_string());
    let evidence = format!(
        "{volatile} uncorrected errors since the driver was loaded ({} ever), {} corrected",
        told(aggregate_uncorrected),
        told(volatile_corrected)
    );
    let reading = Reading::bad(&reason::GPU_ECC_UNCORRECTED, evidence)
        .value(volatile)
        .unit("uncorrected errors")
        .field("volatile", volatile);
    Some(match aggregate_uncorrected {
        Some(ever) => reading.field("aggregate", ever),
        None => reading,
    })
}

pub(super) fn rows(gpu: &Gpu) -> Option<Reading> {
    if gpu.retired_pages_pending == Some(true) {
        let evidence = "pages wait for a reset to be retired";
        return Some(Reading::bad(&reason::GPU_PAGES_PENDING, evidence));
    }
    let Some(RemappedRows { corrected, uncorrected, pending, failure }) = gpu.remapped_rows else {
        return gpu.retired_pages_pending.map(|_| Reading::good("none pending"));
    };
    let told =
        format!("{} rows remapped ({uncorrected} for uncorrected errors)", corrected + uncorrected);
    let reason = match (failure, pending) {
        (true, _) => &reason::GPU_ROWS_EXHAUSTED,
        (false, true) => &reason::GPU_ROWS_PENDING,
        (false, false) => {
            return Some(Reading::good(corrected + uncorrected).unit("remapped rows"));
        }
    };
    let evidence = if failure {
        format!("{told}, one could not be")
    } else {
        format!("{told}, one waits for a reset")
    };
    Some(
        Reading::bad(reason, evidence)
            .value(corrected + uncorrected)
            .unit("remapped rows")
            .field("corrected", corrected)
            .field("uncorrected", uncorrected),
    )
}

pub(super) fn recovery(gpu: &Gpu) -> Option<Reading> {
    let (reason, asked) = match gpu.recovery_action? {
        RecoveryAction::None => return Some(Reading::good("none")),
        RecoveryAction::Reset => (&reason::GPU_NEEDS_RESET, "reset"),
        RecoveryAction::DrainP2p => (&reason::GPU_NEEDS_RESET, "drain_p2p"),
        RecoveryAction::DrainAndReset => (&reason::GPU_NEEDS_RESET, "drain_and_reset"),
        RecoveryAction::Reboot => {
            let evidence = "the driver asks for a reboot of the node";
            return Some(Reading::bad(&reason::GPU_NEEDS_REBOOT, evidence).value("reboot"));
        }
        RecoveryAction::Other(number) => {
            return Some(Reading::good(format!("unknown ({number})")));
        }
    };
    let evidence = format!("the driver asks for: {}", asked.replace('_', " "));
    Some(Reading::bad(reason, evidence).value(asked).field("asked", asked))
}

/// `linked`: some GPU of the node has an active link. A GPU that is `alone` in
/// its instance has nobody to be linked to.
pub(super) fn nvlink(gpu: &Gpu, linked: bool, alone: bool) -> Option<Reading> {
    let link = gpu.nvlink.as_ref().filter(|_| !alone)?;
    let (active, links) = (link.active(), link.links);
    let reading = if link.inactive.is_empty() {
        Reading::good(active)
    } else if linked {
        let numbers: Vec<String> = link.inactive.iter().map(u32::to_string).collect();
        let evidence =
            format!("{active} of {links} links are active; not active: {}", numbers.join(", "));
        Reading::bad(&reason::GPU_NVLINK_INACTIVE, evidence)
            .value(active)
            .field("active", active)
            .field("links", links)
    } else {
        let evidence = format!("none of {links} links is active, nor is one of any other GPU");
        Reading::bad(&reason::GPU_NVLINK_DOWN, evidence).value(active).field("links", links)
    };
    Some(reading.unit("active links"))
}

/// `lanes`: how many it should have.
pub(super) fn pcie(gpu: &Gpu, lanes: Option<u32>) -> Option<Reading> {
    let Pcie { generation, max_generation, width, max_width, .. } = gpu.pcie;
    let below = |now: Option<u32>, most: Option<u32>| now.zip(most).is_some_and(|(n, m)| n < m);
    let loaded = gpu.utilization_percent.is_some_and(|percent| percent >= LOADED_PERCENT);
    let value = width?;
    let slow = loaded && below(generation, max_generation);
    if !slow && !below(width, lanes) {
        return Some(Reading::good(value).unit("lanes"));
    }
    let told = |value: Option<u32>| value.map_or("?".to_owned(), |value| value.to_string());
    let evidence = format!(
        "{} of {} lanes, generation {} of {}{}",
        told(width),
        told(lanes),
        told(generation),
        told(max_generation),
        if loaded { " under load" } else { "" }
    );
    let number = |value: Option<u32>| value.map_or(Value::Null, Value::from);
    Some(
        Reading::bad(&reason::GPU_PCIE_DEGRADED, evidence)
            .value(value)
            .unit("lanes")
            .field("width", number(width))
            .field("max_width", number(max_width))
            .field("generation", number(generation))
            .field("max_generation", number(max_generation)),
    )
}

pub(super) fn throttle(gpu: &Gpu) -> Option<Reading> {
    let reasons = gpu.throttle_reasons.as_ref()?;
    let all: Vec<&str> = reasons.iter().map(|reason| reason.as_str()).collect();
    let harmful: Vec<&str> = reasons
        .iter()
        .filter(|reason| reason.is_harmful())
        .map(|reason| Throttle::as_str(*reason))
        .collect();
    if harmful.is_empty() {
        return Some(Reading::good(if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        }));
    }
    let heat =
        gpu.temperature_celsius.map(|celsius| format!(" at {celsius} °C")).unwrap_or_default();
    let evidence = format!("clocks are held down{heat}: {}", harmful.join(", "));
    Some(
        Reading::bad(&reason::GPU_THROTTLED, evidence)
            .value(all.join(", "))
            .field("reasons", harmful),
    )
}

pub(super) fn temperature(gpu: &Gpu) -> Option<Reading> {
    let now = gpu.temperature_celsius?;
    let hot = gpu.slowdown_celsius.filter(|slow| now.saturating_add(NEAR_CELSIUS) >= *slow);
    let reading = match hot {
        None => Reading::good(now),
        Some(slow) => {
            let evidence = format!("{now} °C, at {slow} °C the hardware halves the clocks");
            Reading::bad(&reason::GPU_HOT, evidence)
                .value(now)
                .field("temperature_celsius", now)
                .field("slowdown_celsius", slow)
        }
    };
    Some(reading.unit("Cel"))
}

pub(super) fn persistence(gpu: &Gpu) -> Option<Reading> {
    Some(if gpu.persistence_mode? {
        Reading::good("on")
    } else {
        Reading::bad(&reason::GPU_PERSISTENCE_OFF, "persistence mode is off").value("off")
    })
}

pub(super) fn unread(gpu: &Gpu) -> Option<Reading> {
    if gpu.unread.is_empty() {
        return Some(Reading::good("none"));
    }
    let told: Vec<String> =
        gpu.unread.iter().map(|(what, error)| format!("{what}: {error}")).collect();
    let values: Vec<&str> = gpu.unread.keys().map(String::as_str).collect();
    Some(Reading::bad(&reason::GPU_UNREAD, told.join("; ")).field("values", values))
}
