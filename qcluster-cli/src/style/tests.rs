//! What reaches a terminal of texts that others wrote.

use super::shown;

#[test]
fn nothing_that_others_wrote_controls_the_terminal() {
    // C1's control sequence introducer, an ordinary escape, a bell, a tab, and a letter order that is turned.
    assert_eq!(shown("a\u{9b}31m\u{1b}[2J\u{7}\t"), "a\\u009b31m\\u001b[2J\\u0007\\u0009");
    assert_eq!(shown("user\u{202e}gpj.exe"), "user\\u202egpj.exe");
    assert_eq!(shown("│ Köln 東京 │\n"), "│ Köln 東京 │\n");
    let json = serde_json::to_string("\u{9b}\u{feff}").unwrap();
    assert_eq!(serde_json::from_str::<String>(&shown(&json)).unwrap(), "\u{9b}\u{feff}");
}
