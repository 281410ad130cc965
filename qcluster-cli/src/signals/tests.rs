//! Which processes were started to outlive their terminal.

use super::is_hangup_ignored;

#[test]
fn only_a_system_that_says_so_has_a_closed_terminal_ignored() {
    for (status, is_ignored) in [
        ("Name:\tqcluster\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n", true),
        ("SigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n", true),
        ("SigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n", false),
        // No /proc, as on macOS and the BSDs, or another one.
        ("", false),
        ("qcluster 4711 1 0", false),
        ("SigIgn:\tnonsense\n", false),
    ] {
        assert_eq!(is_hangup_ignored(status), is_ignored, "{status:?}");
    }
}
