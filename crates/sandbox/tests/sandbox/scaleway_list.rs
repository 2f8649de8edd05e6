//! Scaleway's list: filters, order, pages.

use crate::support::{Answer, Spec, start};
use sandbox::{ConsoleEdit, Provider};
use serde_json::json;

fn emails(answer: &Answer) -> Vec<&str> {
    let organizations = answer.body["organizations"].as_array().unwrap();
    organizations.iter().map(|org| org["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_list_fits_the_spec_and_shows_no_phone_number_as_an_empty_text() {
    let world = start().await;
    world.created("owner@acme.test").await;
    let answer = world.list("").await;
    Spec::scaleway().check("scaleway.partner.v1.ListOrganizationsResponse", &answer.body);
    assert_eq!(answer.body["total_count"], 1);
    assert_eq!(answer.body["organizations"][0]["phone_number"], "");
}

#[tokio::test]
async fn each_filter_keeps_what_it_names() {
    let world = start().await;
    let control = world.sandbox.control();
    let fresh = world.created("fresh@acme.test").await.id();
    let open = world.created("open@acme.test").await.id();
    let ours = world.created("ours@acme.test").await.id();
    let gone = world.created("gone@acme.test").await.id();
    control.validate_email(open).unwrap();
    world.verb(ours, "lock", &json!({})).await;
    control.close(gone).unwrap();
    world.patch(fresh, &json!({"customer_id": "cust-2"})).await;

    let all = ["fresh@acme.test", "open@acme.test", "ours@acme.test", "gone@acme.test"];
    let cases: [(&str, &[&str]); 12] = [
        ("status=opened", &all[1..2]),
        ("status=locked", &["fresh@acme.test", "ours@acme.test"]),
        ("status=closed", &all[3..]),
        ("status=unknown_status", &all),
        ("locked_by=partner", &all[2..3]),
        ("locked_by=scaleway", &["fresh@acme.test", "gone@acme.test"]),
        ("locked_by=unknown_locked_by", &all),
        ("email=OURS%40acme.test", &all[2..3]),
        ("email=ours%40acme.test&status=opened", &[]),
        ("customer_id=cust-2", &all[..1]),
        ("customer_id=cust-1", &all[1..]),
        ("customer_id=cust-1&status=locked&locked_by=partner", &all[2..3]),
    ];
    for (query, wanted) in cases {
        let answer = world.list(query).await;
        assert_eq!(emails(&answer), wanted, "{query}");
        assert_eq!(answer.body["total_count"], wanted.len(), "{query}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_in_either_order_and_end_in_an_empty_one() {
    let world = start().await;
    world.sandbox.control().seed(Provider::Scaleway, 25).unwrap();
    for order in ["created_at_asc", "created_at_desc"] {
        let mut seen = Vec::new();
        for (page, size) in [(1, 10), (2, 10), (3, 5), (4, 0), (1_000_000, 0)] {
            let answer = world.list(&format!("page={page}&page_size=10&order_by={order}")).await;
            assert_eq!(answer.body["total_count"], 25);
            assert_eq!(emails(&answer).len(), size, "page {page}");
            seen.extend(emails(&answer).into_iter().map(str::to_owned));
        }
        if order == "created_at_desc" {
            seen.reverse();
        }
        let wanted: Vec<String> = (0..25).map(|n| format!("seed-{n}@seed.test")).collect();
        assert_eq!(seen, wanted, "{order}");
    }
    assert_eq!(emails(&world.list("").await).len(), 20);
}

#[tokio::test]
async fn a_query_out_of_bounds_is_refused_by_name() {
    let world = start().await;
    let cases = [
        ("page=0", "page", "constraint"),
        ("page=-1", "page", "format"),
        ("page=two", "page", "format"),
        ("page_size=0", "page_size", "constraint"),
        ("page_size=101", "page_size", "constraint"),
        ("order_by=name", "order_by", "format"),
        ("status=open", "status", "format"),
        ("locked_by=me", "locked_by", "format"),
    ];
    for (query, name, reason) in cases {
        let answer = world.list(query).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.refused(), [(name.to_owned(), reason.to_owned())]);
    }
    assert_eq!(world.list("page_size=100").await.status, 200);
}

#[tokio::test]
async fn ten_thousand_can_be_seeded_edited_and_removed() {
    let world = start().await;
    let control = world.sandbox.control();
    let ids = control.seed(Provider::Scaleway, 10_000).unwrap();
    assert_eq!(world.list("page_size=1").await.body["total_count"], 10_000);

    let edit = ConsoleEdit { email: Some("new@acme.test".to_owned()), ..ConsoleEdit::default() };
    control.edit(ids[5000], edit).unwrap();
    let found = world.list("email=new%40acme.test").await;
    assert_eq!(found.body["organizations"][0]["id"], ids[5000].to_string());
    assert_eq!(world.list("email=seed-5000%40seed.test").await.body["total_count"], 0);

    control.remove(ids[5000]).unwrap();
    assert_eq!(world.get(ids[5000]).await.status, 404);
    assert_eq!(world.get(ids[9999]).await.body["email"], "seed-9999@seed.test");
    assert_eq!(world.list("page_size=1").await.body["total_count"], 9_999);
}
