/* SPDX-License-Identifier: Apache-2.0
 *
 * test_layout.c - the frozen layout of every public struct, and what each _init function sets. Made by make_layout.py from the
 * headers; do not edit. A program compiled against an older header must find everything where it was.
 */
#include <string.h>

#include <mlcm/mlcm.h>

#include "support/suite.h"

#if UINTPTR_MAX == UINT64_MAX
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed its size")
#define AT(type, member, bytes) _Static_assert(offsetof(type, member) == (bytes), #type "." #member " moved")


/* ---- mlcm/backend.h */

SIZE(mlcm_tensor, 104);
AT(mlcm_tensor, dtype, 0);
AT(mlcm_tensor, rank, 4);
AT(mlcm_tensor, shape, 8);
AT(mlcm_tensor, count, 72);
AT(mlcm_tensor, data, 80);
AT(mlcm_tensor, keys, 88);
AT(mlcm_tensor, key_dtype, 96);
AT(mlcm_tensor, reserved, 100);

SIZE(mlcm_attr, 96);
AT(mlcm_attr, name, 0);
AT(mlcm_attr, kind, 16);
AT(mlcm_attr, reserved, 20);
AT(mlcm_attr, n, 24);
AT(mlcm_attr, i, 32);
AT(mlcm_attr, f, 40);
AT(mlcm_attr, s, 48);
AT(mlcm_attr, floats, 64);
AT(mlcm_attr, ints, 72);
AT(mlcm_attr, strings, 80);
AT(mlcm_attr, tensor, 88);

SIZE(mlcm_node, 152);
AT(mlcm_node, struct_size, 0);
AT(mlcm_node, ctx, 8);
AT(mlcm_node, name, 16);
AT(mlcm_node, op, 32);
AT(mlcm_node, domain, 48);
AT(mlcm_node, opset, 64);
AT(mlcm_node, n_inputs, 72);
AT(mlcm_node, n_outputs, 80);
AT(mlcm_node, has_input, 88);
AT(mlcm_node, has_output, 96);
AT(mlcm_node, constants, 104);
AT(mlcm_node, attrs, 112);
AT(mlcm_node, n_attrs, 120);
AT(mlcm_node, input_dtypes, 128);
AT(mlcm_node, output_dtypes, 136);
AT(mlcm_node, input_readers, 144);

SIZE(mlcm_call, 56);
AT(mlcm_call, host, 0);
AT(mlcm_call, run, 8);
AT(mlcm_call, node, 16);
AT(mlcm_call, n_inputs, 24);
AT(mlcm_call, n_outputs, 32);
AT(mlcm_call, inputs, 40);
AT(mlcm_call, outputs, 48);

SIZE(mlcm_host, 32);
AT(mlcm_host, struct_size, 0);
AT(mlcm_host, abi_version, 4);
AT(mlcm_host, output, 8);
AT(mlcm_host, scratch, 16);
AT(mlcm_host, text, 24);

SIZE(mlcm_backend, 64);
AT(mlcm_backend, struct_size, 0);
AT(mlcm_backend, abi_version, 4);
AT(mlcm_backend, name, 8);
AT(mlcm_backend, user, 16);
AT(mlcm_backend, flags, 24);
AT(mlcm_backend, supports, 32);
AT(mlcm_backend, prepare, 40);
AT(mlcm_backend, run, 48);
AT(mlcm_backend, release, 56);

/* ---- mlcm/base.h */

SIZE(mlcm_error, 512);
AT(mlcm_error, code, 0);
AT(mlcm_error, sys_code, 4);
AT(mlcm_error, kind, 8);
AT(mlcm_error, reserved, 12);
AT(mlcm_error, message, 16);

SIZE(mlcm_allocator, 32);
AT(mlcm_allocator, alloc, 0);
AT(mlcm_allocator, realloc, 8);
AT(mlcm_allocator, free, 16);
AT(mlcm_allocator, user, 24);

SIZE(mlcm_clock, 24);
AT(mlcm_clock, wall_ns, 0);
AT(mlcm_clock, mono_ns, 8);
AT(mlcm_clock, user, 16);

SIZE(mlcm_time, 16);
AT(mlcm_time, wall_ns, 0);
AT(mlcm_time, mono_ns, 8);

