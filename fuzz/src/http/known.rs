//! A node that has met two others and knows of services on all three, made once: what requests are answered from.

use std::sync::{Arc, OnceLock};

use qcluster_api::{Access, Directory, News, Subject};
use qcluster_core::{
    ApiRole, ApiToken, Command, Config, Endpoint, EndpointBoot, Input, Metadata, Notification, Output, Peer, Service,
    Span, Time,
};

use crate::cluster::{STAMP_MS, VOTERS, address, config, introduce, node_at, rules};

/// The tokens of the node, where it has any.
pub(super) const TOKENS: [(&str, ApiRole); 3] = [
    ("0123456789abcdef", ApiRole::Admin),
    ("registers-0123456", ApiRole::Register),
    ("reads-0123456789", ApiRole::Read),
];

/// How long the three have been together.
const TOGETHER_MS: u64 = 15_000;

/// The node that is asked.
pub(super) struct Known {
    pub(super) endpoint: Endpoint,
    pub(super) directory: Directory,
    /// Of a node that has just begun.
    pub(super) nothing: Directory,
    pub(super) subject: Subject,
    pub(super) with_tokens: Access,
    pub(super) without_tokens: Access,
    pub(super) now: Time,
}

impl Known {
    /// The one that there is.
    pub(super) fn get() -> &'static Self {
        static KNOWN: OnceLock<Known> = OnceLock::new();
        KNOWN.get_or_init(Self::new)
    }

    fn new() -> Self {
        let end = Time::from_millis(TOGETHER_MS);
        let (endpoint, news) = together(end);
        let nothing = Directory::empty(endpoint.node().rules().key(), STAMP_MS);
        let directory = nothing.after(endpoint.node(), end, 0, news);
        assert_eq!(directory.members(end).count(), VOTERS.len(), "the nodes have met");
        assert_eq!(directory.service_count(), VOTERS.len() * 2, "and know of all services");
        let tokens = TOKENS.map(|(token, role)| (ApiToken::new(token).expect("the token is long enough"), role));
        let without_tokens = Access::new(&asked_config(), Vec::new());
        let with_tokens = without_tokens.with_tokens(tokens.to_vec());
        Self { endpoint, directory, nothing, subject: subject(), with_tokens, without_tokens, now: end }
    }
}

fn asked_config() -> Config {
    let mut config = config(0);
    config.api.hosts = vec!["a.example".to_owned()];
    config
}

fn subject() -> Subject {
    let config = asked_config();
    let voters: Vec<Arc<Peer>> = (0..VOTERS.len()).map(|node| Arc::new(self::config(node).as_peer())).collect();
    Subject {
        me: Arc::clone(&voters[0]),
        rules: Arc::new(rules(&config)),
        cluster: config.cluster,
        listen: vec![address(0)],
        api_listen: Vec::new(),
        voters,
        expects_others: true,
    }
}

/// What a directory is told of a notification.
pub(super) fn news_of(notification: Notification) -> Option<News> {
    match notification {
        Notification::Member(change) => Some(News::Member(change)),
        Notification::Service(change) => Some(News::Service(change)),
        Notification::Trust { is_given } => Some(News::Trust { is_given }),
        Notification::LeaderChanged { leader, term } => {
            let leader = leader.map(|leader| Arc::new(config(leader.position()).as_peer()));
            Some(News::Leader { leader, term })
        }
        _ => None,
    }
}

/// The services of each node.
fn services(node: &str) -> [Service; 2] {
    let mut metadata = Metadata::new();
    metadata.insert("zone".to_owned(), "b".into());
    metadata.insert("the-weight".to_owned(), 2.5.into());
    let mut web = Service::new("web", 8_080).with_id(format!("web-{node}"));
    (web.tags, web.metadata) = (vec!["v1".to_owned(), node.to_owned()], metadata);
    [web, Service::new("db", 0).with_id("db")]
}

/// Lets the three run on a network without faults. Gives the first, and what it has told.
fn together(end: Time) -> (Endpoint, Vec<News>) {
    let mut endpoints: Vec<Endpoint> = (0..VOTERS.len())
        .map(|node| {
            let boot = EndpointBoot { seed: node as u64, stamp_ms: STAMP_MS, saved: None };
            let mut endpoint =
                Endpoint::new(rules(&config(node)), boot, Time::ZERO).expect("the boot values are right");
            introduce(&mut endpoint, node, Time::ZERO);
            for service in services(VOTERS[node]) {
                drop(endpoint.step(Time::ZERO, Input::Command(Command::Register(service))));
            }
            endpoint
        })
        .collect();
    let (mut now, mut news, mut under_way) = (Time::ZERO, Vec::new(), Vec::new());
    while now < end {
        for node in 0..endpoints.len() {
            step(&mut endpoints, node, now, Input::Timeout, &mut news, &mut under_way);
        }
        while let Some((from, to, bytes)) = under_way.pop() {
            let input = Input::Datagram { from: address(from), bytes: &bytes };
            step(&mut endpoints, to, now, input, &mut news, &mut under_way);
        }
        now = now + Span::from_millis(5);
    }
    (endpoints.swap_remove(0), news)
}

type Letter = (usize, usize, Vec<u8>);

fn step(
    endpoints: &mut [Endpoint],
    node: usize,
    now: Time,
    input: Input<'_>,
    news: &mut Vec<News>,
    under_way: &mut Vec<Letter>,
) {
    let Some(endpoint) = endpoints.get_mut(node) else { return };
    let mut outputs = endpoint.step(now, input);
    while let Some(output) = outputs.next() {
        match output {
            Output::Transmit { to, bytes } => {
                under_way.extend(node_at(to).map(|to| (node, to, bytes.to_vec())));
            }
            Output::Notify(notification) if node == 0 => news.extend(news_of(notification)),
            Output::Notify(_) | Output::Persist { .. } => {}
        }
    }
}
