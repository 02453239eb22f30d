//! The events that the measurements send.

use std::fmt::Write;

/// An array of `count` registrations of different people, none of them equal to any with another `first`.
pub fn array(first: u64, count: usize) -> String {
    let mut json = String::from("[");
    for number in first..first + count as u64 {
        if number > first {
            json.push(',');
        }
        push(&mut json, number);
    }
    json.push(']');
    json
}

fn push(json: &mut String, number: u64) {
    // Writing to a string cannot fail.
    let _ = write!(json, r#"{{"id":"bench-{number}","time":"2026-05-12T09:00:00Z","kind":"registered","#);
    let _ = write!(json, r#""event":{{"id":"bench","name":"Annual conference"}},"#);
    let _ = write!(
        json,
        r#""participant":{{"id":"p{number}","email":"p{number}@example.com","first_name":"Ada","last_name":"Number {number}"}}}}"#
    );
}

/// The participant with this number as a row of a bulk create.
pub fn person(table: &str, number: u64) -> String {
    let topic = if table == "lead" { r#""subject":"Web site","# } else { "" };
    format!(
        r#"{{"@odata.type":"Microsoft.Dynamics.CRM.{table}",{topic}"emailaddress1":"p{number}@example.com","firstname":"Ada","lastname":"Number {number}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_json_with_ids_of_its_own() {
        let json: serde_json::Value = serde_json::from_str(&array(7, 3)).unwrap();
        let ids: Vec<_> = json.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["bench-7", "bench-8", "bench-9"]);
        assert_eq!(json[0]["participant"]["email"], "p7@example.com");
    }
}
