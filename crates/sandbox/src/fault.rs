//! What can go wrong, as plain data: a fault says whether the work is done and what the caller
//! sees of it; a rule says which calls it strikes. Nothing is carried out here.

use crate::operation::Operation;
use serde::{Deserialize, Serialize};

/// What happens to a call that a rule strikes.
///
/// One call can be struck by one fault of each family: a latency, a lag, and one of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The call waits this long before anything else happens. The work is done all the same when
    /// the caller gives up meanwhile, as it is at a real provider.
    Latency { millis: u64 },
    /// The work is done, not done, or done later, and the caller sees something else than its
    /// genuine answer.
    Answer { work: Work, answer: Answer },
    /// Something in between repeats the request: the work is done twice, and the answer is that of
    /// the second time.
    Twice,
    /// What a create makes is not seen at first: every operation on it answers 404 and lists leave
    /// it out. Its e-mail is taken all the same.
    Lag { until: Lag },
}

impl Fault {
    /// The work is never done.
    #[must_use]
    pub fn before(answer: Answer) -> Self {
        Self::Answer { work: Work::Skipped, answer }
    }

    /// The work is done first.
    #[must_use]
    pub fn after(answer: Answer) -> Self {
        Self::Answer { work: Work::Done, answer }
    }

    /// The work is done when [`Control::release_late`](crate::Control::release_late) is called.
    #[must_use]
    pub fn late(answer: Answer) -> Self {
        Self::Answer { work: Work::Late, answer }
    }

    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Latency { .. } => Family::Latency,
            Self::Lag { .. } => Family::Lag,
            Self::Answer { .. } | Self::Twice => Family::Outcome,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Latency,
    Lag,
    Outcome,
}

/// Whether the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Never.
    Skipped,
    /// Before the answer.
    Done,
    /// After the answer, on command.
    Late,
    /// After the answer, by itself.
    LateAfter { millis: u64 },
}

/// What the caller sees in place of the genuine answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The connection is reset (RST).
    Reset,
    /// Nothing, for as long as the caller waits.
    Hang,
    /// The head and half of the body, then the end of the connection.
    HalfBody,
    /// 502 with a proxy's HTML page.
    BadGatewayHtml,
    /// This status, with the provider's own kind of JSON error, or with `body` as it stands.
    Status {
        status: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// 429 with the provider's JSON error, and Retry-After if it is given.
    TooManyRequests {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
    },
    /// The 429 that Scaleway's edge really gives: no body, no content type, no Retry-After.
    EmptyTooManyRequests,
    /// 200 with an HTML page.
    HtmlSuccess,
    /// 200 with no body at all.
    EmptySuccess,
    /// 200 with the genuine JSON, less its `id`; or `{}` where no work was done.
    SuccessWithoutId,
    /// 200 with the genuine JSON, its organization ids in upper case; or `{}` where no work was done.
    UpperCaseIds,
    /// 200 with the genuine JSON and this `total_count`; or with that alone where no work was done.
    TotalCount { total_count: u64 },
    /// 200 with the genuine JSON (or `{}`) and 10 MiB of white space before its end.
    HugeBody,
    /// A redirect with this status (302, 307 and so on) to the same address.
    Redirect { status: u16 },
}

/// How long a lagging create stays hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lag {
    /// Until so many lookups have missed it (a get of it, or a list that would have held it).
    Reads(u32),
    /// Until [`Control::reveal`](crate::Control::reveal) is called.
    Command,
    /// For this long by the sandbox's clock.
    Millis(u64),
}

/// Which calls a fault strikes.
///
/// Rules are asked in the order they came in; the first of a family that strikes is the one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The operation; every operation of both providers when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The fault.
    pub fault: Fault,
    /// How many calls are struck; without end when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How many calls are let by first.
    #[serde(default)]
    pub skip: u64,
    /// How likely each call is struck, from 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// What the draws come from: the same seed and the same calls give the same faults.
    #[serde(default)]
    pub seed: u64,
}

fn certain() -> f64 {
    1.0
}

impl FaultRule {
    /// Strikes the next call of `operation`.
    #[must_use]
    pub fn next(operation: Operation, fault: Fault) -> Self {
        Self { times: Some(1), ..Self::always(operation, fault) }
    }

    /// Strikes every call of `operation`.
    #[must_use]
    pub fn always(operation: Operation, fault: Fault) -> Self {
        Self { operation: Some(operation), ..Self::everywhere(fault) }
    }

    /// Strikes every call of every operation of both providers.
    #[must_use]
    pub fn everywhere(fault: Fault) -> Self {
        Self { operation: None, fault, times: None, skip: 0, probability: certain(), seed: 0 }
    }

    /// The same rule for `times` calls.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// The same rule after `skip` calls were let by.
    #[must_use]
    pub fn skipping(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// The same rule with a probability from 0 to 1, drawn from `seed`.
    #[must_use]
    pub fn with_probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = probability;
        self.seed = seed;
        self
    }

    /// Why the rule makes no sense, if it makes none.
    pub(crate) fn problem(&self) -> Option<String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Some("`probability` must be from 0 to 1".to_owned());
        }
        let Fault::Answer { answer, .. } = &self.fault else {
            return None;
        };
        let (status, fits) = match answer {
            Answer::Status { status, .. } => (*status, (200..=599).contains(status)),
            Answer::Redirect { status } => (*status, (300..=399).contains(status)),
            Answer::Reset
            | Answer::Hang
            | Answer::HalfBody
            | Answer::BadGatewayHtml
            | Answer::TooManyRequests { .. }
            | Answer::EmptyTooManyRequests
            | Answer::HtmlSuccess
            | Answer::EmptySuccess
            | Answer::SuccessWithoutId
            | Answer::UpperCaseIds
            | Answer::TotalCount { .. }
            | Answer::HugeBody => return None,
        };
        (!fits).then(|| format!("`status` {status} does not fit this answer"))
    }
}
