//! Blanking keeps places and code, and nothing else.

use super::{Source, blank, words};

fn blanked(text: &str) -> String {
    let code = blank(text);
    assert_eq!(code.len(), text.len(), "offsets would no longer agree");
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn comments_go_and_code_stays() {
    assert_eq!(blanked("a // todo!()\nb"), "a b");
    assert_eq!(blanked("a /* x /* nested */ y */ b"), "a b");
    assert_eq!(blanked("/// let x = crate::node;\nfn f() {}"), "fn f() {}");
    assert_eq!(blanked("a /* never ended"), "a");
}

#[test]
fn literals_are_emptied() {
    assert_eq!(blanked(r#"f("todo!(\" // no", b)"#), "f( , b)");
    assert_eq!(blanked(r##"f(r#"a " todo!"#, b)"##), "f( , b)");
    assert_eq!(blanked(r#"f(br"\", b)"#), "f( , b)");
    assert_eq!(blanked(r"f('\'', '/', b)"), "f( , , b)");
    assert_eq!(blanked("a \"never ended"), "a");
}

#[test]
fn lifetimes_and_raw_identifiers_are_code() {
    assert_eq!(blanked("fn f<'a>(x: &'a str, r#type: u8) {}"), "fn f<'a>(x: &'a str, r#type: u8) {}");
}

#[test]
fn a_word_is_a_whole_word() {
    assert_eq!(words("thread threads my_thread thread", "thread").collect::<Vec<_>>(), [0, 25]);
    assert_eq!(words("#[ignore] #[ignored]", "#[ignore").collect::<Vec<_>>(), [0]);
    assert_eq!(words("std::x mystd::x", "std::").collect::<Vec<_>>(), [0]);
}

#[test]
fn findings_name_file_and_line() {
    let source = Source::new("src/a.rs", "one\ntwo\nthree");
    assert_eq!(source.finding(8, "here").to_string(), "src/a.rs:3: here");
}
