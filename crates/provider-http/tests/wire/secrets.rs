//! What is never told: our key, whatever a provider does with it, and what the query holds.

use std::sync::Mutex;

use partner_core::FieldFault;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

fn echo(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("X-Request-Id", format!("id-{SECRET}"))
        .set_body_json(serde_json::json!({
            "type": format!("bad_{SECRET}"),
            "message": format!("the key {SECRET} is no good, {}", "x".repeat(5_000)),
            SECRET: [SECRET],
        }))
}

#[tokio::test]
async fn an_error_holds_no_key_and_few_words() {
    let (_server, client) = serve(echo(401)).await;
    let call = Call::new("get_it", Method::GET, &["it"]);
    let refused = |answer: &Answer| Refusal {
        field_faults: vec![FieldFault {
            field: None,
            leaf: String::new(),
            provider_field: SECRET.to_owned(),
            message: format!("{SECRET}\nsecond line"),
        }],
        ..read_refusal(answer)
    };
    let error = client.call(call, read, refused).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    let answer = error.answer().unwrap();
    assert_eq!(answer.error_type.as_deref(), Some("bad_***"));
    assert_eq!(answer.request_id.as_deref(), Some("id-***"));
    let message = answer.message.as_deref().unwrap();
    assert!(message.starts_with("the key *** is no good"), "{message}");
    assert!(message.chars().count() <= 1_001);
    assert_eq!(error.field_faults()[0].message, "*** second line");
}

#[tokio::test]
async fn a_document_holds_no_key() {
    let (_server, client) = serve(echo(200)).await;
    let reply = get(&client).await.unwrap();
    assert!(!format!("{reply:?}").contains(SECRET), "{reply:?}");
    assert_eq!(reply.value["***"][0], "***");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_log_of_everything_holds_no_key_and_nobodys_address() {
    let log = Log::default();
    // With one subscriber alone, a line that another test's thread meets first is judged by that thread, which
    // has none, and is told to nobody from then on.
    let _second = tracing::Dispatch::new(
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(std::io::sink)
            .finish(),
    );
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let email = "owner@acme.test";
    async {
        for status in [200, 401, 500] {
            let (server, client) = serve(echo(status)).await;
            let find = || Call::new("find", Method::GET, &["it"]).query("email", email);
            drop(client.call(find(), read, read_refusal).await);
            drop(post(&client).await);
            drop(server);
        }
        let refused = client("http://127.0.0.1:1");
        let find = Call::new("find", Method::GET, &["it"]).query("email", email);
        let error = refused.call(find, read, read_refusal).await.unwrap_err();
        assert!(!format!("{error:?}").contains("acme.test"), "{error:?}");
    }
    .with_subscriber(subscriber)
    .await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("provider_http")).collect();
    let told = "http.response.status_code=500";
    assert!(ours.iter().any(|line| line.contains(told)), "{ours:#?}");
    assert!(ours.iter().any(|line| line.contains("the provider answered 500")));
    for line in ours {
        for hidden in [SECRET, "acme.test", "is no good"] {
            assert!(!line.contains(hidden), "{line}");
        }
    }
    assert!(!log.contains(SECRET), "another crate's line holds the key");
}
