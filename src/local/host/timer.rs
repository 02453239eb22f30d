//! Timer functions.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{
    envelope::{self, TimerCall},
    failure::Failure,
    function::{Function, TimerTrigger},
    invoke::Core,
    schedule::AtStart,
    stop::Stop,
    timer_state::ScheduleStatus,
};

/// One timer. Its runs never overlap, because this is one task; across processes nothing guards it.
#[derive(Debug)]
pub(super) struct Timer {
    core: Arc<Core>,
    function: Arc<Function>,
    trigger: TimerTrigger,
}

impl Timer {
    pub(super) fn new(core: Arc<Core>, function: Arc<Function>, trigger: TimerTrigger) -> Self {
        Self { core, function, trigger }
    }

    /// Runs the function whenever it is due, until `stop` says so.
    pub(super) async fn run(self, mut stop: Stop) {
        let now = self.core.clock.now();
        let monitored = self.trigger.monitor && self.trigger.schedule.is_monitored(now);
        let mut status = None;
        let mut past_due = false;
        if monitored {
            let Some(start) = AtStart::of(&self.trigger.schedule, self.remembered().await, now) else { return };
            if let Some(store) = &start.store {
                self.remember(store).await;
            }
            (status, past_due) = (Some(start.status), start.past_due);
        }
        if past_due || self.trigger.run_on_startup {
            let due = if past_due { status.as_ref().map_or(now, |status| status.next) } else { now };
            status = self.fire(due, status, past_due, &mut stop).await;
        }
        loop {
            let Some(due) = self.trigger.schedule.next(self.core.clock.now()) else { return };
            tokio::select! {
                () = self.core.clock.sleep_until(due) => {}
                () = stop.asked() => return,
            }
            status = self.fire(due, status, false, &mut stop).await;
        }
    }

    /// Runs the function once, beside its schedule: nothing is tried again or remembered.
    pub(super) async fn run_now(&self) -> Result<(), Failure> {
        let adjusts_for_dst = self.trigger.schedule.adjusts_for_dst();
        let call = TimerCall { adjusts_for_dst, status: Value::Null, past_due: false, retry: Value::Null };
        self.try_once(Uuid::new_v4(), &call).await
    }

    /// Runs the function, with its retries, and remembers the run.
    async fn fire(
        &self,
        due: Timestamp,
        status: Option<ScheduleStatus>,
        past_due: bool,
        stop: &mut Stop,
    ) -> Option<ScheduleStatus> {
        // A run that comes a little early must not be followed by another at the time it was meant for.
        let ran = self.core.clock.now().max(due);
        let id = Uuid::new_v4();
        let mut call = TimerCall {
            adjusts_for_dst: self.trigger.schedule.adjusts_for_dst(),
            status: status.as_ref().map_or(Value::Null, ScheduleStatus::to_json),
            past_due,
            retry: Value::Null,
        };
        let mut retry = 0;
        while let Err(failure) = self.try_once(id, &call).await {
            retry += 1;
            let Some((policy, delay)) = self.function.retry.and_then(|policy| Some((policy, policy.delay(retry)?)))
            else {
                break;
            };
            if matches!(failure, Failure::Stopping(_)) {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = stop.asked() => break,
            }
            call.retry = policy.context(retry, &failure.to_string());
        }
        status.as_ref()?;
        let next = self.trigger.schedule.next(ran)?;
        let status = ScheduleStatus { last: Some(ran), next, last_updated: Some(ran) };
        self.remember(&status).await;
        Some(status)
    }

    async fn try_once(&self, id: Uuid, timer: &TimerCall) -> Result<(), Failure> {
        let reason = format!("Timer fired at {}", self.core.clock.now());
        let call = self.core.calls.begin(&self.function.name, id, &reason);
        let body = envelope::timer_call(&self.core.context(&self.function.name), &self.trigger.name, timer);
        let result = self.core.execute(&call, &self.function, &body, None).await;
        call.finish(result.map(|_| ()))
    }

    async fn remembered(&self) -> Option<ScheduleStatus> {
        match self.core.timers.load(&self.function.name).await {
            Ok(status) => status,
            Err(error) => {
                self.core.log.say(format!("The schedule status of '{}' can't be read: {error}", self.function.name));
                None
            }
        }
    }

    async fn remember(&self, status: &ScheduleStatus) {
        if let Err(error) = self.core.timers.save(&self.function.name, status).await {
            self.core.log.say(format!("The schedule status of '{}' can't be kept: {error}", self.function.name));
        }
    }
}
