//! Files are short, and begin with what they are for.

use super::source::{root, rust_files};

/// Lines a file may have.
const LONGEST: usize = 400;

/// Files that are longer, and why that is right.
const LONG: [(&str, &str); 1] = [(
    "crates/core/src/child_org.rs",
    "the parts of one type, which are read together, and their tests",
)];

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let root = root();
    let (mut faults, mut looked_at, mut long) = (Vec::new(), 0, Vec::new());
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        for (path, text) in rust_files(&entry.unwrap().path().join("src")) {
            looked_at += 1;
            let shown = path.strip_prefix(&root).unwrap().display().to_string();
            if !text.starts_with("//! ") {
                faults.push(format!("{shown}:1: does not begin with //! and what it is for"));
            }
            let lines = text.lines().count();
            if lines > LONGEST {
                long.push(shown.clone());
                if !LONG.iter().any(|(file, _)| *file == shown) {
                    faults.push(format!("{shown}: has {lines} lines, and may have {LONGEST}"));
                }
            }
        }
    }
    assert!(looked_at > 100, "only {looked_at} files were read");
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    for (file, _) in LONG {
        assert!(long.iter().any(|path| path == file), "{file} is short now: take it off the list");
    }
}
