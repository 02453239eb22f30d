//! The CRM as people and administrators change it: through the sandbox's Web API, beside the connector.

use serde_json::{Value, json};

use crate::world::World;

impl World {
    /// Sets switches of the sandbox; the others go back to their defaults.
    pub async fn switch(&self, switches: Value) {
        let url = format!("{}/switches", self.sandbox.connection().admin_url.trim_end_matches('/'));
        let answer = self.http.post(url).json(&switches).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Creates a row; its id.
    pub async fn create(&self, set: &str, row: Value) -> String {
        let made = self.call(reqwest::Method::POST, set, &row).await;
        let path = made.headers()["odata-entityid"].to_str().unwrap().trim_end_matches(')').to_owned();
        path.rsplit_once('(').unwrap().1.to_owned()
    }

    /// Changes a row.
    pub async fn patch(&self, set: &str, id: &str, columns: Value) {
        self.call(reqwest::Method::PATCH, &format!("{set}({id})"), &columns).await;
    }

    /// Adds a lookup column that leads to a table.
    pub async fn add_lookup(&self, table: &str, column: &str, target: &str) {
        let relationship = json!({
            "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
            "SchemaName": format!("new_{target}_{table}_{column}"),
            "ReferencedEntity": target, "ReferencingEntity": table, "ReferencedAttribute": format!("{target}id"),
            "Lookup": { "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata", "SchemaName": column, "DisplayName": label(column) },
        });
        self.call(reqwest::Method::POST, "RelationshipDefinitions", &relationship).await;
    }

    /// Makes an activity table with the columns of the connector's own.
    pub async fn make_attendance_table(&self, schema: &str) {
        let subject = json!({
            "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": "Subject", "MaxLength": 400,
            "IsPrimaryName": true, "FormatName": { "Value": "Text" }, "DisplayName": label("Subject"),
        });
        let table = json!({
            "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata", "SchemaName": schema, "IsActivity": true,
            "HasActivities": false, "HasNotes": true, "IsAvailableOffline": true, "OwnershipType": "UserOwned",
            "ActivityTypeMask": 1, "DisplayName": label(schema), "DisplayCollectionName": label(schema), "Attributes": [subject],
        });
        self.call(reqwest::Method::POST, "EntityDefinitions", &table).await;
        let option = |value: i64, text: &str| json!({ "Value": value, "Label": label(text) });
        let options = |options: Value| json!({ "OptionSet": { "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "IsGlobal": false, "OptionSetType": "Picklist", "Options": options } });
        let text = || ("String", json!({ "MaxLength": 300, "FormatName": { "Value": "Text" } }));
        let stamp = || ("Memo", json!({ "MaxLength": 4_000 }));
        let time = || ("DateTime", json!({ "Format": "DateAndTime" }));
        for (column, (kind, mut definition)) in [
            ("new_eventid", text()),
            ("new_eventname", text()),
            ("new_sessionid", text()),
            ("new_sessionname", text()),
            ("new_sessiontracks", text()),
            ("new_participantid", text()),
            (
                "new_registrationstatus",
                ("Picklist", options(json!([option(727_000_000, "Registered"), option(727_000_001, "Cancelled")]))),
            ),
            (
                "new_attendancestatus",
                (
                    "Picklist",
                    options(json!([
                        option(727_000_000, "Attended"),
                        option(727_000_001, "No show"),
                        option(727_000_002, "Partial")
                    ])),
                ),
            ),
            ("new_checkintime", time()),
            ("new_checkouttime", time()),
            ("new_engagementscore", ("Decimal", json!({ "MinValue": -1e11, "MaxValue": 1e11, "Precision": 2 }))),
            ("new_registrationstamp", stamp()),
            ("new_attendancestamp", stamp()),
            ("new_scorestamp", stamp()),
            ("new_detailsstamp", stamp()),
        ] {
            definition["@odata.type"] = format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata").into();
            definition["SchemaName"] = column.into();
            definition["DisplayName"] = label(column);
            let path = format!("EntityDefinitions(LogicalName='{}')/Attributes", schema.to_lowercase());
            self.call(reqwest::Method::POST, &path, &definition).await;
        }
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: &Value) -> reqwest::Response {
        let dataverse = self.sandbox.connection();
        let form = [
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", dataverse.client_id.clone()),
            ("client_secret", dataverse.client_secret.clone()),
            ("scope", format!("{}/.default", dataverse.http)),
        ];
        let token: Value = self.http.post(&dataverse.token_url).form(&form).send().await.unwrap().json().await.unwrap();
        let request = self.http.request(method, format!("{}/api/data/v9.2/{path}", dataverse.http));
        let request = request.bearer_auth(token["access_token"].as_str().unwrap()).json(body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer
    }
}

fn label(text: &str) -> Value {
    json!({ "@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": [
        { "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": 1033 }
    ]})
}
