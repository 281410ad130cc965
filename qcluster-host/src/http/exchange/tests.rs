//! What is written in the head of an answer, and what the node is asked for.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use qcluster_api::NotDone;
use qcluster_core::{Command, FencingToken, TransferRefused};
use tokio::sync::mpsc;

use super::{Site, date};
use crate::requests::Request;
use crate::test_support::{Puppet, TestRuntime, in_time};

/// A machine without a battery starts in 1970 or before it, and a node runs there like anywhere.
#[test]
fn a_clock_that_shows_what_http_cannot_write_costs_the_date_alone() {
    let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(at(0).unwrap(), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(at(253_402_300_799).unwrap(), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(at(253_402_300_800), None);
    assert_eq!(date(UNIX_EPOCH - Duration::from_nanos(1)), None);
    assert_eq!(date(UNIX_EPOCH - Duration::from_secs(40_000_000_000)), None);
}

/// Asks a node to hand over, and answers for it.
async fn hand_over(site: &Site, asked: &mut mpsc::Receiver<Request>, refused: bool) -> Result<(), NotDone> {
    let answering = async {
        if let Some(Request::Command { reply, .. }) = asked.recv().await {
            let token = Some(FencingToken(7));
            let _ = reply.send(if refused { Err(TransferRefused::NoSuccessor.into()) } else { Ok(token) });
        }
        std::future::pending::<()>().await;
    };
    in_time(async {
        tokio::select! {
            result = site.perform(Command::Transfer(None)) => result.map(|_| ()),
            () = answering => unreachable!(),
        }
    })
    .await
}

#[tokio::test]
async fn a_leader_hands_over_once_and_is_not_asked_again_for_a_while() {
    let puppet = Puppet::new();
    let (requests, mut asked) = mpsc::channel(1);
    let mut site = Site::new(Arc::clone(&puppet.view), requests.downgrade(), Arc::new(TestRuntime));
    site.hand_over_pause = Duration::from_secs(3_600);
    // What was refused does not count.
    assert!(matches!(hand_over(&site, &mut asked, true).await, Err(NotDone::Refused(_))));
    assert_eq!(hand_over(&site, &mut asked, false).await, Ok(()));
    assert_eq!(in_time(site.perform(Command::Transfer(None))).await, Err(NotDone::TooSoon));
    assert_eq!(in_time(site.perform(Command::StepDown)).await, Err(NotDone::TooSoon));
    site.hand_over_pause = Duration::ZERO;
    assert_eq!(hand_over(&site, &mut asked, false).await, Ok(()));
}
