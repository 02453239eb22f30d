//! The bill of materials: every crate that is compiled into the package, as CycloneDX.
//! <https://cyclonedx.org/docs/1.6/json/>

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::cargo;

/// The crate that is deployed.
const ROOT: &str = "inevent-d365";

/// The crates of the deployed build for a target, as cargo resolves them. The same lock file always gives the same text: it has
/// no time and no number of its own.
pub fn bill(target: &str) -> Result<String> {
    let mut metadata = cargo::command();
    metadata.args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--no-default-features",
        "--filter-platform",
        target,
    ]);
    let output = metadata.output().context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata speaks no JSON")?;
    let lock = fs::read_to_string(cargo::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let bill = bill_of(&metadata, &checksums(&lock))?;
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn bill_of(metadata: &Value, checksums: &BTreeMap<(&str, &str), &str>) -> Result<Value> {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let root =
        packages.iter().find(|(_, package)| package["name"] == ROOT).context("the package names itself otherwise")?.0;

    // Build scripts and tests are not in the binary: only normal dependencies are followed.
    let (mut found, mut next) = (BTreeMap::<String, BTreeSet<String>>::new(), vec![root.clone()]);
    while let Some(id) = next.pop() {
        if found.contains_key(&id) {
            continue;
        }
        let dependencies =
            list(&nodes.get(&id).context("cargo metadata resolves a crate that it does not list")?["deps"]);
        let normal = dependencies
            .iter()
            .filter(|dependency| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()));
        let normal: BTreeSet<String> = normal.map(|dependency| text(&dependency["pkg"])).collect();
        next.extend(normal.iter().cloned());
        found.insert(id, normal);
    }

    let reference = |id: &String| {
        let package = &packages[id];
        format!("pkg:cargo/{}@{}", text(&package["name"]), text(&package["version"]))
    };
    let component = |id: &String, kind: &str| {
        let package = &packages[id];
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        let mut component = json!({
            "type": kind, "bom-ref": reference(id), "purl": reference(id), "name": name, "version": version,
        });
        if let Some(license) = package["license"].as_str() {
            // Old crates write `MIT/Apache-2.0`, which SPDX does not know.
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        if let Some(checksum) = checksums.get(&(name.as_str(), version.as_str())) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    };
    let by_reference = |ids: Vec<&String>| -> Vec<String> {
        ids.into_iter().map(reference).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let mut components: Vec<_> = found.keys().filter(|id| *id != root).map(|id| component(id, "library")).collect();
    components.sort_by_key(|component| text(&component["bom-ref"]));
    let mut dependencies: Vec<_> = found
        .iter()
        .map(|(id, normal)| json!({ "ref": reference(id), "dependsOn": by_reference(normal.iter().collect()) }))
        .collect();
    dependencies.sort_by_key(|dependency| text(&dependency["ref"]));
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": component(root, "application") },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The checksums of a lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(&str, &str), &str> {
    let packages = lock.split("[[package]]").skip(1).filter_map(|package| {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
            line.map(|line| line.trim_end_matches('"'))
        };
        Some(((value("name")?, value("version")?), value("checksum")?))
    });
    packages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_names_what_is_deployed_and_nothing_else() {
        let text = bill("x86_64-unknown-linux-gnu").unwrap();
        assert_eq!(text, bill("x86_64-unknown-linux-gnu").unwrap());
        let bill: Value = serde_json::from_str(&text).unwrap();
        let components = bill["components"].as_array().unwrap();
        let names: BTreeSet<_> = components.iter().map(|component| component["name"].as_str().unwrap()).collect();
        for deployed in ["warp", "tokio", "azure_identity", "rustls"] {
            assert!(names.contains(deployed), "{deployed}");
        }
        for desk in ["dataverse-sandbox", "rusqlite", "tempfile", "mockito", "proptest", "inevent-d365"] {
            assert!(!names.contains(desk), "{desk}");
        }
        for component in components {
            assert_eq!(component["hashes"][0]["content"].as_str().unwrap().len(), 64, "{component}");
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        }
        let references: BTreeSet<_> =
            components.iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
        assert_eq!(references.len(), components.len());
        for dependency in bill["dependencies"].as_array().unwrap() {
            for on in dependency["dependsOn"].as_array().unwrap() {
                assert!(references.contains(on.as_str().unwrap()), "{on}");
            }
        }
    }
}
