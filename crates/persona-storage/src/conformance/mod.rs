//! What every backend must do: one list of cases, each a function of a store.
//!
//! A backend opts in with one line, `conformance_suite!(open)`, and cannot leave a case out. Start
//! reading at the macro.

#![expect(missing_docs, reason = "the name of a case is the statement that it proves")]

pub mod counts;
pub mod creation;
pub mod deletion;
pub mod feed;
pub mod following;
pub mod handles;
pub mod history;
pub mod importing;
pub mod label_keys;
pub mod labels;
pub mod limits;
pub mod lists;
pub mod moved_handles;
pub mod owners;
pub mod patching;
pub mod polling;
pub mod positions;
pub mod purged_identities;
pub mod purged_keys;
pub mod purging;
pub mod races;
pub mod reach;
pub mod releases;
pub mod repetition;
pub mod replacing;
pub mod reverting;
pub mod revision_lists;
pub mod searching;
pub mod squashed_by_key;
pub mod squashed_histories;
pub mod squashing;
mod steps;
pub mod together;
pub mod token_authority;
pub mod tokens;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use persona_model::{Clock, Timestamp};

use crate::Store;

pub use labels::label_move;
pub use steps::{document, guess, id, idempotent, soon, with_real_tags, write};

/// A fresh, empty store for one case.
pub struct Fixture {
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// A value that must live as long as the store, such as its folder.
    pub keep: Box<dyn Any + Send>,
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct TestClock {
    wall: AtomicI64,
    elapsed: AtomicU64,
}

impl Default for TestClock {
    fn default() -> Self {
        // 2026-11-24T12:00:00Z.
        Self { wall: AtomicI64::new(1_795_521_600_000_000), elapsed: AtomicU64::default() }
    }
}

impl TestClock {
    /// Lets time pass; a negative value sets the time of day back.
    pub fn advance_micros(&self, micros: i64) {
        self.elapsed.fetch_add(u64::try_from(micros).unwrap_or_default(), Ordering::SeqCst);
        self.jump_micros(micros);
    }

    /// Sets the time of day forward, or back when negative, without passing time.
    pub fn jump_micros(&self, micros: i64) {
        self.wall.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed.load(Ordering::SeqCst))
    }
}

