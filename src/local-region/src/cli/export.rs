//! `nixl-region export`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::status::Output;
use super::{client, machine, prerequisites, state};
use crate::backend::RootFs;
use crate::export::{DiskLock, Export};
use crate::layout::Layout;
use crate::pretend::NO_MACHINES;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Id or name of the image, as EC2 shows it.
    image: String,
    #[command(flatten)]
    target: Target,
    /// Size of the disk; what is not written takes no room.
    #[arg(long, value_parser = machine::size, default_value = "8G", conflicts_with = "rootfs")]
    size: u64,
    /// Installs what this file says and nothing else; made if it is not there.
    #[arg(long, value_name = "FILE", requires = "disk")]
    lock: Option<PathBuf>,
    /// Takes what the archive has now, and shows what changes in the lock.
    #[arg(long, requires = "lock")]
    update_lock: bool,
    /// `table` or `json`.
    #[arg(long, default_value = "table")]
    output: Output,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Copies the root filesystem to a folder that is not there yet.
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Makes a qcow2 disk that starts by UEFI, with a kernel and a cloud-init that takes NoCloud seeds.
    #[arg(long, value_name = "FILE")]
    disk: Option<PathBuf>,
}

/// The control route's answer.
#[derive(Debug, Deserialize)]
struct Image {
    image_id: String,
    root: RootFs,
}

pub(super) fn run(layout: &Layout, options: &Options) -> anyhow::Result<ExitCode> {
    if layout.pretends() {
        bail!("images of this region have no files: {NO_MACHINES}");
    }
    if options.target.disk.is_some() {
        let missing = prerequisites::missing_for_export(&prerequisites::ThisHost);
        if !missing.is_empty() {
            bail!("no disk can be made:\n{}", prerequisites::table(&missing));
        }
    }
    let wanted =
        percent_encoding::utf8_percent_encode(&options.image, percent_encoding::NON_ALPHANUMERIC);
    let path = format!("/_region/images/{wanted}");
    let Image { image_id, root } =
        client::ask(&state::credentials(layout)?, Method::GET, &path, None)?;
    let tell = |line: &str| eprintln!("{line}");
    let export = Export::new(layout, &image_id, &root, &tell)?;
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let (target, mut told) = match &options.target {
        Target { disk: Some(file), .. } => {
            let lock = options.lock.as_deref().map(DiskLock::read).transpose()?.flatten();
            let kept = lock.as_ref().filter(|_| !options.update_lock);
            let written = runtime.block_on(export.disk(file, options.size, kept))?;
            if let Some(path) = options.lock.as_deref().filter(|_| kept.is_none()) {
                for change in lock.unwrap_or_default().changes(&written.beside) {
                    eprintln!("{}: {change}", path.display());
                }
                written.beside.write(path)?;
            }
            (file, json!(written))
        }
        Target { rootfs: Some(folder), .. } => {
            runtime.block_on(export.rootfs(folder))?;
            (folder, json!({}))
        }
        Target { rootfs: None, disk: None } => bail!("neither --rootfs nor --disk"),
    };
    told["image_id"] = json!(image_id);
    told["path"] = json!(std::path::absolute(target)?);
    match options.output {
        Output::Json => println!("{told:#}"),
        Output::Table => println!("{}", target.display()),
    }
    if options.target.disk.is_some() {
        eprintln!(
            "start it: qemu-system-x86_64 -machine q35 -m 1G -bios /usr/share/ovmf/OVMF.fd \
             -nographic -drive if=virtio,file={}",
            target.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}