SIZE(mlcm_random, 16);
AT(mlcm_random, fill, 0);
AT(mlcm_random, user, 8);

SIZE(mlcm_log, 16);
AT(mlcm_log, write, 0);
AT(mlcm_log, user, 8);

SIZE(mlcm_file_info, 32);
AT(mlcm_file_info, size_bytes, 0);
AT(mlcm_file_info, mtime_ns, 8);
AT(mlcm_file_info, inode, 16);
AT(mlcm_file_info, mode, 24);
AT(mlcm_file_info, nlinks, 28);

SIZE(mlcm_io, 152);
AT(mlcm_io, struct_size, 0);
AT(mlcm_io, user, 8);
AT(mlcm_io, open, 16);
AT(mlcm_io, close, 24);
AT(mlcm_io, read, 32);
AT(mlcm_io, write, 40);
AT(mlcm_io, sync, 48);
AT(mlcm_io, stat, 56);
AT(mlcm_io, fstat, 64);
AT(mlcm_io, link, 72);
AT(mlcm_io, rename, 80);
AT(mlcm_io, unlink, 88);
AT(mlcm_io, mkdir, 96);
AT(mlcm_io, rmdir, 104);
AT(mlcm_io, list, 112);
AT(mlcm_io, reserved, 120);

SIZE(mlcm_context_options, 136);
AT(mlcm_context_options, struct_size, 0);
AT(mlcm_context_options, allocator, 8);
AT(mlcm_context_options, clock, 40);
AT(mlcm_context_options, random, 64);
AT(mlcm_context_options, log, 80);
AT(mlcm_context_options, io, 96);
AT(mlcm_context_options, reserved, 104);

SIZE(mlcm_str, 16);
AT(mlcm_str, ptr, 0);
AT(mlcm_str, len, 8);

SIZE(mlcm_attribution, 16);
AT(mlcm_attribution, actor, 0);
AT(mlcm_attribution, reason, 8);

SIZE(mlcm_progress, 16);
AT(mlcm_progress, report, 0);
AT(mlcm_progress, user, 8);

/* ---- mlcm/endpoint.h */

SIZE(mlcm_endpoint_host, 40);
AT(mlcm_endpoint_host, on_decision, 0);
AT(mlcm_endpoint_host, prepare, 8);
AT(mlcm_endpoint_host, retire, 16);
AT(mlcm_endpoint_host, destroy, 24);
AT(mlcm_endpoint_host, user, 32);

SIZE(mlcm_endpoint_options, 120);
AT(mlcm_endpoint_options, struct_size, 0);
AT(mlcm_endpoint_options, flags, 8);
AT(mlcm_endpoint_options, reserved0, 12);
AT(mlcm_endpoint_options, alias, 16);
AT(mlcm_endpoint_options, deadline_ns, 24);
AT(mlcm_endpoint_options, poll_ns, 32);
AT(mlcm_endpoint_options, session, 40);
AT(mlcm_endpoint_options, host, 48);
AT(mlcm_endpoint_options, reserved, 88);

SIZE(mlcm_ticket, 64);
AT(mlcm_ticket, endpoint_id, 0);
AT(mlcm_ticket, version, 8);
AT(mlcm_ticket, epoch, 16);
AT(mlcm_ticket, key_hash, 24);
AT(mlcm_ticket, routed_ns, 32);
AT(mlcm_ticket, flags, 40);
AT(mlcm_ticket, slot, 44);
AT(mlcm_ticket, source, 48);
AT(mlcm_ticket, period, 56);
AT(mlcm_ticket, reserved, 60);

SIZE(mlcm_attribute, 32);
AT(mlcm_attribute, key, 0);
AT(mlcm_attribute, value, 16);

SIZE(mlcm_endpoint_info, 112);
AT(mlcm_endpoint_info, stable, 0);
AT(mlcm_endpoint_info, candidate, 8);
AT(mlcm_endpoint_info, epoch, 16);
AT(mlcm_endpoint_info, weight_ppm, 24);
AT(mlcm_endpoint_info, requests, 32);
AT(mlcm_endpoint_info, overdue, 40);
AT(mlcm_endpoint_info, swaps, 48);
AT(mlcm_endpoint_info, load_failures, 56);
AT(mlcm_endpoint_info, tick_failures, 64);
AT(mlcm_endpoint_info, flags, 72);
AT(mlcm_endpoint_info, reserved0, 76);
AT(mlcm_endpoint_info, reserved, 80);

