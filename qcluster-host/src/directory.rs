//! Members, services and what happened to them, as the loop makes them known: whole, and no more often than is of use.

use std::collections::VecDeque;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use qcluster_api::{Directory, News};
use qcluster_core::{Node, NodeKey, Peer, Span, Time};
use tokio::sync::watch;

/// What changes within this time is made known together: a directory is rebuilt as a whole.
const PAUSE: Span = Span::from_millis(20);

/// Where the directory hangs.
#[derive(Debug)]
pub struct DirectoryCell(ArcSwap<Directory>);

impl DirectoryCell {
    /// The directory as last made known. Later ones do not change this one.
    pub fn read(&self) -> Guard<Arc<Directory>> {
        self.0.load()
    }
}

/// The writing side.
#[derive(Debug)]
pub struct DirectoryWriter {
    directory_cell: Arc<DirectoryCell>,
    /// The index of what happened last.
    index: watch::Sender<u64>,
    news: VecDeque<News>,
    /// What had to make room in `news` since it was published last.
    missed: u64,
    is_due: bool,
    publish_at: Time,
    refreshed_at: Time,
}

impl DirectoryWriter {
    /// How often ages and the reported leader are brought up to date where nothing happens.
    const REFRESH: Span = Span::from_millis(1_000);

    /// `first_index` is what events are numbered from.
    pub fn new(me: NodeKey, first_index: u64) -> (Self, Arc<DirectoryCell>, watch::Receiver<u64>) {
        let directory_cell = Arc::new(DirectoryCell(ArcSwap::from_pointee(Directory::empty(me, first_index))));
        let (index, seen) = watch::channel(first_index);
        let directory_writer = Self {
            directory_cell: Arc::clone(&directory_cell),
            index,
            news: VecDeque::new(),
            missed: 0,
            is_due: true,
            publish_at: Time::ZERO,
            refreshed_at: Time::ZERO,
        };
        (directory_writer, directory_cell, seen)
    }

    /// Something happened. Of more than is remembered anyway, the oldest goes.
    pub fn note(&mut self, news: News) {
        if self.news.len() >= Directory::EVENTS_MAX {
            self.news.pop_front();
            self.missed = self.missed.saturating_add(1);
        }
        self.news.push_back(news);
        self.is_due = true;
    }

    /// What this node was asked to register is to be seen at once. A heartbeat that changed nothing has made no news, and
    /// costs no new directory; `is_news` where something changed that nobody is told of.
    pub fn hurry(&mut self, is_news: bool) {
        if is_news || !self.news.is_empty() {
            self.is_due = true;
            self.publish_at = Time::ZERO;
        }
    }

    /// A node as clients can connect to it, as far as is known.
    pub fn placed(&self, peer: Arc<Peer>) -> Arc<Peer> {
        if peer.host.is_empty() { Arc::new(self.directory_cell.read().placed(Peer::clone(&peer))) } else { peer }
    }

    /// When to call [`Self::publish`] at the latest.
    pub fn deadline(&self) -> Time {
        if self.is_due { self.publish_at } else { Time::NEVER }
    }

    /// Makes known what is to be known, if it is time.
    pub fn publish(&mut self, node: &Node, now: Time) {
        let is_old = now.since(self.refreshed_at) >= Self::REFRESH;
        if !(is_old || self.is_due && now >= self.publish_at) {
            return;
        }
        let mut directory =
            self.directory_cell.0.load().after(node, now, core::mem::take(&mut self.missed), self.news.drain(..));
        let hint = node.reported_leader();
        let named = hint.and_then(|hint| Some((Arc::from(node.rules().voter(hint.leader)?.id.as_str()), hint.term)));
        directory.set_reported(named);
        let index = directory.index();
        self.directory_cell.0.store(Arc::new(directory));
        (self.is_due, self.publish_at, self.refreshed_at) = (false, now + PAUSE, now);
        self.index.send_if_modified(|known| core::mem::replace(known, index) != index);
    }
}
