//! Deterministic ids (decision 3 of `docs/architecture.md`): whoever creates a row first, it has the same id.

use uuid::Uuid;

/// The namespace of every id the connector makes. Changing it would double every customer's rows.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f2f_66a5_3a44_4f0e_9d6b_35c1_a0be_77d2);

/// The activity row of one participant at one event, or at one of its sessions. `table` is blank for the connector's own.
pub fn attendance(table: &str, tenant: &str, event: &str, participant: &str, session: Option<&str>) -> Uuid {
    let parts = [tenant, event, participant, session.unwrap_or_default(), table];
    id("attendance", if table.is_empty() { &parts[..4] } else { &parts })
}

/// A lead of this matching key. The generation counts the leads of that key that were closed or given another key since.
pub fn lead(tenant: &str, key: &str, generation: u32) -> Uuid {
    id("lead", &[tenant, key, &generation.to_string()])
}

/// A contact of this matching key, where the settings have unmatched participants become contacts.
pub fn contact(tenant: &str, key: &str, generation: u32) -> Uuid {
    id("contact", &[tenant, key, &generation.to_string()])
}

/// A row of another table that the settings give this key.
pub fn related(tenant: &str, table: &str, key: &str) -> Uuid {
    id("related", &[tenant, table, key])
}

/// Each part is preceded by its length, so that no two lists of parts read the same.
fn id(what: &str, parts: &[&str]) -> Uuid {
    let mut name = what.to_owned();
    for part in parts {
        name.push_str(&format!("/{}:{part}", part.len()));
    }
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change_and_never_meet() {
        assert_eq!(
            attendance("", "t", "1", "2", None).to_string(),
            attendance("", "t", "1", "2", Some("")).to_string()
        );
        assert_ne!(attendance("", "t", "1", "23", Some("4")), attendance("", "t", "1", "2", Some("34")));
        assert_ne!(attendance("", "t", "a/1:b", "c", None), attendance("", "t", "a", "b/1:c", None));
        let key = "ana@x.example";
        assert_ne!(lead("t", key, 0), lead("t", key, 1));
        assert_ne!(lead("t", key, 0), contact("t", key, 0));
        assert_ne!(attendance("", "t", "1", "2", None), attendance("appointment", "t", "1", "2", None));
        assert_eq!(attendance("", "inevent", "1", "2", None).to_string(), "d0b5f1ce-94f1-5c1d-a4aa-ab9b03fd4c38");
    }
}
