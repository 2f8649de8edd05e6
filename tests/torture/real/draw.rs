//! Numbers drawn from a seed: the same seed gives the same run.

/// Draws numbers (SplitMix64).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw(u64);

impl Draw {
    /// Draws for one round of a run.
    pub(crate) fn of(seed: u64, round: u64) -> Self {
        let mut draw = Self(seed ^ round.wrapping_mul(0xd134_2543_de82_ef95));
        draw.next();
        draw
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Heads, once in `sides` throws.
    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.next().is_multiple_of(sides)
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_draws_others() {
        let drawn = |seed, round| {
            let mut draw = Draw::of(seed, round);
            (0..64).map(|_| draw.one_in(2)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7, 1), drawn(7, 1));
        assert_ne!(drawn(7, 1), drawn(7, 2));
        assert_ne!(drawn(7, 1), drawn(8, 1));
        let heads = drawn(7, 1).iter().filter(|heads| **heads).count();
        assert!((16..=48).contains(&heads), "{heads} heads of 64");
    }
}
