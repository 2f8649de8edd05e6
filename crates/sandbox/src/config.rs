//! How a sandbox is to be run.

use crate::{clock::Clock, profile::FaultProfile};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// How a sandbox is to be run. The default listens on free ports of 127.0.0.1, keeps its state in
/// memory, is as fast as it can be, and has no faults.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where the Scaleway simulator listens; port 0 takes a free one.
    pub scaleway_listen: SocketAddr,
    /// Where the Archera simulator listens; port 0 takes a free one.
    pub archera_listen: SocketAddr,
    /// The file that keeps keys, ids and organizations over a restart; its folder is made if need
    /// be. A second file beside it, ending in `.lock`, keeps other sandboxes away.
    pub state_path: Option<PathBuf>,
    /// The faults to begin with.
    pub faults: FaultProfile,
    /// Where faults with a probability draw from.
    pub fault_seed: u64,
    /// How many requests a second Scaleway takes (the real limit is 50); `None` for no limit.
    pub rate_limit: Option<u32>,
    /// Whether the Archera key may use `GET /v1/orgs`.
    pub archera_list_orgs: bool,
    /// How long each call takes.
    pub latency: Latency,
    /// Where the simulators read the time.
    pub clock: Clock,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            scaleway_listen: free_port,
            archera_listen: free_port,
            state_path: None,
            faults: FaultProfile::None,
            fault_seed: 0,
            rate_limit: None,
            archera_list_orgs: false,
            latency: Latency::default(),
            clock: Clock::system(),
        }
    }
}

/// How long each call takes when no fault makes it longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Creates at either provider.
    pub create: Duration,
    /// Everything else.
    pub other: Duration,
}

impl Latency {
    /// About what the real providers take: a second and a half for a create, a tenth of a second
    /// for the rest.
    #[must_use]
    pub fn realistic() -> Self {
        Self { create: Duration::from_millis(1500), other: Duration::from_millis(100) }
    }
}
