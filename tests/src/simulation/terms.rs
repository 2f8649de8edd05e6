//! What a history is played under: its times, and how rough it is, drawn from its seed.

use std::time::Duration;

use crate::draws::Draws;

/// The times and the rates of one history.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) lease: Duration,
    pub(super) settle: Duration,
    pub(super) risk_window: Duration,
    pub(super) timeout: Duration,
    pub(super) poll: Duration,
    pub(super) replicas: usize,
    pub(super) callers: usize,
    /// The share of passes at which a replica is killed.
    pub(super) kill: f64,
    /// The share of passes at which a replica is stopped.
    pub(super) stop: f64,
    /// The share of calls to the database whose commit is in doubt.
    pub(super) doubt: f64,
    /// What the shares of a provider's faults are multiplied by.
    pub(super) provider: f64,
    /// What the pace of people at the provider is multiplied by.
    pub(super) people: f64,
    /// What the pace of larger events is multiplied by.
    pub(super) events: f64,
}

impl Terms {
    pub(super) fn draw(draws: &Draws) -> Self {
        let seconds = Duration::from_secs;
        let (lease, settle, risk) =
            draws.pick([(20, 60, 60), (5, 12, 20), (8, 30, 30), (30, 180, 300)]);
        let rough = || draws.pick([0.0, 1.0, 1.0, 3.0]);
        Self {
            lease: seconds(lease),
            settle: seconds(settle),
            risk_window: seconds(risk),
            timeout: seconds(lease).mul_f64(0.6),
            poll: seconds(draws.pick([3, 6, 10])),
            replicas: draws.pick([1, 2, 3, 3]),
            callers: draws.pick([3, 6, 10]),
            kill: 0.002 * rough(),
            stop: 0.002 * rough(),
            doubt: 0.003 * rough(),
            provider: rough(),
            people: draws.pick([0.0, 1.0, 3.0]),
            events: draws.pick([0.0, 1.0, 2.0]),
        }
    }
}