/* ---- mlcm/gate.h */

SIZE(mlcm_counts, 32);
AT(mlcm_counts, candidate_n, 0);
AT(mlcm_counts, candidate_bad, 8);
AT(mlcm_counts, stable_n, 16);
AT(mlcm_counts, stable_bad, 24);

SIZE(mlcm_check_header, 16);
AT(mlcm_check_header, name, 0);
AT(mlcm_check_header, value, 8);

SIZE(mlcm_check, 168);
AT(mlcm_check, name, 0);
AT(mlcm_check, kind, 8);
AT(mlcm_check, source, 12);
AT(mlcm_check, on_fail, 16);
AT(mlcm_check, line, 20);
AT(mlcm_check, column, 24);
AT(mlcm_check, meter, 28);
AT(mlcm_check, unit, 32);
AT(mlcm_check, quantile, 40);
AT(mlcm_check, outcome, 48);
AT(mlcm_check, fail_above, 56);
AT(mlcm_check, pass_below, 64);
AT(mlcm_check, failures, 72);
AT(mlcm_check, http_status, 76);
AT(mlcm_check, has_at_least, 80);
AT(mlcm_check, has_at_most, 84);
AT(mlcm_check, at_least, 88);
AT(mlcm_check, at_most, 96);
AT(mlcm_check, url, 104);
AT(mlcm_check, query, 112);
AT(mlcm_check, metric, 120);
AT(mlcm_check, dataset, 128);
AT(mlcm_check, timeout_ns, 136);
AT(mlcm_check, max_age_ns, 144);
AT(mlcm_check, n_headers, 152);
AT(mlcm_check, headers, 160);

SIZE(mlcm_policy_settings, 72);
AT(mlcm_policy_settings, alpha, 0);
AT(mlcm_policy_settings, pass_alpha, 8);
AT(mlcm_policy_settings, sample_ratio_alpha, 16);
AT(mlcm_policy_settings, warm_up_requests, 24);
AT(mlcm_policy_settings, warm_up_ns, 32);
AT(mlcm_policy_settings, min_samples, 40);
AT(mlcm_policy_settings, harm_budget, 48);
AT(mlcm_policy_settings, expire_after_ns, 56);
AT(mlcm_policy_settings, expire_action, 64);

SIZE(mlcm_observation, 32);
AT(mlcm_observation, check, 0);
AT(mlcm_observation, n_strata, 4);
AT(mlcm_observation, fail, 8);
AT(mlcm_observation, pass, 16);
AT(mlcm_observation, measurement, 24);

SIZE(mlcm_traffic, 64);
AT(mlcm_traffic, candidate_routed, 0);
AT(mlcm_traffic, stable_routed, 8);
AT(mlcm_traffic, candidate_reported, 16);
AT(mlcm_traffic, stable_reported, 24);
AT(mlcm_traffic, requests, 32);

SIZE(mlcm_check_state, 408);
AT(mlcm_check_state, verdict, 0);
AT(mlcm_check_state, failures_in_a_row, 4);
AT(mlcm_check_state, log_e_fail, 8);
AT(mlcm_check_state, log_e_pass, 16);
AT(mlcm_check_state, log_threshold_fail, 24);
AT(mlcm_check_state, log_threshold_pass, 32);
AT(mlcm_check_state, total, 40);
AT(mlcm_check_state, step, 72);
AT(mlcm_check_state, n_values, 104);
AT(mlcm_check_state, last, 112);
AT(mlcm_check_state, decided_ns, 272);
AT(mlcm_check_state, reason, 280);

SIZE(mlcm_verdict, 232);
AT(mlcm_verdict, kind, 0);
AT(mlcm_verdict, check, 4);
AT(mlcm_verdict, harm, 8);
AT(mlcm_verdict, log_e_ratio, 16);
AT(mlcm_verdict, ratio_alarm, 24);
AT(mlcm_verdict, warming_up, 28);
AT(mlcm_verdict, samples_short, 32);
AT(mlcm_verdict, reason, 40);

SIZE(mlcm_lint_step, 24);
AT(mlcm_lint_step, weight, 0);
AT(mlcm_lint_step, for_ns, 8);
AT(mlcm_lint_step, line, 16);
AT(mlcm_lint_step, column, 20);

