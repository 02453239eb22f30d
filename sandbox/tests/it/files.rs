//! Columns for files: whole, in parts, by messages, read, replaced, removed.

use dataverse_sandbox::Seed;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::world::{CONTOSO, Reply, World};

const COLUMN: &str = "new_contract";

async fn world() -> World {
    let world = World::new(Seed::Crm).await;
    let column = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.FileAttributeMetadata",
        "SchemaName": "new_Contract",
        "DisplayName": { "LocalizedLabels": [{ "Label": "Contract", "LanguageCode": 1033 }] },
        "MaxSizeInKB": 16,
    });
    let made = world.post("EntityDefinitions(LogicalName='account')/Attributes", &column).await;
    assert_eq!(made.status, 204, "{}", made.text);
    world
}

fn at(world: &World, method: &str, rest: &str) -> RequestBuilder {
    world.request(method, &format!("accounts({CONTOSO})/{COLUMN}{rest}"))
}

async fn put(world: &World, name: &str, body: Vec<u8>) -> Reply {
    let request = at(world, "PATCH", "").header("x-ms-file-name", name).header("If-None-Match", "null");
    world.send(request.header("Content-Type", "application/octet-stream").body(body)).await
}

async fn shown(world: &World) -> Value {
    world.get(&format!("accounts({CONTOSO})?$select={COLUMN},{COLUMN}_name")).await.json()
}

#[tokio::test]
async fn a_file_is_uploaded_read_replaced_and_removed() {
    let world = world().await;
    assert_eq!(world.send(at(&world, "GET", "/$value")).await.status, 204, "nothing there yet");
    assert_eq!(put(&world, "a b.txt", b"0123456789".to_vec()).await.status, 204);
    let row = shown(&world).await;
    assert_eq!(row["new_contract_name"], "a b.txt");
    let first = row[COLUMN].as_str().unwrap().to_owned();

    let whole = world.send(at(&world, "GET", "/$value")).await;
    assert_eq!((whole.status, whole.text.as_str()), (200, "0123456789"));
    assert_eq!(
        (whole.header("x-ms-file-size"), whole.header("x-ms-file-name"), whole.header("mimetype")),
        ("10", "a b.txt", "text/plain")
    );
    let part = world.send(at(&world, "GET", "/$value").header("Range", "bytes=4-6")).await;
    assert_eq!((part.status, part.text.as_str(), part.header("x-ms-chunk-size")), (206, "456", "4194304"));
    let beyond = world.send(at(&world, "GET", "/$value").header("Range", "bytes=10-12")).await;
    assert_eq!(beyond.status, 416);
    let encoded = world.send(at(&world, "GET", "")).await;
    assert_eq!(encoded.json()["value"], "MDEyMzQ1Njc4OQ==");

    let expand = "account_FileAttachments($select=filename,filesizeinbytes,mimetype,regardingfieldname)";
    let about = world.query(&format!("accounts({CONTOSO})"), &[("$select", "name"), ("$expand", expand)]).await.json();
    let files = about["account_FileAttachments"].as_array().unwrap();
    assert_eq!((files.len(), &files[0]["filesizeinbytes"]), (1, &json!(10)));
    assert_eq!(files[0]["regardingfieldname"], COLUMN);

    assert_eq!(put(&world, "b.pdf", b"new".to_vec()).await.status, 204);
    assert_ne!(shown(&world).await[COLUMN], first);
    let files = world.get("fileattachments?$select=filename").await.json();
    assert_eq!(files["value"].as_array().unwrap().len(), 1, "the old file is gone: {files}");
    let filtered = world.query("accounts", &[("$select", "name"), ("$filter", "new_contract ne null")]).await.json();
    assert_eq!(filtered["value"].as_array().unwrap().len(), 1);

    assert_eq!(world.send(at(&world, "DELETE", "")).await.status, 204);
    assert_eq!(shown(&world).await[COLUMN], Value::Null);
    let files = world.get("fileattachments?$select=filename").await.json();
    assert_eq!(files["value"], json!([]));

    let big = put(&world, "big.bin", vec![0; 16 * 1024 + 1]).await;
    assert_eq!((big.status, big.code().as_str()), (400, "0x80044a02"));
    let nameless = world.send(at(&world, "PATCH", "").body("x")).await;
    assert_eq!(nameless.status, 400);
}

