//! The supervisor as its users see it: real processes of the built program.

mod clients;
mod connections;
mod crashes;
mod heads;
mod hosts;
mod logs;
mod origins;
mod places;
mod refusals;
mod restarts;
mod signals;
mod sockets;
mod spread;
mod start;
mod tls;
mod tls_versions;
