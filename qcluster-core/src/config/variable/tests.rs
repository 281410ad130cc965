//! What is a variable, and what is a `$` that somebody meant.

use super::variable_in;

#[test]
fn a_variable_is_told_from_a_dollar_sign() {
    for (text, variable) in [
        ("${HOSTNAME}", "${HOSTNAME}"),
        ("/var/lib/${NAME}/state", "${NAME}"),
        ("a-${ORDINAL:-0}.${DOMAIN}", "${ORDINAL:-0}"),
        ("${}", "${}"),
        ("$HOSTNAME", "$HOSTNAME"),
        ("$_1", "$_1"),
        ("münchen-${N}", "${N}"),
    ] {
        assert_eq!(variable_in(text), Some(variable), "{text}");
    }
    for text in ["", "$", "a$", "/srv/c$/state", "/srv/$NAME", "$5", "$a b", "${", "}${", "$$", "{name}", "$ü"] {
        assert_eq!(variable_in(text), None, "{text}");
    }
}