#[tokio::test]
async fn a_file_comes_in_parts() {
    let world = world().await;
    let begin = at(&world, "PATCH", "?x-ms-file-name=%C3%A4.txt").header("x-ms-transfer-mode", "chunked");
    let begun = world.send(begin).await;
    assert_eq!(
        (begun.status, begun.header("x-ms-chunk-size"), begun.header("accept-ranges")),
        (200, "4194304", "bytes")
    );
    let location = begun.header("location").to_owned();
    for (range, body, status) in [("bytes 5-9/10", "56789", 204), ("bytes 0-4/10", "01234", 206)].iter().rev() {
        let request = world.to("PATCH", &location).header("Content-Range", *range);
        assert_eq!(world.send(request.body(*body)).await.status, *status, "{range}");
    }
    let whole = world.send(at(&world, "GET", "/$value")).await;
    assert_eq!((whole.text.as_str(), whole.header("x-ms-file-name")), ("0123456789", "%C3%A4.txt"));
    assert_eq!(shown(&world).await["new_contract_name"], "ä.txt");

    let begin = at(&world, "PATCH", "?x-ms-file-name=b.txt").header("x-ms-transfer-mode", "chunked");
    let location = world.send(begin).await.header("location").to_owned();
    for (range, body) in [("bytes 5-9/10", "56789"), ("bytes 0-4/10", "wrong length"), ("0-4", "01234")] {
        let request = world.to("PATCH", &location);
        assert_eq!(world.send(request.header("Content-Range", range).body(body)).await.status, 400, "{range}");
    }
}

#[tokio::test]
async fn messages_upload_and_download_blocks() {
    let world = world().await;
    let target = json!({ "accountid": CONTOSO, "@odata.type": "Microsoft.Dynamics.CRM.account" });
    let begin = json!({ "Target": target, "FileAttributeName": COLUMN, "FileName": "c.txt" });
    let nothing = world.post("InitializeFileBlocksDownload", &begin).await;
    assert_eq!(nothing.status, 404);
    let token = world.post("InitializeFileBlocksUpload", &begin).await.json()["FileContinuationToken"].clone();
    for (id, data) in [("YQ==", "MDEyMzQ="), ("Yg==", "NTY3ODk=")] {
        let block = json!({ "BlockId": id, "BlockData": data, "FileContinuationToken": token });
        assert_eq!(world.post("UploadBlock", &block).await.status, 204);
    }
    let commit = json!({
        "FileName": "c.txt", "MimeType": "text/plain", "BlockList": ["YQ==", "Yg=="], "FileContinuationToken": token,
    });
    let committed = world.post("CommitFileBlocksUpload", &commit).await.json();
    assert_eq!(committed["FileSizeInBytes"], 10);

    let begun = world.post("InitializeFileBlocksDownload", &begin).await.json();
    assert_eq!((&begun["FileSizeInBytes"], &begun["IsChunkingSupported"]), (&json!(10), &json!(true)));
    let block = json!({ "Offset": 8, "BlockLength": 4, "FileContinuationToken": begun["FileContinuationToken"] });
    assert_eq!(world.post("DownloadBlock", &block).await.json()["Data"], "ODk=");

    let delete = json!({ "FileId": committed["FileId"] });
    assert_eq!(world.post("DeleteFile", &delete).await.status, 204);
    assert_eq!(shown(&world).await[COLUMN], Value::Null);
    let forged = json!({ "BlockId": "YQ==", "BlockData": "MDEyMzQ=", "FileContinuationToken": "nonsense" });
    assert_eq!(world.post("UploadBlock", &forged).await.status, 400);
}

#[tokio::test]
async fn files_go_with_their_row_and_their_column() {
    let world = world().await;
    assert_eq!(put(&world, "a.txt", b"a".to_vec()).await.status, 204);
    assert_eq!(world.send(world.request("DELETE", &format!("accounts({CONTOSO})"))).await.status, 204);
    assert_eq!(world.get("fileattachments").await.json()["value"], json!([]));

    let column = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='new_contract')";
    let size = world.get(&format!("{column}/Microsoft.Dynamics.CRM.FileAttributeMetadata?$select=MaxSizeInKB")).await;
    assert_eq!(size.json()["MaxSizeInKB"], 16);
    assert_eq!(world.send(world.request("DELETE", column)).await.status, 204);
    let name = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='new_contract_name')";
    assert_eq!(world.get(name).await.status, 404, "the column for the name goes along");
    assert_eq!(world.get("accounts?$select=name").await.status, 200);
}
