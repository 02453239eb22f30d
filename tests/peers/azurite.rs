//! Starts Azurite, Microsoft's storage emulator, for a test target: `#[path = "../peers/azurite.rs"] mod azurite;`.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The emulator's account, the same everywhere and published with it.
pub const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Azurite exits when its standard input ends, so it does not outlive the test process however that dies.
const WRAPPER: &str = "process.stdin.on('end', () => process.exit(0)).resume(); require(process.argv[1]);";

const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running Azurite with its data in memory; killed when dropped.
#[derive(Debug)]
pub struct Azurite {
    process: Child,
    account: String,
    scheme: &'static str,
    /// Of the blob, queue and table service.
    ports: [u16; 3],
}

impl Azurite {
    /// Starts it on free ports and waits until it answers.
    ///
    /// # Panics
    /// When it is not installed (the message names the command that does it) or does not come up.
    pub async fn start() -> Self {
        Self::start_with(ACCOUNT, &[]).await
    }

    /// The same over https, with an account of this name that takes tokens, too.
    #[allow(dead_code)]
    pub async fn over_https(account: &str, certificate: &Path, key: &Path) -> Self {
        let paths = [certificate, key].map(|path| path.to_str().expect("a path in UTF-8"));
        Self::start_with(account, &["--cert", paths[0], "--key", paths[1], "--oauth", "basic"]).await
    }

    /// Of the blob, queue and table service.
    #[allow(dead_code)]
    pub fn ports(&self) -> [u16; 3] {
        self.ports
    }

    async fn start_with(account: &str, arguments: &[&str]) -> Self {
        // Another process may take a port between our finding it free and Azurite's binding it.
        for _ in 0..3 {
            if let Some(azurite) = Self::try_start(account, arguments).await {
                return azurite;
            }
        }
        panic!("Azurite exited three times while starting; run it by hand: {}", entry().display());
    }

    /// For `AzureWebJobsStorage`.
    pub fn connection_string(&self) -> String {
        let [blob, queue, table] = self.ports;
        let Self { account, scheme, .. } = self;
        let at = |port| format!("{scheme}://127.0.0.1:{port}/{account}");
        format!(
            "DefaultEndpointsProtocol={scheme};AccountName={account};AccountKey={KEY};BlobEndpoint={};QueueEndpoint={};\
             TableEndpoint={};",
            at(blob),
            at(queue),
            at(table)
        )
    }

    async fn try_start(account: &str, arguments: &[&str]) -> Option<Self> {
        let ports = free_ports();
        let node = std::env::var_os("INEVENT_PEERS_NODE").unwrap_or_else(|| "node".into());
        let process = Command::new(&node)
            .args(["-e", WRAPPER, "--"])
            .arg(entry())
            .args(["--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"])
            .args(["--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1"])
            .args(["--blobPort", &ports[0].to_string()])
            .args(["--queuePort", &ports[1].to_string()])
            .args(["--tablePort", &ports[2].to_string()])
            .args(arguments)
            .env("AZURITE_ACCOUNTS", format!("{account}:{KEY}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be run ({error}): run `cargo xtask test`", node.display()));
        let scheme = if arguments.contains(&"--cert") { "https" } else { "http" };
        let mut azurite = Self { process, account: account.to_owned(), scheme, ports };
        let give_up = Instant::now() + READY_WITHIN;
        while !azurite.listens().await {
            if azurite.process.try_wait().is_ok_and(|exit| exit.is_some()) {
                return None;
            }
            assert!(Instant::now() < give_up, "Azurite did not listen within {READY_WITHIN:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(azurite)
    }

    async fn listens(&self) -> bool {
        for port in self.ports {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                return false;
            }
        }
        true
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn entry() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".peers/azurite");
    let folder = std::env::var_os("INEVENT_PEERS").map_or_else(default, PathBuf::from);
    let entry = folder.join("node_modules/azurite/dist/src/azurite.js");
    assert!(entry.is_file(), "Azurite is not at {}: run `cargo xtask test`, which installs it", entry.display());
    entry
}

fn free_ports() -> [u16; 3] {
    // All three are held until all are known, so that they differ.
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address").port())
}
