//! What the sources log: only fields that are on the list, and words that stand in the source as they are.

use std::{collections::BTreeSet, fs, path::Path};

use inevent_d365::telemetry::redaction::{FIELDS, is_field};

/// Every source of the deployed connector.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("src/local") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // What a test logs is not deployed.
            let text = fs::read_to_string(&path).unwrap();
            let deployed = text.split("#[cfg(test)]").next().unwrap().to_owned();
            found.push((path.display().to_string(), deployed));
        }
    }
}

/// The arguments of a macro's call, from behind its parenthesis.
fn arguments(text: &str) -> Vec<String> {
    let (mut arguments, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for c in text.chars() {
        if quoted {
            (quoted, escaped) = (c != '"' || escaped, c == '\\' && !escaped);
        } else {
            match c {
                '"' => quoted = true,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth == 0 => break,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    arguments.push(String::new());
                    continue;
                }
                _ => {}
            }
        }
        arguments.last_mut().unwrap().push(c);
    }
    arguments.into_iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

#[test]
fn only_fields_on_the_list_are_logged_and_only_words_of_the_sources() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let mut logged = BTreeSet::new();
    for (path, text) in &found {
        for level in ["trace", "debug", "info", "warn", "error"] {
            for call in text.split(&format!("tracing::{level}!(")).skip(1) {
                for argument in arguments(call).iter().filter(|argument| !argument.starts_with("target:")) {
                    if argument.starts_with('"') {
                        assert!(!argument.contains('{'), "{path}: a value is put into a message: {argument}");
                        continue;
                    }
                    let name: String = argument
                        .trim_start_matches(['%', '?'])
                        .chars()
                        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
                        .collect();
                    assert!(
                        is_field(&name),
                        "{path}: {name} is not in FIELDS of src/telemetry/redaction.rs: {argument}"
                    );
                    logged.insert(name);
                }
            }
        }
    }
    assert!(logged.len() > 40);
    let unused: Vec<_> = FIELDS.iter().filter(|field| **field != "message" && !logged.contains(**field)).collect();
    assert!(unused.is_empty(), "nobody logs {unused:?}");
}
