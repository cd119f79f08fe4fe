//! Items, made of what the health document holds and of what was looked at here.

use crate::board::name;
use crate::efa::name as efa;
use crate::gpu::name as gpu;
use crate::mlflow::NOT_CONFIGURED;
use jiff::Timestamp;
use nixl_cluster::Reading;
use nixl_cluster::check::{Item, Section, Verdict};
use nixl_cluster::health::{Check, CheckReason, HealthDocument, Status};
use nixl_cluster::reason::Severity;

/// What the monitor of the GPUs says of a type without, and of an unknown one.
const NO_GPU: [&str; 2] = ["none expected", "none found"];

/// Where a check of this name belongs.
pub(super) fn section(name: &str) -> Section {
    match name.split(':').next().unwrap_or(name) {
        "efa" => Section::Efa,
        "gpu" => Section::Gpu,
        "mlflow" | "environment" => Section::Mlflow,
        "imds" | "registration" | "fabric" | "worker" | "pairing" | "peer" | "link" | "network" => {
            Section::Network
        }
        "vllm" => Section::Vllm,
        "nixl" => Section::Nixl,
        _ => Section::System,
    }
}

/// Something skipped.
pub(super) fn skipped(name: &str, why: impl Into<String>) -> (Section, Item) {
    let item = Item {
        name: name.to_owned(),
        about: None,
        verdict: Verdict::Skip,
        value: None,
        unit: None,
        skipped: Some(why.into()),
        reason: None,
    };
    (section(name), item)
}

/// A reading of this program's own.
pub(super) fn of_reading(name: &str, reading: Reading) -> (Section, Item) {
    let verdict = match reading.reason.as_ref().map(|(reason, _)| reason.severity) {
        None => Verdict::Pass,
        Some(Severity::Info | Severity::Warning) => Verdict::Warn,
        Some(Severity::Error) => Verdict::Fail,
    };
    let reason = reading.reason.map(|(reason, evidence)| CheckReason {
        code: reason.code.to_owned(),
        severity: reason.severity,
        meaning: reason.meaning.to_owned(),
        evidence,
        fields: reading.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        action: reason.action,
        advice: reason.advice.to_owned(),
        since: format!("{:.3}", Timestamp::now()),
        acknowledged: None,
    });
    let item = Item {
        name: name.to_owned(),
        about: reading.id,
        verdict,
        value: reading.value,
        unit: reading.unit.map(str::to_owned),
        skipped: None,
        reason,
    };
    (section(name), item)
}

/// Every check of a document.
pub(super) fn of_document(document: &HealthDocument) -> Vec<(Section, Item)> {
    let checks = document.checks.iter();
    let checks = checks.flat_map(|(name, checks)| checks.iter().map(move |check| (name, check)));
    checks.map(|(name, check)| of_check(name, check)).collect()
}

fn of_check(name: &str, check: &Check) -> (Section, Item) {
    if let Some(why) = nothing_there(name, check) {
        return skipped(name, why);
    }
    let acknowledged = check.reason.as_ref().is_some_and(|reason| reason.acknowledged.is_some());
    let verdict = match check.status {
        Status::Fail if acknowledged => Verdict::Warn,
        Status::Pass => Verdict::Pass,
        Status::Warn => Verdict::Warn,
        Status::Fail => Verdict::Fail,
    };
    let item = Item {
        name: name.to_owned(),
        about: check.component_id.clone(),
        verdict,
        value: check.observed_value.clone(),
        unit: check.observed_unit.clone(),
        skipped: None,
        reason: check.reason.clone(),
    };
    (section(name), item)
}

/// What is good only because there is nothing to be bad.
fn nothing_there(name: &str, check: &Check) -> Option<&'static str> {
    let value = check.observed_value.as_ref().filter(|_| check.reason.is_none())?;
    let is_zero = value.as_u64() == Some(0);
    match name {
        efa::DEVICES if is_zero => Some("no EFA device is there, and none is expected"),
        gpu::DRIVER | gpu::PRESENT if value.as_str().is_some_and(|it| NO_GPU.contains(&it)) => {
            Some("no GPU is there, and none is expected")
        }
        name::MLFLOW if value.as_str() == Some(NOT_CONFIGURED) => {
            Some("no mlflow_tracking_arn is set in /etc/nixl/node.toml")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use nixl_cluster::reason;

    fn of(board: &Board, name: &str) -> Item {
        let items = of_document(&board.document());
        items.into_iter().map(|(_, item)| item).find(|item| item.name == name).unwrap()
    }

    #[test]
    fn checks_keep_what_they_say_and_find_their_section() {
        let board = Board::default();
        board.set("efa:memlock", Reading::bad(&reason::FABRIC_MEMLOCK, "64 KiB").value(65_536));
        let item = of(&board, "efa:memlock");
        assert_eq!((item.verdict, item.value), (Verdict::Fail, Some(65_536.into())));
        let reason = item.reason.unwrap();
        assert_eq!((reason.code.as_str(), reason.evidence.as_str()), ("fabric.memlock", "64 KiB"));
        for (name, wanted) in [
            ("efa:rail", Section::Efa),
            ("gpu:xid", Section::Gpu),
            ("peer:clock", Section::Network),
            ("environment:files", Section::Mlflow),
            ("system:disk", Section::System),
            ("settings:file", Section::System),
            ("something:new", Section::System),
        ] {
            assert_eq!(section(name), wanted, "{name}");
        }
    }

    #[test]
    fn what_is_acknowledged_warns_with_its_reason_in_sight() {
        let board = Board::default();
        board.set(name::ENDPOINT, Reading::bad(&reason::FABRIC_LIBRARY_MISSING, "no"));
        board.acknowledge(reason::FABRIC_LIBRARY_MISSING.code, None, None).unwrap();
        let item = of(&board, name::ENDPOINT);
        assert_eq!(item.verdict, Verdict::Warn);
        assert!(item.reason.unwrap().acknowledged.is_some());
    }

    #[test]
    fn nothing_where_nothing_is_expected_is_skipped_and_not_passed() {
        let board = Board::default();
        board.set("efa:devices", Reading::good(0));
        board.set(name::MLFLOW, Reading::good(NOT_CONFIGURED));
        assert!(of(&board, "efa:devices").skipped.unwrap().contains("none is expected"));
        assert_eq!(of(&board, name::MLFLOW).verdict, Verdict::Skip);
        for none in NO_GPU {
            board.set("gpu:present", Reading::good(none));
            assert_eq!(of(&board, "gpu:present").verdict, Verdict::Skip);
        }
        board.set("efa:devices", Reading::bad(&reason::EFA_MISSING, "0 of 1").value(0));
        assert_eq!(of(&board, "efa:devices").verdict, Verdict::Fail);
    }
}
