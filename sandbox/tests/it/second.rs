//! Another application, whose user may do what its role says.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::world::{Reply, World};

pub const SECOND: &str = "5ec0d000-0000-4000-8000-000000000001";
/// The root business unit.
pub const UNIT: &str = "b0000000-0000-4000-8000-000000000001";

/// An application user with the rights that `privileges` name, and a token of its.
pub struct Second {
    pub user: String,
    pub token: String,
    pub role: String,
}

impl Second {
    pub async fn new(world: &World, privileges: &[(&str, i64)]) -> Self {
        let application = json!({ "client_id": SECOND, "name": "Second", "secret": "second" });
        assert_eq!(world.admin("POST", "applications", Some(application)).await.status, 201);
        let unit = format!("/businessunits({UNIT})");
        let user = json!({ "applicationid": SECOND, "lastname": "Second", "accessmode": 4, "businessunitid@odata.bind": unit });
        let user = world.post("systemusers", &user).await.id();
        let role = json!({ "name": "Second", "businessunitid@odata.bind": unit });
        let role = world.post("roles", &role).await.id();
        for (name, depth) in privileges {
            grant(world, &role, name, *depth).await;
        }
        let link = json!({ "@odata.id": world.url(&format!("roles({role})")) });
        let linked = world.post(&format!("systemusers({user})/systemuserroles_association/$ref"), &link).await;
        assert_eq!(linked.status, 204, "{}", linked.text);
        let connection = world.sandbox.connection();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", SECOND),
            ("client_secret", "second"),
            ("scope", &format!("{}/.default", connection.http)),
        ];
        let reply = Reply::of(world.client.post(&connection.token_url).form(&form).send().await.unwrap()).await;
        Self { user, token: reply.json()["access_token"].as_str().unwrap().to_owned(), role }
    }

    pub fn request(&self, world: &World, method: &str, path: &str) -> RequestBuilder {
        world.client.request(method.parse().unwrap(), world.url(path)).bearer_auth(&self.token)
    }

    pub async fn send(&self, world: &World, method: &str, path: &str, body: Option<Value>) -> Reply {
        let request = self.request(world, method, path);
        world.send(if let Some(body) = body { request.json(&body) } else { request }).await
    }

    pub async fn count(&self, world: &World, path: &str) -> usize {
        let reply = self.send(world, "GET", path, None).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["value"].as_array().unwrap().len()
    }
}

/// Depths as `privilegedepthmask` has them: 1 own rows, 8 all.
pub async fn grant(world: &World, role: &str, name: &str, depth: i64) {
    let found =
        world.query("privileges", &[("$select", "privilegeid"), ("$filter", &format!("name eq '{name}'"))]).await;
    let privilege = json!({
        "PrivilegeId": found.json()["value"][0]["privilegeid"],
        "PrivilegeName": name,
        "Depth": if depth == 8 { "Global" } else { "Basic" },
        "BusinessUnitId": UNIT,
    });
    let path = format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
    let granted = world.post(&path, &json!({ "Privileges": [privilege] })).await;
    assert_eq!(granted.status, 204, "{name}: {}", granted.text);
}
