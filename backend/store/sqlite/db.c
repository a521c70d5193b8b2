/* The statements of both files, and how vectors are written. */
#include <math.h>
#include <string.h>

#include "store/sqlite/internal.h"

/*
 * Column weights of bm25(), negative and more so for better matches. Sections: title, path,
 * heading, text, identifiers. Pages: title, words of path and description, body, identifiers. On
 * the 54 documentation questions of tests/eval, identifiers raise the MRR@10 of pages from 0.70 to
 * 0.75; the other weights between half and double of these make differences of single questions.
 */
#define SECTION_BM25 "bm25(sections_fts, 2.0, 1.0, 2.0, 1.0, 1.5)"
#define PAGE_BM25    "bm25(pages_fts, 3.0, 2.0, 1.0, 1.5)"

#define META(key) "(SELECT value FROM meta WHERE key = '" key "')"

const char *const store_index_sql[INDEX_STMT_COUNT] = {
	[INDEX_BEGIN_READ] = "BEGIN",
	[INDEX_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[INDEX_COMMIT] = "COMMIT",
	[INDEX_STATE] =
		"SELECT " META("instance") ", " META("generation") ", " META("run") ", " META(
			"published_ms") ", " META("dimension") ", " META("model") ", " META("cache_"
											    "key"),
	[INDEX_STATS] =
		"SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM sections),"
		" (SELECT count(*) FROM chunks), " META("generation") ", " META(
			"published_ms") ", " META("dimension") ", " META("model") ", (SELECT "
										  "count(*) FROM "
										  "pending)",
	[INDEX_SET_META] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
	[INDEX_HAS_DOCUMENT] = "SELECT EXISTS(SELECT 1 FROM documents)",
	[INDEX_CLEAR] = "DELETE FROM documents",
	[INDEX_FIND_DOCUMENT] = "SELECT id, content_hash = ?3, (SELECT count(*) FROM chunks"
				" WHERE document_id = documents.id)"
				" FROM documents WHERE source = ?1 AND path = ?2",
	[INDEX_FIND_DOCUMENT_ID] = "SELECT id, content_id = ?3, (SELECT count(*) FROM chunks"
				   " WHERE document_id = documents.id)"
				   " FROM documents WHERE source = ?1 AND path = ?2",
	[INDEX_MARK_SEEN] = "UPDATE documents SET seen_run = ?2 WHERE id = ?1",
	[INDEX_DELETE_DOCUMENT] = "DELETE FROM documents WHERE source = ?1 AND path = ?2",
	[INDEX_PUT_DOCUMENT] = "INSERT INTO documents(source, path, title, description, url, type,"
			       " content_hash, seen_run, repo, version, archived, content_id)"
			       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[INDEX_PUT_SECTION] =
		"INSERT INTO sections(document_id, ordinal, level, anchor, title, path, heading,"
		" text, identifiers, first_line, last_line)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[INDEX_PUT_PAGE] = "INSERT INTO pages_fts(rowid, title, words, body, identifiers)"
			   " VALUES(?1, ?2, ?3, ?4, ?5)",
	[INDEX_PUT_CHUNK] = "INSERT INTO chunks(document_id, unit, ordinal, first_section,"
			    " last_section, vector, text) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[INDEX_PUT_PENDING] = "INSERT INTO pending(chunk_id, turn, text) VALUES(?1, ?2, ?3)",
	[INDEX_PENDING] = "SELECT p.id, p.turn, coalesce(p.text, c.text)"
			  " FROM pending AS p JOIN chunks AS c ON c.id = p.chunk_id"
			  " WHERE (p.turn, p.id) > (?1, ?2) ORDER BY p.turn, p.id LIMIT ?3",
	[INDEX_HAS_PENDING] = "SELECT EXISTS(SELECT 1 FROM pending)",
	[INDEX_SET_VECTOR] = "UPDATE chunks SET vector = ?2"
			     " WHERE id = (SELECT chunk_id FROM pending WHERE id = ?1)",
	[INDEX_DELETE_PENDING] = "DELETE FROM pending WHERE id = ?1",
	[INDEX_COUNT_UNSEEN] = "SELECT count(*), sum((SELECT count(*) FROM chunks"
			       " WHERE document_id = documents.id))"
			       " FROM documents WHERE source = ?1 AND seen_run <> ?2",
	[INDEX_DELETE_UNSEEN] = "DELETE FROM documents WHERE source = ?1 AND seen_run <> ?2",
	[INDEX_COUNT_VECTORS] = "SELECT count(*) FROM chunks WHERE unit = ?1",
	[INDEX_VECTORS] = "SELECT document_id, first_section, last_section, vector, ordinal, id"
			  " FROM chunks WHERE unit = ?1 ORDER BY document_id, ordinal",
	[INDEX_VECTOR] = "SELECT vector FROM chunks WHERE id = ?1",
	[INDEX_SEARCH_SECTIONS] =
		"SELECT s.document_id, s.ordinal, s.ordinal, -m.score FROM"
		" (SELECT rowid AS id, " SECTION_BM25 " AS score FROM sections_fts"
		"  WHERE sections_fts MATCH ?1 ORDER BY score, rowid LIMIT ?2) AS m"
		/* a bare heading answers nothing; its words stand in the paths of those below */
		" JOIN sections AS s ON s.id = m.id WHERE trim(s.text) <> s.heading"
		" ORDER BY m.score, m.id",
	[INDEX_SEARCH_PAGES] = "SELECT m.id, 0, (SELECT coalesce(max(ordinal), 0) FROM sections"
			       "  WHERE document_id = m.id), -m.score FROM"
			       " (SELECT rowid AS id, " PAGE_BM25 " AS score FROM pages_fts"
			       "  WHERE pages_fts MATCH ?1 ORDER BY score, rowid LIMIT ?2) AS m"
			       " ORDER BY m.score, m.id",
	[INDEX_PUT_MARKS] = "INSERT INTO marks(document_id, bytes) VALUES(?1, ?2)",
	[INDEX_PUT_DUPLICATE] = "INSERT INTO duplicates(document_id, ordinal, path, heading, text)"
				" VALUES(?1, ?2, ?3, ?4, ?5)",
	[INDEX_LIST] = "SELECT d.path, d.version, m.bytes, d.archived,"
		       " (SELECT count(*) FROM chunks WHERE document_id = d.id)"
		       " FROM documents AS d LEFT JOIN marks AS m ON m.document_id = d.id"
		       " WHERE d.source = ?1 ORDER BY d.path",
	[INDEX_PASSAGE] = "SELECT s.level, d.source, d.path, d.type, d.title, d.url,"
			  " coalesce(x.heading, s.heading), s.anchor, coalesce(x.path, s.path),"
			  " coalesce(x.text, s.text), d.repo, d.version, d.archived, s.first_line, "
			  "s.last_line"
			  " FROM sections AS s JOIN documents AS d ON d.id = s.document_id"
			  " LEFT JOIN duplicates AS x ON x.document_id = s.document_id AND "
			  "x.ordinal = s.ordinal"
			  " WHERE s.document_id = ?1 AND s.ordinal = ?2",
	[INDEX_CHUNK_TEXT] = "SELECT text FROM chunks"
			     " WHERE document_id = ?1 AND unit = ?2 AND ordinal = ?3",
	[INDEX_WORD_ROWS] = "SELECT doc FROM section_words WHERE term = ?1",
	[INDEX_SECTION_COUNT] = "SELECT count(*) FROM sections",
	[INDEX_WORDS] = "SELECT term, doc FROM section_words WHERE term >= ?1 AND term < ?2",
	[INDEX_DOCUMENT_INFO] = "SELECT source, path, type, title, url, repo, version, archived,"
				" (SELECT coalesce(max(ordinal) + 1, 0) FROM sections"
				"  WHERE document_id = documents.id) FROM documents WHERE id = ?1",
	[INDEX_DOCUMENT_BY_PATH] = "SELECT id, (SELECT count(*) FROM sections"
				   " WHERE document_id = documents.id) FROM documents"
				   " WHERE path = ?1 ORDER BY source LIMIT 1",
	[INDEX_PUT_LINK] = "INSERT OR IGNORE INTO links(host, document_id, context)"
			   " VALUES(?1, ?2, ?3)",
	[INDEX_PUT_PRINT] = "INSERT INTO prints(document_id, bytes) VALUES(?1, ?2)",
	[INDEX_HAS_LINKS] = "SELECT count(*) FROM sqlite_schema WHERE name = 'links'",
	/* up to the '/' behind "http://" or "https://" and at least one letter of the host */
	[INDEX_ORIGINS] = "SELECT DISTINCT substr(url, 1, instr(substr(url, 9) || '/', '/') + 7)"
			  " FROM documents WHERE url LIKE 'http%'",
	[INDEX_WITNESSES] =
		"WITH own AS (SELECT l.host, l.document_id, l.context FROM links AS l"
		"  JOIN documents AS d ON d.id = l.document_id WHERE d.type IN ('doc', 'code')),"
		" often AS (SELECT host FROM own GROUP BY host HAVING count(*) >= ?1)"
		" SELECT o.host, o.document_id, o.context, p.bytes FROM often"
		" JOIN own AS o ON o.host = often.host"
		" LEFT JOIN prints AS p ON p.document_id = o.document_id"
		" ORDER BY o.host, o.document_id",
};

const char *const store_cache_sql[CACHE_STMT_COUNT] = {
	[CACHE_BEGIN] = "BEGIN IMMEDIATE",
	[CACHE_COMMIT] = "COMMIT",
	[CACHE_GET] = "SELECT vector FROM embeddings WHERE model = ?1 AND hash = ?2",
	[CACHE_PUT] = "INSERT OR REPLACE INTO embeddings(model, hash, vector) VALUES(?1, ?2, ?3)",
	[CACHE_COUNT] = "SELECT count(*) FROM embeddings",
};

void store_floats_encode(const float *from, size_t count, unsigned char *to)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(to, from, count * sizeof(*from));
#else
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;

		memcpy(&bits, &from[i], sizeof(bits));
		bits = __builtin_bswap32(bits);
		memcpy(to + i * sizeof(bits), &bits, sizeof(bits));
	}
#endif
}

void store_floats_decode(const unsigned char *from, size_t count, float *to)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(to, from, count * sizeof(*to));
#else
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;

		memcpy(&bits, from + i * sizeof(bits), sizeof(bits));
		bits = __builtin_bswap32(bits);
		memcpy(&to[i], &bits, sizeof(bits));
	}
#endif
}

bool store_floats_finite(const float *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(values[i]))
			return false;
	}
	return true;
}
