//! A reader of the stream of events, as a platform of the reseller's is one.

use reqwest::{Method, Response};
use serde_json::Value;

use super::Client;

/// An event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Streamed {
    /// Its `id`.
    pub(crate) id: i64,
    /// Its `event`.
    pub(crate) event: String,
    /// Its `data`.
    pub(crate) data: Value,
}

/// Reads one stream to its end.
#[derive(Debug)]
pub(crate) struct EventReader {
    response: Response,
    buffer: String,
}

impl EventReader {
    /// Opens a stream after this event; `None` where it is refused or nobody answers.
    pub(crate) async fn open(client: &Client, query: &str, after: Option<i64>) -> Option<Self> {
        let mut request = client
            .call(Method::GET, &format!("/v1/events{query}"))
            .header("Accept", "text/event-stream");
        if let Some(after) = after {
            request = request.header("Last-Event-ID", &after.to_string());
        }
        let response = request.unread().await.ok().filter(|response| response.status() == 200)?;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut reader = Self { response, buffer: String::new() };
        // The first thing that comes is a comment: from here on nothing is missed.
        reader.block().await.map(|_comment| reader)
    }

    /// The next event; `None` at the end of the stream, however it ended.
    pub(crate) async fn next(&mut self) -> Option<Streamed> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                let lines = block.lines().filter_map(|line| line.strip_prefix(name));
                lines.map(|value| value.trim_start_matches(' ').to_owned()).next()
            };
            if let Some(data) = field("data:") {
                return Some(Streamed {
                    id: field("id:").unwrap().parse().unwrap(),
                    event: field("event:").unwrap(),
                    data: serde_json::from_str(&data).unwrap(),
                });
            }
        }
    }

    /// So many events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Streamed> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.push(self.next().await.expect("the stream goes on"));
        }
        taken
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                return Some(block);
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).expect("the stream is text"));
        }
    }
}
