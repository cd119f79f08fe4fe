//! The agent's end of Session Manager's data channel: a websocket on which
//! a client (session-manager-plugin, ours, others) opens a shell or a port.

pub mod channel;
pub mod frame;
pub mod grants;
pub mod pty;
pub mod serve;
