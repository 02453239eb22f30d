//! The life of the handler: started, waited for, restarted by the rules of its exit code, killed.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    process::Child,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use super::{
    StopReason,
    log::HostLog,
    process::Launch,
    timing::Timing,
    wire::{Body, Client, Headers, Outgoing},
};

/// Errors after which the host gives up.
const MOST_ERRORS: usize = 3;

/// The exit code by which a handler asks to be started again.
const RESTART_EXIT_CODE: i32 = 200;

/// What the handler is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Calls wait.
    Starting,
    Ready,
    /// It exited with 0, is not started again, and calls fail.
    Ended,
    /// The host has given up.
    Stopped(StopReason),
}

/// The handle by which the rest of the host sees the handler.
#[derive(Debug)]
pub(super) struct Handler {
    phase: watch::Receiver<Phase>,
    pid: watch::Receiver<Option<u32>>,
    starts: watch::Receiver<u32>,
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Kill,
    Restart,
    Stop(oneshot::Sender<()>),
}

/// The host stops; there will be no handler any more.
#[derive(Debug, thiserror::Error)]
#[error("The host is stopping.")]
pub(super) struct Gone;

impl Handler {
    /// Starts the handler and the task that looks after it; aborting the task kills the handler.
    pub(super) fn start(
        launch: Launch,
        client: Arc<Client>,
        host: String,
        timing: Timing,
        log: Arc<HostLog>,
    ) -> (Self, JoinHandle<()>) {
        let (phase, phase_seen) = watch::channel(Phase::Starting);
        let (pid, pid_seen) = watch::channel(None);
        let (starts, starts_seen) = watch::channel(0);
        let (orders, received) = mpsc::channel(8);
        let keeper = Keeper { launch, client, host, timing, log, phase, pid, starts, orders: received };
        let task = tokio::spawn(keeper.keep());
        (Self { phase: phase_seen, pid: pid_seen, starts: starts_seen, orders }, task)
    }

    /// Waits until calls can be made. A handler that ended for good counts as one that can be called: the call fails.
    pub(super) async fn ready(&self) -> Result<(), Gone> {
        let mut phase = self.phase.clone();
        let reached = phase.wait_for(|phase| *phase != Phase::Starting).await.map_err(|_| Gone)?;
        if matches!(*reached, Phase::Stopped(_)) { Err(Gone) } else { Ok(()) }
    }

