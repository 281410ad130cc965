//! The scenarios that must hold, each a story about typed nodes in a small deterministic world.

#![allow(unreachable_pub, reason = "a test binary has no public interface; plain pub reads better in it")]

mod boots;
mod candidates;
mod change;
mod clocks;
mod configuration;
mod dice;
mod duplicates;
mod elections;
mod embedder;
mod incarnations;
mod late_duplicates;
mod leading;
mod lease_adapts;
mod lease_length;
mod leases;
mod newcomers;
mod observers;
mod own_record;
mod pace;
mod partitions;
mod preferred;
mod promises;
mod proofs;
mod reflection;
mod renames;
mod sharing;
mod silences;
mod strangers;
mod timers;
mod transfers;
mod votes;
mod walls;
mod worked_example;
mod world;
