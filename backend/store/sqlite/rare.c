/*
 * FTS5 scores every row that holds one of a query's terms, and a word that stands in every second
 * section decides nothing. In a large index the commonest terms of a query are left out, so that the
 * time of a search is bounded whatever the index's size.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/internal.h"

enum {
	MAX_ROWS = 8000, /* that the terms of a query may name together */
	MIN_TERMS = 3,   /* the rarest, which are kept whatever they name */
	STEM_MAX = 256,
};

struct rare_term {
	struct str text; /* without the quotes */
	int64_t rows;
	size_t position;
};

/* Opens the tokenizer that the schema names for sections_fts, once. */
static enum err_code stemmer_open(struct store_sqlite *s, struct err *err)
{
	const char *options[] = {"unicode61", "remove_diacritics", "2"};
	struct store_stemmer *stemmer = &s->stemmer;
	sqlite3_stmt *stmt = NULL;
	fts5_api *api = NULL;
	void *user = NULL;
	if (stemmer->instance)
		return ERR_OK;
	int rc = sqlite3_prepare_v2(s->index.handle, "SELECT fts5(?1)", -1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_pointer(stmt, 1, (void *)&api, "fts5_api_ptr", NULL);
		(void)sqlite3_step(stmt);
		rc = sqlite3_finalize(stmt);
	}
	if (rc == SQLITE_OK && api)
		rc = api->xFindTokenizer(api, "porter", &user, &stemmer->tokenizer);
	if (rc == SQLITE_OK && api)
		rc = stemmer->tokenizer.xCreate(user, options, 3, &stemmer->instance);
	if (rc != SQLITE_OK)
		return sqldb_fail(&s->index, rc, "opening its tokenizer", err);
	return api ? ERR_OK
		   : err_set(err, ERR_UNSUPPORTED, "this SQLite does not show its tokenizers");
}

void store_stemmer_close(struct store_sqlite *s)
{
	if (s->stemmer.instance)
		s->stemmer.tokenizer.xDelete(s->stemmer.instance);
	s->stemmer.instance = NULL;
}

struct stem {
	char text[STEM_MAX];
	size_t len;
};

/* Keeps the first token; the types are those of fts5_tokenizer.xTokenize. */
static int keep_token(void *ctx, int flags, const char *token, int len, int begin, int end)
{
	struct stem *stem = ctx;
	if (stem->len || len <= 0 || len > STEM_MAX)
		return SQLITE_OK;
	memcpy(stem->text, token, (size_t)len);
	stem->len = (size_t)len;
	return SQLITE_OK;
}

enum err_code store_sqlite_word_rows(struct store_sqlite *s, struct str word, int64_t *rows,
				     struct err *err)
{
	struct stem stem = {.len = 0};
	sqlite3_stmt *stmt;
	*rows = 0;
	enum err_code code = stemmer_open(s, err);
	if (code)
		return code;
	int rc = s->stemmer.tokenizer.xTokenize(s->stemmer.instance, &stem, FTS5_TOKENIZE_QUERY,
						word.ptr, (int)word.len, keep_token);
	if (rc != SQLITE_OK)
		return sqldb_fail(&s->index, rc, "reading a word", err);
	code = sqldb_stmt(&s->index, INDEX_WORD_ROWS, &stmt, err);
	if (code)
		return code;
	sqldb_bind_str(stmt, 1, (struct str){stem.text, stem.len});
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*rows = sqlite3_column_int64(stmt, 0);
	else if (rc != SQLITE_DONE)
		code = sqldb_fail(&s->index, rc, "counting a word", err);
	sqldb_done(stmt);
	return code;
}

/* A name as text.c puts it into the index: joined. Empty when it is too long for one. */
static struct str joined_name(struct str word, char out[STEM_MAX])
{
	size_t len = 0;
	for (size_t i = 0; i < word.len; i++) {
		if (strchr("_.-/:", word.ptr[i]))
			continue;
		if (len == STEM_MAX)
			return STR("");
		out[len++] = word.ptr[i];
	}
	return (struct str){out, len};
}

enum err_code store_sqlite_word_sections(struct store *base, const struct str *words, size_t count,
					 uint64_t *sections, uint64_t *total, struct err *err)
{
	struct store_sqlite *s = (struct store_sqlite *)base;
	sqlite3_stmt *stmt;
	enum err_code code = sqldb_stmt(&s->index, INDEX_SECTION_COUNT, &stmt, err);
	*total = 0;
	if (code)
		return code;
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*total = (uint64_t)sqlite3_column_int64(stmt, 0);
	else
		code = sqldb_fail(&s->index, rc, "counting its sections", err);
	sqldb_done(stmt);
	for (size_t i = 0; i < count && !code; i++) {
		char name[STEM_MAX];
		int64_t rows = 0;
		code = store_sqlite_word_rows(s, joined_name(words[i], name), &rows, err);
		sections[i] = rows > 0 ? (uint64_t)rows : 0;
	}
	return code;
}

static int rarest_first(const void *a, const void *b)
{
	const struct rare_term *x = a, *y = b;
	if (x->rows != y->rows)
		return x->rows < y->rows ? -1 : 1;
	return x->position < y->position ? -1 : 1;
}

static int by_position(const void *a, const void *b)
{
	const struct rare_term *x = a, *y = b;
	return x->position < y->position ? -1 : 1;
}

/* How many of the terms, rarest first, may be searched for together. */
static size_t affordable(const struct rare_term *terms, size_t count)
{
	size_t kept = 0, held = 0;
	int64_t rows = 0;
	while (kept < count) {
		rows += terms[kept].rows;
		if (rows > MAX_ROWS && held >= MIN_TERMS)
			break;
		held += terms[kept++].rows > 0;
	}
	return kept;
}

static enum err_code join(struct rare_term *terms, size_t count, struct arena *arena,
			  struct str *out, struct err *err)
{
	qsort(terms, count, sizeof(*terms), by_position);
	*out = STR("");
	for (size_t i = 0; i < count; i++) {
		*out = arena_printf(arena, "%.*s%s\"%.*s\"", STR_ARG(*out), i ? " OR " : "",
				    STR_ARG(terms[i].text));
		if (!out->ptr)
			return arena_fail(arena, err);
	}
	return ERR_OK;
}

enum err_code store_sqlite_rarest(struct store_sqlite *s, struct str match, struct arena *arena,
				  struct str *out, struct err *err)
{
	struct rare_term terms[STORE_TEXT_MAX_TERMS] = {{.rows = 0}};
	size_t count = 0;
	*out = match;
	enum err_code code = ERR_OK;
	for (size_t at = 1; at < match.len && count < STORE_TEXT_MAX_TERMS && !code; count++) {
		size_t end = str_find(match, STR("\""), at);
		if (end == STR_NPOS)
			break;
		terms[count] =
			(struct rare_term){.text = str_slice(match, at, end), .position = count};
		code = store_sqlite_word_rows(s, terms[count].text, &terms[count].rows, err);
		at = end + sizeof("\" OR \"") - 1;
	}
	if (code)
		return code;
	qsort(terms, count, sizeof(*terms), rarest_first);
	size_t kept = affordable(terms, count);
	return kept < count ? join(terms, kept, arena, out, err) : ERR_OK;
}
