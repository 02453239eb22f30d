//! What may be shown of a webhook's URL: whoever has the keys in it can tell the connector anything.

use reqwest::Url;
use serde_json::Value;

/// How the paths of the connector's own webhooks begin. Those of others may hold secrets themselves.
const OURS: &str = "/api/inevent/webhook/";

/// Shorter values are no keys, and stand in other texts by chance.
const SHORTEST: usize = 8;

/// The URL with `…` for the values of its secrets.
pub fn url(url: &str) -> String {
    let Some(url) = Url::parse(url).ok().filter(Url::has_host) else { return "(not a URL)".to_owned() };
    let path = if url.path() == "/" || url.path().starts_with(OURS) { url.path() } else { "/…" };
    let place = format!("{}{path}", url.origin().ascii_serialization());
    let shown = |(name, value): (_, std::borrow::Cow<'_, str>)| {
        let value = if name == "trigger" { value } else { "…".into() };
        format!("{name}={value}")
    };
    let query: Vec<String> = url.query_pairs().map(shown).collect();
    if query.is_empty() { place } else { format!("{place}?{}", query.join("&")) }
}

/// A text in which the URL, or a secret of it, may stand, with `…` for the secrets.
pub fn concealed(text: &str, secret: &str) -> String {
    let whole = if secret.is_empty() { text.to_owned() } else { text.replace(secret, &url(secret)) };
    keys(secret).iter().fold(whole, |text, key| without_cut_off(text.replace(key, "…"), key))
}

/// What InEvent says is cut off when it is long, be it within a key.
fn without_cut_off(text: String, key: &str) -> String {
    let mut beginnings = key.char_indices().rev().map(|(end, _)| &key[..end]).take_while(|begun| begun.len() >= 4);
    match beginnings.find(|begun| text.ends_with(begun)) {
        Some(begun) => format!("{}…", &text[..text.len() - begun.len()]),
        None => text,
    }
}

/// The same for every text in a value.
pub fn conceal(value: &mut Value, secret: &str) {
    match value {
        Value::String(text) => *text = concealed(text, secret),
        Value::Array(items) => items.iter_mut().for_each(|item| conceal(item, secret)),
        Value::Object(members) => members.values_mut().for_each(|member| conceal(member, secret)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The keys in a URL, as they are and as they are written there; the longest first, for one may be a part of another.
fn keys(url: &str) -> Vec<String> {
    let Ok(url) = Url::parse(url) else { return Vec::new() };
    let meant = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
    let written = url.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let written = written.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let keys = meant.chain(written).filter(|(name, value)| name != "trigger" && value.len() >= SHORTEST);
    let mut keys: Vec<String> = keys.map(|(_, value)| value).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOOK: &str =
        "https://x.azurewebsites.net/api/inevent/webhook/main?code=function%3D1&key=k&trigger=event-dismissal";

    #[test]
    fn keys_are_left_out_and_the_paths_of_others() {
        let shown = "https://x.azurewebsites.net/api/inevent/webhook/main?code=…&key=…&trigger=event-dismissal";
        for (hook, expected) in [
            (HOOK, shown),
            ("https://hooks.example.com/services/T0/a-secret", "https://hooks.example.com/…"),
            ("https://user:password@x.example/", "https://x.example/"),
            ("mailto:somebody@x.example", "(not a URL)"),
            ("a-secret", "(not a URL)"),
        ] {
            assert_eq!(url(hook), expected);
        }
    }

    #[test]
    fn texts_that_quote_a_url_or_a_key_lose_the_key() {
        for (text, expected) in [
            ("function=1 is no code", "… is no code"),
            ("code=function%3D1", "code=…"),
            ("it was cut off: code=funct", "it was cut off: code=…"),
            ("event-dismissal", "event-dismissal"),
        ] {
            assert_eq!(concealed(text, HOOK), expected);
        }
        let mut example = json!({ "hook": { "url": HOOK }, "body": format!("{{\"to\":\"{HOOK}\"}}"), "id": 7 });
        conceal(&mut example, HOOK);
        let text = example.to_string();
        assert!(!text.contains("function%3D1") && !text.contains("key=k") && text.contains("code=…"), "{text}");
    }
}
