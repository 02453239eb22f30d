//! A started host, all its tasks together.

use std::{net::Ipv4Addr, path::Path, sync::Arc};

use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
    task::{JoinHandle, JoinSet},
};

use super::{
    HostError, HostOptions, LogLine, Stats,
    calls::Calls,
    function::{self, Function, Trigger},
    handler::Handler,
    http_trigger::{HttpFrontend, NotRunning},
    invoke::Core,
    log::HostLog,
    process::Launch,
    queue_listener,
    settings::HostSettings,
    stop::Stop,
    timer::Timer,
    wire::{self, Client, Respond},
};

/// Why a host is not running any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// [`Host::stop`] was called.
    Asked,
    /// The handler failed three times.
    TooManyRestarts,
}

/// A running local host. Dropping it kills the handler.
#[derive(Debug)]
pub struct Host {
    url: String,
    log: Arc<HostLog>,
    /// `None` if host.json can't be used.
    core: Option<Arc<Core>>,
    functions: Vec<Arc<Function>>,
    stopping: watch::Sender<bool>,
    /// Answers clients.
    server: JoinHandle<()>,
    /// Looks after the handler.
    keeper: Option<JoinHandle<()>>,
    /// One for each queue and timer function.
    listeners: JoinSet<()>,
}

pub(super) async fn start(options: HostOptions) -> Result<Host, HostError> {
    // Absolute, because the working directory of the handler is another one.
    let root = options.root.canonicalize().ok().filter(|root| root.is_dir());
    let root = root.ok_or_else(|| HostError::NoRoot { path: options.root.clone() })?;
    let port = options.http_port;
    let taken = |source| HostError::Port { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(taken)?;
    let url = format!("http://{}", listener.local_addr().map_err(taken)?);
    let log = Arc::new(HostLog::new());
    let stopping = watch::channel(false).0;
    let mut host = match HostSettings::read(&root) {
        Ok(settings) => started(&root, settings, options, log, stopping).await?,
        Err(error) => {
            log.say(format!("A host error has occurred during startup operation: {error}"));
            Started {
                responder: Arc::new(NotRunning),
                log,
                core: None,
                functions: Vec::new(),
                stopping,
                keeper: None,
                listeners: JoinSet::new(),
            }
        }
    };
    let (core, responder) = (host.core.clone(), Arc::clone(&host.responder));
    let stop = Stop::of(&host.stopping);
    let server = tokio::spawn(async move {
        tokio::select! {
            () = wire::serve(listener, responder, stop) => {}
            // As the real one, which then exits, a host that gave up does not answer.
            () = given_up(core) => {}
        }
    });
    Ok(Host {
        url,
        log: host.log,
        core: host.core.take(),
        functions: host.functions,
        stopping: host.stopping,
        server,
        keeper: host.keeper,
        listeners: host.listeners,
    })
}

struct Started {
    responder: Arc<dyn Respond>,
    log: Arc<HostLog>,
    core: Option<Arc<Core>>,
    functions: Vec<Arc<Function>>,
    stopping: watch::Sender<bool>,
    keeper: Option<JoinHandle<()>>,
    listeners: JoinSet<()>,
}

async fn started(
    root: &Path,
    settings: HostSettings,
    options: HostOptions,
    log: Arc<HostLog>,
    stopping: watch::Sender<bool>,
) -> Result<Started, HostError> {
    let port = free_port().await?;
    let launch = Launch::new(root, &settings.handler, options.executable.as_deref(), &options.environment, port);
    let handler_host = format!("127.0.0.1:{port}");
    let client = Arc::new(Client::new((Ipv4Addr::LOCALHOST, port).into()));
    let (functions, broken) = function::load(root, &options.environment);
    for (name, error) in broken {
        log.say(format!("The '{name}' function is in error: {error}"));
    }
    let functions: Vec<Arc<Function>> = functions.into_iter().map(Arc::new).collect();
    let (handler, keeper) =
        Handler::start(launch, Arc::clone(&client), handler_host.clone(), options.timing.clone(), Arc::clone(&log));
    let core = Arc::new(Core {
        settings,
        keys: options.keys,
        queues: options.queues,
        timers: options.timers,
        clock: options.clock,
        timing: options.timing,
        tracing_context: options.tracing_context,
        handler,
        handler_host,
        client,
        calls: Calls::new(Arc::clone(&log)),
        log: Arc::clone(&log),
    });
    let mut listeners = JoinSet::new();
    for function in &functions {
        listen(&core, function, &stopping, &mut listeners);
    }
    let responder = Arc::new(HttpFrontend::new(Arc::clone(&core), &functions));
    Ok(Started { responder, log, core: Some(core), functions, stopping, keeper: Some(keeper), listeners })
}

fn listen(core: &Arc<Core>, function: &Arc<Function>, stopping: &watch::Sender<bool>, listeners: &mut JoinSet<()>) {
    let (core, function, stop) = (Arc::clone(core), Arc::clone(function), Stop::of(stopping));
    match function.trigger.clone() {
        Trigger::Http(_) => {}
        Trigger::Queue(trigger) => {
            listeners.spawn(async move {
                let listened = queue_listener::listen(Arc::clone(&core), Arc::clone(&function), trigger, stop).await;
                if let Err(error) = listened {
                    core.log.say(format!("The listener for function '{}' was unable to start: {error}", function.name));
                }
            });
        }
        Trigger::Timer(trigger) => {
            listeners.spawn(async move { Timer::new(core, function, trigger).run(stop).await });
        }
    }
}

/// A port that was free a moment ago. The handler binds it itself, so that it can't be held for it.
async fn free_port() -> Result<u16, HostError> {
    let taken = |source| HostError::Port { port: 0, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(taken)?;
    Ok(listener.local_addr().map_err(taken)?.port())
}

async fn given_up(core: Option<Arc<Core>>) {
    match core {
        Some(core) => {
            core.handler.gave_up().await;
        }
        None => std::future::pending().await,
    }
}

impl Host {
    /// Where clients reach it: `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id of the handler, while there is one.
    pub fn handler_pid(&self) -> Option<u32> {
        self.core.as_ref()?.handler.pid()
    }

    pub fn stats(&self) -> Stats {
        let Some(core) = &self.core else { return Stats::default() };
        Stats { handler_starts: core.handler.starts(), ..core.calls.stats() }
    }

    /// Every line said so far, the oldest first; at most the last 20,000.
    pub fn lines(&self) -> Vec<LogLine> {
        self.log.lines()
    }

    /// The lines said from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<LogLine> {
        self.log.subscribe()
    }

    /// Waits until the handler can be called.
    ///
    /// # Errors
    /// With the reason if the host has stopped instead. A host that can't use its host.json never gets ready.
    pub async fn ready(&self) -> Result<(), StopReason> {
        let Some(core) = &self.core else { return std::future::pending().await };
        match core.handler.ready().await {
            Ok(()) => Ok(()),
            Err(_) => Err(core.handler.gave_up().await),
        }
    }

    /// Waits until the host stops by itself, and says why.
    pub async fn stopped(&self) -> StopReason {
        match &self.core {
            Some(core) => core.handler.gave_up().await,
            None => std::future::pending().await,
        }
    }

    /// Runs a timer function now, beside its schedule, and waits until it is done. The real host does so when it is asked by
    /// `POST /admin/functions/{name}`, and does not wait.
    ///
    /// # Errors
    /// In words, when there is no such timer or it fails.
    pub async fn run_timer(&self, name: &str) -> Result<(), String> {
        let function = self.functions.iter().find(|function| function.name == name);
        let (Some(core), Some(function)) = (&self.core, function) else {
            return Err(format!("there is no function '{name}'"));
        };
        let Trigger::Timer(trigger) = function.trigger.clone() else {
            return Err(format!("the function '{name}' has no timer"));
        };
        let timer = Timer::new(Arc::clone(core), Arc::clone(function), trigger);
        timer.run_now().await.map_err(|failure| failure.to_string())
    }

    /// Kills the handler now, with SIGKILL, as a crash would. The host takes it for one and starts it again.
    pub async fn kill_handler(&self) {
        if let Some(core) = &self.core {
            core.handler.kill().await;
        }
    }

    /// Takes no new requests, messages or timer runs, waits for running calls as long as [`Timing::stop_grace`](super::Timing),
    /// then kills the handler with SIGKILL. It never sees a SIGTERM.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let Some(core) = self.core.take() else { return };
        let finished = async {
            let _ = (&mut self.server).await;
            while self.listeners.join_next().await.is_some() {}
        };
        let _ = tokio::time::timeout(core.timing.stop_grace, finished).await;
        core.handler.stop().await;
        self.listeners.shutdown().await;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.abort();
        self.listeners.abort_all();
        // The handler is killed when the task that holds it goes.
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}
