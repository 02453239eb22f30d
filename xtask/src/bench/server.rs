//! A handler under measurement, started as the Functions host would start it.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::http::{self, Connection};
use super::memory::{self, Resident};

/// The host gives a handler this long.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_micros(200);

/// How to start a handler.
#[derive(Clone)]
pub struct Program {
    pub name: &'static str,
    pub command: Vec<OsString>,
    pub folder: PathBuf,
    pub settings: Vec<(&'static str, String)>,
    /// Where to write what it prints.
    pub log: PathBuf,
}

/// A running handler that has answered once. Killed when dropped, as the host kills it.
pub struct Server {
    name: &'static str,
    process: Child,
    log: PathBuf,
    pub port: u16,
    /// From its start to its first answer.
    pub first_answer: Duration,
}

impl Program {
    pub fn start(&self) -> Result<Server> {
        let port = http::free_port()?;
        let log = open_log(&self.log)?;
        let (program, args) = self.command.split_first().context("no program to start")?;
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(&self.folder)
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("FUNCTIONS_APP_ROOT_PATH", &self.folder)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("cannot share the log")?)
            .stderr(log);
        let started = Instant::now();
        let process = command.spawn().with_context(|| format!("cannot start {}", self.name))?;
        let mut server = Server { name: self.name, process, log: self.log.clone(), port, first_answer: Duration::ZERO };
        server.wait_for_answer(started)?;
        server.first_answer = started.elapsed();
        Ok(server)
    }
}

impl Server {
    fn wait_for_answer(&mut self, started: Instant) -> Result<()> {
        while started.elapsed() < PATIENCE {
            if let Ok(mut connection) = Connection::open(self.port)
                && let Ok(answer) = connection.exchange("GET", "/", "", b"")
                && answer.status().is_some()
            {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait().with_context(|| format!("cannot ask about {}", self.name))? {
                bail!("{} ended ({status}) without an answer; see {}", self.name, self.log.display());
            }
            thread::sleep(BETWEEN_TRIES);
        }
        bail!("{} did not answer within {} s; see {}", self.name, PATIENCE.as_secs(), self.log.display())
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn resident(&self) -> Result<Resident> {
        memory::resident(self.process.id()).with_context(|| format!("cannot see the memory of {}", self.name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn open_log(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}
