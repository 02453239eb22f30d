use serde_json::json;

use super::*;
use crate::local::host::wire::Headers;

fn response(status: u16, content_type: Option<&str>, body: &str) -> Response {
    let mut headers = Headers::default();
    if let Some(content_type) = content_type {
        headers.push("Content-Type", content_type);
    }
    headers.push("Content-Length", body.len().to_string());
    Response { status, reason: String::new(), headers, body: body.as_bytes().to_vec() }
}

fn decoded(body: &str) -> Result<Option<Answer>, Failure> {
    decode(&response(200, Some("application/json; charset=utf-8"), body))
}

fn queue_output(name: &str, binary: bool) -> Output {
    Output { name: name.into(), kind: OutputKind::Queue("q".into()), binary }
}

fn messages(answer: Value, binding: &Output) -> Option<Vec<String>> {
    let answer = decoded(&answer.to_string()).ok()??;
    let given = answer.given(std::slice::from_ref(binding)).ok()?;
    let mut texts = Vec::new();
    for (_, value) in given {
        let contents = queue_contents(&value).ok()?;
        texts.extend(contents.into_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    }
    Some(texts)
}

#[test]
fn what_fails_a_call() {
    let json = Some("application/json");
    for failing in [
        response(500, json, "{}"),
        response(302, json, "{}"),
        response(200, Some("text/plain"), "{}"),
        response(200, None, "{}"),
        response(200, json, "{not json"),
        response(200, json, "[1]"),
        response(200, json, r#"{"Outputs": []}"#),
        response(200, json, r#"{"Logs": "one"}"#),
        response(200, json, r#"{"Logs": [{"a": 1}]}"#),
    ] {
        assert!(decode(&failing).is_err(), "{failing:?}");
    }
}

#[test]
fn success_without_a_result_never_completes() {
    for hanging in [
        response(204, None, ""),
        response(200, Some("application/json"), ""),
        response(200, Some("application/json"), "null"),
    ] {
        assert_eq!(decode(&hanging).ok(), Some(None), "{hanging:?}");
    }
}

#[test]
fn property_names_are_read_in_any_case() {
    let answer = decoded(r#"{"outputs": {"a": 1}, "logs": ["x", 2, null], "returnValue": "r"}"#);
    let Ok(Some(answer)) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.outputs, json!({"a": 1}).as_object().cloned());
    assert_eq!(answer.logs, ["x", "2", ""]);
    assert_eq!(answer.return_value, "r");
}

#[test]
fn each_kind_of_output_becomes_its_messages() {
    let out = queue_output("qout", false);
    for (value, expected) in [
        (json!("a string"), vec!["a string"]),
        (json!("test"), vec!["\u{fffd}\u{fffd}-"]),
        (json!({"a": 1}), vec!["{\n  \"a\": 1\n}"]),
        (json!(["one", {"two": 2}, "test"]), vec!["one", "{\n  \"two\": 2\n}", "test"]),
        (json!("[1, \"x\"]"), vec!["1", "x"]),
        (json!(42), vec!["42"]),
        (json!(null), vec![]),
    ] {
        let sent = messages(json!({"Outputs": {"qout": value}}), &out);
        assert_eq!(sent, Some(expected.iter().map(|text| (*text).to_owned()).collect()), "{value}");
    }
    assert_eq!(messages(json!({"Outputs": {"nosuch": "x"}}), &out), Some(vec![]));
    assert_eq!(messages(json!({"Outputs": {"QOUT": "x"}}), &out), Some(vec![]));
}

#[test]
fn a_binary_output_is_not_decoded() {
    let sent = messages(json!({"Outputs": {"qout": "test"}}), &queue_output("qout", true));
    assert_eq!(sent, Some(vec!["test".to_owned()]));
}

#[test]
fn the_return_value_goes_to_its_binding() {
    let sent = messages(json!({"ReturnValue": {"r": 1}}), &queue_output(RETURN, false));
    assert_eq!(sent, Some(vec!["{\n  \"r\": 1\n}".to_owned()]));
    let named =
        messages(json!({"ReturnValue": {"qout": "x y"}, "Outputs": {"qout": "no"}}), &queue_output("qout", false));
    assert_eq!(named, Some(vec!["x y".to_owned()]));
}

fn res(value: Option<Value>) -> Option<(u16, Option<String>, String)> {
    let output = HttpOutput::from_output(value.as_ref()).ok()?;
    let response = output.into_response();
    let content_type = response.headers.get("content-type").map(str::to_owned);
    Some((response.status, content_type, String::from_utf8_lossy(&response.body).into_owned()))
}

#[test]
fn an_http_output_becomes_the_response() {
    let text = || Some("text/plain; charset=utf-8".to_owned());
    for (value, expected) in [
        (None, Some((200, text(), "{}".to_owned()))),
        (Some(json!({"statusCode": 201, "body": "b"})), Some((201, text(), "b".to_owned()))),
        (Some(json!({"status": "404", "body": null})), Some((404, text(), String::new()))),
        (Some(json!({"STATUSCODE": "202", "body": {"a": 1}})), Some((202, text(), "{\n  \"a\": 1\n}".to_owned()))),
        (
            Some(json!({"body": "test", "headers": {"Content-Type": "application/json"}})),
            Some((200, Some("application/json; charset=utf-8".to_owned()), "test".to_owned())),
        ),
        (Some(json!("{\"body\": \"from text\"}")), Some((200, text(), "from text".to_owned()))),
        (Some(json!("just a string")), None),
        (Some(json!(5)), None),
        (Some(json!(null)), None),
    ] {
        assert_eq!(res(value.clone()), expected, "{value:?}");
    }
}

#[test]
fn a_returned_value_becomes_the_response() {
    let returned = |given: Given| {
        let response = HttpOutput::from_returned(&given).into_response();
        (response.status, response.headers.get("content-type").map(str::to_owned), response.body)
    };
    let text = || Some("text/plain; charset=utf-8".to_owned());
    assert_eq!(returned(Given::Bytes(vec![1, 2])), (200, None, vec![1, 2]));
    assert_eq!(returned(Given::Json(json!("a b"))), (200, text(), b"a b".to_vec()));
    assert_eq!(returned(Given::Json(json!({"r": 1}))), (200, text(), b"{\n  \"r\": 1\n}".to_vec()));
    assert_eq!(returned(Given::Json(json!({"statusCode": 418, "body": "t"}))), (418, text(), b"t".to_vec()));
    assert_eq!(returned_response(&Value::Null).status, 204);
}
