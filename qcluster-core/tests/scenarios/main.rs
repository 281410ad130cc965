//! The scenarios that must hold, each a story about typed nodes in a small deterministic world.

#![allow(unreachable_pub, reason = "a test binary has no public interface; plain pub reads better in it")]

mod elections;
mod world;
