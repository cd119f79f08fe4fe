//! `nixl-region notice`.

use std::process::ExitCode;

use http::Method;
use serde_json::Value;

use super::client::ask;
use super::state;
use crate::layout::Layout;
use crate::notices::Notice;

/// Where notices are given.
const NOTICES: &str = "/_region/notices";

pub(super) fn run(layout: &Layout, machine: &str, notice: &Notice) -> anyhow::Result<ExitCode> {
    let machine: String =
        percent_encoding::utf8_percent_encode(machine, percent_encoding::NON_ALPHANUMERIC)
            .to_string();
    let body = serde_json::to_value(notice)?;
    let path = format!("{NOTICES}/{machine}");
    let _: Value = ask(&state::credentials(layout)?, Method::POST, &path, Some(&body))?;
    Ok(ExitCode::SUCCESS)
}
