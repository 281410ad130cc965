//! What a handler is given.

use super::request::Request;
use super::view::View;

/// A request, and what is known of the node.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) view: &'a View<'a>,
}
