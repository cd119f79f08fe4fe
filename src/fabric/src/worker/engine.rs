//! The fabric thread's loop: commands, the endpoint's turn, signs of life.

use super::events::Events;
use super::state::Fabric;
use super::{Input, WorkerError, fault};
use crate::endpoint::{Endpoint, Options};
use crate::protocol::{Command, Event};
use nixl_cluster::link::Rail;
use nixl_fabric_sys::abi::{FI_EALREADY, FI_EOPBADSTATE};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

const ALIVE_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Engine {
    events: Events,
    fabric: Option<Fabric>,
    alive_at: Instant,
}

enum Flow {
    Go,
    End,
}

impl Engine {
    pub(super) fn new(events: Events) -> Self {
        Self { events, fabric: None, alive_at: Instant::now() }
    }

    /// Runs until the daemon ends it or the fabric fails.
    pub(super) fn run(&mut self, commands: &Receiver<Input>) -> Result<(), WorkerError> {
        loop {
            let now = Instant::now();
            if now >= self.alive_at {
                self.alive_at = now + ALIVE_EVERY;
                self.events.send(Event::Alive);
            }
            let pause = match &mut self.fabric {
                None => Some(self.alive_at - now),
                Some(fabric) => {
                    if let Err(error) = fabric.turn(now, &mut self.events) {
                        self.events.send(fault(&error));
                        return Err(error.into());
                    }
                    fabric.pause(now)
                }
            };
            let input = match pause {
                None => match commands.try_recv() {
                    Ok(input) => input,
                    Err(TryRecvError::Empty) => {
                        // Two peers on one computer may share a core.
                        std::thread::yield_now();
                        continue;
                    }
                    Err(TryRecvError::Disconnected) => Input::Closed,
                },
                Some(pause) => match commands.recv_timeout(pause) {
                    Ok(input) => input,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => Input::Closed,
                },
            };
            if matches!(self.take(input)?, Flow::End) {
                return Ok(());
            }
        }
    }

    fn take(&mut self, input: Input) -> Result<Flow, WorkerError> {
        let command = match input {
            Input::Command(Command::Shutdown) | Input::Closed => return Ok(Flow::End),
            Input::Broken(error) => return Err(error.into()),
            Input::Command(command) => command,
        };
        match (&mut self.fabric, command) {
            (None, Command::Open { rank, provider, sources, library }) => {
                match Endpoint::open_rails(&Options { provider, sources, library }) {
                    Ok(rails) => {
                        self.events.send(opened_event(&rails));
                        self.fabric = Some(Fabric::new(rails, rank));
                    }
                    Err(error) => {
                        self.events.send(Event::OpenFailed {
                            code: error.code().to_owned(),
                            message: error.to_string(),
                        });
                        return Err(error.into());
                    }
                }
            }
            (None, _) => self.events.send(Event::Fault {
                code: nixl_cluster::reason::FABRIC_ERROR.code.to_owned(),
                errno: FI_EOPBADSTATE,
                prov_errno: 0,
                message: "command before the endpoint is open".to_owned(),
            }),
            (Some(_), Command::Open { .. }) => self.events.send(Event::Fault {
                code: nixl_cluster::reason::FABRIC_ERROR.code.to_owned(),
                errno: FI_EALREADY,
                prov_errno: 0,
                message: "the endpoint is open already".to_owned(),
            }),
            (Some(fabric), command) => fabric.command(command, &mut self.events),
        }
        Ok(Flow::Go)
    }
}

fn opened_event(rails: &[Endpoint]) -> Event {
    let first = rails[0].description();
    let (library, library_version) =
        (first.library.display().to_string(), first.library_version.clone());
    let provider = first.provider;
    let rails = rails.iter().enumerate().map(|(index, endpoint)| {
        let opened = endpoint.description();
        let rail = Rail {
            index: u16::try_from(index).unwrap_or(u16::MAX),
            provider_name: opened.provider_name.clone(),
            fabric: opened.fabric.clone(),
            domain: opened.domain.clone(),
            pci_address: opened.pci_address.clone(),
            speed_gbps: opened.speed_gbps,
            one_sided: opened.one_sided,
            numa_node: None,
            gpus: Vec::new(),
        };
        (rail, opened.address.clone())
    });
    Event::Opened { provider, rails: rails.collect(), library, library_version }
}
