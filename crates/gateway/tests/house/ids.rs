//! Outside text becomes a provider's organization id in one place, which canonicalizes it.

use super::{
    source::{root, rust_files},
    tokens::tokens,
};

/// The constructor of ids that the gateway stored itself.
const RESTORES: &str = "from_stored";

/// The folders whose files may name it.
const MAY: [&str; 2] = ["crates/core/src/", "crates/gateway/src/store/"];

#[test]
fn only_the_store_restores_an_id_without_canonicalizing_it() {
    let root = root();
    let (mut faults, mut allowed) = (Vec::new(), 0);
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        for (path, text) in rust_files(&entry.unwrap().path().join("src")) {
            let shown = path.strip_prefix(&root).unwrap().display().to_string();
            for token in tokens(&text).iter().filter(|token| token.text == RESTORES) {
                if MAY.iter().any(|folder| shown.starts_with(folder)) {
                    allowed += 1;
                } else {
                    faults.push(format!(
                        "{shown}:{}: names {RESTORES}; use ProviderOrgIdFormat::parse",
                        token.line
                    ));
                }
            }
        }
    }
    assert!(allowed > 2, "only {allowed} places name {RESTORES}");
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