SIZE(mlcm_lint_options, 80);
AT(mlcm_lint_options, struct_size, 0);
AT(mlcm_lint_options, name, 8);
AT(mlcm_lint_options, requests_per_second, 16);
AT(mlcm_lint_options, bad_rate, 24);
AT(mlcm_lint_options, steps, 32);
AT(mlcm_lint_options, n_steps, 40);
AT(mlcm_lint_options, reserved, 48);

/* ---- mlcm/infer.h */

SIZE(mlcm_input, 88);
AT(mlcm_input, name, 0);
AT(mlcm_input, data, 8);
AT(mlcm_input, dtype, 16);
AT(mlcm_input, rank, 20);
AT(mlcm_input, shape, 24);

SIZE(mlcm_output, 96);
AT(mlcm_output, name, 0);
AT(mlcm_output, data, 8);
AT(mlcm_output, capacity_bytes, 16);
AT(mlcm_output, dtype, 24);
AT(mlcm_output, rank, 28);
AT(mlcm_output, shape, 32);

SIZE(mlcm_model_file, 24);
AT(mlcm_model_file, path, 0);
AT(mlcm_model_file, data, 8);
AT(mlcm_model_file, size_bytes, 16);

SIZE(mlcm_session_options, 48);
AT(mlcm_session_options, struct_size, 0);
AT(mlcm_session_options, backend, 8);
AT(mlcm_session_options, table, 16);
AT(mlcm_session_options, max_tensor_bytes, 24);
AT(mlcm_session_options, max_session_bytes, 32);
AT(mlcm_session_options, reserved, 40);

SIZE(mlcm_port, 96);
AT(mlcm_port, name, 0);
AT(mlcm_port, dtype, 8);
AT(mlcm_port, rank, 12);
AT(mlcm_port, shape, 16);
AT(mlcm_port, classes, 80);
AT(mlcm_port, n_classes, 88);

/* ---- mlcm/metric.h */

SIZE(mlcm_measurement, 160);
AT(mlcm_measurement, kind, 0);
AT(mlcm_measurement, http_status, 4);
AT(mlcm_measurement, value, 8);
AT(mlcm_measurement, at_ns, 16);
AT(mlcm_measurement, took_ns, 24);
AT(mlcm_measurement, detail, 32);

SIZE(mlcm_source, 96);
AT(mlcm_source, url, 0);
AT(mlcm_source, query, 8);
AT(mlcm_source, headers, 16);
AT(mlcm_source, n_headers, 24);
AT(mlcm_source, timeout_ns, 32);
AT(mlcm_source, max_age_ns, 40);
AT(mlcm_source, interval_ns, 48);
AT(mlcm_source, expect_status, 56);
AT(mlcm_source, reserved32, 60);
AT(mlcm_source, reserved, 64);

/* ---- mlcm/registry.h */

SIZE(mlcm_registry_options, 64);
AT(mlcm_registry_options, struct_size, 0);
AT(mlcm_registry_options, flags, 8);
AT(mlcm_registry_options, reserved0, 12);
AT(mlcm_registry_options, actor, 16);
AT(mlcm_registry_options, lock_timeout_ns, 24);
AT(mlcm_registry_options, reserved, 32);

SIZE(mlcm_tag, 16);
AT(mlcm_tag, key, 0);
AT(mlcm_tag, value, 8);

SIZE(mlcm_ref, 536);
AT(mlcm_ref, kind, 0);
AT(mlcm_ref, reserved, 4);
AT(mlcm_ref, version, 8);
AT(mlcm_ref, model, 16);
AT(mlcm_ref, alias, 273);

SIZE(mlcm_alias, 16);
AT(mlcm_alias, name, 0);
AT(mlcm_alias, version, 8);

SIZE(mlcm_register_options, 128);
AT(mlcm_register_options, struct_size, 0);
AT(mlcm_register_options, description, 8);
AT(mlcm_register_options, aliases, 16);
AT(mlcm_register_options, n_aliases, 24);
AT(mlcm_register_options, tags, 32);
AT(mlcm_register_options, n_tags, 40);
AT(mlcm_register_options, parent, 48);
AT(mlcm_register_options, dataset_digest, 56);
AT(mlcm_register_options, source_revision, 64);
AT(mlcm_register_options, run_link, 72);
AT(mlcm_register_options, progress, 80);
AT(mlcm_register_options, reserved, 96);