    /// Waits until the host has given up.
    pub(super) async fn gave_up(&self) -> StopReason {
        let mut phase = self.phase.clone();
        match phase.wait_for(|phase| matches!(phase, Phase::Stopped(_))).await.as_deref() {
            Ok(Phase::Stopped(reason)) => reason.clone(),
            _ => StopReason::Asked,
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    pub(super) fn starts(&self) -> u32 {
        *self.starts.borrow()
    }

    /// SIGKILL, as if something else had done it. Returns when the process is gone.
    pub(super) async fn kill(&self) {
        let before = self.pid();
        let mut pid = self.pid.clone();
        if before.is_some() && self.orders.send(Order::Kill).await.is_ok() {
            let _ = pid.wait_for(|now| *now != before).await;
        }
    }

    /// Kills the handler and starts it again, as after a function timed out. Does not count as an error.
    pub(super) async fn restart(&self) {
        let _ = self.orders.send(Order::Restart).await;
    }

    /// SIGKILL, for good.
    pub(super) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.orders.send(Order::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

struct Keeper {
    launch: Launch,
    client: Arc<Client>,
    /// The value of the `Host` header.
    host: String,
    timing: Timing,
    log: Arc<HostLog>,
    phase: watch::Sender<Phase>,
    pid: watch::Sender<Option<u32>>,
    starts: watch::Sender<u32>,
    orders: mpsc::Receiver<Order>,
}

/// How one process ended.
enum End {
    Exited(i32),
    NeverReady,
    Restart,
    Stop(Option<oneshot::Sender<()>>),
}

impl Keeper {
    async fn keep(mut self) {
        let mut errors: VecDeque<Instant> = VecDeque::new();
        loop {
            self.phase.send_replace(Phase::Starting);
            let mut child = match self.launch.spawn(&self.log) {
                Ok(child) => child,
                Err(error) => {
                    // The real host stays up, and calls wait for a handler that never comes.
                    let program = self.launch.program().display();
                    self.log.say(format!("Failed to start Worker Channel. Process fileName: {program}: {error}"));
                    return self.wait_for_stop().await;
                }
            };
            self.starts.send_modify(|starts| *starts += 1);
            self.pid.send_replace(child.id());
            let end = self.run(&mut child).await;
            // Before anything else, so that no new call meets the dead process.
            let ended = matches!(end, End::Exited(0)) && *self.phase.borrow() == Phase::Ready;
            self.phase.send_replace(if ended { Phase::Ended } else { Phase::Starting });
            self.client.forget_connections();
            let _ = child.kill().await;
            self.pid.send_replace(None);
            match end {
                End::Stop(done) => {
                    self.phase.send_replace(Phase::Stopped(StopReason::Asked));
                    done.map(|done| done.send(()));
                    return;
                }
                End::Exited(0) => {
                    self.log.say("Process has exited with code 0.");
                    return self.wait_for_stop().await;
                }
                End::Restart => self.log.say("Restarting http invoker channel"),
                End::Exited(RESTART_EXIT_CODE) => {
                    self.log.say("Process has exited with code 200. Restarting http invoker channel");
                }
                End::Exited(_) | End::NeverReady => {
                    if let End::Exited(code) = end {
                        let program = self.launch.program().display();
                        self.log.say(format!("{program} exited with code {code} (0x{code:X})"));
                    }
                    if errors.back().is_some_and(|last| last.elapsed() > self.timing.error_memory) {
                        errors.clear();
                    }
                    errors.push_back(Instant::now());
                    if errors.len() >= MOST_ERRORS {
                        self.log.say("Exceeded http worker restart retry count. Shutting down Functions Host");
                        self.phase.send_replace(Phase::Stopped(StopReason::TooManyRestarts));
                        return self.wait_for_stop().await;
                    }
                }
            }
            if let Some(done) = self.pause(self.timing.restart_delay).await {
                self.phase.send_replace(Phase::Stopped(StopReason::Asked));
                let _ = done.send(());
                return;
            }
        }
    }

    /// Until the process ends or has to end.
    async fn run(&mut self, child: &mut Child) -> End {
        let timing = self.timing.clone();
        let ready = wait_until_ready(Arc::clone(&self.client), self.host.clone(), timing);
        tokio::pin!(ready);
        let mut waiting = true;
        let mut exited_early = false;
        loop {
            tokio::select! {
                answered = &mut ready, if waiting => {
                    waiting = false;
                    if !answered {
                        self.log.say("Timed out waiting for the handler to answer on its port.");
                        return End::NeverReady;
                    }
                    self.phase.send_replace(Phase::Ready);
                    self.log.say("Worker process started and initialized.");
                }
                status = child.wait(), if !exited_early => {
                    // A process ended by a signal is reported as 128 + signal, hence never 0.
                    let code = status.ok().and_then(|status| status.code()).unwrap_or(137);
                    if code == 0 && waiting {
                        // No error, and no answer either: the wait for readiness goes on until it times out.
                        exited_early = true;
                    } else {
                        return End::Exited(code);
                    }
                }
                order = self.orders.recv() => match order {
                    Some(Order::Kill) => { let _ = child.start_kill(); }
                    Some(Order::Restart) => return End::Restart,
                    Some(Order::Stop(done)) => return End::Stop(Some(done)),
                    None => return End::Stop(None),
                },
            }
        }
    }

    async fn pause(&mut self, delay: Duration) -> Option<oneshot::Sender<()>> {
        let pause = tokio::time::sleep(delay);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return None,
                order = self.orders.recv() => match order {
                    Some(Order::Stop(done)) => return Some(done),
                    // There is nothing to kill, and a restart is under way.
                    Some(Order::Kill | Order::Restart) => {}
                    None => return Some(oneshot::channel().0),
                },
            }
        }
    }

    async fn wait_for_stop(&mut self) {
        while let Some(order) = self.orders.recv().await {
            if let Order::Stop(done) = order {
                if !matches!(*self.phase.borrow(), Phase::Stopped(_)) {
                    self.phase.send_replace(Phase::Stopped(StopReason::Asked));
                }
                let _ = done.send(());
                return;
            }
        }
    }
}

/// Whether anything answered `GET /` in time. Any answer will do, a 404 too.
async fn wait_until_ready(client: Arc<Client>, host: String, timing: Timing) -> bool {
    let ping = Outgoing {
        method: "GET".to_owned(),
        target: "/".to_owned(),
        headers: Headers(vec![("Host".to_owned(), host)]),
        body: Body::None,
    };
    let deadline = Instant::now() + timing.ready_timeout;
    while Instant::now() < deadline {
        if client.ping(&ping, timing.ready_timeout).await.is_ok() {
            return true;
        }
        tokio::time::sleep(timing.ready_poll).await;
    }
    false
}
