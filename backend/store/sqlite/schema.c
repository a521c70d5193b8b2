/* The tables of both files, and how a file gets from one schema version to the next. */
#include "store/sqlite/internal.h"

/*
 * Version 1.
 *
 * Document ids are never used twice (AUTOINCREMENT), and a replaced document gets a new one: a hit
 * that is older than the index finds nothing rather than another text.
 *
 * sections_fts keeps no copy of the text (external content); its triggers hand FTS5 exactly the
 * values that were indexed, so that a deletion, also one that cascades, removes every posting.
 * pages_fts keeps its own copy, because no table holds the text of a whole page.
 *
 * Chunks: the vector stands before the text, so that loading vectors does not read texts.
 */
static const char index_v1[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"INSERT INTO meta VALUES('instance', random()), ('generation', 0), ('run', 0),"
	" ('published_ms', 0), ('model', ''), ('dimension', 0);"
	"CREATE TABLE documents("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" source TEXT NOT NULL, path TEXT NOT NULL, title TEXT NOT NULL,"
	" description TEXT NOT NULL, url TEXT NOT NULL, type TEXT NOT NULL,"
	" content_hash TEXT NOT NULL, seen_run INTEGER NOT NULL,"
	" UNIQUE(source, path));"
	"CREATE TABLE sections("
	" id INTEGER PRIMARY KEY,"
	" document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,"
	" ordinal INTEGER NOT NULL, level INTEGER NOT NULL, anchor TEXT NOT NULL,"
	" title TEXT NOT NULL, path TEXT NOT NULL, heading TEXT NOT NULL, text TEXT NOT NULL,"
	" identifiers TEXT NOT NULL,"
	" UNIQUE(document_id, ordinal));"
	"CREATE TABLE chunks("
	" id INTEGER PRIMARY KEY,"
	" document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,"
	" unit INTEGER NOT NULL, ordinal INTEGER NOT NULL,"
	" first_section INTEGER NOT NULL, last_section INTEGER NOT NULL,"
	" vector BLOB NOT NULL, text TEXT NOT NULL,"
	" UNIQUE(document_id, unit, ordinal));"
	"CREATE VIRTUAL TABLE sections_fts USING fts5(title, path, heading, text, identifiers,"
	" content='sections', content_rowid='id',"
	" tokenize='porter unicode61 remove_diacritics 2');"
	"CREATE VIRTUAL TABLE pages_fts USING fts5(title, words, body, identifiers,"
	" tokenize='porter unicode61 remove_diacritics 2');"
	"CREATE TRIGGER sections_added AFTER INSERT ON sections BEGIN"
	" INSERT INTO sections_fts(rowid, title, path, heading, text, identifiers)"
	"  VALUES(new.id, new.title, new.path, new.heading, new.text, new.identifiers);"
	"END;"
	"CREATE TRIGGER sections_removed AFTER DELETE ON sections BEGIN"
	" INSERT INTO sections_fts(sections_fts, rowid, title, path, heading, text, identifiers)"
	"  VALUES('delete', old.id, old.title, old.path, old.heading, old.text,"
	"   old.identifiers);"
	"END;"
	"CREATE TRIGGER documents_removed AFTER DELETE ON documents BEGIN"
	" DELETE FROM pages_fts WHERE rowid = old.id;"
	"END;";

/* Version 2: labels of documents, their identity before they are read, lines of sections. */
static const char index_v2[] =
	"ALTER TABLE documents ADD COLUMN repo TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE documents ADD COLUMN version TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE documents ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE documents ADD COLUMN content_id TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE sections ADD COLUMN first_line INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE sections ADD COLUMN last_line INTEGER NOT NULL DEFAULT 0;";

/*
 * Version 3: chunks that wait for their vector, which is an empty blob until then. Their ids are
 * never used twice, so that a vector that comes late finds its chunk or none. The text is NULL where
 * the chunk's own text is what is embedded.
 */
static const char index_v3[] =
	"CREATE TABLE pending("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" chunk_id INTEGER NOT NULL UNIQUE REFERENCES chunks(id) ON DELETE CASCADE,"
	" turn INTEGER NOT NULL, text TEXT);"
	"CREATE INDEX pending_by_turn ON pending(turn, id);"
	"INSERT INTO meta VALUES('cache_key', '');";

/*
 * Version 4: what the indexer wants to know again of a document, and sections that say what another
 * one says. Their row in `sections` holds no words, so that the triggers and FTS5 need not know of
 * them; the words stand here.
 */
static const char index_v4[] =
	"CREATE TABLE marks("
	" document_id INTEGER PRIMARY KEY REFERENCES documents(id) ON DELETE CASCADE,"
	" bytes BLOB NOT NULL);"
	"CREATE TABLE duplicates("
	" document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,"
	" ordinal INTEGER NOT NULL, path TEXT NOT NULL, heading TEXT NOT NULL,"
	" text TEXT NOT NULL, PRIMARY KEY(document_id, ordinal)) WITHOUT ROWID;";

/* Version 5: the stems of sections_fts and in how many sections each stands, for spell.c. */
static const char index_v5[] =
	"CREATE VIRTUAL TABLE section_words USING fts5vocab(sections_fts, row);";

/*
 * Version 6: to which hosts documents link, and what tells whether documents are alike. By host, so that
 * those that are linked to often are found without a look at the others.
 */
static const char index_v6[] =
	"CREATE TABLE links("
	" host TEXT NOT NULL,"
	" document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,"
	" context INTEGER NOT NULL, PRIMARY KEY(host, document_id)) WITHOUT ROWID;"
	"CREATE INDEX links_by_document ON links(document_id);"
	"CREATE TABLE prints("
	" document_id INTEGER PRIMARY KEY REFERENCES documents(id) ON DELETE CASCADE,"
	" bytes BLOB NOT NULL);";

static const char cache_v1[] = "CREATE TABLE embeddings("
			       " id INTEGER PRIMARY KEY,"
			       " model TEXT NOT NULL, hash BLOB NOT NULL, vector BLOB NOT NULL,"
			       " UNIQUE(model, hash));";

static const char *const index_steps[] = {index_v1, index_v2, index_v3,
					  index_v4, index_v5, index_v6};
static const char *const cache_steps[] = {cache_v1};

/* "DBOT", "DBOE". Readers do without the tables of version 6. */
const struct sqldb_schema store_index_schema = {0x44424f54, index_steps, 6, 5};
const struct sqldb_schema store_cache_schema = {0x44424f45, cache_steps, 1, 0};

enum err_code store_schema_check(struct sqldb *db, const struct sqldb_schema *schema, bool write,
				 struct err *err)
{
	int64_t application_id, version, objects;
	enum err_code code = sqldb_int(db, "PRAGMA application_id", &application_id, err);

	if (!code)
		code = sqldb_int(db, "PRAGMA user_version", &version, err);
	if (!code)
		code = sqldb_int(db, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (code)
		return code;
	if (!application_id && !version && !objects) {
		if (!write)
			return err_set(err, ERR_NOTFOUND,
				       "%s is empty: run `docs-bot index` to make the index",
				       db->path);
	} else if (application_id != schema->application_id) {
		return err_set(err, ERR_FORMAT,
			       "%s is a database of another program: move it away or choose "
			       "another folder with --data-dir",
			       db->path);
	}
	if (version < 0 || version > (int64_t)schema->step_count)
		return err_set(
			err, ERR_UNSUPPORTED,
			"%s was made by a newer docs-bot (schema %lld, this program knows "
			"%zu): upgrade docs-bot, or remove the file and run `docs-bot index`",
			db->path, (long long)version, schema->step_count);
	size_t least = schema->readable_from ? schema->readable_from : schema->step_count;
	if (!write && version < (int64_t)least)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s was made by an older docs-bot (schema %lld, this program needs "
			       "%zu): run `docs-bot index` to bring it up to date",
			       db->path, (long long)version, least);
	if (!write)
		return ERR_OK;
	/* Only now is the file known to be ours to change. WAL is what lets readers go on reading. */
	code = sqldb_exec(db, "PRAGMA journal_mode = WAL", "switching to WAL", err);
	if (!code && version < (int64_t)schema->step_count)
		code = sqldb_migrate(db, schema, err);
	return code;
}