SIZE(mlcm_register_item, 16);
AT(mlcm_register_item, path, 0);
AT(mlcm_register_item, options, 8);

SIZE(mlcm_file, 24);
AT(mlcm_file, path, 0);
AT(mlcm_file, size_bytes, 8);
AT(mlcm_file, sha256, 16);

SIZE(mlcm_score, 16);
AT(mlcm_score, metric, 0);
AT(mlcm_score, value, 8);

SIZE(mlcm_evaluation, 64);
AT(mlcm_evaluation, name, 0);
AT(mlcm_evaluation, dataset_digest, 8);
AT(mlcm_evaluation, scores, 16);
AT(mlcm_evaluation, n_scores, 24);
AT(mlcm_evaluation, n_samples, 32);
AT(mlcm_evaluation, time_ns, 40);
AT(mlcm_evaluation, actor, 48);
AT(mlcm_evaluation, reason, 56);

SIZE(mlcm_alias_move, 64);
AT(mlcm_alias_move, seq, 0);
AT(mlcm_alias_move, time_ns, 8);
AT(mlcm_alias_move, from, 16);
AT(mlcm_alias_move, to, 24);
AT(mlcm_alias_move, cause, 32);
AT(mlcm_alias_move, reserved, 36);
AT(mlcm_alias_move, rollout_id, 40);
AT(mlcm_alias_move, actor, 48);
AT(mlcm_alias_move, reason, 56);

SIZE(mlcm_query, 72);
AT(mlcm_query, struct_size, 0);
AT(mlcm_query, filter, 8);
AT(mlcm_query, order_by, 16);
AT(mlcm_query, page_token, 24);
AT(mlcm_query, limit, 32);
AT(mlcm_query, reserved, 40);

SIZE(mlcm_change, 80);
AT(mlcm_change, seq, 0);
AT(mlcm_change, time_ns, 8);
AT(mlcm_change, kind, 16);
AT(mlcm_change, model, 24);
AT(mlcm_change, version, 32);
AT(mlcm_change, alias, 40);
AT(mlcm_change, detail, 48);
AT(mlcm_change, actor, 56);
AT(mlcm_change, reason, 64);
AT(mlcm_change, audit_seq, 72);

SIZE(mlcm_gc_options, 72);
AT(mlcm_gc_options, struct_size, 0);
AT(mlcm_gc_options, dry_run, 8);
AT(mlcm_gc_options, reserved0, 12);
AT(mlcm_gc_options, grace_ns, 16);
AT(mlcm_gc_options, progress, 24);
AT(mlcm_gc_options, reserved, 40);

SIZE(mlcm_gc_result, 104);
AT(mlcm_gc_result, kept, 0);
AT(mlcm_gc_result, kept_bytes, 8);
AT(mlcm_gc_result, trashed, 16);
AT(mlcm_gc_result, trashed_bytes, 24);
AT(mlcm_gc_result, unlinked, 32);
AT(mlcm_gc_result, unlinked_bytes, 40);
AT(mlcm_gc_result, restored, 48);
AT(mlcm_gc_result, tmp_files, 56);
AT(mlcm_gc_result, tmp_bytes, 64);
AT(mlcm_gc_result, reserved, 72);

SIZE(mlcm_finding, 56);
AT(mlcm_finding, kind, 0);
AT(mlcm_finding, is_damage, 4);
AT(mlcm_finding, can_repair, 8);
AT(mlcm_finding, repaired, 12);
AT(mlcm_finding, object, 16);
AT(mlcm_finding, problem, 24);
AT(mlcm_finding, expected, 32);
AT(mlcm_finding, found, 40);
AT(mlcm_finding, restore, 48);

SIZE(mlcm_fsck_options, 72);
AT(mlcm_fsck_options, struct_size, 0);
AT(mlcm_fsck_options, repair, 8);
AT(mlcm_fsck_options, reserved0, 12);
AT(mlcm_fsck_options, backup, 16);
AT(mlcm_fsck_options, progress, 24);
AT(mlcm_fsck_options, reserved, 40);

