//! `SyncEvents` (queue `inevent-events`): one message, written to Dynamics.

use warp::reply::Response;

use super::{
    answer,
    delivery::{How, deliver, put_back},
    invocation,
    services::App,
};

/// The name of the queue binding in `functions/SyncEvents/function.json`.
const BINDING: &str = "msg";

pub async fn run(app: &App, body: &[u8]) -> Response {
    let invocation = match invocation::read(body, BINDING) {
        Ok(invocation) => invocation,
        Err(why) => return answer::failed(why),
    };
    let services = match app.services().await {
        Ok(services) => services,
        Err(why) => return answer::failed(&why),
    };
    let how = How { alone: invocation.dequeue_count >= super::SUSPICIOUS, flushed: false };
    let queue = &*services.events;
    let delivered = match deliver(services, queue, invocation.message, how).await {
        Err(why) => put_back(queue, &invocation.text, why).await,
        delivered => delivered,
    };
    match delivered {
        Ok(()) => answer::succeeded(),
        Err(error) => {
            tracing::warn!(%error, dequeue_count = invocation.dequeue_count, "message not delivered; it comes again");
            answer::failed("the message was not delivered")
        }
    }
}
