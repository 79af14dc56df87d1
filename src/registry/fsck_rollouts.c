/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_rollouts.c - endpoints, their routing, rollouts and commands against the records of decisions, which the audit log holds
 * to their digests (fsck_audit.c).
 *
 * What a rollout's row says is what its last decision said; each of its epochs is a decision that changed the weight; the newest
 * epoch is what the rollout or, without one, the alias says. An epoch that a change by hand made (a displaced rollout's) stands
 * for itself.
 */
#include "registry/fsck.h"

static const char from_records[] = "the records of its decisions have the right value (mlcm rollout explain); a backup has the row";

/* Decisions with their record as j; a record that is no JSON, which the audit log tells, has no members. */
#define DECISIONS_SQL                                                                                                            \
  "(SELECT rollout_id, seq, at_ns, action, CASE WHEN json_valid(record) THEN record ELSE '{}' END AS j FROM decision)"

#define ACTION_SQL                                                                                                               \
  "CASE json_extract(d.j, '$.action') WHEN 'start' THEN 1 WHEN 'advance' THEN 2 WHEN 'hold' THEN 3 WHEN 'pause' THEN 4"          \
  " WHEN 'resume' THEN 5 WHEN 'promote' THEN 6 WHEN 'roll_back' THEN 7 WHEN 'abort' THEN 8 END"

#define STATUS_SQL                                                                                                               \
  "CASE json_extract(d.j, '$.status') WHEN 'progressing' THEN 1 WHEN 'paused' THEN 2 WHEN 'promoted' THEN 3"                     \
  " WHEN 'rolled_back' THEN 4 WHEN 'aborted' THEN 5 WHEN 'expired' THEN 6 END"

/* The last decision of each rollout. */
#define LAST_SQL "(SELECT rollout_id, at_ns, j, max(seq) AS seq FROM " DECISIONS_SQL " GROUP BY rollout_id)"

/* Lines of a chunk that are ticks; one more may sum up what was counted. */
#define TICKS_SQL "(length(lines) - length(replace(lines, char(10), '')) - (instr(lines, '{\"cells\"') > 0))"

#define IS_DISPLACED_SQL(id) "EXISTS (SELECT 1 FROM intent i WHERE i.rollout_id = " id " AND i.kind = 5)"

static const mlcm__fsck_query decisions[] = {
    {"decision",
     "SELECT 'rollout ' || d.rollout_id || ' decision ' || d.seq, json_extract(d.j, '$.action') || ' at '"
     " || json_extract(d.j, '$.at_ns'), 'action ' || d.action || ' at ' || d.at_ns, 0 FROM " DECISIONS_SQL " d"
     " WHERE json_extract(d.j, '$.rollout') <> d.rollout_id OR json_extract(d.j, '$.seq') <> d.seq OR d.action <> " ACTION_SQL
     " OR d.at_ns <> CAST(json_extract(d.j, '$.at_ns') AS INTEGER)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say what its record says", from_records},
    {"rollout",
     "SELECT 'rollout ' || r.id, json_extract(d.j, '$.status') || ', /' || json_extract(d.j, '$.candidate') || ' against /'"
     " || json_extract(d.j, '$.stable') || ', policy ' || json_extract(d.j, '$.policy'),"
     " 'status ' || r.status || ', /' || r.candidate || ' against /' || r.stable || ', policy ' || r.policy_digest, 0"
     " FROM rollout r JOIN " LAST_SQL " d ON d.rollout_id = r.id"
     " WHERE r.status <> " STATUS_SQL " OR r.candidate <> json_extract(d.j, '$.candidate')"
     " OR r.stable <> json_extract(d.j, '$.stable') OR r.policy_digest <> json_extract(d.j, '$.policy')",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say what its last decision says", from_records},
    {"rollout",
     "SELECT 'rollout ' || r.id, CASE WHEN " STATUS_SQL " < 3 THEN 'active' ELSE 'ended at ' || d.at_ns END,"
     " CASE WHEN r.active THEN 'active' ELSE 'not active' END || ', ended at ' || r.ended_ns, 0"
     " FROM rollout r JOIN " LAST_SQL " d ON d.rollout_id = r.id"
     " WHERE " STATUS_SQL " IS NOT NULL AND (r.active IS NOT CASE WHEN " STATUS_SQL " < 3 THEN 1 END"
     " OR r.ended_ns <> CASE WHEN " STATUS_SQL " < 3 THEN 0 ELSE d.at_ns END)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say whether and when it ended as its last decision does", from_records},
    {"rollout",
     "SELECT 'rollout ' || r.id, json_extract(d.j, '$.actor'), r.actor, 0 FROM rollout r JOIN " DECISIONS_SQL " d"
     " ON d.rollout_id = r.id AND d.seq = 1 WHERE r.actor <> json_extract(d.j, '$.actor')",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its row does not say who started it as its first decision does", from_records},
    {"evidence",
     "SELECT 'rollout ' || rollout_id || ' evidence chunk ' || chunk, " TICKS_SQL ", n_lines, 0 FROM evidence"
     " WHERE n_lines <> " TICKS_SQL,
     MLCM_DAMAGE_COUNTER, MLCM__FIX_NONE, "it does not have the lines that it counts", "counting its lines gives the number"},
    {"rollout",
     "SELECT 'rollout ' || r.id, c.n || ' lines, ' || c.bytes || ' bytes',"
     " r.n_lines || ' lines, ' || r.evidence_bytes || ' bytes', 0"
     " FROM rollout r JOIN (SELECT r2.id, coalesce(sum(e.n_lines), 0) AS n,"
     " coalesce(sum(length(CAST(e.lines AS BLOB))), 0) AS bytes FROM rollout r2 LEFT JOIN evidence e ON e.rollout_id = r2.id"
     " GROUP BY r2.id) c ON c.id = r.id WHERE c.n <> r.n_lines OR c.bytes <> r.evidence_bytes",
     MLCM_DAMAGE_COUNTER, MLCM__FIX_NONE, "it does not have the evidence that it counts",
     "counting its chunks gives the numbers"},
    {"intent",
     "SELECT 'rollout ' || i.rollout_id || ' command ' || i.id, NULL, 'kind ' || i.kind || ' by ' || i.actor"
     " || ', done by decision ' || coalesce(i.done_seq, 'none') || ', refused: ' || coalesce(i.refused, 'no'), 0 FROM intent i"
     " LEFT JOIN rollout r ON r.id = i.rollout_id"
     " LEFT JOIN " DECISIONS_SQL " d ON d.rollout_id = i.rollout_id AND d.seq = i.done_seq"
     " WHERE i.kind NOT BETWEEN 1 AND 6 OR (i.done_seq <> 0 AND d.seq IS NULL) OR (i.done_seq = 0) <> (i.refused IS NOT NULL)"
     " OR (i.done_seq IS NULL AND (i.refused IS NOT NULL OR r.active IS NULL))"
     " OR (i.kind <= 4 AND (json_extract(d.j, '$.actor') <> i.actor OR json_extract(d.j, '$.action') <>"
     "  CASE i.kind WHEN 1 THEN 'pause' WHEN 2 THEN 'resume' WHEN 3 THEN 'abort' ELSE 'promote' END))",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the command does not fit the decision that answered it, or none can have answered it",
     MLCM__FSCK_BACKUP},
    {"intent",
     "SELECT 'rollout ' || d.rollout_id || ' decision ' || d.seq || ', command ' || coalesce(max(i.id), 'gone'),"
     " '1 command', count(i.id) || ' commands', 0"
     " FROM " DECISIONS_SQL " d LEFT JOIN intent i ON i.rollout_id = d.rollout_id AND i.done_seq = d.seq"
     " WHERE json_extract(d.j, '$.cause') = 'command' OR i.id IS NOT NULL GROUP BY d.rollout_id, d.seq HAVING count(i.id) <> 1",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the decision did not answer exactly one command", MLCM__FSCK_BACKUP},
};

/* Whether a member of an event's detail is not as in the record, provided that has it. */
#define DIFFERS(of_event, of_record)                                                                                             \
  "json_extract(e.detail, '" of_event "') IS NOT coalesce("                                                                  \
  "json_extract(d.j, '" of_record "'), json_extract(e.detail, '" of_event "'))"

/* The audit log has the digest of a decision's record, not of its line in the feed. */
static const mlcm__fsck_query lines[] = {
    {"event",
     "SELECT 'event ' || e.seq, 'what rollout ' || d.rollout_id || ' decision ' || d.seq || ' recorded', e.detail, 0 FROM event e"
     " JOIN " DECISIONS_SQL " d ON json_valid(e.detail) AND d.rollout_id = CASE WHEN json_valid(e.detail) THEN"
     " json_extract(e.detail, '$.rollout') END"
     " AND d.seq = CASE WHEN json_valid(e.detail) THEN json_extract(e.detail, '$.seq') END"
     " WHERE e.kind = 'rollout.decided' AND (e.version <> json_extract(d.j, '$.candidate')"
     " OR " DIFFERS("$.action", "$.action") ""
     " OR " DIFFERS("$.candidate", "$.candidate") ""
     " OR " DIFFERS("$.reason", "$.reason") ""
     " OR " DIFFERS("$.stable", "$.stable") ""
     " OR " DIFFERS("$.status", "$.status") ""
     " OR " DIFFERS("$.verdict", "$.verdict") ""
     " OR " DIFFERS("$.weight_ppm", "$.to.weight_ppm") ")",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the change's detail is not what its decision recorded", from_records},
};

static const char from_words[] = "the records of decisions and the alias say what shall be in force; a backup has the row";

#define EPOCH_SQL "'endpoint ' || e.name || ' routing epoch ' || "

/* What an epoch of a rollout says against what the decision that made it says. */
#define STEPS_SQL                                                                                                                \
  "WITH step AS (SELECT d.rollout_id, d.at_ns, json_extract(d.j, '$.to.weight_ppm') AS weight,"                                  \
  " row_number() OVER (PARTITION BY d.rollout_id ORDER BY d.seq) AS n FROM " DECISIONS_SQL " d WHERE " STATUS_SQL " < 3"         \
  " AND json_extract(d.j, '$.from.weight_ppm') <> json_extract(d.j, '$.to.weight_ppm')),"                                        \
  " era AS (SELECT *, row_number() OVER (PARTITION BY rollout_id ORDER BY epoch) AS n FROM routing WHERE rollout_id <> 0)"

static const mlcm__fsck_query routes[] = {
    {"routing",
     "SELECT " EPOCH_SQL "x.epoch, 'a row' || coalesce(', as ' || " EPOCH_SQL "x.later || ' is there', ''), 'none', 0"
     " FROM endpoint e JOIN (SELECT endpoint_id, epoch + 1 AS epoch, (SELECT min(z.epoch) FROM routing z"
     "  WHERE z.endpoint_id = y.endpoint_id AND z.epoch > y.epoch) AS later FROM routing y"
     "  WHERE y.epoch > 0 AND later IS NOT NULL UNION SELECT id, 1, NULL FROM endpoint) x"
     " ON x.endpoint_id = e.id LEFT JOIN routing r ON r.endpoint_id = e.id AND r.epoch = x.epoch WHERE r.epoch IS NULL",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the epoch is gone", MLCM__FSCK_BACKUP},
    {"routing",
     "SELECT " EPOCH_SQL "x.epoch, 'at least 1', CAST(x.epoch AS TEXT), 0 FROM routing x JOIN endpoint e ON e.id = x.endpoint_id"
     " WHERE x.epoch < 1",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "epochs count from 1", MLCM__FSCK_BACKUP},
    {"routing",
     "SELECT " EPOCH_SQL "x.epoch, '16 bytes', length(x.salt) || ' bytes', 0 FROM routing x JOIN endpoint e"
     " ON e.id = x.endpoint_id WHERE length(x.salt) <> 16",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its salt is none", MLCM__FSCK_BACKUP},
    {"routing",
     "SELECT " EPOCH_SQL "x.epoch, NULL, 'rollout ' || x.rollout_id || ', candidate /' || x.candidate || ' with ' || x.weight_ppm"
     " || ' ppm, stable /' || x.stable || ', override ' || x.override, 0 FROM routing x JOIN endpoint e ON e.id = x.endpoint_id"
     " LEFT JOIN rollout r ON r.id = x.rollout_id"
     " WHERE (x.candidate = 0) <> (x.weight_ppm = 0) OR (x.candidate = 0 AND x.override <> '[]') OR NOT json_valid(x.override)"
     " OR (x.rollout_id = 0 AND x.candidate <> 0) OR (x.rollout_id <> 0 AND r.id IS NULL) OR r.endpoint_id <> x.endpoint_id"
     " OR (x.candidate <> 0 AND (x.candidate <> r.candidate OR x.stable <> r.stable))"
     " OR NOT EXISTS (SELECT 1 FROM version v WHERE v.model_id = e.model_id AND v.number = x.stable)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "it is no routing that a rollout or an alias can make", from_words},
    {"routing",
     "SELECT " EPOCH_SQL "x.epoch, 'the salt of ' || CASE WHEN x.rollout_id THEN 'rollout ' || x.rollout_id ELSE " EPOCH_SQL
     "(x.epoch - 1) END, lower(hex(x.salt)), 0 FROM routing x JOIN endpoint e ON e.id = x.endpoint_id"
     " LEFT JOIN rollout r ON r.id = x.rollout_id"
     " LEFT JOIN routing b ON b.endpoint_id = x.endpoint_id AND b.epoch = x.epoch - 1"
     " WHERE x.salt <> CASE WHEN x.rollout_id THEN r.salt ELSE b.salt END",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "its salt is another, so that keys are spread anew", from_words},
    {"routing",
     STEPS_SQL " SELECT " EPOCH_SQL "x.epoch, coalesce(s.weight || ' ppm from ' || s.at_ns, 'no epoch'),"
               " x.weight_ppm || ' ppm from ' || x.created_ns, 0 FROM era x JOIN endpoint e ON e.id = x.endpoint_id"
               " LEFT JOIN step s ON s.rollout_id = x.rollout_id AND s.n = x.n"
               " WHERE (s.weight IS NOT x.weight_ppm OR s.at_ns <> x.created_ns) AND NOT " IS_DISPLACED_SQL("x.rollout_id"),
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the decision that made it says otherwise", from_words},
    {"routing",
     "SELECT " EPOCH_SQL "x.epoch, y.override, x.override, 0 FROM routing x JOIN endpoint e ON e.id = x.endpoint_id"
     " JOIN routing y ON y.endpoint_id = x.endpoint_id AND y.rollout_id = x.rollout_id AND y.candidate AND y.epoch <> x.epoch"
     " WHERE x.rollout_id <> 0 AND x.candidate AND x.override <> y.override",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "epochs of one rollout have different overrides", from_words},
    {"routing",
     "SELECT " EPOCH_SQL "x.epoch, 'rollout ' || coalesce(r.id, 0) || ', stable /' || coalesce(r.stable, a.version),"
     " 'rollout ' || x.rollout_id || ', stable /' || x.stable, 0 FROM endpoint e"
     " JOIN (SELECT *, max(epoch) AS newest FROM routing GROUP BY endpoint_id) x ON x.endpoint_id = e.id"
     " LEFT JOIN rollout r ON r.endpoint_id = e.id AND r.active"
     "  AND EXISTS (SELECT 1 FROM routing y WHERE y.rollout_id = r.id)"
     " LEFT JOIN alias a ON a.model_id = e.model_id AND a.name = e.alias"
     " WHERE x.rollout_id <> coalesce(r.id, 0)"
     " OR (r.id IS NULL AND x.stable <> a.version) OR (r.id AND x.stable <> r.stable AND NOT " IS_DISPLACED_SQL("r.id") ")",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "it is the newest epoch, and not what shall be in force", from_words},
    {"routing",
     STEPS_SQL " SELECT 'rollout ' || r.id, 'weight ' || s.weight || ' ppm from ' || s.at_ns, 'no epoch', 0 FROM step s"
               " JOIN rollout r ON r.id = s.rollout_id LEFT JOIN era x ON x.rollout_id = s.rollout_id AND x.n = s.n"
               " WHERE x.n IS NULL AND NOT " IS_DISPLACED_SQL("r.id"),
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "an epoch of routing that one of its decisions made is gone", from_words},
};

static const mlcm__fsck_query endpoints[] = {
    {"endpoint",
     "SELECT 'endpoint ' || e.name, CAST(x.created_ns AS TEXT), CAST(e.created_ns AS TEXT), 0 FROM endpoint e"
     " JOIN routing x ON x.endpoint_id = e.id AND x.epoch = 1 WHERE e.created_ns <> x.created_ns",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "it and its first epoch of routing were not made at one time", MLCM__FSCK_BACKUP},
    {"endpoint",
     "SELECT 'endpoint ' || e.name, 'an alias that was set', coalesce(m.name, 'no model') || '@' || e.alias, 0 FROM endpoint e"
     " LEFT JOIN model m ON m.id = e.model_id WHERE e.name = ''"
     " OR NOT EXISTS (SELECT 1 FROM event v WHERE v.kind = 'alias.set' AND v.model = m.name AND v.alias = e.alias)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "it serves an alias that never was", MLCM__FSCK_BACKUP},
    {"endpoint",
     "SELECT 'endpoint ' || e.name, 'event ' || v.seq || ': '"
     " || json_extract(v.detail, '$.endpoint') || ' of ' || v.model || '@' || v.alias,"
     " e.name || ' of ' || m.name || '@' || e.alias, 0 FROM event v"
     " JOIN rollout r ON r.id = CASE WHEN json_valid(v.detail) THEN json_extract(v.detail, '$.rollout') END"
     " JOIN endpoint e ON e.id = r.endpoint_id JOIN model m ON m.id = e.model_id WHERE v.kind = 'rollout.decided'"
     " AND (json_extract(v.detail, '$.endpoint') <> e.name OR v.model <> m.name OR v.alias <> e.alias)",
     MLCM_DAMAGE_ROW, MLCM__FIX_NONE, "the decisions of its rollouts speak of another endpoint, model or alias",
     "the change feed has what they speak of; a backup has the row"},
};

#define LENGTH(queries) (sizeof(queries) / sizeof((queries)[0]))

mlcm_status mlcm__fsck_rollouts(mlcm__fsck *f, mlcm_error *err) {
  mlcm_status st = mlcm__fsck_ask(f, decisions, LENGTH(decisions), err);
  if (!st) st = mlcm__fsck_ask(f, lines, LENGTH(lines), err);
  if (!st) st = mlcm__fsck_ask(f, routes, LENGTH(routes), err);
  return st ? st : mlcm__fsck_ask(f, endpoints, LENGTH(endpoints), err);
}
