//! Whether all see the same, and what is so.

use std::fmt::Write as _;

use qcluster_core::{MemberView, NodeId};

use super::Crowd;

impl Crowd {
    /// Whether all views are equal, and show who is there: no more and no fewer.
    pub fn agrees(&self) -> bool {
        self.agree_among(|_| true)
    }

    /// The same for some of the hosts, as if there were no others.
    pub fn agree_among(&self, is_meant: impl Fn(usize) -> bool) -> bool {
        let meant = || self.live().filter(|(host, _)| is_meant(*host));
        let Some((_, first)) = meant().next() else { return true };
        let hash = first.members_hash();
        if meant().any(|(_, node)| node.members_hash() != hash) {
            return false;
        }
        let present = first.members().filter(|member| member.state.is_present());
        let hosts = present.map(|member| self.by_name.get(&member.id).copied());
        let right: Vec<bool> =
            hosts.map(|host| host.is_some_and(|host| is_meant(host) && self.is_live(host))).collect();
        right.iter().all(|right| *right) && right.len() == meant().count()
    }

    /// Where views differ from what is so, in words.
    pub fn differences(&self) -> String {
        let mut text = String::new();
        for (host, node) in self.live() {
            let wrong = |member: &MemberView| {
                self.by_name.get(&member.id).is_none_or(|host| self.is_live(*host) != member.state.is_present())
            };
            let known: Vec<NodeId> = node.members().map(|member| member.id).collect();
            let unknown = self.live().filter(|(_, other)| !known.contains(other.rules().id())).map(|(host, _)| host);
            let wrong: Vec<String> = node
                .members()
                .filter(wrong)
                .map(|member| format!("{} {} {:?}", member.id, member.state.name(), member.standing))
                .collect();
            let unknown: Vec<usize> = unknown.collect();
            let (incarnation, hash) = (node.incarnation(), node.members_hash());
            let written = write!(
                text,
                "\n  {host} ({incarnation:?}, {hash:016x}): wrong of {wrong:?}, does not know {unknown:?}"
            );
            debug_assert!(written.is_ok(), "a text takes whatever is written");
        }
        text
    }

    fn is_live(&self, host: usize) -> bool {
        self.hosts[host].machine.endpoint.is_some()
    }
}
