/* Checks arguments once for every backend, then calls it. */
#include "store/store.h"

#include "base/utf8.h"

#define MAX_QUERY_BYTES ((size_t)1 << 20)
#define MAX_DIMENSION   65536

static enum err_code check_text(struct str text, const char *what, struct str path, struct err *err)
{
	if (!utf8_valid(text))
		return err_set(err, ERR_INVALID, "%.*s: its %s is not valid UTF-8", STR_ARG(path),
			       what);
	return ERR_OK;
}

static enum err_code check_section(const struct store_section *section, struct str path,
				   struct err *err)
{
	enum err_code code = check_text(section->heading, "heading", path, err);

	if (!code)
		code = check_text(section->anchor, "anchor", path, err);
	if (!code)
		code = check_text(section->path, "section path", path, err);
	if (!code)
		code = check_text(section->text, "section text", path, err);
	return code;
}

static enum err_code check_chunk(const struct store_document *document,
				 const struct store_chunk *chunk, struct err *err)
{
	if (chunk->unit >= STORE_UNIT_COUNT)
		return err_set(err, ERR_INVALID, "%.*s: chunk %u is of unknown kind %d",
			       STR_ARG(document->path), chunk->ordinal, (int)chunk->unit);
	if (chunk->first_section > chunk->last_section ||
	    chunk->last_section >= document->section_count)
		return err_set(err, ERR_INVALID,
			       "%.*s: chunk %u covers sections %u to %u of a document with %zu",
			       STR_ARG(document->path), chunk->ordinal, chunk->first_section,
			       chunk->last_section, document->section_count);
	if (!utf8_valid(chunk->embed_text))
		return check_text(chunk->embed_text, "chunk text", document->path, err);
	return check_text(chunk->text, "chunk text", document->path, err);
}

static enum err_code check_document(const struct store_document *document, struct err *err)
{
	struct str path = document->path;
	enum err_code code;

	if (!document->source.len || !path.len || !document->content_hash.len)
		return err_set(err, ERR_INVALID,
			       "a document needs a source, a path and a content hash");
	if (document->section_count > UINT32_MAX || document->chunk_count > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "too many sections or chunks in one document");
	if (!utf8_valid(path))
		return err_set(err, ERR_INVALID, "the path of a document is not valid UTF-8");
	code = check_text(document->source, "source", path, err);
	if (!code)
		code = check_text(document->title, "title", path, err);
	if (!code)
		code = check_text(document->description, "description", path, err);
	if (!code)
		code = check_text(document->url, "URL", path, err);
	if (!code)
		code = check_text(document->type, "type", path, err);
	if (!code)
		code = check_text(document->repo, "repository", path, err);
	if (!code)
		code = check_text(document->version, "version", path, err);
	if (!code)
		code = check_text(document->content_id, "content id", path, err);
	for (size_t i = 0; !code && i < document->section_count; i++)
		code = check_section(&document->sections[i], path, err);
	for (size_t i = 0; !code && i < document->chunk_count; i++)
		code = check_chunk(document, &document->chunks[i], err);
	return code;
}

static enum err_code check_model(struct str model, size_t dimension, struct err *err)
{
	if (!model.len || !utf8_valid(model))
		return err_set(err, ERR_INVALID, "the embedding model needs a name");
	if (!dimension || dimension > MAX_DIMENSION)
		return err_set(err, ERR_INVALID,
			       "embeddings of %zu dimensions are not supported (1 to %d)",
			       dimension, MAX_DIMENSION);
	return ERR_OK;
}

enum err_code store_stats(struct store *s, struct arena *arena, struct store_stats *out,
			  struct err *err)
{
	return s->ops->stats(s, arena, out, err);
}

enum err_code store_generation(struct store *s, uint64_t *out, struct err *err)
{
	*out = 0;
	return s->ops->generation(s, out, err);
}

enum err_code store_search_vector(struct store *s, enum store_unit unit, const float *query,
				  size_t dimension, size_t k, struct arena *arena,
				  struct store_hits *out, struct err *err)
{
	*out = (struct store_hits){0};
	if (unit >= STORE_UNIT_COUNT)
		return err_set(err, ERR_INVALID, "unknown kind of chunk %d", (int)unit);
	return s->ops->search_vector(s, unit, query, dimension, k, arena, out, err);
}

enum err_code store_search_text(struct store *s, enum store_text_scope scope, struct str query,
				size_t k, struct arena *arena, struct store_hits *out,
				struct err *err)
{
	*out = (struct store_hits){0};
	if (scope != STORE_TEXT_SECTIONS && scope != STORE_TEXT_PAGES)
		return err_set(err, ERR_INVALID, "unknown scope of full-text search %d",
			       (int)scope);
	if (query.len > MAX_QUERY_BYTES)
		return err_set(err, ERR_LIMIT, "the query has %zu bytes, the limit is %zu",
			       query.len, MAX_QUERY_BYTES);
	return s->ops->search_text(s, scope, query, k, arena, out, err);
}

