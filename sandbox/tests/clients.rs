//! Other people's clients, unchanged, against the sandbox: scripts that read like the clients' own READMEs.
//!
//! `cargo xtask test` installs the clients. Each script gets a sandbox of its own.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dataverse_sandbox::{Connection, Options, Seed, start};
use serde::Deserialize;
use tokio::process::Command;

/// Past this, a script hangs.
const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_identity_for_python_signs_in() {
    python("azure_identity.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_identity_for_javascript_signs_in() {
    node("azure_identity.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_microsofts_client_for_python_works() {
    let client = tokio::join!(
        python("powerplatform_dataverse_client.py"),
        python("powerplatform_dataverse_schema.py"),
        python("powerplatform_dataverse_queries.py"),
        python("powerplatform_dataverse_more.py"),
    );
    assert_complete([client.0, client.1, client.2, client.3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_microsofts_client_for_python_that_does_not_wait_works() {
    assert_complete([python("powerplatform_dataverse_async.py").await]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_of_dynamics_web_api_works() {
    let client = tokio::join!(
        node("dynamics_web_api.mjs"),
        node("dynamics_web_api_more.mjs"),
        node("dynamics_web_api_schema.mjs"),
    );
    assert_complete([client.0, client.1, client.2]);
}

/// What a script said about the client it used (`operations.py`, `operations.mjs`).
#[derive(Default, Deserialize)]
struct Operations {
    public: BTreeSet<String>,
    called: BTreeSet<String>,
}

/// Every public operation of a client was called by one of its scripts: a new version's new ones show here.
fn assert_complete(scripts: impl IntoIterator<Item = Operations>) {
    let mut client = Operations::default();
    for script in scripts {
        client.public.extend(script.public);
        client.called.extend(script.called);
    }
    assert!(client.public.len() > 30, "{:?}", client.public);
    let untried: Vec<_> = client.public.difference(&client.called).collect();
    assert!(untried.is_empty(), "no script calls {untried:?}");
}

async fn python(script: &str) -> Operations {
    let program = peer("SANDBOX_CLIENTS_PYTHON", ".peers/dataverse-python/bin/python");
    let mut command = Command::new(program);
    // Compiled copies would land in the source tree.
    command.arg("-B").arg(folder().join(script));
    run(script, command).await
}

async fn node(script: &str) -> Operations {
    let modules = peer("SANDBOX_CLIENTS_MODULES", ".peers/dataverse-node/node_modules");
    // Node looks for packages in the folders above a script, so the scripts go where the packages seem to be.
    let here = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&modules, here.path().join("node_modules")).unwrap();
    for file in std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "mjs") {
            std::fs::copy(&file, here.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    let program = std::env::var_os("SANDBOX_CLIENTS_NODE").unwrap_or_else(|| "node".into());
    let mut command = Command::new(program);
    command.arg(here.path().join(script));
    run(script, command).await
}

/// Runs a script against a new sandbox; what it said is shown if it fails.
async fn run(script: &str, mut command: Command) -> Operations {
    let sandbox = start(Options { seed: Seed::Crm, ..Options::default() }).await.unwrap();
    let connection: &Connection = sandbox.connection();
    let operations = tempfile::NamedTempFile::new().unwrap();
    command
        .env("OPERATIONS", operations.path())
        .env("SANDBOX", serde_json::to_string(connection).unwrap())
        .env("REQUESTS_CA_BUNDLE", &connection.ca)
        .env("SSL_CERT_FILE", &connection.ca)
        .env("NODE_EXTRA_CA_CERTS", &connection.ca)
        .env("NO_PROXY", "localhost,127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match tokio::time::timeout(LIMIT, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            panic!("{script} cannot be run ({error}): run `cargo xtask test`, which installs the clients")
        }
        Err(_) => panic!("{script} did not end within {LIMIT:?}"),
    };
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script}: {}\n{}{}", output.status, said(&output.stdout), said(&output.stderr));
    sandbox.stop().await;
    serde_json::from_reader(operations).unwrap_or_default()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// What `cargo xtask test` says is there, or what it left in this checkout.
fn peer(variable: &str, default: impl AsRef<OsStr>) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = std::env::var_os(variable).map_or_else(|| root.join(Path::new(&default)), PathBuf::from);
    assert!(path.exists(), "{} is not there: run `cargo xtask test`, which installs the clients", path.display());
    path
}
