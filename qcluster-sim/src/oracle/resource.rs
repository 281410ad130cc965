//! A resource that is guarded by fencing tokens: it remembers the largest and refuses smaller ones, however late they come.

use super::{Breach, Rule};

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Accepted,
    /// The token is not the largest any more: what tokens are for.
    Fenced,
}

#[derive(Debug, Default)]
pub(super) struct Resource {
    largest: u64,
}

impl Resource {
    /// A write arrives; `valid` says whether its writer still holds the lease it was made under.
    pub(super) fn arrived(&mut self, token: u64, valid: bool) -> Result<Arrival, Breach> {
        if token >= self.largest {
            self.largest = token;
            return Ok(Arrival::Accepted);
        }
        if valid {
            let detail = format!("a write under the valid lease of token {token} comes after token {}", self.largest);
            return Err(Breach::new(Rule::ResourceAgrees, detail));
        }
        Ok(Arrival::Fenced)
    }
}
