//! Variables that nothing has replaced, such as `${HOSTNAME}`: a configuration is not expanded, so their text would be taken as it is.

use alloc::format;
use alloc::string::String;

use super::problem::Findings;

/// The first variable in a text: `${…}` anywhere in it, or all of it as `$NAME`. Any other `$` may stand in a name or a path.
pub(crate) fn variable_in(text: &str) -> Option<&str> {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        begins && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if text.strip_prefix('$').is_some_and(is_name) {
        return Some(text);
    }
    let rest = &text[text.find("${")?..];
    rest.find('}').map(|end| &rest[..=end])
}

/// What is wrong with a text that has that variable in it.
pub(crate) fn not_replaced(variable: &str) -> String {
    format!("has a variable in it that was not replaced: {variable} (nothing in a configuration is expanded)")
}

impl Findings {
    /// Whether the text is as it was meant; adds the variable in it otherwise.
    pub(super) fn require_expanded(&mut self, field: &str, text: &str) -> bool {
        let variable = variable_in(text);
        if let Some(variable) = variable {
            self.add(field, not_replaced(variable));
        }
        variable.is_none()
    }
}

#[cfg(test)]
mod tests;
