//! `nixl-region set` and `nixl-region get`.

use std::process::ExitCode;

use http::Method;
use serde_json::Value;

use super::client::ask;
use super::state;
use super::status::Output;
use crate::backend::Artifacts;
use crate::layout::Layout;
use crate::settings::{Setting, Settings};

const SETTINGS: &str = "/_region/settings";

pub(super) fn set(layout: &Layout, setting: &Setting) -> anyhow::Result<ExitCode> {
    let body = serde_json::to_value(setting)?;
    let _: Value = ask(&state::credentials(layout)?, Method::POST, SETTINGS, Some(&body))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn get(layout: &Layout, output: Output) -> anyhow::Result<ExitCode> {
    let settings: Settings = ask(&state::credentials(layout)?, Method::GET, SETTINGS, None)?;
    match output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&settings)?),
        Output::Table => println!("{}", table(&settings)),
    }
    Ok(ExitCode::SUCCESS)
}

/// One line a setting, in the words of `set`.
fn table(settings: &Settings) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["SETTING", "VALUE", "MEANING"]);
    for window in &settings.windows {
        let meaning = if window.length == window.default {
            window.says.clone()
        } else {
            format!("{} (default {:#})", window.says, window.default)
        };
        table.add_row([format!("window {}", window.name), format!("{:#}", window.length), meaning]);
    }
    for limit in &settings.capacity {
        table.add_row([
            format!(
                "capacity {} {} --market {}",
                limit.zone,
                limit.instance_type,
                limit.market.name()
            ),
            limit.instances.to_string(),
            "room for so many instances at once".to_owned(),
        ]);
    }
    for price in &settings.spot_prices {
        table.add_row([
            format!("spot-price {} {}", price.zone, price.instance_type),
            price.usd_per_hour.to_string(),
            "US dollars an hour".to_owned(),
        ]);
    }
    for quota in &settings.quotas {
        table.add_row([
            format!("quota {}", quota.code),
            quota.vcpus.to_string(),
            quota.name.clone(),
        ]);
    }
    table.add_row([
        "clock".to_owned(),
        format!("+{:#}", settings.clock_ahead),
        format!("it is {:.0} in the region", settings.clock_now),
    ]);
    let meaning = "what the buckets of request throttling hold, against AWS's";
    table.add_row(["throttle", &settings.throttle.to_string(), meaning]);
    let by = match settings.mlflow_artifacts {
        Artifacts::Store => "store",
        Artifacts::Server => "server",
    };
    table.add_row(["mlflow-artifacts", by, "who hands out artifacts of MLflow servers that start"]);
    for id in &settings.rules_off {
        table.add_row([&format!("rule {id}"), "off", ""]);
    }
    table
}
