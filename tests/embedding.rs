//! The examples of hosts by hand are run as they stand.

#[path = "../examples/embed_in_memory.rs"]
mod embed_in_memory;
#[path = "../examples/embed_std.rs"]
mod embed_std;

#[test]
fn three_nodes_in_memory_elect_a_leader_and_the_next() {
    embed_in_memory::main().unwrap();
}

#[test]
fn three_hosts_of_the_standard_library_elect_a_leader() {
    embed_std::main().unwrap();
}
