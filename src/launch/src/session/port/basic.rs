//! One connection in one session, with agents that do not multiplex.

use super::{DISCONNECT, LINGER, NOT_CONNECTED, READ_BYTES};
use crate::session::link::{FromNode, Link, ToNode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

/// Carries a connection to its end, and ends the session.
pub async fn carry(
    connection: TcpStream,
    mut link: Link,
    mut stop: watch::Receiver<()>,
) -> Result<(), String> {
    let (read, mut write) = connection.into_split();
    let to = link.sender();
    let (said_last, half) = oneshot::channel();
    // Both ways at once: neither may wait for the other.
    let up = async {
        give(read, &to, said_last).await;
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        result = take(&mut link, &mut write, half) => result,
        () = up => Ok(()),
        _ = stop.changed() => Ok(()),
    };
    let _ = write.shutdown().await;
    link.end().await;
    result
}

async fn give(mut from: OwnedReadHalf, to: &mpsc::Sender<ToNode>, said_last: oneshot::Sender<()>) {
    let mut bytes = vec![0; READ_BYTES];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if to.send(ToNode::Data(bytes[..length].to_vec())).await.is_err() {
            return;
        }
    }
    drop(said_last);
}

async fn take(
    link: &mut Link,
    to: &mut OwnedWriteHalf,
    mut half: oneshot::Receiver<()>,
) -> Result<(), String> {
    let mut half_closed = false;
    loop {
        let quiet = tokio::time::sleep(LINGER);
        let said = tokio::select! {
            said = link.next() => said,
            _ = &mut half, if !half_closed => {
                half_closed = true;
                continue;
            }
            () = quiet, if half_closed => return Ok(()),
        };
        match said {
            // The client may be gone.
            Some(FromNode::Data(bytes)) => {
                if to.write_all(&bytes).await.is_err() {
                    return Ok(());
                }
            }
            Some(FromNode::Flag(DISCONNECT)) | None => return Ok(()),
            Some(FromNode::Flag(NOT_CONNECTED)) => {
                return Err("nothing answers at the node's port".to_owned());
            }
            Some(FromNode::Closed(why)) if why.is_empty() => return Ok(()),
            Some(FromNode::Closed(why)) => return Err(why),
            Some(FromNode::Failed(error)) => return Err(error.to_string()),
            Some(FromNode::Flag(_) | FromNode::Ready { .. } | FromNode::Message(_)) => {}
        }
    }
}
