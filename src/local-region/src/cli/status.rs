//! `nixl-region status`.

use std::process::ExitCode;

use clap::ValueEnum;
use http::Method;
use serde_json::json;

use super::link_routes::{LINKS, LinkRow};
use super::{MachineKind, client, state};
use crate::layout::Layout;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Table,
    Json,
}

/// Said by `up` and `status`, so that nobody takes such a region for more than it is.
pub(super) const WITHOUT_MACHINES: &str = "WITHOUT MACHINES: instances are records, their nodes only say what a script says, \
     nothing runs in them or in an image build, and no MLflow runs";

pub(super) fn run(layout: &Layout, output: Output) -> anyhow::Result<ExitCode> {
    let credentials = state::credentials(layout)?;
    let machines = client::machines(&credentials)?;
    let links: Vec<LinkRow> = client::ask(&credentials, Method::GET, LINKS, None)?;
    match output {
        Output::Json => {
            let document = json!({
                "endpoint_url": credentials.endpoint_url,
                "region": credentials.region,
                "account_id": credentials.account_id,
                "machine_kind": credentials.fixed.machines,
                "pid": state::process(layout).map(|process| process.pid),
                "state_dir": layout.state_dir(),
                "machines": machines,
                "links": links,
            });
            println!("{document:#}");
        }
        Output::Table => {
            println!("region {} up at {}", credentials.region, credentials.endpoint_url);
            if credentials.fixed.machines == MachineKind::Pretend {
                println!("{WITHOUT_MACHINES}");
            }
            if machines.is_empty() {
                println!("no machines");
                return Ok(ExitCode::SUCCESS);
            }
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_header(["NAME", "INSTANCE", "STATE", "TYPE", "PRIVATE IP", "PUBLIC IP"]);
            for machine in machines.clone() {
                let ip =
                    |ip: Option<std::net::Ipv4Addr>| ip.map_or("-".into(), |ip| ip.to_string());
                table.add_row([
                    machine.name.unwrap_or_else(|| "-".into()),
                    machine.instance_id,
                    machine.state,
                    machine.instance_type.unwrap_or_else(|| "-".into()),
                    ip(machine.private_ip),
                    ip(machine.public_ip),
                ]);
            }
            println!("{table}");
            let name = |id: &str| {
                let named = machines.iter().find(|machine| machine.instance_id == id);
                named.and_then(|machine| machine.name.clone()).unwrap_or_else(|| id.to_owned())
            };
            for link in links {
                println!("{}", link.told(name));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
