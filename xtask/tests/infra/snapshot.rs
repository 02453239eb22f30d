//! The predicted resources of one environment: `bicep snapshot`, kept beside the parameters.

use serde_json::Value;

use crate::read;

pub struct Snapshot {
    pub environment: &'static str,
    pub text: String,
    document: Value,
}

impl Snapshot {
    pub fn of(environment: &'static str) -> Self {
        let text = read(&format!("infra/parameters/{environment}.snapshot.json"));
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["diagnostics"], serde_json::json!([]), "{environment}");
        Self { environment, text, document }
    }

    /// Both environments that the project ships parameters for.
    pub fn all() -> [Self; 2] {
        ["production", "sandbox"].map(Self::of)
    }

    pub fn resources(&self) -> &[Value] {
        self.document["predictedResources"].as_array().unwrap()
    }

    pub fn of_type<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> {
        self.resources().iter().filter(move |resource| resource["type"] == kind)
    }

    /// The only one of its type.
    pub fn one(&self, kind: &str) -> &Value {
        let mut found = self.of_type(kind);
        let resource = found.next().unwrap_or_else(|| panic!("{}: no {kind}", self.environment));
        assert!(found.next().is_none(), "{}: more than one {kind}", self.environment);
        resource
    }

    /// The last part of the names of a type, such as those of queues.
    pub fn names(&self, kind: &str) -> Vec<&str> {
        self.of_type(kind).map(|resource| resource["name"].as_str().unwrap().rsplit('/').next().unwrap()).collect()
    }

    /// The settings of the function app, by name.
    pub fn settings(&self) -> &serde_json::Map<String, Value> {
        let found = self.of_type("Microsoft.Web/sites/config").find(|config| {
            let name = config["name"].as_str().unwrap();
            name.ends_with("/appsettings")
        });
        found.unwrap()["properties"].as_object().unwrap()
    }

    pub fn outputs(&self) -> &serde_json::Map<String, Value> {
        self.document["outputs"].as_object().unwrap()
    }
}
