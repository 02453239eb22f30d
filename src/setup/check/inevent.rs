//! InEvent's side: its token, and whether it is one that sees the company.

use std::{sync::Arc, time::Duration};

use super::Line;
use crate::{functions::connect_inevent, settings::InEventSettings, store::Store};

const NAME: &str = "inevent";
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether InEvent takes the token and lists the company's events. With `store` the call waits for its turn among those of the connector.
pub async fn inevent(lookup: &(dyn Fn(&str) -> Option<String> + Send + Sync), store: Option<Arc<dyn Store>>) -> Line {
    let own = ["INEVENT_TOKEN", "INEVENT_TOKEN_SECRET_NAME", "INEVENT_USERNAME", "INEVENT_COMPANY_ID"];
    if own.iter().all(|name| lookup(name).is_none()) {
        return Line::not_checked(NAME, "Nothing of InEvent's is set, so events come by POST /api/events only.");
    }
    let settings = match InEventSettings::read(&lookup) {
        Ok(settings) => settings,
        Err(problems) => {
            let told: Vec<String> = problems.into_iter().map(|problem| problem.0).collect();
            return Line::wrong(NAME, told.join(" "));
        }
    };
    let client = match connect_inevent(&settings, store) {
        Ok(client) => client,
        Err(held) => return Line::wrong(NAME, held.remedy),
    };
    let asked = async {
        client.company()?;
        client.events("current-events").await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(events)) => Line::ok(NAME, format!("takes the token; {} events are on now", events.items.len())),
        Ok(Err(error)) => Line::wrong(NAME, error.remedy().unwrap_or_else(|| format!("{error}. Try again later."))),
        Err(_) => {
            Line::wrong(NAME, "It does not answer. Check INEVENT_API_URL, and that its network is reached from here.")
        }
    }
}
