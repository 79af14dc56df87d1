/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_schema.h - the audit log's tables, as a part of the registry's first migration.
 *
 * A tile holds up to 256 hashes of tree level 8 * level. Level 0 has only full ones: a partial one is a view of the newest
 * entries and would cost a rewritten row with every append. Tiles of higher levels grow by one hash every 256 appends or less.
 * audit_head has one row. The triggers are a guard against mistakes, not against an owner of the file: that is what the tree and
 * heads kept elsewhere are for.
 */
#ifndef MLCM_TRUST_AUDIT_SCHEMA_H
#define MLCM_TRUST_AUDIT_SCHEMA_H

/* clang-format off */
#define MLCM__AUDIT_GUARDS_SQL \
  "CREATE TRIGGER IF NOT EXISTS audit_entry_no_update BEFORE UPDATE ON audit_entry" \
  "  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;" \
  "CREATE TRIGGER IF NOT EXISTS audit_entry_no_delete BEFORE DELETE ON audit_entry" \
  "  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;" \
  "CREATE TRIGGER IF NOT EXISTS audit_text_no_update BEFORE UPDATE ON audit_text" \
  "  BEGIN SELECT RAISE(ABORT, 'an audit text can be erased, not changed'); END;" \
  "CREATE TRIGGER IF NOT EXISTS audit_tile_grows BEFORE UPDATE ON audit_tile" \
  "  WHEN NEW.level <> OLD.level OR NEW.idx <> OLD.idx OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes" \
  "  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;" \
  "CREATE TRIGGER IF NOT EXISTS audit_tile_no_delete BEFORE DELETE ON audit_tile" \
  "  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;" \
  "CREATE TRIGGER IF NOT EXISTS audit_head_grows BEFORE UPDATE ON audit_head WHEN NEW.size <> OLD.size + 1" \
  "  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;" \
  "CREATE TRIGGER IF NOT EXISTS audit_head_no_delete BEFORE DELETE ON audit_head" \
  "  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"

#define MLCM__AUDIT_SCHEMA_SQL \
  "CREATE TABLE audit_entry (" \
  "  seq INTEGER PRIMARY KEY CHECK (seq > 0)," \
  "  entry BLOB NOT NULL," \
  "  leaf BLOB NOT NULL CHECK (length(leaf) = 32)) STRICT;" \
  "CREATE TABLE audit_text (" \
  "  seq INTEGER PRIMARY KEY REFERENCES audit_entry (seq)," \
  "  salt BLOB NOT NULL," \
  "  text TEXT NOT NULL) STRICT;" \
  "CREATE TABLE audit_tile (" \
  "  level INTEGER NOT NULL," \
  "  idx INTEGER NOT NULL," \
  "  hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0)," \
  "  PRIMARY KEY (level, idx)) STRICT;" \
  "CREATE TABLE audit_head (" \
  "  id INTEGER PRIMARY KEY CHECK (id = 1)," \
  "  size INTEGER NOT NULL," \
  "  root BLOB NOT NULL CHECK (length(root) = 32)," \
  "  frontier BLOB NOT NULL) STRICT;" \
  "INSERT INTO audit_head (id, size, root, frontier) VALUES" \
  "  (1, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', x'');" \
  MLCM__AUDIT_GUARDS_SQL
/* clang-format on */

#endif
