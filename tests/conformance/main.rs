//! One suite for all adapters: whatever runtime a node lives in, this is what it does. The stories are in the files beside
//! this one; each is told by a node on tokio, by one on smol and by one on a plain thread, and those of `mixed` by all three
//! together.

#[cfg(feature = "http")]
mod crowded;
mod hosts;
#[cfg(feature = "http")]
mod http;
mod life;
#[cfg(feature = "testing")]
mod memory;
#[cfg(feature = "smol")]
mod mixed;
mod places;
mod plain;
mod registry;
mod support;

/// A test for each story, by its own name, in each host.
macro_rules! tell {
    ($host:ty: $($chapter:ident { $($story:ident)* })*) => {
        $(
            mod $chapter {
                $(
                    #[test]
                    fn $story() {
                        use crate::hosts::Host as _;
                        <$host>::block_on(crate::$chapter::$story::<$host>());
                    }
                )*
            }
        )*
    };
}

/// All stories but those of HTTP and of clusters in memory, in one host.
macro_rules! all {
    ($host:ty) => {
        tell! { $host:
            life {
                a_cluster_of_one_leads_and_shows_itself_with_its_real_port
                a_node_without_the_api_leads_and_takes_no_tcp_port
                shutdown_ends_everything_and_frees_the_port
                abort_ends_everything_without_a_word
                a_node_stops_when_its_last_handle_is_dropped
                stepping_down_cancels_work_which_runs_again_under_a_larger_token
                what_cannot_be_transferred_is_refused_and_nothing_changes
                leadership_moves_to_the_voter_that_was_named
                another_leads_after_the_leader_has_gone
                a_leader_whose_work_fails_steps_down
                what_is_counted_is_told_without_http
                a_hand_over_waits_for_work_that_runs
                a_node_that_finds_no_leader_says_who_is_missing
                an_observer_sees_the_leader_and_never_leads
                work_may_be_spawned_and_ends_with_the_last_handle
                a_configuration_with_mistakes_starts_nothing
                a_port_in_use_is_told_and_left_alone
                handles_and_what_they_do_may_go_to_other_threads
            }
            places {
                a_node_needs_no_runtime_of_its_application
                a_leader_renews_its_lease_while_its_application_blocks_its_executor
                tokens_grow_over_restarts_with_a_data_dir
                a_damaged_record_stops_the_start_and_is_left_as_it_is
                a_record_of_somebody_else_is_to_be_left_alone_and_a_damaged_one_may_be_moved
                two_nodes_never_share_a_data_dir
                a_disk_that_cannot_be_written_is_told_with_its_path_and_tried_again
            }
            registry {
                what_one_node_registers_all_see_with_its_host
                a_refusal_says_why_and_changes_nothing
                all_nodes_name_the_same_owners
                scenario_23_a_member_that_comes_back_elsewhere_is_used_at_once
                scenario_28_who_leaves_was_never_down
                scenario_24_and_27_a_crash_is_seen_and_a_return_too
                scenario_30_silence_makes_a_service_critical_for_all
                what_the_configuration_says_is_there_from_the_start
                a_watch_ends_with_its_node
            }
        }
    };
}

/// Those of HTTP.
#[cfg(feature = "http")]
macro_rules! all_of_http {
    ($host:ty) => {
        tell! { $host:
            http {
                get_has_a_body_and_head_has_none
                one_connection_carries_requests_one_after_the_other
                what_is_too_long_is_refused_with_a_code
                endless_headers_and_nonsense_end_the_connection
                a_body_that_does_not_come_is_not_waited_for
                a_request_of_http_1_1_has_one_host
                a_proxy_on_this_machine_does_not_lend_its_address
                a_service_registered_over_http_is_told_to_who_streams_and_to_who_polls
                the_leader_alone_is_healthy_and_hands_over_when_asked
                the_server_ends_with_its_node
            }
            crowded {
                clients_that_send_nothing_make_room_for_who_asks
                clients_that_send_half_a_request_take_no_check_away
                clients_that_read_nothing_take_no_check_away
                a_client_that_closes_its_side_is_answered
                watchers_that_have_gone_give_their_places_back_at_once
            }
        }
    };
}

/// Those of clusters in memory.
#[cfg(feature = "testing")]
macro_rules! all_in_memory {
    ($host:ty) => {
        tell! { $host:
            memory {
                another_leads_after_the_leader_was_killed_and_it_comes_back
                a_leader_that_was_cut_off_loses_its_lease_and_takes_part_once_it_is_back
                a_node_that_was_stopped_or_frozen_while_it_was_dead_starts_again
                a_frozen_leader_does_not_lead_although_nobody_told_it
                a_frozen_node_can_be_killed_and_a_cluster_with_one_dropped
                what_the_test_wants_of_the_configuration_holds
                a_configuration_with_mistakes_starts_nothing
            }
        }
    };
}

mod on_tokio {
    all!(crate::hosts::Tokio);
    #[cfg(feature = "testing")]
    all_in_memory!(crate::hosts::Tokio);
    #[cfg(feature = "http")]
    all_of_http!(crate::hosts::Tokio);
}

#[cfg(feature = "smol")]
mod on_smol {
    all!(crate::hosts::Smol);
    #[cfg(feature = "testing")]
    all_in_memory!(crate::hosts::Smol);
    #[cfg(feature = "http")]
    all_of_http!(crate::hosts::Smol);
}

mod on_a_plain_thread {
    all!(crate::plain::Plain);
    #[cfg(feature = "testing")]
    all_in_memory!(crate::plain::Plain);
    #[cfg(feature = "http")]
    all_of_http!(crate::plain::Plain);
}

#[cfg(feature = "smol")]
mod on_all_together {
    tell! { crate::hosts::Tokio:
        mixed {
            nodes_of_all_runtimes_elect_one_leader_and_the_next
            nodes_of_all_runtimes_see_one_registry
        }
    }
}
