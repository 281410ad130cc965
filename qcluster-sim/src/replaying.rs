//! The command's replay of a recording: line by line to the standard output, and what it came to.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use qcluster_sim::replay::{Damage, Done, Lines, Place, Replay, Step, Told, files};
use serde_json::{Value, json};

use crate::options::Format;

/// Replays the recording that is kept at `path`. Tells whether it was whole, and replayed to what it holds.
pub(crate) fn replay(path: &Path, format: Format, brief: bool) -> Result<bool, String> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut lines, mut replay, mut trouble) = (Lines::of(files(path)), Replay::default(), false);
    while let Some((place, line)) = lines.next()? {
        let text = match line {
            Ok(line) => {
                let told = replay.take(line);
                trouble |= told.is_trouble();
                if brief && !told.is_notable() {
                    continue;
                }
                match format {
                    Format::Text => format!("{}\n", numbered(&place, &told)),
                    Format::Json => format!("{}\n", told_json(&place, &told)),
                }
            }
            Err(damage) => {
                // A last line that a crash cut off is what a crash leaves; the incarnation after it begins with a line of its own.
                trouble |= damage != Damage::CutOff;
                replay.damaged();
                match format {
                    Format::Text => format!("{:>16}  !! {place}: {damage}\n", ""),
                    Format::Json => {
                        format!("{}\n", json!({ "place": place.to_string(), "damaged": damage.to_string() }))
                    }
                }
            }
        };
        super::written(out.write_all(text.as_bytes()))?;
    }
    let totals = match format {
        Format::Text => totals(&replay),
        Format::Json => totals_json(&replay),
    };
    super::written(out.write_all(totals.as_bytes()).and_then(|()| out.flush()))?;
    if replay.totals.starts + replay.totals.picked_up == 0 {
        return Err(format!("{}: no line in it begins an incarnation that could be replayed", path.display()));
    }
    Ok(!trouble)
}

/// What is more than a step says where it stands.
fn numbered(place: &Place, told: &Told) -> String {
    match told {
        Told::Step(_) => told.to_string(),
        Told::Begins { .. }
        | Told::Compared { .. }
        | Told::Gap { .. }
        | Told::Skipped
        | Told::CannotBegin(_)
        | Told::Panicked(_) => format!("{told}  ({place})"),
    }
}

fn told_json(place: &Place, told: &Told) -> Value {
    let mut value = match told {
        Told::Begins { at, about, other_version } => {
            json!({ "begins": about, "at_ns": at.as_nanos(), "other_version": other_version })
        }
        Told::Compared { at, agrees } => json!({ "snapshot_agrees": agrees, "at_ns": at.as_nanos() }),
        Told::Step(step) => step_json(step),
        Told::Gap { lost } => json!({ "gap": lost }),
        Told::Skipped => json!({ "skipped": true }),
        Told::CannotBegin(why) => json!({ "cannot_begin": why }),
        Told::Panicked(words) => json!({ "panics": words }),
    };
    value["place"] = json!(place.to_string());
    value
}

fn step_json(step: &Step) -> Value {
    let done = |done: &Done| match done {
        Done::Sent(words) => json!({ "sent": words }),
        Done::Saves(words) => json!({ "saves": words }),
        Done::Tells(words) => json!({ "tells": words }),
    };
    json!({
        "at_ns": step.at.as_nanos(),
        "input": step.input,
        "messages": step.messages,
        "outputs": step.outputs.iter().map(done).collect::<Vec<_>>(),
        "changes": step.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn totals(replay: &Replay) -> String {
    let totals = &replay.totals;
    let span = Duration::from_nanos(totals.span_ns).as_secs_f64();
    let mut out = String::from("\n");
    let _ =
        writeln!(out, "incarnations        {} begun, {} picked up from a snapshot", totals.starts, totals.picked_up);
    let _ = writeln!(out, "inputs       {} over {span:.3} s, {} outputs", totals.inputs, totals.outputs);
    let _ = writeln!(out, "snapshots    {} agree with the replay, {} do not", totals.agreed, totals.disagreed);
    let _ = writeln!(
        out,
        "missing      {} inputs lost, {} lines given to nobody, {} lines damaged or of no use",
        totals.lost, totals.skipped, totals.damaged
    );
    let _ = writeln!(out, "in the end   {}", in_the_end(replay));
    out
}

fn in_the_end(replay: &Replay) -> String {
    let Some(node) = replay.node() else { return "nothing is known".into() };
    let leader = node.leader().map_or_else(|| "nobody".to_owned(), |leader| leader.id.to_string());
    format!("{} is {} in term {}, leader {leader}", node.rules().id(), node.role().name(), node.term().0)
}

fn totals_json(replay: &Replay) -> String {
    let node = replay.node();
    let value = json!({
        "totals": replay.totals,
        "node": node.map(|node| node.rules().id().to_string()),
        "role": node.map(|node| node.role().name()),
        "term": node.map(|node| node.term().0),
        "leader": node.and_then(|node| node.leader()).map(|leader| leader.id.to_string()),
    });
    format!("{value}\n")
}