/// Makes one test of every case. `$open` is a function from `Arc<TestClock>` to [`Fixture`].
#[macro_export]
macro_rules! conformance_suite {
    ($open:path) => {
        $crate::conformance_suite! { @ $open;
            creation::a_created_persona_reads_back_as_it_was_answered,
            creation::creating_an_identity_twice_is_refused_with_the_current_revision,
            creation::documents_that_differ_in_a_number_have_different_hashes,
            creation::a_handle_belongs_to_one_living_persona,
            creation::a_deleted_persona_gives_its_handle_free_and_cannot_take_it_back_from_a_new_holder,
            replacing::replacing_with_the_current_revision_makes_the_next_one,
            replacing::replacing_with_a_stale_revision_is_refused_and_changes_nothing,
            replacing::replacing_with_the_same_document_changes_nothing,
            replacing::a_tag_of_the_current_revision_with_other_content_is_refused_by_every_write,
            replacing::a_date_is_met_by_a_state_that_is_no_later,
            replacing::replacing_an_unknown_persona_is_refused,
            replacing::times_grow_with_every_revision_even_when_the_clock_is_set_back,
            replacing::a_clock_that_jumps_is_not_believed_until_that_has_lasted,
            replacing::a_stamp_of_a_wrong_clock_lifts_no_other,
            patching::a_merge_patch_leaves_what_it_does_not_name_and_null_clears,
            patching::a_json_patch_is_applied_whole_or_not_at_all,
            patching::a_patch_that_breaks_a_rule_names_every_fault,
            patching::a_patch_of_an_older_base_keeps_what_others_changed_meanwhile,
            patching::a_patch_of_an_older_base_that_conflicts_returns_all_three_sides,
            patching::a_patch_of_an_older_base_is_merged_by_items_and_lines,
            patching::a_patch_of_an_unknown_base_is_refused,
            deletion::a_deleted_persona_still_reads_but_cannot_be_changed,
            deletion::deleting_again_changes_nothing_whatever_is_expected,
            deletion::an_undeleted_persona_is_as_it_was_with_a_new_revision,
            deletion::deleting_with_a_stale_revision_is_refused,
            purged_identities::a_purged_identity_is_told_before_whatever_else_is_wrong,
            purged_identities::of_several_purged_personas_the_first_that_was_named_is_told,
            purging::a_purged_persona_is_gone_with_everything_and_leaves_a_tombstone,
            purging::a_purge_is_told_in_the_feed_behind_the_lines_of_its_persona,
            purging::an_identity_that_was_purged_is_never_used_again,
            purging::purging_again_changes_nothing_whatever_is_expected,
            purging::a_purge_of_another_state_is_refused_and_removes_nothing,
            purging::a_repeated_request_of_a_purged_persona_is_refused,
            purged_keys::a_repetition_tells_of_a_purge_only_to_a_viewer_that_reached_the_persona,
            purged_keys::a_repetition_tells_nothing_of_a_persona_that_was_given_away,
            purged_keys::moves_of_which_one_persona_was_purged_are_not_repeated_and_others_are,
            purging::a_bound_viewer_purges_its_own_personas_and_knows_of_no_others,
            purging::a_change_after_a_purge_is_later_than_it,
            purging::a_history_of_any_length_is_purged,
            purging::a_persona_that_is_purged_beside_its_writers_is_gone_when_that_is_answered,
            history::every_revision_stays_readable_with_author_and_changed_fields,
            history::a_large_document_is_not_read_at_a_glance,
            history::a_tag_names_the_same_state_wherever_it_is_answered,
            reverting::reverting_makes_a_new_revision_with_the_earlier_document,
            reverting::a_revert_is_refused_like_any_other_write,
            revision_lists::a_list_of_revisions_tells_what_each_change_was,
            revision_lists::a_list_of_revisions_pages_through_each_once_while_more_come,
            squashing::an_autosave_drops_the_autosave_that_it_replaces,
            squashing::what_is_no_autosave_of_the_same_author_in_the_window_is_kept,
            squashing::a_revision_that_a_label_ever_named_is_kept,
            squashing::of_a_long_session_a_revision_stays_for_each_window,
            squashing::a_dropped_revision_is_no_base_and_no_target,
            squashing::a_repeated_request_of_a_dropped_revision_is_not_applied_again,
            squashing::a_list_of_revisions_goes_on_where_revisions_were_dropped,
            squashing::autosaves_in_a_batch_are_squashed,
            squashing::a_dropped_revision_is_told_in_the_feed_with_its_author,
            squashed_by_key::an_autosave_without_an_author_is_dropped_by_one_that_names_its_key,
            squashed_by_key::what_was_not_made_under_the_named_key_is_kept,
            squashed_by_key::a_key_that_made_another_revision_or_none_drops_nothing,
            squashed_by_key::a_revision_that_a_label_ever_named_is_kept_whatever_key_is_named,
            squashed_by_key::the_key_of_another_client_drops_nothing,
            squashed_histories::a_random_history_keeps_what_the_rules_say_and_can_be_imported,
            squashed_histories::a_history_with_gaps_is_imported_and_goes_on,
            squashed_histories::labels_that_are_moved_beside_autosaves_name_revisions_that_stay,
            importing::a_history_is_kept_as_it_was,
            importing::an_exported_history_has_every_revision_of_every_persona,
            importing::a_history_keeps_the_hashes_that_were_stated,
            importing::a_history_is_continued_and_never_rewritten,
            importing::an_import_of_old_times_is_seen_by_followers_and_lifts_no_stamp,
            moved_handles::personas_that_exchanged_handles_are_exported_in_an_order_that_can_be_imported,
            moved_handles::a_random_history_of_moved_handles_comes_back_from_this_store,
            moved_handles::a_random_history_of_moved_handles_is_taken_in_by_this_store,
            handles::a_persona_is_found_by_its_handle_after_every_change,
            handles::a_handle_that_was_given_up_leads_to_its_persona_until_another_takes_it,
            handles::a_deleted_persona_is_found_by_the_handle_that_it_had,
            handles::a_handle_leads_to_no_persona_that_is_not_reached,
            handles::a_write_by_a_handle_is_refused_where_the_persona_gave_it_up,
            handles::a_move_by_a_handle_is_refused_where_the_persona_gave_it_up,
            handles::a_random_history_of_handles_leads_where_its_last_change_says,
            handles::lists_and_exports_hold_the_handles_that_begin_as_asked,
            feed::every_change_is_in_the_feed_once_in_commit_order,
            feed::a_refused_write_leaves_no_trace_in_the_feed,
            following::events_tell_the_lines_of_the_feed_with_their_authors,
            following::a_place_that_the_feed_does_not_have_is_refused,
            following::a_follower_that_waits_is_told_of_the_next_change,
            following::followers_beside_many_writers_miss_nothing_and_see_nothing_twice,
            lists::every_order_pages_through_every_persona_once,
            lists::filters_select_exactly_the_personas_that_meet_them,
            lists::tags_leave_personas_out_and_labels_are_wanted,
            lists::a_list_is_stable_while_personas_come_and_go,
            lists::a_page_of_large_personas_ends_early_and_the_next_one_goes_on,
            lists::an_export_holds_every_living_persona_once,
            counts::folders_are_counted_with_all_that_is_below_them,
            counts::labels_and_owners_are_counted_of_the_living,
            counts::counts_come_in_pages_in_the_order_of_their_names,
            counts::a_bound_viewer_counts_what_it_reaches,
            searching::a_search_finds_words_phrases_prefixes_and_leaves_out_exclusions,
            searching::signs_belong_to_words_and_letters_are_folded_fully,
            searching::tags_are_found_in_any_case_after_every_kind_of_change,
            searching::a_search_follows_every_change_at_once,
            searching::a_name_counts_for_more_than_a_tag_and_a_tag_for_more_than_a_text,
            repetition::a_repeated_request_is_answered_as_the_first_time_and_changes_nothing,
            repetition::a_key_of_another_request_is_refused,
            repetition::a_refused_request_may_be_repeated_with_the_same_key,
            repetition::a_key_is_kept_however_far_the_clock_jumps,
            polling::a_poller_sees_each_change_of_a_kind_and_none_a_second_time,
            polling::the_first_list_of_a_poller_may_be_one_by_time,
            polling::a_position_of_another_history_is_refused,
            polling::a_poller_misses_nothing_of_many_writers,
            positions::a_place_confirms_no_guess_at_a_line_of_another_owner,
            positions::a_bound_viewer_follows_its_lists_by_places_that_prove_nothing,
            together::a_batch_is_applied_as_a_whole_in_its_order,
            together::a_batch_with_one_refused_write_leaves_no_trace,
            together::a_handle_moves_within_a_batch_in_its_order,
            together::a_repeated_batch_is_answered_as_the_first_time,
            together::a_batch_merges_with_what_happened_since_its_bases,
            together::a_batch_is_bounded_by_the_bytes_of_its_documents,
            together::the_words_of_a_batch_are_found_and_those_before_are_not,
            together::batches_beside_each_other_and_beside_writes_lose_nothing,
            together::batches_that_create_the_same_personas_create_them_once,
            together::the_largest_batch_is_applied_and_one_that_comes_too_late_is_not,
            owners::a_handle_is_unique_among_the_personas_of_an_owner,
            owners::a_handle_goes_from_owner_to_owner_within_a_batch,
            owners::a_list_of_an_owner_has_its_personas_in_every_order,
            owners::the_other_conditions_of_a_list_hold_for_an_owner_too,
            owners::an_export_of_an_owner_has_its_personas_only,
            owners::the_owners_of_several_personas_are_looked_at_together,
            reach::a_bound_viewer_reads_its_own_personas_and_no_others,
            reach::a_write_of_a_bound_viewer_finds_no_persona_of_others,
            reach::a_move_of_a_bound_viewer_finds_no_persona_of_others,
            reach::what_a_bound_viewer_writes_is_of_its_owner,
            reach::a_persona_that_is_given_away_is_gone_for_its_former_owner,
            reach::a_key_counts_for_its_token_only,
            tokens::a_token_is_found_by_its_secret_and_by_no_other,
            tokens::a_token_that_is_made_twice_is_one_and_its_name_is_taken,
            tokens::a_revoked_token_has_ended_when_its_revocation_is_answered,
            tokens::a_rotated_token_has_two_secrets_and_a_deleted_one_is_gone,
            tokens::the_use_of_a_token_is_noted_once_an_hour,
            tokens::of_several_exchanges_of_a_token_one_is_made,
            token_authority::a_client_without_a_token_makes_the_first_one_and_no_other,
            token_authority::a_token_makes_none_that_permits_what_it_does_not,
            token_authority::a_token_manages_none_that_reaches_further,
            token_authority::a_token_that_has_ended_makes_no_other,
            token_authority::a_secret_that_was_replaced_changes_no_token,
            token_authority::an_owner_with_a_used_up_share_gets_a_token_in_place_of_an_ended_one,
            token_authority::tokens_are_listed_page_by_page_and_those_of_an_owner_alone,
            labels::a_label_points_where_it_was_moved_and_the_persona_stays_as_it_was,
            labels::a_label_that_points_there_already_is_left_as_it_is,
            labels::a_move_of_a_label_in_another_state_is_refused_and_tells_the_state,
            labels::a_removed_label_is_gone_and_its_moves_go_on_where_it_is_set_again,
            labels::the_moves_of_a_label_are_kept_page_by_page,
            labels::a_persona_is_read_by_a_label_at_one_moment,
            labels::the_labels_of_several_personas_are_read_together,
            labels::numbers_that_no_revision_has_are_refused,
            labels::a_persona_has_as_many_labels_as_may_be_and_no_more,
            labels::labels_of_a_deleted_persona_are_kept_and_stay_where_they_are,
            releases::a_release_moves_all_labels_in_their_order_or_none,
            label_keys::moves_with_a_key_are_made_once_and_answered_again,
            label_keys::moves_that_change_nothing_keep_their_answer_too,
            label_keys::a_key_is_of_moves_or_of_a_write_and_of_one_request,
            label_keys::a_key_of_moves_is_of_its_personas,
            label_keys::refused_moves_may_be_repeated_with_the_same_key,
            label_keys::of_concurrent_moves_with_one_key_one_is_made_and_all_are_told_the_same,
            labels::every_move_is_in_the_feed_and_followers_of_personas_hear_nothing,
            labels::an_exported_history_has_every_revision_once_whatever_labels_point_to_it,
            releases::of_concurrent_moves_of_one_state_exactly_one_is_made,
            releases::releases_beside_each_other_and_beside_writes_are_each_whole,
            releases::moves_that_come_too_late_or_to_a_closed_store_are_never_made,
            limits::no_write_makes_a_document_larger_than_its_limit,
            limits::two_sides_that_fit_alone_and_not_together_are_refused,
            limits::a_document_from_before_the_limit_is_read_and_can_only_become_smaller,
            limits::a_large_document_is_changed_like_a_small_one,
            limits::concurrent_patches_of_a_large_persona_lose_nothing,
            limits::the_words_of_a_large_document_are_found_after_every_kind_of_change,
            limits::numbers_at_the_edge_of_64_bits_are_numbers_of_nothing,
            races::concurrent_patches_of_one_persona_lose_nothing,
            races::of_concurrent_replacements_of_one_revision_exactly_one_wins,
            races::a_write_is_never_applied_after_its_deadline,
            races::a_closed_store_refuses_and_does_not_hang,
        }
    };
    (@ $open:path; $($module:ident :: $case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let clock = std::sync::Arc::new($crate::conformance::TestClock::default());
                let fixture = $open(std::sync::Arc::clone(&clock));
                $crate::conformance::$module::$case(&fixture.store, &clock).await;
                fixture.store.close().await;
            }
        )*
    };
}
