//! Times to live: nothing that was asked for is lost in silence.

use std::time::Duration;

use super::time_to_live;

#[test]
fn a_time_to_live_is_of_whole_milliseconds() {
    for (text, ms) in [("3", 3_000), ("1ms", 1), ("1500us", 0), ("2000us", 2), ("1m 5s", 65_000), ("0s", 0)] {
        assert_eq!(time_to_live(text).unwrap_or_default(), Duration::from_millis(ms), "{text}");
    }
    for bad in
        ["0", "1us", "1ms 1ns", "-1", "-1s", "", "soon", "--health", "99999999999999999999", "18446744073709551615"]
    {
        assert!(time_to_live(bad).is_err_and(|sentence| sentence.starts_with("has to be a time")), "{bad}");
    }
}
