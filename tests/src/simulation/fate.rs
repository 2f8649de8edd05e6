//! What becomes of one call to a provider, drawn by the account's weather.

use std::time::Duration;

use partner_core::{Effect, Error, Kind};

use super::{
    faults::Fault,
    port::lost,
    upstream::refused,
    world::{Storm, World},
};

/// What becomes of a write.
#[derive(Debug, Clone)]
pub(super) enum CallFate {
    /// Nothing is done, and the caller sees this after a while.
    Fails { after: Duration, error: fn() -> Error },
    /// Nothing is done; everybody is asked to wait.
    Limited { retry_after: Option<Duration> },
    /// It reaches the provider after a while.
    Lands { after: Duration, answer: Answer },
}

/// What the caller sees of a write that reaches the provider.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// The provider's answer, so much later.
    Whole { after: Duration },
    /// Nothing that can be used: 5xx, a reset, half a body, garbage.
    Broken { after: Duration },
    /// Nothing; the caller has given up before it lands, or while it does.
    Never { gives_up_after: Duration },
}

impl CallFate {
    /// The caller cannot tell that it was not done.
    pub(super) fn is_doubtful(&self) -> bool {
        match self {
            Self::Fails { error, .. } => error().effect() == Effect::Unknown,
            Self::Limited { .. } => false,
            Self::Lands { .. } => true,
        }
    }
}

fn unreachable_error() -> Error {
    Error::new(Kind::Unavailable, Effect::NotSent, "the provider could not be reached")
}

fn content_refused() -> Error {
    refused(Kind::InvalidInput, "the provider refused the content")
}

fn not_permitted() -> Error {
    refused(Kind::PermissionDenied, "the key may not do this")
}

/// Draws what becomes of a write.
///
/// What lands late lands within half of the settle window; with the lag of a listing, at most a third of
/// it, it is seen before the window ends. A landing later than that is outside of what is promised.
pub(super) fn draw_write(world: &World, account: usize) -> CallFate {
    let draws = &world.draws;
    match world.storm(account) {
        Storm::Calm => {}
        Storm::Failing if draws.chance(0.7) => return failed_undone(world),
        Storm::Failing => return answer_lost(world),
        Storm::Refusing => return not_reached(world),
        Storm::Limiting => return limited(world),
        Storm::Silent if draws.chance(0.5) => return request_lost(world),
        Storm::Silent => return lands_late(world),
    }
    let rough = world.terms.provider;
    type Befalls = fn(&World) -> CallFate;
    let table: [(f64, Befalls); 8] = [
        (0.02, not_reached),
        (0.03, request_lost),
        (0.03, lands_late),
        (0.04, answer_lost),
        (0.02, failed_undone),
        (0.015, limited),
        (0.01, content_is_refused),
        (0.004, is_not_permitted),
    ];
    for (share, fate) in table {
        if world.goes_wrong(share * rough) {
            return fate(world);
        }
    }
    let after = draws.millis(10, 300);
    let answer = Answer::Whole { after: draws.millis(5, 1_500) };
    CallFate::Lands { after, answer }
}

fn not_reached(world: &World) -> CallFate {
    world.record.reached(Fault::Refused);
    CallFate::Fails { after: world.draws.millis(1, 2_000), error: unreachable_error }
}

fn request_lost(world: &World) -> CallFate {
    world.record.reached(Fault::RequestLost);
    CallFate::Fails { after: gives_up_after(world), error: lost }
}

fn failed_undone(world: &World) -> CallFate {
    world.record.reached(Fault::FailedUndone);
    CallFate::Fails { after: world.draws.millis(10, 1_000), error: lost }
}

fn content_is_refused(world: &World) -> CallFate {
    world.record.reached(Fault::ContentRefused);
    CallFate::Fails { after: world.draws.millis(10, 200), error: content_refused }
}

fn is_not_permitted(world: &World) -> CallFate {
    world.record.reached(Fault::ContentRefused);
    CallFate::Fails { after: world.draws.millis(10, 200), error: not_permitted }
}

fn answer_lost(world: &World) -> CallFate {
    world.record.reached(Fault::AnswerLost);
    let after = world.draws.millis(10, 500);
    CallFate::Lands { after, answer: Answer::Broken { after: world.draws.millis(1, 3_000) } }
}

fn lands_late(world: &World) -> CallFate {
    world.record.reached(Fault::LandedLate);
    let after = world.draws.time(Duration::from_millis(100), world.terms.settle / 2);
    CallFate::Lands { after, answer: Answer::Never { gives_up_after: gives_up_after(world) } }
}

fn limited(world: &World) -> CallFate {
    world.record.reached(Fault::RateLimited);
    let draws = &world.draws;
    let retry_after = draws.chance(0.5).then(|| draws.millis(0, 30_000));
    CallFate::Limited { retry_after }
}

/// A connection that breaks early, a time-out, or a call that only the end of the lease ends.
fn gives_up_after(world: &World) -> Duration {
    let timeout = world.terms.timeout;
    match world.draws.below(3) {
        0 => world.draws.time(Duration::from_millis(5), timeout),
        1 => timeout,
        _ => world.terms.lease * 2,
    }
}

/// How long a reading takes, or how it fails.
pub(super) fn draw_read(world: &World, account: usize) -> Result<Duration, (Duration, Error)> {
    let draws = &world.draws;
    match world.storm(account) {
        Storm::Calm => {}
        Storm::Failing | Storm::Silent => return Err((draws.millis(10, 3_000), lost())),
        Storm::Refusing => return Err((draws.millis(1, 2_000), unreachable_error())),
        Storm::Limiting => {
            return Err((draws.millis(5, 50), refused(Kind::RateLimited, "too many requests")));
        }
    }
    if world.goes_wrong(0.03 * world.terms.provider) {
        return Err((draws.millis(10, 5_000), lost()));
    }
    Ok(draws.millis(5, 150))
}
