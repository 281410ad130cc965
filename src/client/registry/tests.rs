//! How questions become addresses.

use super::{ServiceFilter, encoded, path_of};

#[test]
fn names_and_tags_cannot_break_out_of_their_place() {
    assert_eq!(path_of(&ServiceFilter::default()), "/v1/services");
    assert_eq!(path_of(&ServiceFilter::new("web").with_healthy(true)), "/v1/services/web?healthy=true");
    assert_eq!(path_of(&ServiceFilter::new("a/b?c").with_tags(["x&y", "z"])), "/v1/services/a%2Fb%3Fc?tag=x%26y&tag=z");
    assert_eq!(encoded("a b\u{e9}/..").to_string(), "a%20b%C3%A9%2F%2E%2E");
}
