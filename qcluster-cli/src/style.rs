//! The few colours of the terminal. In a pipe they are stripped.

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
