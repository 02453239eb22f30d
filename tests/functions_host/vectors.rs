//! Every recorded exchange of the real host, replayed.
//!
//! A replay has the same functions, settings and handler; ports, ids and times differ and are masked. The recording ended
//! while some failed messages still had tries ahead: there the recorded part is compared.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    app::{App, Recorded, Running, http_out, queue_out},
    client::{Ask, Got},
    clock::ManualClock,
    handler, masks,
};

/// Exchanges that are not replayed, by mode and name, and why.
const NOT_REPLAYED: &[(&str, &str, &str)] = &[];

/// How long to look whether something happens that must not.
const NOTHING_HAPPENS: Duration = Duration::from_millis(250);

const DEFAULT: &str = "default";
const FORWARDING: &str = "enableForwardingHttpRequest";
const RAW: &str = "messageEncoding none";

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_in_the_default_mode() {
    let clock = Arc::new(ManualClock::at("2026-11-22T20:46:30Z"));
    let timer = json!([{"type": "timerTrigger", "name": "tick", "schedule": "0 */1 * * * *"}]);
    let mut app = recorded(App::new(), "aqin").function("TimerMon", timer);
    app.options.clock = clock.clone();
    let running = app.start().await;
    running.ready().await;
    // The run before the recording, of which the recorded one tells.
    clock.set("2026-11-22T20:47:00.0071218Z");
    running.says("Executed 'Functions.TimerMon' (Succeeded").await;
    replay_all(DEFAULT, &running, Some(&clock)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_with_forwarding() {
    let running = recorded(App::forwarding(), "bqin").start().await;
    running.ready().await;
    replay_all(FORWARDING, &running, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_with_plain_messages() {
    let app = recorded(App::new(), "gqin").host("/extensions/queues/messageEncoding", json!("none"));
    let running = app.function("QBin", queue_trigger("nbin", "binary", None)).start().await;
    running.ready().await;
    replay_all(RAW, &running, None).await;
}

#[test]
fn every_exchange_is_replayed_or_listed_with_a_reason() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 122);
    let modes: BTreeSet<&str> = vectors.iter().map(|vector| vector["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, BTreeSet::from([DEFAULT, FORWARDING, RAW]), "each has a test above");
    for (mode, name, why) in NOT_REPLAYED {
        assert!(vectors.iter().any(|vector| vector["mode"] == *mode && vector["name"] == *name), "{mode}: {name}");
        assert!(!why.is_empty());
    }
}

/// The functions of the recorded apps.
fn recorded(app: App, queue: &str) -> App {
    let trigger = |route: Option<&str>, level: &str| {
        let mut trigger =
            json!({"type": "httpTrigger", "name": "req", "authLevel": level, "methods": ["get", "post", "put"]});
        if let Some(route) = route {
            trigger["route"] = json!(route);
        }
        trigger
    };
    let open = || trigger(None, "anonymous");
    app.function("QueueA", queue_trigger(queue, "", Some("qout")))
        .function("QueueBin", queue_trigger("aqbin", "binary", None))
        .function("QueueStr", queue_trigger("aqstr", "string", None))
        .function("QueueRet", queue_trigger("aqret", "", Some("$return")))
        .function("HttpA", json!([trigger(Some("items/{id}/{*rest}"), "anonymous"), http_out("res")]))
        .function("HttpPlain", json!([open(), http_out("res")]))
        .function("HttpKey", json!([trigger(None, "function"), http_out("res")]))
        .function("HttpQ", json!([open(), http_out("res"), queue_out("qout", "out")]))
        .function("HttpRet", json!([open(), http_out("$return")]))
}

fn queue_trigger(queue: &str, data_type: &str, output: Option<&str>) -> Value {
    let mut trigger = json!({"type": "queueTrigger", "name": "msg", "queueName": queue});
    if !data_type.is_empty() {
        trigger["dataType"] = json!(data_type);
    }
    output.map_or_else(|| json!([trigger]), |output| json!([trigger, queue_out(output, "out")]))
}

fn vectors() -> Vec<Value> {
    let lines = include_str!("vectors.jsonl").lines().skip(1);
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn replay_all(mode: &str, running: &Running, clock: Option<&ManualClock>) {
    let mut wrong = Vec::new();
    for vector in vectors().into_iter().filter(|vector| vector["mode"] == mode) {
        let name = vector["name"].as_str().unwrap();
        if NOT_REPLAYED.iter().any(|(listed_mode, listed, _)| *listed_mode == mode && *listed == name) {
            continue;
        }
        let result = if vector.get("calls").is_some() {
            replay_poison_function(&vector).await
        } else if vector.get("put").is_some() {
            replay_message(&vector, running).await
        } else {
            replay_request(&vector, running, clock).await
        };
        if let Err(difference) = result {
            wrong.push(format!("== {name}\n{difference}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, recorded: &T, here: &T) -> Result<(), String> {
    if recorded == here { Ok(()) } else { Err(format!("{what}\n  recorded {recorded:?}\n      here {here:?}")) }
}

// Queue messages.

/// `queue=<name> mode=<putb64|putraw|putbin> text=<text>`
fn put(vector: &Value) -> (String, String) {
    let put = vector["put"].as_str().unwrap();
    let (head, text) = put.split_once(" text=").unwrap();
    let (queue, mode) = head.strip_prefix("queue=").unwrap().split_once(" mode=").unwrap();
    let text = match mode {
        "putraw" => text.to_owned(),
        "putb64" => STANDARD.encode(text),
        "putbin" => {
            let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            STANDARD.encode((0..text.len()).step_by(2).map(byte).collect::<Vec<u8>>())
        }
        other => panic!("{other}"),
    };
    (queue.to_owned(), text)
}

async fn replay_message(vector: &Value, running: &Running) -> Result<(), String> {
    let (queue, text) = put(vector);
    let (calls_before, said_before) = (running.calls().len(), running.said().len());
    let recorded: Vec<&Value> = vector["requests"].as_array().unwrap().iter().collect();
    let recorded_said: Vec<String> = serde_json::from_value(vector["host_says"].clone()).unwrap();
    // Messages whose calls never complete are still there.
    let held_before = running.queues.texts(&queue).len();
    running.queues.put(&queue, &text);
    let hangs = recorded_said.is_empty();
    if hangs {
        running.calls_at_least(calls_before + 1).await;
        tokio::time::sleep(NOTHING_HAPPENS).await;
    } else {
        running.until("the end of the message", || running.queues.texts(&queue).len() <= held_before).await;
    }
    let calls = running.calls().split_off(calls_before);
    let said = masks::said(&running.said()[said_before..]);
    if hangs {
        same("still held", &(held_before + 1), &running.queues.texts(&queue).len())?;
    }
    let succeeded = recorded_said.iter().all(|line| line.contains("(Succeeded"));
    if succeeded || recorded.is_empty() || hangs {
        same("number of calls", &recorded.len(), &calls.len())?;
    } else {
        same("at least the recorded calls", &true, &(recorded.len() <= calls.len()))?;
    }
    for (recorded, call) in recorded.iter().zip(&calls) {
        same("request line", &recorded["line"].as_str().unwrap(), &call.line.as_str())?;
        let headers: Vec<(String, String)> = serde_json::from_value(recorded["headers"].clone()).unwrap();
        same("headers", &masks::headers(&headers), &masks::headers(&call.headers))?;
        same("chunked", &true, &call.chunked)?;
        let body = recorded["body"].as_str().unwrap();
        same("body", &masks::described(body.as_bytes()), &masks::described(&call.body))?;
    }
    let mut recorded_said = masks::said(&recorded_said);
    let cut = if succeeded { said.len() } else { recorded_said.len().min(said.len()) };
    recorded_said.truncate(said.len().max(recorded_said.len()));
    same("said", &recorded_said, &said[..cut].to_vec())?;
    ids_are_said(&calls, &running.said()[said_before..])
}

/// The invocation id that the handler got is the one that the host reports.
fn ids_are_said(calls: &[Recorded], said: &[String]) -> Result<(), String> {
    for call in calls {
        let id = call.header("X-Azure-Functions-InvocationId").unwrap_or_default();
        same("the id is said", &true, &said.iter().any(|line| line.contains(&format!("Id={id}"))))?;
    }
    Ok(())
}

/// The one exchange with a function on the poison queue as well.
async fn replay_poison_function(vector: &Value) -> Result<(), String> {
    let app = App::new()
        .host("/extensions/queues/messageEncoding", json!("none"))
        .host("/extensions/queues/visibilityTimeout", json!("00:00:01"))
        .function("QBin", queue_trigger("nbin", "binary", None))
        .function("QPoi", queue_trigger("nbin-poison", "binary", None))
        .setting(handler::ANSWER, "s500");
    let running = app.start().await;
    let (queue, text) = put(vector);
    running.queues.put(&queue, &text);
    let recorded = vector["calls"].as_array().unwrap();
    running.calls_at_least(recorded.len()).await;
    running.says("Executed 'Functions.QPoi' (Failed").await;
    tokio::time::sleep(NOTHING_HAPPENS).await;
    let calls = running.calls();
    let seen = |path: &str, count: &str| format!("{path} {count}");
    let recorded_calls: Vec<String> = recorded
        .iter()
        .map(|call| seen(call["url"].as_str().unwrap(), call["DequeueCount"].as_str().unwrap()))
        .collect();
    let here: Vec<String> = calls
        .iter()
        .map(|call| {
            seen(call.line.split(' ').nth(1).unwrap(), call.json()["Metadata"]["DequeueCount"].as_str().unwrap())
        })
        .collect();
    same("calls", &recorded_calls, &here)?;
    let poisoned = running.queues.entries("nbin-poison").unwrap();
    same("the poison message", &vec![text], &poisoned.iter().map(|entry| entry.text.clone()).collect())?;
    same("its life", &Some(Duration::from_secs(7 * 86_400)), &poisoned[0].time_to_live)?;
    let moved =
        |lines: &[String]| lines.iter().filter(|line| line.starts_with("Message ")).cloned().collect::<Vec<_>>();
    let recorded_said: Vec<String> = serde_json::from_value(vector["host_says"].clone()).unwrap();
    same("said", &recorded_said, &moved(&running.said()))
}

// HTTP requests.

/// `curl [-X METHOD] [-H name: value]… [-d|--data-binary|-F text]… URL`, without the quotes it was typed with.
fn ask(vector: &Value) -> Ask {
    let words: Vec<&str> = vector["client"].as_str().unwrap().split(' ').skip(1).collect();
    let (url, words) = words.split_last().unwrap();
    let target = url.splitn(4, '/').nth(3).unwrap();
    let mut ask = Ask::get(&format!("/{target}"));
    let mut at = 0;
    while at < words.len() {
        let end = (at + 1..words.len()).find(|end| words[*end].starts_with('-')).unwrap_or(words.len());
        let value = words[at + 1..end].join(" ");
        match words[at] {
            "-X" => ask.method = value,
            "-H" => match value.split_once(": ") {
                Some((name, value)) => ask.headers.push((name.into(), value.into())),
                // `Expect:` keeps curl from sending one; this client never does.
                None => assert_eq!(value, "Expect:"),
            },
            "-d" => ask.body = Some(value.into_bytes()),
            "--data-binary" => ask.body = Some(file(&value)),
            "-F" => {}
            other => panic!("{other}"),
        }
        at = end;
    }
    if words.contains(&"-F") {
        multipart(&mut ask, vector["handler_received"].as_str().unwrap());
    }
    ask
}

fn file(name: &str) -> Vec<u8> {
    match name {
        "@bin5" => vec![0, 1, 2, 0xff, 0xfe],
        // Which random bytes were sent is not known.
        "@1mb.bin" => (0u32..1 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
        "@1mb.txt" => vec![b'x'; 1 << 20],
        other => panic!("{other}"),
    }
}

/// `-F a=1 -F f=@bin5`, with the boundary that was used.
fn multipart(ask: &mut Ask, received: &str) {
    let dashes = received.find("boundary=").unwrap() + "boundary=".len();
    let boundary: String =
        received[dashes..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--{boundary}\r\nContent-Disposition: form-data; \
         name=\"f\"; filename=\"bin5\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend(file("@bin5"));
    body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    ask.headers.push(("Content-Type".into(), format!("multipart/form-data; boundary={boundary}")));
    ask.body = Some(body);
}

async fn replay_request(vector: &Value, running: &Running, clock: Option<&ManualClock>) -> Result<(), String> {
    let calls_before = running.calls().len();
    let recorded = received(vector["handler_received"].as_str().unwrap());
    let client_got = vector["client_got"].as_str().unwrap();
    let ask = ask(vector);
    if client_got.is_empty() {
        let answer = ask.send(running.host.url(), NOTHING_HAPPENS);
        same("answered", &false, &answer.await.is_some())?;
        if recorded.iter().any(|request| request.line.contains("TimerMon")) {
            clock.unwrap().set("2026-11-22T20:48:00.004446Z");
        }
        running.calls_at_least(calls_before + recorded.len()).await;
    } else {
        compare_answer(client_got, &running.ask(&ask).await)?;
    }
    let calls = running.calls().split_off(calls_before);
    same("number of calls", &recorded.len(), &calls.len())?;
    for (recorded, call) in recorded.iter().zip(&calls) {
        same("request line", &recorded.line, &call.line)?;
        same("headers", &masks::headers(&recorded.headers), &masks::headers(&call.headers))?;
        same("chunked", &recorded.chunked, &call.chunked)?;
        compare_body(&recorded.body, call, &ask)?;
    }
    Ok(())
}

/// Requests as they were written down, one after the other: a head, a blank line, a body.
fn received(text: &str) -> Vec<Recorded> {
    let is_start = |line: &str| line.ends_with(" HTTP/1.1");
    let mut requests: Vec<Recorded> = Vec::new();
    let mut in_head = false;
    for line in text.split('\n') {
        if is_start(line) {
            if let Some(last) = requests.last_mut() {
                last.body.truncate(last.body.trim_ascii_end().len());
            }
            requests.push(Recorded { line: line.into(), headers: Vec::new(), chunked: false, body: Vec::new() });
            in_head = true;
        } else if let Some(request) = requests.last_mut() {
            match line.split_once(": ") {
                _ if line.is_empty() && in_head => in_head = false,
                Some((name, value)) if in_head => request.headers.push((name.into(), value.into())),
                _ => request.body.extend(format!("{line}\n").into_bytes()),
            }
        }
    }
    for request in &mut requests {
        request.chunked = request.header("Transfer-Encoding").is_some();
        request.body.truncate(request.body.trim_ascii_end().len());
    }
    requests
}

fn compare_body(recorded: &[u8], call: &Recorded, ask: &Ask) -> Result<(), String> {
    let json: Option<Value> = serde_json::from_slice(recorded).ok();
    // One note was cut off, and its random bytes are not known anyway.
    let cut = recorded.strip_prefix(b"{\"len\":1048576,").filter(|_| json.is_none());
    if cut.is_some() {
        same("length", &1_048_576, &call.body.len())?;
        return same("body", &ask.body.clone().unwrap_or_default(), &call.body);
    }
    let noted = |name: &str| json.as_ref().and_then(|json| json.get(name)).cloned();
    if let Some(base64) = noted("b64") {
        same("body", &base64.as_str().unwrap(), &STANDARD.encode(&call.body).as_str())
    } else if let (Some(length), Some(head)) = (noted("len"), noted("head")) {
        let length = length.as_u64().unwrap() as usize;
        if call.chunked {
            return compare_large_description(
                length,
                head.as_str().unwrap(),
                noted("tail").unwrap().as_str().unwrap(),
                call,
            );
        }
        same("length", &length, &call.body.len())?;
        same("body", &ask.body.clone().unwrap_or_default(), &call.body)
    } else if call.chunked {
        same("body", &masks::described(recorded), &masks::described(&call.body))
    } else {
        same("body", &String::from_utf8_lossy(recorded), &String::from_utf8_lossy(&call.body))
    }
}

/// Of a large body only its length and both its ends were written down.
fn compare_large_description(length: usize, head: &str, tail: &str, call: &Recorded) -> Result<(), String> {
    let here = String::from_utf8(call.body.clone()).unwrap();
    let before_body = |text: &str| masks::ports(text.split_once("\"Body\":\"").unwrap().0);
    same("before the body", &before_body(head), &before_body(&here))?;
    let metadata = |text: &str| {
        let at = text.rfind("\"rest\"").unwrap();
        let body = format!("{{\"Metadata\":{{{}", &text[at..]);
        masks::described(body.as_bytes())
    };
    same("after the body", &metadata(tail), &metadata(&here))?;
    // The port was recorded with four digits, and a fraction of a second has up to seven.
    let shorter = here.replace(call_port(&here), "7071");
    same("length", &true, &(shorter.len().abs_diff(length) <= 8))
}

fn call_port(described: &str) -> &str {
    let port = described.split_once("127.0.0.1:").unwrap().1;
    &port[..port.find('/').unwrap()]
}

fn compare_answer(recorded: &str, got: &Got) -> Result<(), String> {
    let (head, body) = recorded.split_once("\n\n").unwrap_or((recorded, ""));
    let mut lines = head.lines();
    same("status line", &lines.next().unwrap(), &got.status_line.as_str())?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        // The recorded handler's server sent these two with every answer; the one here does not.
        .filter(|(name, _)| !["Connection", "Keep-Alive"].contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    same("headers", &masks::headers(&headers), &masks::headers(&got.headers))?;
    same("body", &body, &masks::cat_v(&got.body).as_str())
}
