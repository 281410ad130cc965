//! What membership does for many nodes, in deterministic simulation: each figure with the gate that it has to meet.
//!
//! `cargo bench -p qcluster-sim --bench crowd` runs all; names, or beginnings of names, behind `--` choose. `--list` tells the
//! names, and `--seed N` decides something else than usual. Only the processor time depends on the machine.

mod crashes;
mod cuts;
mod faults;
mod joins;
mod records;
mod report;

use report::Report;

/// One question and what answers it.
struct Question {
    name: &'static str,
    answer: fn(&mut Report),
}

const QUESTIONS: &[Question] = &[
    Question { name: "crash-100", answer: |report| crashes::known_to_all(report, 100, 4_000) },
    Question { name: "crash-1000", answer: |report| crashes::known_to_all(report, 1_000, 6_000) },
    Question { name: "idle-100", answer: |report| crashes::idle(report, 100, 0) },
    Question { name: "idle-1000", answer: |report| crashes::idle(report, 1_000, 0) },
    Question { name: "idle-100-and-a-leader", answer: |report| crashes::idle(report, 100, 3) },
    Question { name: "join-500", answer: |report| joins::at_once(report, 500, 10_000) },
    Question { name: "loss-100", answer: |report| faults::an_hour_of_loss(report, 100, 50_000) },
    Question { name: "stall-100", answer: |report| faults::stall(report, 100, 5_000) },
    Question { name: "storms", answer: |report| faults::storms(report, 2_000) },
    Question { name: "restart-100", answer: |report| faults::mass_restart(report, 100) },
    Question { name: "cut-lonely-2", answer: |report| cuts::minutes(report, 1, 1, 10) },
    Question { name: "cut-halves-2", answer: |report| cuts::minutes(report, 2, 2, 10) },
    Question { name: "cut-halves-10", answer: |report| cuts::minutes(report, 10, 10, 10) },
    Question { name: "cut-halves-50", answer: |report| cuts::minutes(report, 50, 50, 10) },
    Question { name: "cut-halves-200", answer: |report| cuts::minutes(report, 200, 200, 10) },
    Question { name: "cut-halves-1000", answer: |report| cuts::minutes(report, 1_000, 1_000, 10) },
    Question { name: "cut-one-of-100", answer: |report| cuts::minutes(report, 99, 1, 10) },
    Question { name: "cut-25h-lonely-2", answer: |report| cuts::minutes(report, 1, 1, 25 * 60) },
    Question { name: "cut-25h-halves-2", answer: |report| cuts::minutes(report, 2, 2, 25 * 60) },
    Question { name: "cut-25h-halves-10", answer: |report| cuts::minutes(report, 10, 10, 25 * 60) },
    Question { name: "cut-25h-one-of-10", answer: |report| cuts::minutes(report, 9, 1, 25 * 60) },
    Question { name: "records-change", answer: |report| records::one_change(report, 100, 10_000) },
    Question { name: "records-steady", answer: |report| records::steady(report, 100, [100, 1_000, 10_000]) },
    Question { name: "records-newcomer", answer: |report| records::newcomer(report, 100, 10_000) },
    Question { name: "records-storms", answer: |report| records::storms(report, 1_000) },
];

fn main() {
    let mut names: Vec<String> = Vec::new();
    let mut seed = 1;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => return QUESTIONS.iter().for_each(|question| println!("{}", question.name)),
            "--seed" => seed = arguments.next().and_then(|seed| seed.parse().ok()).expect("--seed takes a number"),
            // Given by cargo.
            "--bench" => {}
            name => names.push(name.to_owned()),
        }
    }
    let is_name = |chosen: &str| QUESTIONS.iter().any(|question| question.name == chosen);
    let means = |chosen: &String, name: &str| name == chosen || !is_name(chosen) && name.starts_with(chosen.as_str());
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| means(chosen, name));
    let mut missed = 0;
    for question in QUESTIONS.iter().filter(|question| is_chosen(question.name)) {
        let mut report = Report::begin(question.name, seed);
        (question.answer)(&mut report);
        missed += report.end();
    }
    if missed > 0 {
        println!("{missed} missed");
        std::process::exit(1);
    }
}
