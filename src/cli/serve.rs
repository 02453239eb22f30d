//! `serve`: bound before anything else is done, and then up until it is killed.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use inevent_d365::{
    functions::{self, App},
    telemetry,
};

/// Wrong usage, as `sysexits.h` has it. Never 0: the host takes an exit with 0 for good and starts nothing again.
const USAGE: u8 = 64;

/// Requests of `IngestEvents` that are queued at the same time. The host admits 100 HTTP calls at once by default.
const INGESTS: usize = 256;

const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

pub fn run() -> ExitCode {
    let port = std::env::var(PORT).ok().and_then(|port| port.parse::<u16>().ok());
    let Some(port) = port else {
        eprintln!("error: {PORT} is not set to a port: the Azure Functions host starts `serve` and sets it.");
        eprintln!("On a desk, run `inevent-d365 local` instead.");
        return ExitCode::from(USAGE);
    };
    let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    match listener.and_then(serve) {
        Ok(()) => eprintln!("error: the handler ended by itself"),
        Err(error) => eprintln!("error: cannot listen on 127.0.0.1:{port}: {error}"),
    }
    ExitCode::FAILURE
}

fn serve(listener: std::net::TcpListener) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let setting = |name: &str| std::env::var(name).ok();
        telemetry::start(&setting, &functions::managed_identity);
        let app = App::new(setting, INGESTS);
        #[cfg(all(unix, feature = "local"))]
        tokio::spawn(end_with_the_desk());
        functions::serve(listener, app).await;
        Ok(())
    })
}

/// A desk that is killed cannot stop its connector, and a desk's connector is of no use without it.
#[cfg(all(unix, feature = "local"))]
async fn end_with_the_desk() {
    use std::os::unix::process::parent_id;
    if std::env::var_os(functions::DESK_STORAGE).is_none() {
        return;
    }
    let desk = parent_id();
    while parent_id() == desk {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    std::process::exit(i32::from(USAGE));
}
