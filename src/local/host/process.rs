//! The handler as an operating system process.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
};

use super::{
    expand,
    log::{HostLog, LogSource},
    settings::HandlerSettings,
};

/// Everything that is needed to start the handler, again and again the same way.
#[derive(Debug)]
pub(super) struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    working_directory: PathBuf,
    /// App settings, then the host's own variables.
    environment: Vec<(String, String)>,
}

impl Launch {
    /// `executable` stands in for the one in host.json; the arguments are always those of host.json.
    pub(super) fn new(
        root: &Path,
        settings: &HandlerSettings,
        executable: Option<&Path>,
        app_settings: &[(String, String)],
        port: u16,
    ) -> Self {
        let mut environment = app_settings.to_vec();
        let id = uuid::Uuid::new_v4().to_string();
        for (name, value) in [
            ("FUNCTIONS_HTTPWORKER_PORT", port.to_string()),
            ("FUNCTIONS_HTTPWORKER_ID", id.clone()),
            ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()),
            ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", id),
            ("FUNCTIONS_APP_ROOT_PATH", root.display().to_string()),
        ] {
            environment.push((name.to_owned(), value));
        }
        let expand = |text: &str| expand::expand(text, &environment);
        let program = match executable {
            Some(path) => path.to_owned(),
            None => locate(root, &expand(&settings.executable)),
        };
        Self {
            program,
            arguments: settings.arguments.iter().map(|argument| expand(argument)).collect(),
            working_directory: match &settings.working_directory {
                Some(directory) => root.join(expand(directory)),
                None => root.to_owned(),
            },
            environment,
        }
    }

    /// Starts the process. It is killed when the returned child is dropped, so that it does not survive this host.
    pub(super) fn spawn(&self, log: &Arc<HostLog>) -> io::Result<Child> {
        make_executable(&self.program);
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(&self.working_directory)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(copy_lines(stdout, Arc::clone(log), LogSource::Stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(copy_lines(stderr, Arc::clone(log), LogSource::Stderr));
        }
        Ok(child)
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }
}

/// In the app root if it is there, else a command to be found on PATH.
fn locate(root: &Path, executable: &str) -> PathBuf {
    let in_root = root.join(executable);
    if in_root.is_file() { in_root } else { PathBuf::from(executable) }
}

/// Sets the execute bits if there are none, as the real host does on Linux. If that fails, so does the start.
#[cfg(unix)]
fn make_executable(program: &Path) {
    use std::os::unix::fs::PermissionsExt;

    if let Ok(metadata) = program.metadata()
        && metadata.is_file()
        && metadata.permissions().mode() & 0o100 == 0
    {
        let mut permissions = metadata.permissions();
        permissions.set_mode(permissions.mode() | 0o100);
        let _ = std::fs::set_permissions(program, permissions);
    }
}

#[cfg(not(unix))]
fn make_executable(_program: &Path) {}

async fn copy_lines(from: impl AsyncRead + Unpin, log: Arc<HostLog>, source: LogSource) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    // Read as bytes: a handler that prints something else than UTF-8 must not lose the lines after it.
    while matches!(reader.read_until(b'\n', &mut line).await, Ok(length) if length > 0) {
        log.add(source.clone(), String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
        line.clear();
    }
}
