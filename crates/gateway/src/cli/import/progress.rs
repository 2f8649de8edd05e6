//! How far it is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str = "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}";

/// What is told of the way.
#[derive(Debug)]
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { what: &'static str, done: u64, of: u64, told: u64 },
}

impl Progress {
    /// By what standard error is.
    pub(super) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { what: "", done: 0, of: 0, told: 0 };
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    /// So much of so much is done of this.
    pub(super) fn at(&mut self, now: &'static str, so_far: u64, all: u64) {
        match self {
            Self::Bar(bar) => {
                if bar.message() != now {
                    bar.reset();
                    bar.set_message(now);
                }
                bar.set_length(all);
                bar.set_position(so_far);
            }
            Self::Lines { what, done, of, told } => {
                if *what != now {
                    (*what, *told) = (now, 0);
                }
                (*done, *of) = (so_far, all);
                // A tenth more, and a thousand at the most.
                let step = (all / 10).clamp(1, 1000);
                if so_far >= *told + step || (so_far == all && *told < all) {
                    *told = so_far;
                    line(&format!("{now}: {so_far} of {all}"));
                }
            }
        }
    }

    /// Something besides.
    pub(super) fn note(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| line(text)),
            Self::Lines { .. } => line(text),
        }
    }

    /// Nothing more is to be told.
    pub(super) fn end(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } => {}
        }
    }
}

fn line(text: &str) {
    // Whoever closed it does not want to know.
    let _closed = writeln!(std::io::stderr(), "{text}");
}
