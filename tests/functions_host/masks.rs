//! What differs between two exchanges that are the same: ids, times, ports. Each is checked for its form and then masked.

use jiff::Timestamp;
use serde_json::Value;

/// The described call in `body`, masked and with its properties in their order, as text.
pub fn described(body: &[u8]) -> String {
    let mut json: Value = serde_json::from_slice(body).unwrap();
    let metadata = json["Metadata"].as_object_mut().unwrap();
    for (name, value) in metadata {
        match name.as_str() {
            "Id" | "PopReceipt" => mask(value, |text| text.len() > 2 && text.starts_with('"') && text.ends_with('"')),
            "ExpirationTime" | "InsertionTime" | "NextVisibleTime" => {
                mask(value, |text| text.len() == 25 && text.ends_with("+00:00") && is_time(text));
            }
            "sys" => {
                mask(&mut value["UtcNow"], |text| text.len() <= 28 && text.ends_with('Z') && is_time(text));
                mask(&mut value["RandGuid"], is_guid);
            }
            _ => {}
        }
    }
    ports(&json.to_string())
}

/// Loopback addresses lose their port.
pub fn ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked += "127.0.0.1:PORT";
        masked += part.trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    masked
}

/// The lines of the host's log that the recorded ones are among, masked.
pub fn said(lines: &[String]) -> Vec<String> {
    let kept = lines.iter().filter(|line| {
        line.starts_with("Executed '") || line.starts_with("Message ") || line.starts_with("---> System")
    });
    kept.map(|line| {
        if line.starts_with("Executed '") {
            // Some were recorded without the id and the duration.
            line.split_once(", Id=").map_or(line.clone(), |(before, _)| format!("{before})"))
        } else {
            line.split_once("MessageId=").map_or(line.clone(), |(before, _)| format!("{before}MessageId=ID."))
        }
    })
    .collect()
}

/// Bytes as `cat -v` shows them, which is how answers to clients were written down.
pub fn cat_v(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for byte in bytes {
        let (high, byte) = (*byte >= 128, byte & 127);
        if high {
            shown += "M-";
        }
        match byte {
            b'\n' | b'\t' if !high => shown.push(char::from(byte)),
            0..=31 => shown += &format!("^{}", char::from(byte + 64)),
            127 => shown += "^?",
            _ => shown.push(char::from(byte)),
        }
    }
    shown
}

/// Headers, with what may differ masked.
pub fn headers(headers: &[(String, String)]) -> Vec<String> {
    let masked = headers.iter().map(|(name, value)| match name.as_str() {
        "X-Azure-Functions-InvocationId" => {
            assert!(is_guid(value) || value == "(guid)", "{value}");
            format!("{name}: GUID")
        }
        "Host" => format!("{name}: {}", ports(value)),
        "Date" => {
            assert!(value.ends_with(" GMT") && value.len() == 29, "{value}");
            format!("{name}: DATE")
        }
        _ => format!("{name}: {value}"),
    });
    masked.collect()
}

fn mask(value: &mut Value, is_right: impl Fn(&str) -> bool) {
    let text = value.as_str().unwrap_or_default();
    assert!(is_right(text), "of another form: {text}");
    *value = Value::from("MASKED");
}

fn is_time(text: &str) -> bool {
    text.parse::<Timestamp>().is_ok()
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}
