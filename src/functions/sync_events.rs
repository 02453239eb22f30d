//! `SyncEvents` (queue `inevent-events`): one message, written to Dynamics.

use super::{
    answer::Ran,
    delivery::{How, deliver, put_back},
    invocation::QueueInvocation,
    services::App,
};

pub async fn run(app: &App, invocation: Result<QueueInvocation, &'static str>) -> Ran {
    let invocation = invocation?;
    let services = app.services().await?;
    let how = How { alone: invocation.dequeue_count >= super::SUSPICIOUS, flushed: false };
    let queue = &*services.events;
    let delivered = match deliver(services, queue, invocation.message, how).await {
        Err(why) => put_back(services, queue, &invocation.text, why).await,
        delivered => delivered,
    };
    match delivered {
        Ok(()) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, dequeue_count = invocation.dequeue_count, "message not delivered; it comes again");
            Err("the message was not delivered".to_owned())
        }
    }
}
