//! The handler that the hosts of these tests start.
//!
//! It is this very test binary, started again with the name of the one "test" below: nothing else has to be built or
//! found, and a crash of it is a real one. It answers by the legend of the recorded exchanges, or by a command of its own,
//! whichever `cmd:<name>` stands in the request, and writes down what it received. It reads HTTP by hand, so that a header
//! in the wrong case or place is seen.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The name under which the test binary is a handler.
pub const TEST: &str = "handler::recording_handler";

/// A setting: the file to which received requests are added.
pub const RECORD: &str = "HANDLER_RECORD";
/// A setting: the command that is answered when the request names none.
pub const ANSWER: &str = "HANDLER_ANSWER";
/// A setting: how many calls fail with 500 before any is answered.
pub const FAIL_FIRST: &str = "HANDLER_FAIL_FIRST";
/// A setting: the port is bound only when this file exists.
pub const BIND_WHEN: &str = "HANDLER_BIND_WHEN";
/// A setting: the exit code with which the handler ends at once.
pub const EXIT_AT_START: &str = "HANDLER_EXIT_AT_START";
/// A setting: `cmd:hold` is answered when this file exists.
pub const RELEASE: &str = "HANDLER_RELEASE";

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn recording_handler() {
    let Ok(port) = env::var("FUNCTIONS_CUSTOMHANDLER_PORT") else { return };
    if let Ok(code) = env::var(EXIT_AT_START) {
        process::exit(code.parse().unwrap());
    }
    if let Ok(path) = env::var(BIND_WHEN) {
        wait_for(&path);
    }
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    println!("listening");
    eprintln!("a word on stderr");
    for stream in listener.incoming().flatten() {
        thread::spawn(move || while serve(&stream).is_some() {});
    }
}

struct Received {
    line: String,
    headers: Vec<(String, String)>,
    chunked: bool,
    body: Vec<u8>,
}

/// `None` when the connection is done.
fn serve(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let request = read(&mut reader)?;
        record(&request);
        let reply = answer(&request)?;
        (&mut &*stream).write_all(&reply).ok()?;
        if reply.windows(17).any(|part| part == b"Connection: close") {
            stream.shutdown(Shutdown::Both).ok()?;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Received> {
    let line = read_line(reader)?;
    let mut headers = Vec::new();
    loop {
        let header = read_line(reader)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(": ")?;
        headers.push((name.to_owned(), value.to_owned()));
    }
    let header = |name: &str| {
        headers
            .iter()
            .find(|(key, _): &&(String, String)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    let chunked = header("transfer-encoding").is_some();
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = usize::from_str_radix(&read_line(reader)?, 16).ok()?;
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk).ok()?;
            body.extend(chunk);
            read_line(reader)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = header("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Received { line, headers, chunked, body })
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    line.strip_suffix("\r\n").map(str::to_owned)
}

fn record(request: &Received) {
    let Ok(path) = env::var(RECORD) else { return };
    let line = json!({
        "line": request.line, "headers": request.headers, "chunked": request.chunked,
        "body": STANDARD.encode(&request.body),
    });
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// `None` to close the connection instead.
fn answer(request: &Received) -> Option<Vec<u8>> {
    if request.line == "GET / HTTP/1.1" {
        return Some(reply("404 Not Found", &[], ""));
    }
    let first = env::var(FAIL_FIRST).ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    if CALLS.fetch_add(1, Ordering::SeqCst) < first {
        return Some(reply("500 Internal Server Error", &[("Content-Type", "text/plain")], "not yet"));
    }
    let text = [("Content-Type", "text/plain")];
    let json_type = [("Content-Type", "application/json")];
    match command(request).as_str() {
        "s500" => Some(reply("500 Internal Server Error", &text, "boom")),
        "s404" => Some(reply("404 Not Found", &text, "nope")),
        "s302" => Some(reply("302 Found", &[("Location", "/elsewhere")], "")),
        "s307" => Some(reply("307 Temporary Redirect", &[("Location", "/elsewhere")], "")),
        "badjson" => Some(reply("200 OK", &json_type, "{not json")),
        "emptybody" => Some(reply("200 OK", &json_type, "")),
        "empty204" => Some(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        "textok" => Some(reply("200 OK", &text, "plain ok")),
        "noct" => Some(reply("200 OK", &[], r#"{"Outputs":{},"ReturnValue":null}"#)),
        "reset" => None,
        "raw" => {
            let headers = [
                ("Content-Type", "application/octet-stream"),
                ("x-from", "handler"),
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2"),
            ];
            let mut bytes = reply("203 Non-Authoritative Information", &headers, "xxxx");
            bytes.truncate(bytes.len() - 4);
            bytes.extend([0, 1, 2, 255]);
            Some(bytes)
        }
        "streamed" => {
            Some(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec())
        }
        "closing" => Some(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n{}".to_vec()),
        "hold" => {
            wait_for(&env::var(RELEASE).unwrap());
            Some(reply("200 OK", &json_type, &legend("")))
        }
        "env" => {
            let variables: BTreeMap<String, String> = env::vars().collect();
            let arguments: Vec<String> = env::args().skip(1).collect();
            let body = json!({"env": variables, "arguments": arguments, "directory": env::current_dir().unwrap()});
            Some(reply("200 OK", &json_type, &json!({"Outputs": {"res": {"body": body}}}).to_string()))
        }
        other => {
            if let Some(code) = other.strip_prefix("exit") {
                process::exit(code.parse().unwrap());
            }
            Some(reply("200 OK", &json_type, &legend(other)))
        }
    }
}

fn command(request: &Received) -> String {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    // A message of a binary binding is base64 in the body.
    let binary = serde_json::from_str::<Value>(&body).ok().and_then(|json| {
        let message = json["Data"]["msg"].as_str()?.to_owned();
        String::from_utf8(STANDARD.decode(message).ok()?).ok()
    });
    let all = format!("{}\n{body}\n{}", request.line.replace("%3A", ":"), binary.unwrap_or_default());
    match all.split_once("cmd:") {
        Some((_, after)) => after.chars().take_while(char::is_ascii_alphanumeric).collect(),
        None => env::var(ANSWER).unwrap_or_default(),
    }
}

/// The answer of the recorded handler, as the JSON text it sent.
fn legend(name: &str) -> String {
    let first: Value = serde_json::from_str(include_str!("vectors.jsonl").lines().next().unwrap()).unwrap();
    let answers = &first["answers"];
    answers.get(name).unwrap_or(&answers["(any other)"]).to_string()
}

fn reply(status: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn wait_for(path: &str) {
    while !Path::new(path).exists() {
        thread::sleep(Duration::from_millis(5));
    }
}
