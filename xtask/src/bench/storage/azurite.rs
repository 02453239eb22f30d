//! Azurite, started for one measurement.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::super::http::{self, Connection};
use super::super::load::{self, Outcome, Requests, Until};
use super::super::{NODE_SIGNER, events};
use super::{ACCOUNT, KEY, Queues, connection_string};
use crate::peers::Peers;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running Azurite that keeps everything in memory. Killed when dropped.
pub struct Azurite {
    process: Child,
    ports: [u16; 3],
}

impl Azurite {
    pub fn start(peers: &Peers, folder: &Path) -> Result<Azurite> {
        let ports = [http::free_port()?, http::free_port()?, http::free_port()?];
        let log_path = folder.join("azurite.log");
        let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
        let mut command = Command::new(&peers.node);
        command.arg(peers.azurite_program()).args(["--silent", "--disableTelemetry", "--inMemoryPersistence"]);
        command.arg("--skipApiVersionCheck").current_dir(folder);
        for (service, port) in ["--blobPort", "--queuePort", "--tablePort"].iter().zip(ports) {
            command.arg(service).arg(port.to_string());
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("cannot share Azurite's log")?)
            .stderr(log)
            .spawn()
            .context("cannot start Azurite")?;
        let mut azurite = Azurite { process, ports };
        let started = Instant::now();
        while ports.iter().any(|port| Connection::open(*port).is_err()) {
            let ended = azurite.process.try_wait().context("cannot ask about Azurite")?.is_some();
            if ended || started.elapsed() > PATIENCE {
                bail!("Azurite does not start; see {}", log_path.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(azurite)
    }

    pub fn connection_string(&self) -> String {
        let [blob, queue, table] = self.ports;
        connection_string(blob, queue, table)
    }

    /// Blobs and tables here, and queues elsewhere.
    pub fn connection_string_with(&self, queues: &Queues) -> String {
        let [blob, _, table] = self.ports;
        connection_string(blob, queues.port, table)
    }

    /// How many messages a second it takes when they are put straight into a queue of it.
    pub fn puts(&self, peers: &Peers, time: Duration) -> Result<Outcome> {
        let signature = signature(peers)?;
        let [_, queue, _] = self.ports;
        let mut connection = Connection::open(queue).context("cannot connect to Azurite")?;
        let made = connection.exchange("PUT", &format!("/{ACCOUNT}/bench?{signature}"), "", b"")?;
        if made.status() != Some(201) {
            bail!("Azurite did not make a queue: {}", String::from_utf8_lossy(&made.body));
        }
        let requests = Requests {
            target: &format!("/{ACCOUNT}/bench/messages?messagettl=-1&{signature}"),
            headers: "Content-Type: application/xml\r\n",
            expected: 201,
            body: &|number| {
                let event = events::array(number, 1);
                format!("<QueueMessage><MessageText>{event}</MessageText></QueueMessage>")
            },
        };
        load::run(queue, &requests, Until::After(time))
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The right to put messages, as the query of an address.
fn signature(peers: &Peers) -> Result<String> {
    let output = Command::new(&peers.node)
        .arg("--eval")
        .arg(NODE_SIGNER)
        .env("ACCOUNT", ACCOUNT)
        .env("KEY", KEY)
        .output()
        .context("cannot sign for Azurite")?;
    if !output.status.success() {
        bail!("cannot sign for Azurite: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout).context("a signature is text")?.trim().to_owned())
}
