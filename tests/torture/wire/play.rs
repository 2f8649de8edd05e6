//! What a broken wire carries in place of an answer, byte by byte and pause by pause.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    fault::{Break, Cut},
    http1::{Answer, Request},
};

/// A step of what is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing for so long.
    Pause(Duration),
    /// Nothing more, until the caller goes.
    Hang,
    /// The connection is reset. Without it or a hang it is closed at the end.
    Reset,
}

/// Where a redirect leads. Nobody may ever come there.
pub(super) const ELSEWHERE: &str = "/elsewhere";
/// What a body is enlarged by.
const HUGE: usize = 10 * 1024 * 1024;
/// Between the bytes of a drip.
const DROP: Duration = Duration::from_millis(50);

/// What is carried for this fault. `genuine` is the answer where the work was done.
pub(super) fn steps(fault: Break, genuine: Option<Answer>, request: &Request) -> Vec<Step> {
    let was = genuine.unwrap_or_else(|| answer(200, "application/json", b"{}".to_vec()));
    match fault {
        // Those of the connection are the proxy's own doing.
        Break::Refused | Break::ResetUnread | Break::ResetHalfRead | Break::Reset => {
            vec![Step::Reset]
        }
        Break::CloseUnread | Break::Close => Vec::new(),
        Break::Hang => vec![Step::Hang],
        Break::Cut(how) => cut(how, was),
        Break::NotHttp => whole(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n".to_vec()),
        Break::ManyHeaders => {
            let many = (0..300).map(|number| (format!("x-{number}"), "x".to_owned()));
            whole(Answer { headers: many.collect(), ..was }.bytes())
        }
        Break::HintsAlone => whole(hints()),
        Break::HintsFirst => vec![Step::Bytes(hints()), Step::Bytes(was.bytes())],
        Break::WrongType => whole(answer(was.status, "text/html", was.body).bytes()),
        Break::Renamed(status) => whole(Answer { status, ..was }.bytes()),
        Break::Html(status) => {
            let page = format!("<html><head><title>{status}</title></head></html>");
            whole(answer(status, "text/html", page.into_bytes()).bytes())
        }
        Break::Error(status) => whole(error(status, request).bytes()),
        Break::Bare(status) => whole(bare(status)),
        Break::Maintenance => whole(with(error(503, request), "retry-after", "1").bytes()),
        Break::Limit(None) => whole(error(429, request).bytes()),
        Break::Limit(Some(wait)) => whole(with(error(429, request), "retry-after", wait).bytes()),
        Break::EdgeLimit => {
            let edge = Answer { status: 429, headers: Vec::new(), body: Vec::new() };
            whole(with(edge, "x-envoy-ratelimited", "true").bytes())
        }
        Break::Redirect(status) => {
            let page = answer(status, "text/html", b"moved".to_vec());
            whole(with(page, "location", ELSEWHERE).bytes())
        }
        Break::NotJson => whole(json_answer(b"all is well".to_vec())),
        Break::HalfJson => whole(json_answer(was.body[..was.body.len() / 2].to_vec())),
        Break::WrongShape => whole(json_answer(b"{\"result\":\"ok\"}".to_vec())),
        Break::WithoutId => whole(json_answer(changed(&was, &|_| None))),
        Break::InvalidId => {
            whole(json_answer(changed(&was, &|_| Some(json!("../../iam/v1/api-keys")))))
        }
        Break::Huge => whole(json_answer(enlarged(was.body))),
        Break::SaysGzip => {
            let body = b"\x1f\x8b\x08\x00 not at all".to_vec();
            whole(with(answer(200, "application/json", body), "content-encoding", "gzip").bytes())
        }
    }
}

/// The parts of an answer.
fn cut(how: Cut, was: Answer) -> Vec<Step> {
    // A 204 has nothing to be cut.
    let was = if was.body.is_empty() {
        Answer { status: 200, body: b"{\"done\":true}".to_vec(), ..was }
    } else {
        was
    };
    let (head, body) = (was.head(Some(was.body.len())), &was.body);
    let bytes = |parts: &[&[u8]]| Step::Bytes(parts.concat());
    let (first, second) = body.split_at(body.len() / 2);
    let chunked = || with(was.clone(), "transfer-encoding", "chunked").head(None);
    let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    match how {
        Cut::HalfHead => vec![bytes(&[&head[..head.len() / 2]])],
        Cut::HeadAlone => vec![bytes(&[&head])],
        Cut::HalfBody => vec![bytes(&[&head, first])],
        Cut::HalfBodyReset => vec![bytes(&[&head, first]), Step::Pause(DROP), Step::Reset],
        Cut::Drip => {
            // As long as it takes: no caller waits for a minute.
            let padded =
                [&was.head(Some(body.len() + 1200)), &b" ".repeat(1200)[..], body].concat();
            padded.iter().flat_map(|byte| [bytes(&[&[*byte]]), Step::Pause(DROP)]).collect()
        }
        Cut::SlowInTime => {
            let all = was.bytes();
            all.chunks(all.len() / 8 + 1)
                .flat_map(|part| [bytes(&[part]), Step::Pause(DROP)])
                .collect()
        }
        Cut::NoLastChunk => vec![bytes(&[&chunked(), &chunk(first)])],
        Cut::BadChunk => vec![bytes(&[&chunked(), &chunk(first), b"zz\r\n", second])],
        Cut::GoodChunks => {
            vec![bytes(&[&chunked(), &chunk(first), &chunk(second), b"0\r\n\r\n"])]
        }
        Cut::NoLength => vec![bytes(&[&was.head(None), body])],
    }
}

fn whole(bytes: Vec<u8>) -> Vec<Step> {
    vec![Step::Bytes(bytes)]
}

fn answer(status: u16, content_type: &str, body: Vec<u8>) -> Answer {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    Answer { status, headers, body }
}

fn json_answer(body: Vec<u8>) -> Vec<u8> {
    answer(200, "application/json", body).bytes()
}

fn with(mut answer: Answer, name: &str, value: &str) -> Answer {
    answer.headers.push((name.to_owned(), value.to_owned()));
    answer
}

/// An error as either provider words it. It repeats the key that it was asked with, as careless servers do.
fn error(status: u16, request: &Request) -> Answer {
    let key = request.header("x-auth-token").or_else(|| request.header("x-api-key"));
    let key = key.unwrap_or_default();
    let body = json!({
        "type": "made_up", "code": "made_up", "timestamp": "2026-11-22T10:00:00Z",
        "message": format!("the request with the key {key} failed"),
        "detail": { "headers": { "x-api-key": key, "x-auth-token": key } },
    });
    answer(status, "application/json", body.to_string().into_bytes())
}

fn bare(status: u16) -> Vec<u8> {
    match status {
        101 => b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
            .to_vec(),
        status => Answer { status, headers: Vec::new(), body: Vec::new() }.bytes(),
    }
}

fn hints() -> Vec<u8> {
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n"
        .repeat(8)
}

/// The document with every id in it replaced, or left out.
fn changed(was: &Answer, id: &dyn Fn(&Value) -> Option<Value>) -> Vec<u8> {
    let mut document = serde_json::from_slice(&was.body).unwrap_or(Value::Null);
    change(&mut document, id);
    document.to_string().into_bytes()
}

fn change(document: &mut Value, id: &dyn Fn(&Value) -> Option<Value>) {
    match document {
        Value::Object(members) => {
            for name in ["id", "org_id"] {
                if let Some(was) = members.remove(name)
                    && let Some(now) = id(&was)
                {
                    members.insert(name.to_owned(), now);
                }
            }
            members.values_mut().for_each(|member| change(member, id));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, id)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn enlarged(mut body: Vec<u8>) -> Vec<u8> {
    let last = body.pop();
    body.resize(body.len() + HUGE, b' ');
    body.extend(last);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn request() -> Request {
        let sent = b"GET /partner/v1/organizations HTTP/1.1\r\nX-Auth-Token: k3y\r\n\r\n";
        Request::read(&mut &sent[..]).await.unwrap().unwrap()
    }

    fn text(steps: &[Step]) -> String {
        let bytes = steps.iter().filter_map(|step| match step {
            Step::Bytes(bytes) => Some(bytes.as_slice()),
            Step::Pause(_) | Step::Hang | Step::Reset => None,
        });
        String::from_utf8_lossy(&bytes.collect::<Vec<_>>().concat()).into_owned()
    }

    #[tokio::test]
    async fn ids_are_taken_out_wherever_they_stand() {
        let body = br#"{"organizations":[{"id":"a","name":"n"}],"total_count":1}"#.to_vec();
        let genuine = answer(200, "application/json", body);
        let without = text(&steps(Break::WithoutId, Some(genuine.clone()), &request().await));
        assert!(
            without.ends_with(r#"{"organizations":[{"name":"n"}],"total_count":1}"#),
            "{without}"
        );
        let invalid = text(&steps(Break::InvalidId, Some(genuine), &request().await));
        assert!(invalid.contains(r#""id":"../../iam/v1/api-keys""#), "{invalid}");
    }

    #[tokio::test]
    async fn half_a_body_is_less_than_was_announced() {
        let half = text(&steps(Break::Cut(Cut::HalfBody), None, &request().await));
        assert!(half.contains("content-length: 2\r\n") && half.ends_with("\r\n\r\n{"), "{half}");
    }

    #[tokio::test]
    async fn an_error_repeats_the_key() {
        assert!(text(&steps(Break::Error(401), None, &request().await)).contains("k3y"));
    }
}
