//! What handlers read of a request beside its body, with a sentence where it is nonsense.
//!
//! A parameter that a path does not know is refused: a filter with a slip in its name would select everything.

use alloc::format;
use alloc::string::String;
use core::ops::RangeInclusive;

use super::Outcome;
use super::call::Call;
use super::response::{ErrorCode, Response};

/// An answer, or the refusal in its place.
pub(super) fn answered(answer: Result<Response, Response>) -> Outcome {
    Outcome::Respond(answer.unwrap_or_else(|refusal| refusal))
}

pub(super) fn bad(message: &str) -> Response {
    Response::error(ErrorCode::BadRequest, message)
}

/// Refuses parameters beside those.
pub(super) fn only(call: &Call<'_>, known: &[&str]) -> Result<(), Response> {
    match call.request.parameter_names().find(|name| !known.contains(&name.as_ref())) {
        None => Ok(()),
        Some(name) if known.is_empty() => Err(bad(&format!("{name}: this path takes no parameters"))),
        Some(name) => Err(bad(&format!("{name}: this path takes the parameters {}", known.join(", ")))),
    }
}

/// A part of the path that is not empty.
pub(super) fn segment(call: &Call<'_>, index: usize, what: &str) -> Result<String, Response> {
    let segment = call.request.segment(index).filter(|segment| !segment.is_empty());
    segment.map(Into::into).ok_or_else(|| bad(&format!("{what} in the path is empty, badly encoded, or no UTF-8")))
}

/// A whole number, if the parameter is there.
pub(super) fn number(call: &Call<'_>, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Response> {
    let Some(text) = call.request.parameter(name) else { return Ok(None) };
    // Signs and spaces are nonsense here, and `parse` takes a plus.
    let number = text.parse().ok().filter(|number| range.contains(number) && !text.starts_with('+'));
    let (from, to) = range.into_inner();
    number.map(Some).ok_or_else(|| bad(&format!("{name}: has to be a whole number from {from} to {to}")))
}

/// Refuses a body.
pub(super) fn no_body(call: &Call<'_>) -> Result<(), Response> {
    if call.request.body.is_empty() { Ok(()) } else { Err(bad("this takes no body")) }
}
