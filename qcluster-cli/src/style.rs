//! The few colours of the terminal, which are stripped in a pipe, and what of others' texts does not reach it.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Reset, Style};

/// Leading, and all that is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Lost, killed, failed.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Worth a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Following, and other news.
pub(crate) const NEWS: Style = AnsiColor::Cyan.on_default();
/// What stands beside the point.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// Titles.
pub(crate) const TITLE: Style = Style::new().bold();
/// Ends each of them.
pub(crate) const PLAIN: Reset = Reset;

/// A text of others as it may be shown: what would move the cursor, change colours, or turn or hide letters is shown by its number.
/// Lines stay lines. In JSON the numbers mean the same characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if (character.is_control() && character != '\n') || is_invisible(character) {
            // Writing to a string cannot fail. None of them needs more than four digits.
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Marks of direction, of joining and of width (Unicode Standard Annex 9).
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests;
