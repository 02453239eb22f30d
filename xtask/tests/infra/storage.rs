//! Queues, tables and containers: those that the connector uses.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{literals, read, root, set, snapshot::Snapshot, sources};

/// Made for the part of the connector that asks InEvent for what a webhook leaves out, and is still to come.
const ANNOUNCED: [&str; 2] = ["inevent-hydrate", "inevent-hydrate-poison"];

/// Kinds of record of parts that are still to come.
const ANNOUNCED_KINDS: [&str; 4] = ["check", "invitation", "invitationpass", "turns"];

/// The queues of the triggers, the host's poison queues beside them, and those that the sources name.
fn queues() -> BTreeSet<String> {
    let mut names = set(ANNOUNCED);
    for function in fs::read_dir(root().join("functions")).unwrap() {
        let name = function.unwrap().file_name().into_string().unwrap();
        let definition: Value = serde_json::from_str(&read(&format!("functions/{name}/function.json"))).unwrap();
        for queue in
            definition["bindings"].as_array().unwrap().iter().filter_map(|binding| binding["queueName"].as_str())
        {
            names.insert(queue.to_owned());
            if !queue.ends_with("-poison") {
                names.insert(format!("{queue}-poison"));
            }
        }
    }
    for (_, text) in sources() {
        for line in text.lines().filter(|line| line.contains("_QUEUE: &str = ")) {
            names.extend(literals(line).map(str::to_owned));
        }
    }
    names
}

/// The kinds of record: what stands first in a key of the store, as a literal or by the name of a constant of that file.
fn kinds() -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for (path, text) in sources() {
        if path.starts_with(root().join("src/store")) && !path.ends_with("lease.rs") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for after in code.split("Key::new(").skip(1) {
            let first = after.split(',').next().unwrap().trim();
            if let Some(literal) = first.strip_prefix('"') {
                kinds.insert(literal.trim_end_matches('"').to_owned());
            } else {
                let constant = format!("const {first}: &str = \"");
                kinds.extend(code.split(&constant).nth(1).map(|value| value.split('"').next().unwrap().to_owned()));
            }
        }
    }
    kinds
}

#[test]
fn the_queues_are_those_of_the_triggers_and_of_the_sources() {
    let expected = queues();
    assert!(expected.contains("inevent-events") && expected.contains("inevent-activities"));
    for snapshot in Snapshot::all() {
        let made = set(snapshot.names("Microsoft.Storage/storageAccounts/queueServices/queues"));
        assert_eq!(made, expected, "{}", snapshot.environment);
    }
}

#[test]
fn every_kind_of_record_has_its_table() {
    let kinds = kinds();
    assert!(kinds.contains("parked") && kinds.contains("leases"), "{kinds:?}");
    let literals: BTreeSet<_> =
        sources().iter().flat_map(|(_, text)| literals(text).map(str::to_owned).collect::<Vec<_>>()).collect();
    for snapshot in Snapshot::all() {
        let tables = set(snapshot.names("Microsoft.Storage/storageAccounts/tableServices/tables"));
        let made: BTreeSet<_> = tables.iter().map(|table| table.strip_prefix("inevent").unwrap().to_owned()).collect();
        let missing: Vec<_> = kinds.difference(&made).collect();
        assert!(missing.is_empty(), "no table in infra/modules/storage.bicep for {missing:?}");
        let unused: Vec<_> =
            made.iter().filter(|kind| !literals.contains(*kind) && !ANNOUNCED_KINDS.contains(&kind.as_str())).collect();
        assert!(unused.is_empty(), "tables that nothing uses: {unused:?}");
    }
}

#[test]
fn the_containers_are_those_of_the_sources_and_the_package() {
    let named = sources()
        .iter()
        .flat_map(|(_, text)| literals(text).map(str::to_owned).collect::<Vec<_>>())
        .collect::<BTreeSet<_>>();
    for snapshot in Snapshot::all() {
        let made = snapshot.names("Microsoft.Storage/storageAccounts/blobServices/containers");
        assert_eq!(set(made.clone()), set(["inevent-bodies", "inevent-package", "inevent-settings"]));
        assert!(made.iter().all(|name| *name == "inevent-package" || named.contains(*name)));
    }
}

#[test]
fn what_is_erased_is_gone() {
    for snapshot in Snapshot::all() {
        let blobs = &snapshot.one("Microsoft.Storage/storageAccounts/blobServices")["properties"];
        assert_eq!(blobs["deleteRetentionPolicy"]["enabled"], false);
        assert_eq!(blobs["containerDeleteRetentionPolicy"]["enabled"], false);
        let rules =
            &snapshot.one("Microsoft.Storage/storageAccounts/managementPolicies")["properties"]["policy"]["rules"];
        let [rule] = &rules.as_array().unwrap()[..] else { panic!("more rules") };
        assert_eq!(rule["definition"]["filters"]["prefixMatch"][0], "inevent-bodies/");
        // The time after which docs/personal-data.md says that they are removed.
        assert_eq!(rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"], 200);
    }
}
