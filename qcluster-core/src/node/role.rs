//! What a node can be, for display.

/// What a node is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is in a cluster without election.
    Member,
    /// It has no vote.
    Observer,
    /// It has a vote, and takes no part yet: it sits out its boot wait (E9), or is among others for too short a time (E17).
    Booting,
    /// It follows a leader, or waits for one.
    Follower,
    /// It asks whether it could win (E5).
    PreCandidate,
    /// It asks for votes (E6).
    Candidate,
    /// It has won, and leads as soon and as long as it has the [`HeldLease`](crate::HeldLease) (E3, E7).
    Leader,
    /// It takes part in nothing any more.
    Stopped,
}

impl Role {
    /// A short name that never changes, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Observer => "observer",
            Self::Booting => "booting",
            Self::Follower => "follower",
            Self::PreCandidate => "pre_candidate",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Stopped => "stopped",
        }
    }
}

#[cfg(test)]
mod tests;
