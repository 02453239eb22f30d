//! What may be told at all. Two rules, one after the other: only fields that stand here are written, and what is written is looked
//! through for what looks like an address, a token or a key. Neither rule knows a name of a person: those are in no field that may be.

use std::borrow::Cow;

/// Written in place of the value of a field that may not be.
pub const WITHHELD: &str = "[withheld]";

/// The fields of log lines. Ids and numbers, words of ours and of the machines we talk to; never what a person is called, said or owns.
/// A test holds the list to the sources.
pub const FIELDS: &[&str] = &[
    "about",
    "action",
    "added",
    "adopted",
    "alarm",
    "ambiguous",
    "asked",
    "broken_off",
    "by",
    "bytes",
    "calls",
    "closed",
    "code",
    "column",
    "created",
    "decisions",
    "dequeue_count",
    "done",
    "dry",
    "duration_ms",
    "duration_s",
    "error",
    "event",
    "events",
    "failed",
    "hold",
    "id",
    "ignored",
    "invitations",
    "invited",
    "kind",
    "left",
    "left_out",
    "list",
    "looked",
    "lost",
    "members",
    "message",
    "method",
    "notes",
    "of",
    "owner",
    "parked",
    "partition",
    "people",
    "person",
    "postponed",
    "problem",
    "records",
    "refused",
    "remedy",
    "removed",
    "row",
    "rule",
    "scope",
    "sent",
    "session",
    "setting",
    "skipped",
    "spans",
    "status",
    "swept",
    "table",
    "unchanged",
    "unfit_owner",
    "unmatched",
    "updated",
    "version",
    "waited_s",
    "webhooks",
    "whole",
    "why",
    "withdrawn",
];

/// The attributes of traces.
const ATTRIBUTES: &[&str] = &[
    "ai.operation.name",
    "function",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "invocation",
    "rpc.system.name",
    "server.address",
];

/// The longest value, in characters.
const LONGEST: usize = 1_000;

/// Whether a field of this name may be in a line.
pub fn is_field(name: &str) -> bool {
    FIELDS.contains(&name)
}

/// Whether an attribute of this name may be in a trace.
pub fn is_attribute(name: &str) -> bool {
    ATTRIBUTES.contains(&name)
}

/// The text without what looks like an e-mail address, a token, a key or a query.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let suspicious = |c: char| matches!(c, '@' | '?' | '=' | '%');
    let plain = text.len() <= LONGEST && !text.contains(suspicious) && !text.split(is_gap).any(is_secret);
    if plain && !text.to_ascii_lowercase().contains("bearer") {
        return Cow::Borrowed(text);
    }
    let mut scrubbed = String::with_capacity(text.len());
    let mut after_bearer = false;
    for piece in text.split_inclusive(is_gap) {
        let word = piece.trim_end_matches(is_gap);
        let gap = &piece[word.len()..];
        scrubbed.push_str(&if after_bearer && !word.is_empty() { Cow::Borrowed("[secret]") } else { word_of(word) });
        scrubbed.push_str(gap);
        after_bearer = word.eq_ignore_ascii_case("bearer") || (after_bearer && word.is_empty());
    }
    match scrubbed.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &scrubbed[..end])),
        None => Cow::Owned(scrubbed),
    }
}

/// Between words: what neither addresses nor keys hold.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '<' | '>' | '[' | ']' | '{' | '}')
}

fn word_of(word: &str) -> Cow<'_, str> {
    let lower = word.to_ascii_lowercase();
    if lower
        .split_once('@')
        .or_else(|| lower.split_once("%40"))
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
    {
        return Cow::Borrowed("[address]");
    }
    if let Some((before, _)) = word.split_once('?').filter(|(before, query)| !before.is_empty() && !query.is_empty()) {
        return Cow::Owned(format!("{}?[query]", word_of(before)));
    }
    if let Some((name, value)) = word.split_once('=').filter(|(_, value)| !value.is_empty()) {
        let name_ends = |secret: &str| name.to_ascii_lowercase().ends_with(secret);
        if ["key", "sig", "code", "token", "secret", "password", "signature", "tokenid"]
            .iter()
            .any(|secret| name_ends(secret))
        {
            return Cow::Owned(format!("{name}=[secret]"));
        }
        if is_secret(value) {
            return Cow::Owned(format!("{name}=[secret]"));
        }
    }
    if is_secret(word) { Cow::Borrowed("[secret]") } else { Cow::Borrowed(word) }
}

/// Whether some part of a word is as long and as mixed as keys and tokens are. Ids (UUIDs, traces) and names are not.
fn is_secret(word: &str) -> bool {
    let parts = word.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-' | '~')));
    parts.into_iter().any(|part| {
        let has = |is: fn(&u8) -> bool| part.as_bytes().iter().any(is);
        let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        (part.len() >= 32 && mixed) || (part.len() >= 40 && part.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_tokens_keys_and_queries_are_taken_out() {
        for (text, expected) in [
            ("no contact for ana.silva+x@contoso.example, sorry", "no contact for [address], sorry"),
            ("<mailto:ANA@CONTOSO.EXAMPLE>", "<[address]>"),
            ("ana%40contoso.example", "[address]"),
            ("Authorization: Bearer abc", "Authorization: Bearer [secret]"),
            ("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x", "[secret]"),
            ("https://x.example/api/events?code=1&name=Ana", "https://x.example/api/events?[query]"),
            (
                "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
                "AccountKey=[secret]",
            ),
            ("sig=short", "sig=[secret]"),
            ("the key 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 is", "the key [secret] is"),
        ] {
            assert_eq!(scrub(text), expected, "{text}");
        }
        assert!(scrub(&"x".repeat(5_000)).chars().count() <= LONGEST + 1);
    }

    #[test]
    fn what_an_administrator_needs_stays() {
        for text in [
            "Dataverse answered 403 (0x80040220)",
            "row 3fb1c2d4-0f7a-5b1c-9a77-0d7a2c9f5e11 of new_eventattendance",
            "trace 0af7651916cd43dd8448eb211c80319c",
            "Renew INEVENT_TOKEN (or the secret that INEVENT_TOKEN_SECRET_NAME names): InEvent refuses it.",
            "use <setting>__accountName and the app's identity",
            "AADSTS7000215: the client secret is wrong",
            "is it?",
        ] {
            assert_eq!(scrub(text), text);
        }
    }
}
