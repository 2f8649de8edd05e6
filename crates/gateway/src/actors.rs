//! The gateway's own actors, and the names that no token may have.

/// The prefix of the names of the gateway's own actors.
pub const RESERVED_PREFIX: &str = "gateway:";

/// A part of the gateway that acts without a caller. Events, sweeps and discrepancies record its name as the actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayActor {
    /// The comparison of the mapping with a provider's list.
    Sweep,
    /// The schedule that starts sweeps.
    Schedule,
    /// The command `import`.
    Import,
    /// The command `sweep`.
    CommandLine,
    /// The delivery of webhooks.
    Webhooks,
    /// A migration that changes rows. Its SQL writes the name itself.
    Migration,
}

impl GatewayActor {
    /// Every actor.
    pub const ALL: [Self; 6] = [
        Self::Sweep,
        Self::Schedule,
        Self::Import,
        Self::CommandLine,
        Self::Webhooks,
        Self::Migration,
    ];

    /// The recorded name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "gateway:sweep",
            Self::Schedule => "gateway:schedule",
            Self::Import => "gateway:import",
            Self::CommandLine => "gateway:cli",
            Self::Webhooks => "gateway:webhooks",
            Self::Migration => "gateway:migration",
        }
    }
}

/// Whether a token's `sub` reads like one of the gateway's own actors, in any case and after any white space.
#[must_use]
pub fn is_reserved(subject: &str) -> bool {
    let subject = subject.trim_start();
    let begin = subject.get(..RESERVED_PREFIX.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(RESERVED_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_can_have_the_name_of_an_actor() {
        for actor in GatewayActor::ALL {
            assert!(is_reserved(actor.as_str()), "{actor:?}");
        }
        for subject in ["gateway:", "Gateway:sweep", " \u{a0}gateway:x", "GATEWAY:SWEEP"] {
            assert!(is_reserved(subject), "{subject:?}");
        }
        for subject in ["sweep", "gateway", "gateway-1:x", "my-gateway:sweep", "gatew\u{e4}y:x", ""]
        {
            assert!(!is_reserved(subject), "{subject:?}");
        }
    }
}
