//! Bodies that are JSON in doubt, or in another coding: taken as they are meant, or refused with the reason.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Reply, World, cloud_customer, raw_answer};

const CREATES: &str = "/v1/organizations";

#[tokio::test]
async fn a_duplicate_member_is_refused_with_its_pointer() {
    let world = World::new().await;
    let client = world.client();
    let organization = client.create(&cloud_customer("cust-1")).await;
    let path = format!("{CREATES}/{}", organization["id"].as_str().unwrap());
    world.providers().clear_requests();
    let cases: [(Method, &str, &str, &[&str]); 6] = [
        (
            Method::POST,
            CREATES,
            r#"{"customer_id": "a", "name": "Acme", "customer_id": "b"}"#,
            &["/customer_id"],
        ),
        // Names are compared after unescaping, at every depth, and all of them are listed.
        (
            Method::POST,
            CREATES,
            r#"{"owner": {"email": "a@acme.test", "\u0065mail": "b@acme.test"},
                "members": [{"email": "c@acme.test"}, {"role": "user", "role": "admin"}],
                "labels": {"a/b": "1", "a\u002fb": "2", "~": "3", "~": "4"}}"#,
            &["/owner/email", "/members/1/role", "/labels/a~1b", "/labels/~0"],
        ),
        (Method::PATCH, &path, r#"{"name": "One", "name": "One"}"#, &["/name"]),
        (Method::POST, "/v1/routes/resolve", r#"{"labels": {}, "labels": {}}"#, &["/labels"]),
        (
            Method::POST,
            "/v1/customers/cust-1/lock",
            r#"{"reason": "a", "reason": "b"}"#,
            &["/reason"],
        ),
        // The values of a member that is refused are compared too.
        (Method::POST, CREATES, r#"{"x": {"y": 1, "y": 2}, "x": 3}"#, &["/x/y", "/x"]),
    ];
    for (method, path, body, pointers) in cases {
        let problem = client.call(method, path).text(body).await.problem(400, "duplicate_member");
        assert_eq!(Reply::pointers(&problem), pointers, "{body}");
        assert_eq!(problem["errors"][0]["code"], "duplicate_member");
    }
    let keyed = || client.call(Method::POST, CREATES).key("first");
    keyed().text(r#"{"name": "a", "name": "b"}"#).await.problem(400, "duplicate_member");
    keyed().json(&cloud_customer("cust-2")).await.expect(201);
    assert_eq!(client.get(&path).await.expect(200)["version"], organization["version"]);
    world.finish().await;
}

#[tokio::test]
async fn a_body_must_be_utf_8_and_may_begin_with_a_byte_order_mark() {
    let world = World::new().await;
    let client = world.client();
    let create = |body: &[u8]| client.call(Method::POST, CREATES).bytes(body);
    let text = cloud_customer("cust-1").to_string();
    create(&[b"\xef\xbb\xbf", text.as_bytes()].concat()).await.expect(201);
    let refused: [&[u8]; 3] = [
        b"{\"customer_id\": \"caf\xe9\", \"name\": \"Acme\"}",
        b"\xff\xfe{\0}\0",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
    ];
    let details: Vec<String> = [
        create(refused[0]).await.problem(400, "invalid_json"),
        create(refused[1]).await.problem(400, "invalid_json"),
    ]
    .iter()
    .map(|problem| problem["detail"].as_str().unwrap().to_owned())
    .collect();
    assert_eq!(details[0], "the body must be UTF-8 (RFC 8259, section 8.1), and byte 21 is not");
    assert_eq!(details[1], "the body must be UTF-8 (RFC 8259, section 8.1), and byte 1 is not");
    create(refused[2]).await.problem(400, "invalid_json");

    let typed = |media_type: &str| {
        let call = client.call(Method::POST, "/v1/routes/resolve");
        call.header("Content-Type", media_type).untyped(b"{}")
    };
    for taken in [
        "application/json",
        "application/json;charset=utf-8",
        "Application/JSON; charset=\"UTF-8\"",
        "application/merge-patch+json",
    ] {
        typed(taken).await.expect(200);
    }
    for refused in
        ["application/json; charset=utf-16", "application/jsonx", "text/json", "json", ""]
    {
        typed(refused).await.problem(415, "unsupported_media_type");
    }
    let problem =
        typed("application/json; charset=latin1").await.problem(415, "unsupported_media_type");
    assert!(problem["detail"].as_str().unwrap().contains("charset `latin1`"), "{problem}");
    world.finish().await;
}

#[tokio::test]
async fn an_encoded_body_is_refused_with_the_encodings_that_are_accepted() {
    let world = World::new().await;
    let client = world.client();
    let create = || client.call(Method::POST, CREATES).json(&cloud_customer("cust-1"));
    for coding in ["gzip", "GZIP", "identity, br", "unknown"] {
        let reply = create().header("Content-Encoding", coding).await;
        assert_eq!(reply.header("accept-encoding"), "identity");
        let problem = reply.problem(415, "unsupported_media_type");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("Content-Encoding"), "{detail}");
    }
    create().header("Content-Encoding", "identity").await.expect(201);
    let form = client.call(Method::POST, "/ops/sign-in").form("token=x");
    assert_eq!(form.header("Content-Encoding", "gzip").await.status, 415);
    world.finish().await;
}

#[tokio::test]
async fn a_transfer_coding_other_than_chunked_is_not_implemented() {
    let world = World::new().await;
    let token = world.token("crm", partner_gateway::auth::Scope::ALL.into_iter().collect());
    let chunked = |codings: &str| {
        let body = cloud_customer("cust-1").to_string();
        format!(
            "POST {CREATES} HTTP/1.1\r\nHost: acme.test\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\nContent-Type: application/json\r\n{codings}\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    for codings in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let refused = raw_answer(&world, chunked(codings).as_bytes()).await;
        assert!(refused.starts_with("HTTP/1.1 501 "), "{refused}");
        assert!(refused.contains("\"unsupported_transfer_coding\""), "{refused}");
        assert!(refused.contains("application/problem+json"), "{refused}");
    }
    assert_eq!(world.client().get(CREATES).await.expect(200)["items"], json!([]));
    let taken = raw_answer(&world, chunked("Transfer-Encoding: Chunked\r\n").as_bytes()).await;
    assert!(taken.starts_with("HTTP/1.1 201 "), "{taken}");
    world.finish().await;
}

#[tokio::test]
async fn an_error_names_the_field_the_rule_and_the_provider() {
    let world = World::new().await;
    let client = world.client();
    let mut body = cloud_customer("cust-1");
    body["owner"]["first_name"] = json!("A");
    let problem = client.post(CREATES, &body).await.problem(422, "validation_failed");
    assert_eq!(
        problem["detail"],
        "`owner.first_name` must have 2 to 256 characters (required by provider `scaleway`)"
    );
    assert_eq!(
        problem["errors"][0]["message"],
        "must have 2 to 256 characters (required by provider `scaleway`)"
    );
    body["owner"] = json!({"email": "a@acme.test", "first_name": "Ada"});
    body["name"] = json!("");
    let problem = client.post(CREATES, &body).await.problem(422, "validation_failed");
    assert_eq!(
        problem["detail"],
        "`name` must not be empty; `owner.last_name` is required by provider `scaleway`"
    );
    let problem = client.post(CREATES, &Value::Null).await.problem(422, "validation_failed");
    assert_eq!(problem["detail"], "the body must be a JSON object");
    world.finish().await;
}
