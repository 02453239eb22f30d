//! The ways in which an administrator signs in, through the program itself.

use std::{path::PathBuf, process::Stdio};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{bare, world::World};

/// The program, in an environment that names nothing but the sandbox.
pub fn program(world: &World, arguments: &[&str]) -> Command {
    let connection = world.sandbox.connection();
    let mut command = Command::new(env!("CARGO_BIN_EXE_inevent-d365"));
    command.args(arguments).env_clear().env("PATH", "").env("DATAVERSE_URL", &connection.http);
    command.env("NO_PROXY", "*").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, standard output and standard error.
pub async fn run(mut command: Command) -> (i32, String, String) {
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const DRY: [&str; 4] = ["setup", "dataverse", "--dry-run", "--json"];

fn is_told((code, stdout, stderr): (i32, String, String)) {
    assert_eq!(code, 0, "{stderr}");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert!(told["made"].as_u64().unwrap() > 50 && told["differ"] == 0, "{told}");
}

#[tokio::test]
async fn a_token_from_the_environment_or_standard_input() {
    let world = bare().await;
    let token = world.token().await;
    let mut command = program(&world, &DRY);
    command.env("DATAVERSE_TOKEN", &token);
    is_told(run(command).await);

    let mut command = program(&world, &[&DRY[..], &["--sign-in", "stdin"]].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{token}\n").as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    is_told((
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    ));

    let mut command = program(&world, &DRY);
    command.env("DATAVERSE_TOKEN", "nonsense");
    let (code, _, stderr) = run(command).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("401"), "{stderr}");
}

#[tokio::test]
async fn a_code_entered_on_another_page() {
    let world = bare().await;
    let (code, stdout, stderr) = run(program(&world, &DRY)).await;
    assert!(stderr.contains("/devicelogin and enter the code"), "{stderr}");
    is_told((code, stdout, stderr));
}

#[tokio::test]
async fn the_connectors_own_sign_in() {
    let world = bare().await;
    let mut command = program(&world, &[&DRY[..], &["--sign-in", "app"]].concat());
    let connection = world.sandbox.connection();
    command.envs([
        ("DATAVERSE_TENANT_ID", &connection.tenant),
        ("DATAVERSE_TOKEN_URL", &connection.token_url),
        ("DATAVERSE_CLIENT_ID", &connection.client_id),
        ("DATAVERSE_CLIENT_SECRET", &connection.client_secret),
    ]);
    is_told(run(command).await);
}

/// Stands in for Azure CLI: it prints what it is given, if it is asked for this environment.
#[cfg(unix)]
#[tokio::test]
async fn azure_cli() {
    use std::os::unix::fs::PermissionsExt;
    let world = bare().await;
    let folder = tempfile::tempdir().unwrap();
    let (az, url) = (folder.path().join("az"), &world.sandbox.connection().http);
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = 'account get-access-token --resource {url} --query accessToken --output tsv' ] || exit 2\necho {}\n",
        world.token().await
    );
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, PermissionsExt::from_mode(0o755)).unwrap();
    let path = PathBuf::from(folder.path());
    for sign_in in ["auto", "az"] {
        let mut command = program(&world, &[&DRY[..], &["--sign-in", sign_in]].concat());
        command.env("PATH", &path);
        is_told(run(command).await);
    }
    std::fs::write(&az, "#!/bin/sh\necho 'Please run az login to setup account.' >&2\nexit 1\n").unwrap();
    let mut command = program(&world, &[&DRY[..], &["--sign-in", "az"]].concat());
    command.env("PATH", &path);
    let (code, _, stderr) = run(command).await;
    assert!(code == 1 && stderr.contains("az login"), "{stderr}");
}
