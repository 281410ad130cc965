//! The API token that a command shows.

use std::path::PathBuf;

use clap::Args;
use qcluster::client::ApiToken;

use crate::{Failure, exit};

/// Where the token is, where no file is named.
const TOKEN_VARIABLE: &str = "QCLUSTER_TOKEN";

#[derive(Args)]
pub(crate) struct Rights {
    /// A file whose first line is the API token to show; without it, the variable `QCLUSTER_TOKEN` is used. On the node's own machine
    /// none is needed, unless its configuration says so.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Rights {
    pub(super) fn token(&self) -> Result<Option<ApiToken>, Failure> {
        let bad = |place: &str, reason: String| Failure::new(exit::BAD_CONFIG, &format!("{place}: {reason}"));
        let (place, text) = match &self.token_file {
            Some(path) => {
                let place = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| bad(&place, error.to_string()))?;
                (place, text)
            }
            None => match std::env::var(TOKEN_VARIABLE) {
                // Where a variable cannot be unset, it is emptied.
                Ok(text) if !text.trim().is_empty() => (TOKEN_VARIABLE.to_owned(), text),
                Ok(_) | Err(_) => return Ok(None),
            },
        };
        let line = text.lines().next().unwrap_or_default().trim().to_owned();
        ApiToken::new(line).map(Some).map_err(|reason| bad(&place, reason))
    }
}
