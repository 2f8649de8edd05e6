//! Callers that send a byte a second, a hundred of them in their head and a hundred in their body, while one
//! goes on as usual.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Fault, Found, tally::Tally};

const EACH: usize = 100;
/// The gateway cuts both off after 10 s; more than this is too late on any machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a slow caller's connection ended.
#[derive(Debug)]
struct Cut {
    after: Duration,
    /// What it was told before.
    told: String,
}

pub(super) async fn measure(base: &str, token: &str, found: &mut Found) -> Result<(), Fault> {
    let address = base.trim_start_matches("http://").to_owned();
    let head = format!("GET /v1/organizations HTTP/1.1\r\nHost: {address}\r\nX-Slow: ");
    let body = format!(
        "POST /v1/organizations HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    );
    let (tasks, over) = (TaskTracker::new(), CancellationToken::new());
    let url = format!("{base}/v1/organizations?limit=1");
    let usual = tasks.spawn(as_usual(url, token.to_owned(), over.clone()));
    let slow: Vec<_> = [head, body]
        .into_iter()
        .map(|start| {
            let begin = |_| tasks.spawn(drip(address.clone(), start.clone()));
            (0..EACH).map(begin).collect::<Vec<_>>()
        })
        .collect();
    for (what, begun, told) in slow
        .into_iter()
        .zip([("heads", ""), ("bodies", "HTTP/1.1 408 ")])
        .map(|(begun, (what, told))| (what, begun, told))
    {
        let mut cuts = Vec::with_capacity(EACH);
        for caller in begun {
            match caller.await.map_err(Fault::of("a slow caller"))? {
                Ok(cut) => cuts.push(cut),
                Err(fault) => found.fault(format!("slow {what}: {fault}")),
            }
        }
        let after: Vec<f64> = cuts.iter().map(|cut| cut.after.as_secs_f64()).collect();
        let (least, most) = after.iter().fold((f64::MAX, 0.0_f64), |(least, most), after| {
            (least.min(*after), most.max(*after))
        });
        let line = format!("{} of {EACH}, after {least:.1} to {most:.1} s", cuts.len());
        found.line(&format!("slow {what} cut off"), line);
        let otherwise = cuts.iter().filter(|cut| !cut.told.starts_with(told)).count();
        if otherwise > 0 {
            found.fault(format!("{otherwise} slow {what} were told something else than {told:?}"));
        }
    }
    over.cancel();
    let tally = usual.await.map_err(Fault::of("the usual caller"))??;
    found.line("meanwhile answered as usual", tally.count("200"));
    found.line("and took", tally.times("200"));
    for (kind, count) in tally.others(&["200"]) {
        found.fault(format!("the usual caller was answered {kind}, {count} times"));
    }
    Ok(())
}

/// Sends the start of a request and then a byte a second, until it is cut off.
async fn drip(address: String, start: String) -> Result<Cut, Fault> {
    let mut stream = TcpStream::connect(&address).await.map_err(Fault::of("no connection"))?;
    let begun = Instant::now();
    stream.write_all(start.as_bytes()).await.map_err(Fault::of("nothing could be sent"))?;
    let (mut reads, mut writes) = stream.split();
    let mut told = Vec::new();
    let dripping = async {
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            if writes.write_all(b"x").await.is_err() {
                return std::future::pending::<()>().await;
            }
        }
    };
    let ended = async {
        tokio::select! {
            // A reset is an end, too; what came before it counts.
            _ended = reads.read_to_end(&mut told) => {}
            () = dripping => {}
        }
    };
    if tokio::time::timeout(PATIENCE, ended).await.is_err() {
        return Err(Fault(format!("it was not cut off within {PATIENCE:?}")));
    }
    let told = String::from_utf8_lossy(&told).into_owned();
    Ok(Cut { after: begun.elapsed(), told })
}

/// Asks again and again, until it is over.
async fn as_usual(url: String, token: String, over: CancellationToken) -> Result<Tally, Fault> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let http = http.map_err(Fault::of("the client"))?;
    let mut tally = Tally::default();
    let mut tick = interval(Duration::from_millis(20));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while over.run_until_cancelled(tick.tick()).await.is_some() {
        let begun = Instant::now();
        let answer = http.get(&url).bearer_auth(&token).send().await;
        let answer = answer.map_err(Fault::of("the usual caller had no answer"))?;
        tally.add(answer.status().as_u16().to_string(), begun.elapsed());
    }
    Ok(tally)
}
