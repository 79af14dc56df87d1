/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_shape.c - every row of every table: has each column the type that the table declares, and is the row there that it refers
 * to.
 *
 * SQLite's own checks know both, but name the table only, or the row by a number that half of the tables do not have. So the
 * queries are made of the file's own schema, by SQL, and a row is named by its key: "table routing, row 1/7".
 */
#include <stdio.h>
#include <string.h>

#include "registry/fsck.h"
#include "registry/sql.h"

enum { OBJECT_BYTES = 320 };

/* The key of a row of t.name, of the table that is called r in the query made. */
#define KEY_SQL                                                                                                                  \
  "coalesce((SELECT group_concat('coalesce(r.\"' || k.name || '\", ''?'')', ' || ''/'' || ')"                                    \
  " FROM pragma_table_info(t.name) k WHERE k.pk > 0), 'r.rowid')"

#define TABLES_SQL " FROM sqlite_schema t"
#define OWN_TABLES_SQL " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"

/* Whether column c has another type than declared, in the query made. */
#define STRANGE_SQL                                                                                                              \
  "'typeof(r.\"' || c.name || '\") NOT IN (''' || lower(c.type) || CASE WHEN c.\"notnull\" THEN ''')' ELSE ''', ''null'')' END"

/* Columns: table, query. The query's columns: key, what is wrong. */
static const char type_queries[] =
    "SELECT t.name, 'SELECT ' || " KEY_SQL " || ', ' || group_concat('CASE WHEN ' || " STRANGE_SQL
    " || ' THEN ''; ' || c.name || ' is '' || typeof(r.\"' || c.name || '\") || '', not ' || lower(c.type) || ''' ELSE '''' END',"
    " ' || ') || ' FROM \"' || t.name || '\" r WHERE ' || group_concat(" STRANGE_SQL ", ' OR ')" TABLES_SQL
    " JOIN pragma_table_info(t.name) c ON c.type IN ('INTEGER', 'REAL', 'TEXT', 'BLOB')" OWN_TABLES_SQL " GROUP BY t.name";

/* Columns: table, query. The query's columns: key, what is wrong. An alias that stands nowhere is named by fsck_rows.c. */
static const char reference_queries[] =
    "SELECT t.name, 'SELECT ' || " KEY_SQL
    " || ', ''; refers to table ' || f.\"table\" || ', row '' || '"
    " || group_concat('coalesce(r.\"' || f.\"from\" || '\", ''?'')', ' || ''/'' || ') || ' || '', which is not there'''"
    " || ' FROM \"' || t.name || '\" r WHERE NOT EXISTS (SELECT 1 FROM \"' || f.\"table\" || '\" p WHERE '"
    " || group_concat('p.\"' || f.\"to\" || '\" = r.\"' || f.\"from\" || '\"', ' AND ') || ')'" TABLES_SQL
    " JOIN pragma_foreign_key_list(t.name) f" OWN_TABLES_SQL " AND t.name <> 'alias' GROUP BY t.name, f.id";

typedef struct looking {
  mlcm__fsck *f;
  const char *table;
} looking;

static mlcm_status tell_row(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  const looking *l = user;
  char object[OBJECT_BYTES];
  (void)snprintf(object, sizeof object, "table %.64s, row %.200s", l->table, mlcm__db_text(stmt, 0));
  return mlcm__fsck_say(l->f, MLCM_DAMAGE_ROW, object, MLCM__FSCK_BACKUP, err, "%s",
                        mlcm__db_text(stmt, 1) + strlen("; "));
}

static mlcm_status ask_table(void *user, mlcm__db_stmt *stmt, mlcm_error *err) {
  looking l = {user, mlcm__db_text(stmt, 0)};
  char object[OBJECT_BYTES];
  mlcm_error why = {0};
  (void)snprintf(object, sizeof object, "table %.64s", l.table);
  mlcm_status st = mlcm__sql_each(l.f->conn, mlcm__db_text(stmt, 1), MLCM__NO_BIND, tell_row, &l, &why);
  return mlcm__fsck_unless_damage(l.f, st, &why, MLCM_DAMAGE_DATABASE, object, err);
}

mlcm_status mlcm__fsck_types(mlcm__fsck *f, mlcm_error *err) {
  return mlcm__sql_each(f->conn, type_queries, MLCM__NO_BIND, ask_table, f, err);
}

mlcm_status mlcm__fsck_references(mlcm__fsck *f, mlcm_error *err) {
  return mlcm__sql_each(f->conn, reference_queries, MLCM__NO_BIND, ask_table, f, err);
}
