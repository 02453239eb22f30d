//! Other people's clients, unchanged, against the sandbox: scripts that read like the clients' own READMEs.
//!
//! `cargo xtask test` installs the clients. Each script gets a sandbox of its own.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dataverse_sandbox::{Connection, Options, Seed, start};
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
async fn microsofts_client_for_python_works_as_its_readme_says() {
    python("powerplatform_dataverse_client.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_client_for_python_defines_tables() {
    python("powerplatform_dataverse_schema.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_client_for_python_reads_in_every_way() {
    python("powerplatform_dataverse_queries.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_client_for_python_does_everything_else() {
    python("powerplatform_dataverse_more.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_client_for_python_does_not_wait() {
    python("powerplatform_dataverse_async.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamics_web_api_uploads_searches_and_works_in_the_background() {
    node("dynamics_web_api_more.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamics_web_api_works_as_its_documentation_says() {
    node("dynamics_web_api.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamics_web_api_defines_tables() {
    node("dynamics_web_api_schema.mjs").await;
}

async fn python(script: &str) {
    let program = peer("SANDBOX_CLIENTS_PYTHON", ".peers/dataverse-python/bin/python");
    let mut command = Command::new(program);
    // Compiled copies would land in the source tree.
    command.arg("-B").arg(folder().join(script));
    run(script, command).await;
}

async fn node(script: &str) {
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
    run(script, command).await;
}

/// Runs a script against a new sandbox; what it said is shown if it fails.
async fn run(script: &str, mut command: Command) {
    let sandbox = start(Options { seed: Seed::Crm, ..Options::default() }).await.unwrap();
    let connection: &Connection = sandbox.connection();
    command
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