SIZE(mlcm_fsck_summary, 104);
AT(mlcm_fsck_summary, versions, 0);
AT(mlcm_fsck_summary, manifests, 8);
AT(mlcm_fsck_summary, objects, 16);
AT(mlcm_fsck_summary, bytes, 24);
AT(mlcm_fsck_summary, unreferenced, 32);
AT(mlcm_fsck_summary, audit_entries, 40);
AT(mlcm_fsck_summary, damaged, 48);
AT(mlcm_fsck_summary, repaired, 56);
AT(mlcm_fsck_summary, left, 64);
AT(mlcm_fsck_summary, reserved, 72);

SIZE(mlcm_backup_options, 56);
AT(mlcm_backup_options, struct_size, 0);
AT(mlcm_backup_options, progress, 8);
AT(mlcm_backup_options, reserved, 24);

SIZE(mlcm_backup_result, 112);
AT(mlcm_backup_result, versions, 0);
AT(mlcm_backup_result, objects, 8);
AT(mlcm_backup_result, object_bytes, 16);
AT(mlcm_backup_result, database_bytes, 24);
AT(mlcm_backup_result, audit_entries, 32);
AT(mlcm_backup_result, audit_root, 40);
AT(mlcm_backup_result, reserved, 105);

/* ---- mlcm/rollout.h */

SIZE(mlcm_replay_report, 320);
AT(mlcm_replay_report, decisions, 0);
AT(mlcm_replay_report, identical, 8);
AT(mlcm_replay_report, ticks, 16);
AT(mlcm_replay_report, first_different_seq, 24);
AT(mlcm_replay_report, difference, 32);
AT(mlcm_replay_report, reserved, 288);

SIZE(mlcm_rollout_summary, 208);
AT(mlcm_rollout_summary, id, 0);
AT(mlcm_rollout_summary, endpoint, 8);
AT(mlcm_rollout_summary, model, 16);
AT(mlcm_rollout_summary, alias, 24);
AT(mlcm_rollout_summary, stable, 32);
AT(mlcm_rollout_summary, candidate, 40);
AT(mlcm_rollout_summary, status, 48);
AT(mlcm_rollout_summary, step, 52);
AT(mlcm_rollout_summary, n_steps, 56);
AT(mlcm_rollout_summary, n_checks, 60);
AT(mlcm_rollout_summary, weight_ppm, 64);
AT(mlcm_rollout_summary, step_for_ns, 72);
AT(mlcm_rollout_summary, step_elapsed_ns, 80);
AT(mlcm_rollout_summary, step_remaining_ns, 88);
AT(mlcm_rollout_summary, elapsed_ns, 96);
AT(mlcm_rollout_summary, expire_after_ns, 104);
AT(mlcm_rollout_summary, started_ns, 112);
AT(mlcm_rollout_summary, ended_ns, 120);
AT(mlcm_rollout_summary, n_decisions, 128);
AT(mlcm_rollout_summary, n_ticks, 136);
AT(mlcm_rollout_summary, stable_requests, 144);
AT(mlcm_rollout_summary, candidate_requests, 152);
AT(mlcm_rollout_summary, evidence_bytes, 160);
AT(mlcm_rollout_summary, n_serving, 168);
AT(mlcm_rollout_summary, n_pending, 172);
AT(mlcm_rollout_summary, lease_epoch, 176);
AT(mlcm_rollout_summary, holder, 184);
AT(mlcm_rollout_summary, reason, 192);
AT(mlcm_rollout_summary, waits_for, 200);

SIZE(mlcm_rollout_check, 432);
AT(mlcm_rollout_check, name, 0);
AT(mlcm_rollout_check, kind, 8);
AT(mlcm_rollout_check, on_fail, 12);
AT(mlcm_rollout_check, required, 16);
AT(mlcm_rollout_check, state, 24);

/* ---- mlcm/trust.h */

SIZE(mlcm_audit_head, 40);
AT(mlcm_audit_head, size, 0);
AT(mlcm_audit_head, root, 8);

SIZE(mlcm_audit_proof, 2056);
AT(mlcm_audit_proof, n, 0);
AT(mlcm_audit_proof, hashes, 8);
#endif

