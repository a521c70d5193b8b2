#include "index/prepare.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "index/url.h"
#include "parse/parse.h"

/* Grows whenever parsing or chunking changes what is stored for the same bytes. */
#define PREPARE_VERSION "6"

enum {
	BINARY_PROBE = 8192,
	/* Tree, chunks and tokens of a page take some 40 times its bytes; this is for hostile ones. */
	DOCUMENT_MEMORY_FACTOR = 200,
	DOCUMENT_MEMORY_MIN = 16 << 20,
};

/* The document's bytes and every setting that shapes what is stored for them. */
static enum err_code hash_content(const struct index_deps *deps,
				  const struct index_options *options, struct str bytes,
				  char out[65], struct err *err)
{
	char content[65], settings[65];
	struct buf key;
	sha256_hex(bytes.ptr, bytes.len, content);
	buf_init(&key, deps->alloc, 1 << 16);
	buf_printf(&key, PREPARE_VERSION "\n%s\n%zu\n%.6f\n%zu\n%.*s\n%s",
		   deps->embedder->cache_key, options->chunk.tokens, options->chunk.overlap,
		   options->chunk.paragraph_tokens, STR_ARG(options->base_url), content);
	enum err_code code = buf_ok(&key, "the settings", err);
	if (!code)
		sha256_hex(key.ptr, key.len, settings);
	buf_release(&key);
	if (!code)
		memcpy(out, settings, sizeof(settings));
	return code;
}

/* Empty when the bytes are text, else why they are not. */
static struct str not_text(struct str bytes, struct arena *arena)
{
	struct str head = str_slice(bytes, 0, BINARY_PROBE);
	if (head.len && memchr(head.ptr, '\0', head.len))
		return STR("is binary, not text");
	int32_t cp;
	for (size_t at = 0; at < bytes.len;) {
		size_t n = utf8_decode(bytes, at, &cp);
		if (!n)
			return arena_printf(arena,
					    "is not UTF-8 (byte %zu): convert it, e.g. with iconv",
					    at + 1);
		at += n;
	}
	return STR("");
}

/* The file name without folder and ending, for pages that do not say their title. */
static struct str title_from_path(struct str path)
{
	size_t from = 0, to = path.len;
	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '/')
			from = i + 1;
	for (size_t i = path.len; i > from + 1; i--) {
		if (path.ptr[i - 1] == '.') {
			to = i - 1;
			break;
		}
	}
	return str_slice(path, from, to);
}

static enum err_code parse_and_chunk(const struct index_deps *deps,
				     const struct index_options *options,
				     const struct source_item *item, struct str bytes,
				     struct prepared *out, struct err *err)
{
	struct arena *arena = &out->arena;
	/* The tree keeps views into the text, so the text lives as long. */
	struct str text = arena_str(arena, bytes);
	out->path = arena_str(arena, item->path);
	if (!text.ptr || !out->path.ptr)
		return arena_fail(arena, err);
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_slice(text, 3, text.len);
	enum err_code code =
		parse_document(parse_format_of(out->path), text, arena, &out->document, err);
	if (!code && !out->document.title.len)
		out->document.title = title_from_path(out->path);
	if (!code)
		code = url_for_document(&(struct url_rules){.base_url = options->base_url},
					&(struct url_page){.path = out->path}, arena, &out->url,
					err);
	if (!code)
		code = chunk_document(&out->document, &options->chunk, deps->embedder, arena,
				      &out->chunks, err);
	/* Here and not in the batch, so that a page of countless chunks is skipped, not fatal. */
	size_t total = 0;
	if (!code && !size_mul(out->chunks.count, deps->embedder->dimension, &total))
		return err_set(err, ERR_LIMIT, "too many chunks");
	if (!code && !(out->vectors = arena_array(arena, total, sizeof(float))))
		code = arena_fail(arena, err);
	return code;
}

enum err_code prepare_document(const struct index_deps *deps, const struct index_options *options,
			       struct source *source, const struct source_item *item,
			       struct arena *run_arena, struct prepared *out,
			       enum prepare_outcome *outcome, struct str *reason, uint64_t *chunks,
			       struct err *err)
{
	struct buf bytes;
	struct err problem = {ERR_OK, ""};
	bool same = false;
	buf_init(&bytes, deps->alloc, options->max_file_bytes + 1);
	enum err_code code = source_read(source, item->path, &bytes, &problem);
	*outcome = PREPARE_SKIPPED;
	*reason = STR("");
	if (code == ERR_NOMEM) {
		code = err_set(err, code, "%s", problem.message);
		goto out;
	}
	if (code) { /* one unreadable file does not end the run */
		*reason = arena_str(run_arena, str_c(problem.message));
		code = reason->ptr ? ERR_OK : arena_fail(run_arena, err);
		goto out;
	}
	*reason = not_text(buf_str(&bytes), run_arena);
	if (!reason->ptr)
		code = arena_fail(run_arena, err);
	if (code || reason->len)
		goto out;
	code = hash_content(deps, options, buf_str(&bytes), out->content_hash, err);
	if (!code && !options->dry_run)
		code = store_unchanged(deps->store, str_c(source->name), item->path,
				       str_c(out->content_hash), chunks, &same, err);
	if (code)
		goto out;
	if (same) {
		*outcome = PREPARE_UNCHANGED;
		goto out;
	}
	arena_init(&out->arena, deps->alloc,
		   DOCUMENT_MEMORY_MIN + bytes.len * DOCUMENT_MEMORY_FACTOR);
	code = parse_and_chunk(deps, options, item, buf_str(&bytes), out, &problem);
	if (!code) {
		*outcome = PREPARE_READY;
	} else {
		arena_release(&out->arena);
		if (code == ERR_LIMIT || code == ERR_FORMAT) {
			*reason = arena_printf(run_arena, "cannot be indexed: %s", problem.message);
			code = reason->ptr ? ERR_OK : arena_fail(run_arena, err);
		} else {
			code = err_set(err, code, "%.*s: %s", STR_ARG(item->path), problem.message);
		}
	}
out:
	buf_release(&bytes);
	return code;
}
