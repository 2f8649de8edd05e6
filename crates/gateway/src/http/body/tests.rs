//! Reading bodies: every fault, each at its place.

use serde_json::json;

use super::*;

fn faults_of(body: &Value, read: impl FnOnce(&mut Object<'_>)) -> Vec<(String, String)> {
    let faults = Faults::default();
    if let Some(mut object) = Object::of_body(body, &faults) {
        read(&mut object);
        object.finish();
    }
    faults.take().into_iter().map(|fault| (fault.pointer, fault.code)).collect()
}

fn pair(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

#[test]
fn every_fault_is_found_at_once_each_at_its_place() {
    let body = json!({
        "owner": {"email": "nobody", "first_name": 7, "nick/name": "x"},
        "members": [{"email": "a@acme.test", "role": "king"}, 3, {"email": "A@acme.test"}],
        "labels": {"a": 1, "": "x"},
        "surprise": null,
    });
    let found = faults_of(&body, |body| {
        body.customer_id();
        body.owner();
        body.members();
        body.labels();
    });
    for expected in [
        pair("/customer_id", "required"),
        pair("/owner/email", "invalid"),
        pair("/owner/first_name", "invalid_type"),
        pair("/owner/nick~1name", "unknown_field"),
        pair("/members/0/role", "invalid"),
        pair("/members/1", "invalid_type"),
        pair("/members/2/email", "duplicate"),
        pair("/labels/a", "invalid_type"),
        pair("/labels/", "invalid"),
        pair("/surprise", "unknown_field"),
    ] {
        assert!(found.contains(&expected), "{expected:?} is not among {found:?}");
    }
    assert_eq!(found.len(), 10, "{found:?}");
}

#[test]
fn a_body_that_is_no_object_is_one_fault() {
    assert_eq!(faults_of(&json!([1]), |_| {}), [pair("", "invalid_type")]);
}

#[test]
fn of_thousands_of_faults_a_hundred_are_told() {
    let fields = (0..5_000).map(|n| (n.to_string(), json!(1))).collect::<Map<_, _>>();
    let found = faults_of(&Value::Object(fields), |body| {
        body.customer_id();
    });
    assert_eq!(found.len(), 100);
    assert_eq!(found[0], pair("/customer_id", "required"));
}

#[test]
fn an_address_names_what_it_lacks() {
    let body = json!({"address": {"line1": "1 rue X", "country": "fr"}});
    let found = faults_of(&body, |body| assert!(body.address().is_none()));
    let missing = ["city", "state", "postal_code"];
    for name in missing {
        assert!(found.contains(&pair(&format!("/address/{name}"), "required")), "{found:?}");
    }
    assert!(found.contains(&pair("/address/country", "invalid")), "{found:?}");
}

#[test]
fn a_text_with_a_nul_is_refused() {
    let body = json!({"comment": "a\u{0}b"});
    let found = faults_of(&body, |body| assert!(body.text("comment", 10).is_none()));
    assert_eq!(found, [pair("/comment", "invalid")]);
}
