//! The websocket of a data channel, on the region's endpoint.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::channel::{Channel, Input, Purpose, RESEND_LOOK, token_of};
use super::grants::{Grant, Grants};
use super::pty::Pty;
use crate::layout::Layout;
use crate::machine::exec;
use crate::machine::record::MachineRecord;
use crate::net;

/// How long a client may take to say its token.
const OPENING_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection to a port in the machine may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to acknowledge the last messages.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);
/// What clients of a session are.
const TERM: &str = "TERM=xterm-256color";
/// The far connection is closed (`DisconnectToPort`).
const DISCONNECTED: u32 = 1;
/// It could not be made (`ConnectToPortError`).
const NOT_CONNECTED: u32 = 3;

struct Service {
    grants: Grants,
    layout: Layout,
}

/// The route of all data channels; path as ssmmessages has it.
pub fn router(grants: Grants, layout: &Layout) -> Router {
    let service = Arc::new(Service { grants, layout: layout.clone() });
    Router::new()
        .route("/v1/data-channel/{session_id}", axum::routing::get(upgrade))
        .with_state(service)
}

async fn upgrade(
    State(service): State<Arc<Service>>,
    Path(session_id): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |socket| async move {
        if let Err(error) = serve(&service, &session_id, socket).await {
            tracing::info!(session_id, %error, "session ended");
        }
    })
}

async fn serve(service: &Service, session_id: &str, mut socket: WebSocket) -> io::Result<()> {
    let opening = tokio::time::timeout(OPENING_PATIENCE, socket.recv()).await;
    let grant = match opening {
        Ok(Some(Ok(Message::Text(text)))) => {
            token_of(&text).and_then(|token| service.grants.open(session_id, &token))
        }
        _ => None,
    };
    let Some(grant) = grant else {
        // As the service does: a wrong token is told by closing.
        return send(&mut socket, Message::Close(None)).await;
    };
    let (mut channel, first) = Channel::open(session_id, grant.purpose.clone());
    send_all(&mut socket, first).await?;
    let mut ended = grant.ended.clone();
    let why = tokio::select! {
        result = run(service, &grant, &mut channel, &mut socket) => {
            result.unwrap_or_else(|error| error.to_string())
        }
        _ = ended.wait_for(|ended| *ended) => "Session was terminated".to_owned(),
    };
    // What the client has not acknowledged it may not have shown yet.
    let _ = tokio::time::timeout(DRAIN_PATIENCE, async {
        let mut look = tokio::time::interval(RESEND_LOOK);
        while !channel.drained() {
            tokio::select! {
                _ = look.tick() => {
                    if send_all(&mut socket, channel.again(Instant::now())).await.is_err() {
                        return;
                    }
                }
                message = socket.recv() => match message {
                    Some(Ok(Message::Binary(bytes))) => drop(channel.receive(&bytes)),
                    Some(Ok(_)) => {}
                    _ => return,
                }
            }
        }
    })
    .await;
    send(&mut socket, Message::Binary(channel.close(&why).into())).await?;
    service.grants.close(&grant.session_id);
    send(&mut socket, Message::Close(None)).await
}

/// The machine's end of the stream.
enum Far {
    Pty(Pty),
    Port(TcpStream),
    /// A port nobody has asked for yet, or whose connection is closed.
    Nothing,
}

impl Far {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Pty(pty) => pty.read(buffer).await,
            Self::Port(stream) => stream.read(buffer).await,
            Self::Nothing => std::future::pending().await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Pty(pty) => pty.write(bytes).await,
            Self::Port(stream) => stream.write_all(bytes).await,
            Self::Nothing => Ok(()),
        }
    }
}

/// Carries the stream until one side ends it; why it ended.
async fn run(
    service: &Service,
    grant: &Grant,
    channel: &mut Channel,
    socket: &mut WebSocket,
) -> io::Result<String> {
    let mut far = match &grant.purpose {
        Purpose::Shell { command } => Far::Pty(shell(service, grant, command.as_deref())?),
        Purpose::Port { .. } => Far::Nothing,
    };
    let mut buffer = vec![0; 16 * 1024];
    let mut look = tokio::time::interval(RESEND_LOOK);
    loop {
        tokio::select! {
            _ = look.tick() => send_all(socket, channel.again(Instant::now())).await?,
            message = socket.recv() => {
                let Some(message) = message else { return Ok("the client is gone".to_owned()) };
                let Message::Binary(bytes) = message.map_err(io::Error::other)? else { continue };
                let (answers, input) = channel.receive(&bytes).map_err(io::Error::other)?;
                send_all(socket, answers).await?;
                match input {
                    Some(Input::Data(bytes)) => {
                        service.grants.touch(&grant.session_id);
                        if let (Far::Nothing, Purpose::Port { host, port, .. }) = (&far, &grant.purpose) {
                            match connect(service, grant, host.clone(), *port).await {
                                Ok(stream) => far = Far::Port(stream),
                                Err(error) => {
                                    tracing::info!(instance_id = grant.instance_id, port, %error, "no connection");
                                    send_all(socket, vec![channel.flag(NOT_CONNECTED)]).await?;
                                }
                            }
                        }
                        far.write(&bytes).await?;
                    }
                    Some(Input::Size { cols, rows }) => {
                        if let Far::Pty(pty) = &far {
                            pty.resize(cols, rows);
                        }
                    }
                    Some(Input::Disconnect) => far = Far::Nothing,
                    Some(Input::Terminate) => return Ok(String::new()),
                    None => {}
                }
            }
            read = far.read(&mut buffer), if channel.ready() && !channel.full() => match (read, &far) {
                (Ok(length @ 1..), _) => {
                    service.grants.touch(&grant.session_id);
                    send_all(socket, channel.data(&buffer[..length])).await?;
                }
                (_, Far::Pty(_)) => return Ok(String::new()),
                _ => {
                    far = Far::Nothing;
                    send_all(socket, vec![channel.flag(DISCONNECTED)]).await?;
                }
            },
        }
    }
}

fn leader(service: &Service, grant: &Grant) -> io::Result<u32> {
    MachineRecord::read(&service.layout.machine_record(&grant.instance_id))
        .ok()
        .and_then(|record| record.leader())
        .ok_or_else(|| io::Error::other(format!("{} is not running", grant.instance_id)))
}

fn shell(service: &Service, grant: &Grant, command: Option<&str>) -> io::Result<Pty> {
    let argv: Vec<String> = match command {
        None => ["env", TERM, "bash", "-l"].map(str::to_owned).to_vec(),
        Some(line) => ["env", TERM, "sh", "-c", line].map(str::to_owned).to_vec(),
    };
    Pty::start(exec::enter(leader(service, grant)?, &argv))
}

async fn connect(
    service: &Service,
    grant: &Grant,
    host: Option<String>,
    port: u16,
) -> io::Result<TcpStream> {
    let netns = service.layout.machine_netns(&grant.instance_id);
    let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
    let stream =
        tokio::task::spawn_blocking(move || net::connect_in(&netns, &host, port, CONNECT_PATIENCE))
            .await??;
    TcpStream::from_std(stream)
}

async fn send(socket: &mut WebSocket, message: Message) -> io::Result<()> {
    socket.send(message).await.map_err(io::Error::other)
}

async fn send_all(
    socket: &mut WebSocket,
    messages: impl IntoIterator<Item = Vec<u8>>,
) -> io::Result<()> {
    for message in messages {
        send(socket, Message::Binary(message.into())).await?;
    }
    Ok(())
}