enum err_code store_passage(struct store *s, int64_t document_id, uint32_t section,
			    struct arena *arena, struct store_passage *out, struct err *err)
{
	return s->ops->passage(s, document_id, section, arena, out, err);
}

enum err_code store_chunk_text(struct store *s, int64_t document_id, enum store_unit unit,
			       uint32_t ordinal, struct arena *arena, struct str *out,
			       struct err *err)
{
	return s->ops->chunk_text(s, document_id, unit, ordinal, arena, out, err);
}

enum err_code store_document_info(struct store *s, int64_t document_id, struct arena *arena,
				  struct store_document_info *out, struct err *err)
{
	return s->ops->document_info(s, document_id, arena, out, err);
}

enum err_code store_find_document(struct store *s, struct str path, int64_t *document_id,
				  uint32_t *section_count, struct err *err)
{
	return s->ops->find_document(s, path, document_id, section_count, err);
}

enum err_code store_word_sections(struct store *s, const struct str *words, size_t count,
				  uint64_t *sections, uint64_t *total, struct err *err)
{
	return s->ops->word_sections(s, words, count, sections, total, err);
}

enum err_code store_begin(struct store *s, const struct store_identity *identity, bool rebuild,
			  struct err *err)
{
	enum err_code code = check_model(identity->model, identity->dimension, err);

	return code ? code : s->ops->begin(s, identity, rebuild, err);
}

enum err_code store_unchanged(struct store *s, struct str source, struct str path,
			      struct str content_hash, uint64_t *chunks, bool *same,
			      struct err *err)
{
	*chunks = 0;
	*same = false;
	return s->ops->unchanged(s, source, path, content_hash, chunks, same, err);
}

enum err_code store_unchanged_id(struct store *s, struct str source, struct str path,
				 struct str content_id, uint64_t *chunks, bool *same,
				 struct err *err)
{
	*chunks = 0;
	*same = false;
	return content_id.len ? s->ops->unchanged_id(s, source, path, content_id, chunks, same, err)
			      : ERR_OK;
}

enum err_code store_put(struct store *s, const struct store_document *document, struct err *err)
{
	enum err_code code = check_document(document, err);

	return code ? code : s->ops->put(s, document, err);
}

enum err_code store_list(struct store *s, struct str source, struct arena *arena,
			 struct store_listing *out, struct err *err)
{
	*out = (struct store_listing){.items = NULL};
	return s->ops->list(s, source, arena, out, err);
}

enum err_code store_sweep(struct store *s, struct str source, uint64_t *documents, uint64_t *chunks,
			  struct err *err)
{
	*documents = *chunks = 0;
	return s->ops->sweep(s, source, documents, chunks, err);
}

enum err_code store_cache_get(struct store *s, struct str model,
			      const unsigned char hash[STORE_HASH_SIZE], float *vector,
			      size_t dimension, bool *found, struct err *err)
{
	enum err_code code = check_model(model, dimension, err);

	*found = false;
	return code ? code : s->ops->cache_get(s, model, hash, vector, dimension, found, err);
}

enum err_code store_cache_put(struct store *s, struct str model,
			      const unsigned char hash[STORE_HASH_SIZE], const float *vector,
			      size_t dimension, struct err *err)
{
	enum err_code code = check_model(model, dimension, err);

	return code ? code : s->ops->cache_put(s, model, hash, vector, dimension, err);
}

enum err_code store_pending(struct store *s, const struct store_pending *after, size_t max,
			    struct arena *arena, struct store_pending_list *out, struct err *err)
{
	*out = (struct store_pending_list){0};
	return max ? s->ops->pending(s, after, max, arena, out, err) : ERR_OK;
}

enum err_code store_resume(struct store *s, const struct store_identity *identity, struct err *err)
{
	enum err_code code = check_model(identity->model, identity->dimension, err);

	return code ? code : s->ops->resume(s, identity, err);
}

enum err_code store_set_vector(struct store *s, int64_t pending_id, const float *vector,
			       struct err *err)
{
	return s->ops->set_vector(s, pending_id, vector, err);
}

enum err_code store_hosts(struct store *s, size_t least, const struct store_host_sink *sink,
			  struct err *err)
{
	if (!sink || !sink->address || !sink->witness)
		return err_set(err, ERR_INVALID, "the hosts of an index need a sink");
	return s->ops->hosts ? s->ops->hosts(s, least, sink, err) : ERR_OK;
}

enum err_code store_hold(struct store *s, uint64_t *generation, struct err *err)
{
	*generation = 0;
	return s->ops->hold(s, generation, err);
}

void store_release(struct store *s)
{
	s->ops->release(s);
}

void store_maintain(struct store *s)
{
	s->ops->maintain(s);
}

enum err_code store_publish(struct store *s, int64_t wall_ms, struct err *err)
{
	return s->ops->publish(s, wall_ms, err);
}

void store_rollback(struct store *s)
{
	s->ops->rollback(s);
}

void store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}
