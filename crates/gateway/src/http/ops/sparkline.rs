//! A small chart of how many there were, drawn as a part of the page: no script and no style of its own.

use maud::{Markup, html};

use crate::store::Tally;

/// What a chart shows.
pub(super) struct Series<'a> {
    /// Its word in the page, unique there.
    pub(super) name: &'static str,
    /// What is counted, over which time.
    pub(super) title: String,
    /// How the beginning of a span is written.
    pub(super) form: &'static str,
    /// The spans, oldest first.
    pub(super) tallies: &'a [Tally],
}

/// The chart's own units; the style sheet says how large it is.
const BAR: usize = 10;
const GAP: usize = 3;
const HEIGHT: i64 = 40;

/// A bar for each span. Who does not see it hears the sum, the most and the latest, and may open the numbers.
pub(super) fn sparkline(series: &Series<'_>) -> Markup {
    let tallies = series.tallies;
    let most = tallies.iter().map(|tally| tally.count).max().unwrap_or(0);
    let sum: i64 = tallies.iter().map(|tally| tally.count).sum();
    let latest = tallies.last().map_or(0, |tally| tally.count);
    let width = tallies.len() * (BAR + GAP);
    let caption = format!("{sum} in all, at most {most}, {latest} in the present one");
    html! {
        figure.spark data-series=(series.name) {
            figcaption { (series.title) ": " (caption) "." }
            svg role="img" aria-label={ (series.title) ": " (caption) }
                viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" focusable="false" {
                @for (at, tally) in tallies.iter().enumerate() {
                    @let height = height(tally.count, most);
                    rect x=(at * (BAR + GAP)) y=(HEIGHT - height) width=(BAR) height=(height)
                        data-value=(tally.count) {
                        title { (tally.from.format(series.form)) ": " (tally.count) }
                    }
                }
            }
            details {
                summary { "The numbers" }
                ol.numbers {
                    @for tally in tallies {
                        li { (tally.from.format(series.form)) ": " (tally.count) }
                    }
                }
            }
        }
    }
}

/// What there is any of can be seen, however little it is beside the most.
fn height(count: i64, most: i64) -> i64 {
    if count == 0 { 1 } else { (count * HEIGHT / most.max(1)).clamp(3, HEIGHT) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_count_and_none_goes_unseen() {
        assert_eq!((height(0, 0), height(0, 9), height(1, 1)), (1, 1, HEIGHT));
        assert_eq!((height(1, 1_000_000), height(500, 1_000)), (3, HEIGHT / 2));
    }

    #[test]
    fn it_is_told_in_words_too() {
        let from = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let tallies = [Tally { from, count: 4 }, Tally { from, count: 2 }];
        let series =
            Series { name: "x", title: "Things".to_owned(), form: "%Y-%m-%d", tallies: &tallies };
        let text = sparkline(&series).into_string();
        assert!(
            text.contains("aria-label=\"Things: 6 in all, at most 4, 2 in the present one\""),
            "{text}"
        );
        assert!(!text.contains("style="), "{text}");
    }
}
