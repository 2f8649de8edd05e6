//! Three times as many requests as the gateway can take.
//!
//! Its capacity is measured before and after: as many callers as it works on at one time, each with a request
//! under way always. Between, requests begin at three times that rate, whatever becomes of those before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use super::{Fault, Found, MAX_IN_FLIGHT, tally::Tally};

const WARMING: Duration = Duration::from_secs(2);
const LASTS: Duration = Duration::from_secs(10);
const TIMES: f64 = 3.0;
/// Callers between whom the requests are dealt; more than are ever under way.
const CALLERS: usize = 256;
/// A request that begins later than this begins at no rate that was asked for.
const LATE: Duration = Duration::from_millis(100);
const FINE: &str = "200";
const SHED: &str = "503 overloaded";

/// The requests that are made, one after another and then again.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pub(super) urls: Arc<[String]>,
    pub(super) token: String,
}

pub(super) async fn measure(requests: &Requests, found: &mut Found) -> Result<(), Fault> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .map_err(Fault::of("the client"))?;
    run(&http, requests, MAX_IN_FLIGHT, WARMING, None).await?;
    let (before, _) = run(&http, requests, MAX_IN_FLIGHT, LASTS, None).await?;
    let offered = before.count(FINE) as f64 / LASTS.as_secs_f64() * TIMES;
    let (crowded, late) = run(&http, requests, CALLERS, LASTS, Some(offered)).await?;
    let (after, _) = run(&http, requests, MAX_IN_FLIGHT, LASTS, None).await?;

    let [before_it, after_it] =
        [&before, &after].map(|tally| tally.count(FINE) as f64 / LASTS.as_secs_f64());
    let capacity = f64::midpoint(before_it, after_it);
    let both = format!("{before_it:.0} before, {after_it:.0} after");
    found.line("capacity", format!("{capacity:.0} requests a second ({both})"));
    found.line("answered 200 at capacity", before.times(FINE));
    let begun = crowded.count(FINE) + crowded.count(SHED);
    let rate = begun as f64 / LASTS.as_secs_f64();
    found.line("offered", format!("{rate:.0} a second, {:.2} × capacity", rate / capacity));
    found.line("began more than 100 ms late", late);
    let goodput = crowded.count(FINE) as f64 / LASTS.as_secs_f64();
    found.line("goodput", format!("{goodput:.0} a second, {:.2} × capacity", goodput / capacity));
    found.line("answered 200 at three times capacity", crowded.times(FINE));
    found.line("answered 503 `overloaded`", crowded.count(SHED));
    found.line("a 503 took", crowded.times(SHED));
    for (tally, expected) in [(&before, &[FINE][..]), (&after, &[FINE]), (&crowded, &[FINE, SHED])]
    {
        for (kind, count) in tally.others(expected) {
            found.fault(format!("{count} requests were answered {kind}"));
        }
    }
    if crowded.count(SHED) == 0 {
        found.fault("nothing was shed: this measured no overload");
    }
    Ok(())
}

/// Makes requests by so many callers: each as soon as its last one is answered, or, at a rate, all of them
/// by one timetable. Answers what came back, and how many began late.
async fn run(
    http: &reqwest::Client,
    requests: &Requests,
    callers: usize,
    lasts: Duration,
    rate: Option<f64>,
) -> Result<(Tally, u64), Fault> {
    let begins = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let tasks = TaskTracker::new();
    let calling: Vec<_> = (0..callers)
        .map(|_| {
            let (http, requests, next) = (http.clone(), requests.clone(), Arc::clone(&next));
            tasks.spawn(async move {
                let (mut tally, mut late) = (Tally::default(), 0);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let due = rate.map_or_else(Instant::now, |rate| {
                        begins + Duration::from_secs_f64(number as f64 / rate)
                    });
                    if due >= begins + lasts {
                        return Ok((tally, late));
                    }
                    sleep_until(due).await;
                    late += u64::from(due.elapsed() > LATE);
                    let place = usize::try_from(number).unwrap_or(0) % requests.urls.len();
                    let (kind, took) = call(&http, &requests.urls[place], &requests.token).await?;
                    tally.add(kind, took);
                }
            })
        })
        .collect();
    let (mut all, mut all_late) = (Tally::default(), 0);
    for caller in calling {
        let (tally, late) = caller.await.map_err(Fault::of("a caller"))??;
        all.take(tally);
        all_late += late;
    }
    Ok((all, all_late))
}

/// Makes the request, and answers what came back and how long it took. A 503 must say when to come again.
async fn call(http: &reqwest::Client, url: &str, token: &str) -> Result<(String, Duration), Fault> {
    let begun = Instant::now();
    let answer = http.get(url).bearer_auth(token).send().await;
    let answer = answer.map_err(Fault::of("no answer"))?;
    let status = answer.status().as_u16();
    let comes_again = answer.headers().contains_key("retry-after");
    let text = answer.text().await.map_err(Fault::of("half an answer"))?;
    let took = begun.elapsed();
    if status != 503 {
        return Ok((status.to_string(), took));
    }
    if !comes_again {
        return Err(Fault(format!("a 503 that does not say when to come again: {text}")));
    }
    let problem: serde_json::Value =
        serde_json::from_str(&text).map_err(Fault::of("a 503 that is no problem"))?;
    Ok((format!("503 {}", problem["code"].as_str().unwrap_or_default()), took))
}
