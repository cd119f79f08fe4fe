//! Events on their way to the daemon. The fabric thread must never wait for
//! the daemon, so a thread of its own writes them, and what does not fit into
//! its queue is dropped and counted, as datagrams are.

use crate::codec::{self, CodecError};
use crate::protocol::Event;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

const MAX_QUEUED: usize = 1024;

#[derive(Debug)]
pub(super) struct Events {
    queue: SyncSender<Event>,
    dropped: u64,
}

impl Events {
    pub(super) fn new() -> (Self, Receiver<Event>) {
        let (queue, receiver) = sync_channel(MAX_QUEUED);
        (Self { queue, dropped: 0 }, receiver)
    }

    pub(super) fn send(&mut self, event: Event) {
        if self.dropped > 0 {
            let told = self.queue.try_send(Event::Fault {
                code: nixl_cluster::reason::FABRIC_ERROR.code.to_owned(),
                errno: libc::ENOBUFS,
                prov_errno: 0,
                message: format!("{} events dropped, the daemon did not read them", self.dropped),
            });
            if told.is_ok() {
                self.dropped = 0;
            }
        }
        match self.queue.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.dropped += 1,
            // The writer has ended because the daemon is gone; the reader
            // sees that too and ends the worker.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }
}

/// Writes until the queue is closed and empty, or the stream fails.
pub(super) fn write_all(
    queue: &Receiver<Event>,
    stream: &mut impl Write,
) -> Result<(), CodecError> {
    for event in queue {
        match codec::write(stream, &event) {
            Err(CodecError::TooLong { bytes }) => {
                tracing::error!(bytes, "event too long for a frame");
            }
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_told() {
        let (mut events, receiver) = Events::new();
        for _ in 0..MAX_QUEUED + 7 {
            events.send(Event::Alive);
        }
        assert_eq!(receiver.try_iter().count(), MAX_QUEUED);
        events.send(Event::Alive);
        let told = receiver.try_iter().collect::<Vec<_>>();
        assert!(
            matches!(&told[..], [Event::Fault { message, .. }, Event::Alive] if message.starts_with("7 ")),
            "{told:?}"
        );
    }
}
