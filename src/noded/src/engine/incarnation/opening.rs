//! A worker opens its endpoint: how long that may take, and what comes of it.

use super::super::report::Reporter;
use super::super::{End, Engine, Timings};
use crate::events;
use crate::worker::{Death, FromWorker, Worker};
use nixl_cluster::Provider;
use nixl_cluster::link::Rail;
use nixl_fabric::protocol::{Command, Event};
use std::net::IpAddr;
use std::time::Duration;

/// What a worker has opened.
pub(super) struct Opened {
    pub provider: Provider,
    pub provider_name: String,
    /// Where rail 0 is reached.
    pub address: Vec<u8>,
    /// Addresses of rails 1 and up.
    pub further: Vec<Vec<u8>>,
    pub rails: Vec<Rail>,
    /// Version and path.
    pub library: String,
}

impl Engine {
    /// How long opening may take; a worker says nothing meanwhile.
    fn open_within(&self) -> Duration {
        let Timings { open, open_each_efa, .. } = self.timings;
        let efa = self.settings.provider.providers().contains(&Provider::Efa);
        let devices = if efa { self.devices.efa_addresses().len() } else { 0 };
        open + open_each_efa * u32::try_from(devices).unwrap_or(u32::MAX)
    }

    pub(super) async fn open(
        &self,
        worker: &mut Worker,
        rank: u32,
        report: &mut Reporter,
    ) -> Result<Opened, End> {
        // Only tcp needs it.
        let sources = self.instance.local_ipv4.map(IpAddr::V4).into_iter().collect();
        let Ok(rank) = u16::try_from(rank) else {
            return Err(End::Died(Death::other(format!("rank {rank} is too high"))));
        };
        let command = Command::Open {
            rank,
            provider: self.settings.provider,
            sources,
            library: self.settings.libfabric.clone(),
        };
        // A worker that is gone already says so through its events.
        let _ = worker.commands.send(command);
        let within = self.open_within();
        let answer = tokio::time::timeout(within, async {
            loop {
                match worker.events.recv().await {
                    Some(FromWorker::Event(Event::Opened {
                        provider,
                        rails,
                        library,
                        library_version,
                    })) => {
                        self.efa.opened(provider, &library_version);
                        return opened(provider, rails, &library, &library_version);
                    }
                    Some(FromWorker::Event(Event::OpenFailed { code, message })) => {
                        report.not_opened(&code, &message);
                        return Err(End::NotOpened);
                    }
                    Some(FromWorker::Event(Event::Confined { missing })) => {
                        report.confined(&missing);
                    }
                    Some(FromWorker::Event(_)) => {}
                    Some(FromWorker::Died(how)) => return Err(End::Died(how)),
                    None => return Err(End::Died(Death::other("it ended"))),
                }
            }
        });
        answer.await.unwrap_or_else(|_| {
            let secs = within.as_secs();
            Err(End::Died(Death::hung(format!("it opened no endpoint within {secs} s"))))
        })
    }
}

fn opened(
    provider: Provider,
    rails: Vec<(Rail, Vec<u8>)>,
    library: &str,
    library_version: &str,
) -> Result<Opened, End> {
    for (rail, _) in &rails {
        events::rail_open(rail, library, library_version);
    }
    let library = format!("{library_version} ({library})");
    let (rails, mut addresses): (Vec<Rail>, Vec<Vec<u8>>) = rails.into_iter().unzip();
    let Some(Rail { provider_name, .. }) = rails.first().cloned() else {
        return Err(End::Died(Death::other("it opened nothing")));
    };
    let address = addresses.remove(0);
    Ok(Opened { provider, provider_name, address, further: addresses, rails, library })
}
