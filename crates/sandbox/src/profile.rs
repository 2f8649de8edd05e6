//! Named sets of faults for whoever runs the sandbox by hand.

use crate::{
    fault::{Answer, Fault, FaultRule, Lag, Work},
    operation::Operation,
};
use serde::Serialize;
use std::{fmt, str::FromStr};

/// A named set of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultProfile {
    /// No faults.
    #[default]
    None,
    /// Writes take 3 s, reads 1 s.
    Slow,
    /// One call in eight goes wrong: lost answers, half answers, proxy errors.
    Flaky,
    /// The answer of every create is lost after the work is done.
    LossyCreates,
    /// Every create answers 504 at once and is done 2 s later.
    LateCreates,
    /// Every call answers 503 and does nothing.
    Outage,
    /// Half of the calls answer 429, a few of them with Retry-After.
    RateLimited,
    /// What is created stays unseen for 5 s.
    Lagging,
}

const CREATES: [Operation; 2] = [Operation::CreateOrganization, Operation::RegisterOrg];

impl FaultProfile {
    const ALL: [Self; 8] = [
        Self::None,
        Self::Slow,
        Self::Flaky,
        Self::LossyCreates,
        Self::LateCreates,
        Self::Outage,
        Self::RateLimited,
        Self::Lagging,
    ];

    /// The names of all profiles.
    #[must_use]
    pub fn names() -> [&'static str; 8] {
        Self::ALL.map(Self::name)
    }

    /// The name, such as `lossy-creates`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Slow => "slow",
            Self::Flaky => "flaky",
            Self::LossyCreates => "lossy-creates",
            Self::LateCreates => "late-creates",
            Self::Outage => "outage",
            Self::RateLimited => "rate-limited",
            Self::Lagging => "lagging",
        }
    }

    /// The rules that make it up. `seed` is where those with a probability draw from.
    #[must_use]
    pub fn rules(self, seed: u64) -> Vec<FaultRule> {
        match self {
            Self::None => Vec::new(),
            Self::Slow => Operation::ALL.map(slow).to_vec(),
            Self::Flaky => flaky(seed),
            Self::LossyCreates => each_create(&Fault::after(Answer::Reset)),
            Self::LateCreates => each_create(&Fault::Answer {
                work: Work::LateAfter { millis: 2000 },
                answer: status(504),
            }),
            Self::Outage => vec![FaultRule::everywhere(Fault::before(status(503)))],
            Self::RateLimited => rate_limited(seed),
            Self::Lagging => each_create(&Fault::Lag { until: Lag::Millis(5000) }),
        }
    }
}

fn status(status: u16) -> Answer {
    Answer::Status { status, body: None }
}

fn slow(operation: Operation) -> FaultRule {
    let millis = if operation.is_write() { 3000 } else { 1000 };
    FaultRule::always(operation, Fault::Latency { millis })
}

fn each_create(fault: &Fault) -> Vec<FaultRule> {
    CREATES.into_iter().map(|operation| FaultRule::always(operation, fault.clone())).collect()
}

fn flaky(seed: u64) -> Vec<FaultRule> {
    drawn(
        seed,
        [
            (0.05, Fault::after(Answer::Reset)),
            (0.03, Fault::after(Answer::HalfBody)),
            (0.03, Fault::before(Answer::BadGatewayHtml)),
            (0.02, Fault::before(status(503))),
        ],
    )
}

fn rate_limited(seed: u64) -> Vec<FaultRule> {
    let with_pause = Answer::TooManyRequests { retry_after_seconds: Some(2) };
    drawn(
        seed,
        [(0.1, Fault::before(with_pause)), (0.44, Fault::before(Answer::EmptyTooManyRequests))],
    )
}

fn drawn<const N: usize>(seed: u64, faults: [(f64, Fault); N]) -> Vec<FaultRule> {
    faults
        .into_iter()
        .zip(seed..)
        .map(|((probability, fault), seed)| {
            FaultRule::everywhere(fault).with_probability(probability, seed)
        })
        .collect()
}

impl fmt::Display for FaultProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no profile has; the message lists those there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault profile `{given}`; there are: {}", FaultProfile::names().join(", "))]
pub struct UnknownProfile {
    given: String,
}

impl FromStr for FaultProfile {
    type Err = UnknownProfile;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.name() == given)
            .ok_or_else(|| UnknownProfile { given: given.to_owned() })
    }
}
