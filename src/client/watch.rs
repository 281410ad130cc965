//! Following what happens, by long polls: each event once, and a word where some are missing.

use std::time::Duration;

use qcluster_api::{EventList, WatchEvent};

use super::exchange::exchange;
use super::{Client, ClientError};

/// Follows what a node makes known of members, services and the leader.
#[derive(Clone, Debug)]
pub struct ClientWatch {
    client: Client,
    index: u64,
}

impl Client {
    /// What happens from now on.
    ///
    /// # Errors
    /// The node cannot be reached, does not answer in time, or is none.
    pub async fn watch(&self) -> Result<ClientWatch, ClientError> {
        Ok(self.watch_from(self.status().await?.registry.index))
    }

    /// What happens after that index, such as that of a [`MemberList`](super::MemberList) or a
    /// [`ServiceList`](super::ServiceList): between the list and the watch nothing is missed.
    pub fn watch_from(&self, index: u64) -> ClientWatch {
        ClientWatch { client: self.clone(), index }
    }
}

impl ClientWatch {
    /// How long one question waits for something to happen; then the next is asked.
    const WAIT: Duration = Duration::from_secs(30);

    /// The index of the last event that was given out.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// What happened since the last call, oldest first; waits until something has.
    ///
    /// # Errors
    /// The node cannot be reached, does not answer in time, is none or has stopped: call again, and nothing is missed while
    /// it runs on. Or it [does not know any more](ClientError::has_missed) what happened since: re-read everything; the
    /// next call goes on from now.
    pub async fn next(&mut self) -> Result<Vec<WatchEvent>, ClientError> {
        loop {
            let EventList { index, events, .. } = self.ask().await?;
            self.index = index;
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }

    async fn ask(&mut self) -> Result<EventList, ClientError> {
        let path = format!("/v1/watch?index={}&wait_ms={}", self.index, Self::WAIT.as_millis());
        let mut ask = self.client.read(path);
        ask.time_max = ask.time_max.saturating_add(Self::WAIT);
        let answer = exchange(&ask).await;
        if let Err(ClientError::Refused { error, .. }) = &answer
            && let Some(index) = error.index
        {
            self.index = index;
        }
        answer
    }
}
