//! Queue functions: one message, from its fetch to its end.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    envelope,
    failure::Failure,
    function::{Function, QueueTrigger},
    invoke::{Core, put_and_create},
};
use crate::queue::{Message, Queue, QueueError, Receipt};

const POISON_SUFFIX: &str = "-poison";

/// Works on the messages of one trigger.
#[derive(Debug)]
pub(super) struct Settler {
    core: Arc<Core>,
    function: Arc<Function>,
    trigger: QueueTrigger,
    queue: Arc<dyn Queue>,
    /// `None` for a trigger on a poison queue, which has none of its own.
    poison: Option<Arc<dyn Queue>>,
}

impl Settler {
    pub(super) fn new(
        core: Arc<Core>,
        function: Arc<Function>,
        trigger: QueueTrigger,
        queue: Arc<dyn Queue>,
    ) -> Result<Self, QueueError> {
        let poison = match trigger.queue.ends_with(POISON_SUFFIX) {
            true => None,
            false => Some(core.queues.queue(&format!("{}{POISON_SUFFIX}", trigger.queue))?),
        };
        Ok(Self { core, function, trigger, queue, poison })
    }

    /// Calls the function with the message and then deletes it, shows it again, or moves it away.
    pub(super) async fn settle(&self, message: Message) {
        let Some(content) = self.core.settings.queues.encoding.decode(&message.text) else {
            let id = &message.id;
            self.core.log.say(format!("Message decoding has failed! Check MessageEncoding settings. MessageId={id}."));
            return self.report(self.move_to_poison(&message, &message.receipt).await);
        };
        if message.dequeue_count > self.core.settings.queues.max_dequeue_count {
            return self.report(self.move_to_poison(&message, &message.receipt).await);
        }
        let call = self.core.calls.begin(
            &self.function.name,
            Uuid::new_v4(),
            &format!("New queue message detected on '{}'.", self.trigger.queue),
        );
        let mut receipt = message.receipt.clone();
        let result = {
            let work = self.run(&call, &message, &content);
            let renewal = self.keep_hidden(&mut receipt);
            tokio::select! {
                result = work => result,
                never = renewal => match never {},
            }
        };
        let result = call.finish(result);
        let end = match result {
            Ok(()) => self.queue.delete(&receipt).await,
            // The host dies under the call: the message comes again when its time is over.
            Err(Failure::Stopping(_)) => Ok(()),
            Err(_) => self.after_failure(&message, &receipt).await,
        };
        self.report(end);
    }

    async fn run(&self, call: &super::calls::Call<'_>, message: &Message, content: &[u8]) -> Result<(), Failure> {
        let context = self.core.context(&self.function.name);
        let body = envelope::queue_call(&context, &self.trigger.name, self.trigger.binary, message, content)
            .map_err(|error| Failure::Binding(format!("'{}': {error}", self.trigger.name)))?;
        self.core.execute(call, &self.function, &body, None).await.map(|_| ())
    }

    /// Renews at half time, for as long as the call takes.
    async fn keep_hidden(&self, receipt: &mut Receipt) -> std::convert::Infallible {
        let visibility = self.core.timing.fetch_visibility;
        loop {
            tokio::time::sleep(visibility / 2).await;
            match self.queue.renew(receipt, visibility).await {
                Ok(renewed) => *receipt = renewed,
                Err(error) => {
                    self.core.log.say(format!("Error renewing a message of '{}': {error}", self.queue.name()))
                }
            }
        }
    }

    async fn after_failure(&self, message: &Message, receipt: &Receipt) -> Result<(), QueueError> {
        let settings = &self.core.settings.queues;
        if self.poison.is_none() {
            // It stays hidden for the rest of its time, so that a function that always fails does not spin.
            Ok(())
        } else if message.dequeue_count >= settings.max_dequeue_count {
            self.move_to_poison(message, receipt).await
        } else {
            self.queue.renew(receipt, settings.visibility_timeout).await.map(|_| ())
        }
    }

    async fn move_to_poison(&self, message: &Message, receipt: &Receipt) -> Result<(), QueueError> {
        let Some(poison) = &self.poison else { return Ok(()) };
        let max = self.core.settings.queues.max_dequeue_count;
        let name = poison.name();
        self.core.log.say(format!("Message has reached MaxDequeueCount of {max}. Moving message to queue '{name}'."));
        put_and_create(poison.as_ref(), &message.text).await?;
        self.queue.delete(receipt).await
    }

    fn report(&self, end: Result<(), QueueError>) {
        if let Err(error) = end {
            self.core.log.say(format!("Error settling a message of '{}': {error}", self.queue.name()));
        }
    }
}
