//! The journals of several nodes, read over a session each.

use super::journal::{Entry, Query};
use super::merge::{HOLD, Merger};
use crate::engine::remote::RemoteNode;
use crate::session::SessionError;
use crate::session::script::{Piece, Running};
use nixl_aws::ssm::ManagedNodes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Waits between a lost session and the next, doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// How much of what journalctl complains about is told.
const MAX_COMPLAINT_BYTES: usize = 4096;
const QUEUE: usize = 256;

/// What a node's journal says.
#[derive(Debug)]
enum Said {
    Entry(Entry),
    /// The session was lost; it will go on.
    Lost(String),
    /// There is no more; why, if it should not have ended.
    Ended(Option<String>),
}

/// Reads the journals until they end (with `follow` they do not) or the wait is
/// given up (`given_up`); each entry by time to `show`, what happens to sessions to `tell`.
/// What went wrong for good, by node.
///
/// # Errors
/// If an entry cannot be shown.
pub async fn read(
    ssm: &Arc<dyn ManagedNodes>,
    nodes: &[RemoteNode],
    query: &Query,
    given_up: impl Future<Output = ()>,
    mut show: impl FnMut(&Entry) -> std::io::Result<()>,
    tell: impl Fn(&str),
) -> std::io::Result<Vec<String>> {
    let (to, mut said) = mpsc::channel(QUEUE);
    let (stop, mut readers) = (watch::Sender::new(()), JoinSet::new());
    for (index, node) in nodes.iter().enumerate() {
        let reader = Reader { ssm: ssm.clone(), node: node.clone(), query: query.clone(), index };
        readers.spawn(reader.run(to.clone(), stop.subscribe()));
    }
    drop(to);
    let (mut merger, mut wrong) = (Merger::new(nodes.len()), Vec::new());
    let mut look = tokio::time::interval(HOLD / 4);
    tokio::pin!(given_up);
    let result = loop {
        let interrupted = tokio::select! {
            Some((index, said)) = said.recv() => {
                match said {
                    Said::Entry(entry) => merger.add(index, entry, Instant::now()),
                    Said::Lost(why) => tell(&format!("{}: {why}; it goes on", nodes[index].name)),
                    Said::Ended(why) => {
                        merger.end(index);
                        wrong.extend(why.map(|why| format!("{}: {why}", nodes[index].name)));
                    }
                }
                false
            }
            _ = look.tick() => false,
            () = &mut given_up => true,
        };
        let mut shown = Ok(());
        // A journal that ends is waited for; one that goes on may be silent.
        while shown.is_ok()
            && let Some(entry) = merger.next(Instant::now(), !query.follow)
        {
            shown = show(&entry);
        }
        if shown.is_err() || interrupted || merger.done() {
            break shown;
        }
    };
    drop((stop, said));
    while readers.join_next().await.is_some() {}
    result.map(|()| wrong)
}

struct Reader {
    ssm: Arc<dyn ManagedNodes>,
    node: RemoteNode,
    query: Query,
    index: usize,
}

impl Reader {
    async fn run(self, to: mpsc::Sender<(usize, Said)>, mut stop: watch::Receiver<()>) {
        let (mut cursor, mut wait) = (None, FIRST_WAIT);
        loop {
            let seen = cursor.clone();
            let why = match self.session(&to, &mut stop, &mut cursor).await {
                Ok(ended) => {
                    let _ = to.send((self.index, Said::Ended(ended))).await;
                    return;
                }
                Err(why) => why,
            };
            // Without --follow what is missing may not come: that is told.
            if !self.query.follow {
                let _ = to.send((self.index, Said::Ended(Some(why.to_string())))).await;
                return;
            }
            if cursor != seen {
                wait = FIRST_WAIT;
            }
            if to.send((self.index, Said::Lost(why.to_string()))).await.is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                _ = stop.changed() => return,
            }
        }
    }

    /// One session: the end of the journal, and journalctl's complaint if it failed.
    async fn session(
        &self,
        to: &mpsc::Sender<(usize, Said)>,
        stop: &mut watch::Receiver<()>,
        cursor: &mut Option<String>,
    ) -> Result<Option<String>, SessionError> {
        let command = self.query.command(cursor.as_deref());
        let id = &self.node.instance_id;
        let mut running = Running::start(&self.ssm, id, &command, "nixl-launch logs").await?;
        let carried = async {
            let (mut line, mut complaint) = (Vec::new(), Vec::new());
            while let Some(piece) = running.next().await? {
                match piece {
                    Piece::Stdout(bytes) => {
                        for byte in bytes {
                            if byte != b'\n' {
                                line.push(byte);
                                continue;
                            }
                            let Some(entry) = Entry::parse(&self.node, &std::mem::take(&mut line))
                            else {
                                continue;
                            };
                            *cursor = Some(entry.cursor.clone());
                            if to.send((self.index, Said::Entry(entry))).await.is_err() {
                                return Ok(None);
                            }
                        }
                    }
                    Piece::Stderr(bytes) => {
                        complaint.extend(bytes);
                        complaint.truncate(MAX_COMPLAINT_BYTES);
                    }
                    Piece::Exit(0) => return Ok(None),
                    Piece::Exit(code) => {
                        let said = String::from_utf8_lossy(&complaint);
                        return Ok(Some(format!("journalctl ended with {code}: {}", said.trim())));
                    }
                }
            }
            Ok(None)
        };
        let result = tokio::select! {
            result = carried => result,
            _ = stop.changed() => Ok(None),
        };
        running.end().await;
        result
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