/* Fills with rubbish, sets up, and expects struct_size and zeros in all that the caller knows, and nothing beyond. */
#define INIT_TEST(type, init)                                                                                                      \
  START_TEST(init##_sets_the_size_and_zeros) {                                                                                     \
    struct {                                                                                                                       \
      type options;                                                                                                                \
      unsigned char beyond[16];                                                                                                    \
    } have, want;                                                                                                                  \
    memset(&have, 0xA5, sizeof have);                                                                                              \
    memset(&want, 0xA5, sizeof want);                                                                                              \
    memset(&want.options, 0, sizeof want.options);                                                                                 \
    want.options.struct_size = sizeof want.options;                                                                                \
    init(&have.options, sizeof have.options);                                                                                      \
    ck_assert_mem_eq(&have, &want, sizeof have.options);                                                                           \
    ck_assert_mem_eq(have.beyond, want.beyond, sizeof have.beyond);                                                                \
  }                                                                                                                                \
  END_TEST

/* The initialiser in capitals gives the same. */
#define MACRO_TEST(type, macro, init)                                                                                              \
  START_TEST(macro##_is_##init) {                                                                                                  \
    static const type have = macro;                                                                                                \
    type want;                                                                                                                     \
    init(&want, sizeof want);                                                                                                      \
    ck_assert_mem_eq(&have, &want, sizeof have);                                                                                   \
  }                                                                                                                                \
  END_TEST

INIT_TEST(mlcm_context_options, mlcm_context_options_init)
INIT_TEST(mlcm_endpoint_options, mlcm_endpoint_options_init)
INIT_TEST(mlcm_lint_options, mlcm_lint_options_init)
INIT_TEST(mlcm_session_options, mlcm_session_options_init)
INIT_TEST(mlcm_registry_options, mlcm_registry_options_init)
INIT_TEST(mlcm_register_options, mlcm_register_options_init)
INIT_TEST(mlcm_query, mlcm_query_init)
INIT_TEST(mlcm_gc_options, mlcm_gc_options_init)
INIT_TEST(mlcm_fsck_options, mlcm_fsck_options_init)
INIT_TEST(mlcm_backup_options, mlcm_backup_options_init)
MACRO_TEST(mlcm_context_options, MLCM_CONTEXT_OPTIONS_INIT, mlcm_context_options_init)
MACRO_TEST(mlcm_registry_options, MLCM_REGISTRY_OPTIONS_INIT, mlcm_registry_options_init)
MACRO_TEST(mlcm_register_options, MLCM_REGISTER_OPTIONS_INIT, mlcm_register_options_init)
MACRO_TEST(mlcm_query, MLCM_QUERY_INIT, mlcm_query_init)
MACRO_TEST(mlcm_gc_options, MLCM_GC_OPTIONS_INIT, mlcm_gc_options_init)
MACRO_TEST(mlcm_fsck_options, MLCM_FSCK_OPTIONS_INIT, mlcm_fsck_options_init)
MACRO_TEST(mlcm_backup_options, MLCM_BACKUP_OPTIONS_INIT, mlcm_backup_options_init)

int main(void) {
  const TTest *tests[] = {mlcm_context_options_init_sets_the_size_and_zeros,
                          mlcm_endpoint_options_init_sets_the_size_and_zeros,
                          mlcm_lint_options_init_sets_the_size_and_zeros,
                          mlcm_session_options_init_sets_the_size_and_zeros,
                          mlcm_registry_options_init_sets_the_size_and_zeros,
                          mlcm_register_options_init_sets_the_size_and_zeros,
                          mlcm_query_init_sets_the_size_and_zeros,
                          mlcm_gc_options_init_sets_the_size_and_zeros,
                          mlcm_fsck_options_init_sets_the_size_and_zeros,
                          mlcm_backup_options_init_sets_the_size_and_zeros,
                          MLCM_CONTEXT_OPTIONS_INIT_is_mlcm_context_options_init,
                          MLCM_REGISTRY_OPTIONS_INIT_is_mlcm_registry_options_init,
                          MLCM_REGISTER_OPTIONS_INIT_is_mlcm_register_options_init,
                          MLCM_QUERY_INIT_is_mlcm_query_init,
                          MLCM_GC_OPTIONS_INIT_is_mlcm_gc_options_init,
                          MLCM_FSCK_OPTIONS_INIT_is_mlcm_fsck_options_init,
                          MLCM_BACKUP_OPTIONS_INIT_is_mlcm_backup_options_init};
  return TEST_RUN("abi_layout", tests);
}
