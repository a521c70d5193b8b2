#include "index/prepare.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "index/collapse.h"
#include "index/licence.h"
#include "index/secrets.h"
#include "index/url.h"
#include "index/version.h"
#include "parse/parse.h"

/* Grows whenever parsing or chunking changes what is stored for the same bytes. */
#define PREPARE_VERSION "11"

enum {
	BINARY_PROBE = 8192,
	/* Tree, chunks and tokens of a page take some 40 times its bytes; this is for hostile ones. */
	DOCUMENT_MEMORY_FACTOR = 200,
	DOCUMENT_MEMORY_MIN = 16 << 20,
	/* A glossary has a chunk for each 25 bytes or so; each costs an embedding. */
	DOCUMENT_CHUNKS_MIN = 1000,
	DOCUMENT_BYTES_PER_CHUNK = 16,
};

/* What prepare_document() is called with. */
struct preparing {
	const struct index_deps *deps;
	const struct index_options *options;
	const struct index_source *from;
	const struct source_item *item;
	const struct prepare_hidden *hidden; /* or NULL */
	struct url_rules url;                /* with the base URL that holds */
};

/*
 * What stands for the content ("sha256:" or "id:" and so on) and for every setting that shapes what
 * is stored for it, as one hash.
 */
static enum err_code hash_settings(const struct preparing *p, const char *kind, struct str content,
				   char out[65], struct err *err)
{
	const struct chunk_options *chunk = &p->options->chunk;
	struct buf key;
	buf_init(&key, p->deps->alloc, 1 << 20);
	buf_printf(&key, PREPARE_VERSION "\n%s\n%zu\n%.6f\n%zu\n%d\n%.*s\n%.*s\n%.*s\n%.*s\n",
		   p->deps->embedder->cache_key, chunk->tokens, chunk->overlap,
		   chunk->paragraph_tokens, (int)p->url.style, STR_ARG(p->url.base_url),
		   STR_ARG(p->url.web_url), STR_ARG(p->url.ref), STR_ARG(p->item->url));
	buf_printf(&key, "%s\n%.*s\n%d\n%s:%.*s", p->from->source->repo, STR_ARG(p->from->version),
		   p->from->archived, kind, STR_ARG(content));
	enum err_code code = buf_ok(&key, "the settings", err);
	if (!code)
		sha256_hex(key.ptr, key.len, out);
	buf_release(&key);
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

/* Sections of code have no headings to link to on GitHub, but lines. */
static enum err_code link_lines(const struct preparing *p, const struct url_page *page,
				enum parse_format format, struct prepared *out, struct err *err)
{
	struct document *tree = &out->document;
	bool lines = parse_format_is_code(format) || format == PARSE_PLAIN;
	enum err_code code = ERR_OK;
	if (url_style_of(&p->url, page) != URL_GITHUB || (!lines && format != PARSE_NOTEBOOK))
		return ERR_OK;
	for (size_t i = 0; i < tree->section_count && !code; i++) {
		struct section *section = &tree->sections[i];
		section->anchor = STR("");
		if (lines)
			code = url_line_fragment(section->first_line, section->last_line,
						 &out->arena, &section->anchor, err);
	}
	return code;
}

/* What is known of a document beside its text: address, type, repository, version. */
static enum err_code label(const struct preparing *p, enum parse_format format,
			   struct prepared *out, struct err *err)
{
	const struct document *tree = &out->document;
	struct arena *arena = &out->arena;
	struct url_page page = {.path = out->path, .own = p->item->url, .slug = tree->slug};
	bool code_file = parse_format_is_code(format);
	struct version_label version = version_of_document(out->path, tree->title, code_file);
	/* the canonical link of an HTML page is not where its copy in a repository is read */
	if (format != PARSE_HTML)
		page.url = tree->url;
	out->type = code_file ? STR("code") : STR("doc");
	out->repo = arena_str(arena, str_c(p->from->source->repo));
	out->version = arena_str(arena, p->from->version.len ? p->from->version : version.version);
	out->archived = p->from->archived || version.archived;
	if (!out->repo.ptr || !out->version.ptr)
		return arena_fail(arena, err);
	enum err_code code = url_for_document(&p->url, &page, arena, &out->url, err);
	return code ? code : link_lines(p, &page, format, out, err);
}

/* The document as it is searched: hidden sections keep their place, but say nothing. */
static enum err_code without_hidden(struct prepared *from, struct document *out, bool *any,
				    struct err *err)
{
	struct section *sections;
	*out = from->document;
	*any = true;
	if (!from->hidden)
		return ERR_OK;
	sections = arena_array(&from->arena, out->section_count, sizeof(*sections));
	if (!sections)
		return arena_fail(&from->arena, err);
	*any = false;
	for (size_t i = 0; i < out->section_count; i++) {
		sections[i] = out->sections[i];
		*any |= !from->hidden[i];
		if (from->hidden[i]) {
			sections[i].heading = STR("");
			sections[i].block_count = 0;
		}
	}
	out->sections = sections;
	return ERR_OK;
}

static enum err_code chunk(const struct preparing *p, size_t bytes, struct prepared *out,
			   struct err *err)
{
	struct document searched;
	bool any;
	enum err_code code = without_hidden(out, &searched, &any, err);
	if (!code && any)
		code = chunk_document(&searched, &p->options->chunk, p->deps->embedder, &out->arena,
				      &out->chunks, err);
	if (!code && out->chunks.count > DOCUMENT_CHUNKS_MIN + bytes / DOCUMENT_BYTES_PER_CHUNK)
		code = err_set(err, ERR_LIMIT, "it has %zu chunks, too many for its length",
			       out->chunks.count);
	return code;
}

static enum err_code parse_and_chunk(const struct preparing *p, struct str bytes,
				     struct prepared *out, struct err *err)
{
	struct arena *arena = &out->arena;
	enum parse_format format = parse_format_of(p->item->path);
	/* The tree keeps views into the text, so the text lives as long. */
	char *head = arena_get(arena, bytes.len + 1);
	out->path = arena_str(arena, p->item->path);
	if (!head || !out->path.ptr)
		return arena_fail(arena, err);
	if (bytes.len)
		memcpy(head, bytes.ptr, bytes.len);
	struct str text = {head, bytes.len};
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_slice(text, 3, text.len);
	if (parse_format_is_code(format))
		licence_blank(head + (bytes.len - text.len), text.len);
	enum err_code code = parse_document(format, text, arena, &out->document, err);
	if (!code)
		code = witness_of(text, arena, &out->witness, err);
	if (!code && out->document.draft)
		return err_set(err, ERR_LIMIT, "it is a draft");
	if (!code && !out->document.title.len)
		out->document.title = title_from_path(out->path);
	if (!code)
		code = secrets_mask_document(&out->document, arena, &out->masked, err);
	if (!code && p->hidden && p->hidden->count == out->document.section_count)
		out->hidden = p->hidden->flags;
	if (!code)
		code = collapse_marks(&out->document, parse_format_is_code(format), out->hidden,
				      arena, &out->marks, err);
	if (!code)
		code = label(p, format, out, err);
	return code ? code : chunk(p, bytes.len, out, err);
}

/* Whether the store has the item, by its identity. *out gets the identity with the settings. */
static enum err_code ask_by_id(const struct preparing *p, struct prepared *out, uint64_t *chunks,
			       bool *same, struct err *err)
{
	*same = false;
	out->content_id[0] = '\0';
	if (!p->item->id.len)
		return ERR_OK;
	enum err_code code = hash_settings(p, "id", p->item->id, out->content_id, err);
	if (!code && !p->options->dry_run && !p->hidden)
		code = store_unchanged_id(p->deps->store, str_c(p->from->source->name),
					  p->item->path, str_c(out->content_id), chunks, same, err);
	return code;
}

static enum err_code ask_by_content(const struct preparing *p, struct str bytes,
				    struct prepared *out, uint64_t *chunks, bool *same,
				    struct err *err)
{
	char sha256[65];
	*same = false;
	sha256_hex(bytes.ptr, bytes.len, sha256);
	enum err_code code = hash_settings(p, "sha256", str_c(sha256), out->content_hash, err);
	if (!code && !p->options->dry_run && !p->hidden)
		code = store_unchanged(p->deps->store, str_c(p->from->source->name), p->item->path,
				       str_c(out->content_hash), chunks, same, err);
	return code;
}

/* Why the item cannot be indexed: empty when it could be read and is text. */
static enum err_code read_text(const struct preparing *p, struct arena *arena, struct buf *bytes,
			       struct str *reason, struct err *err)
{
	struct err problem = {ERR_OK, ""};
	enum err_code code = source_read(p->from->source, p->item->path, bytes, &problem);
	if (code == ERR_NOMEM)
		return err_set(err, code, "%s", problem.message);
	/* one unreadable file does not end the run */
	*reason = code ? arena_str(arena, str_c(problem.message)) : not_text(buf_str(bytes), arena);
	return reason->ptr ? ERR_OK : arena_fail(arena, err);
}

enum err_code prepare_document(const struct index_deps *deps, const struct index_options *options,
			       const struct index_source *source, const struct source_item *item,
			       const struct prepare_hidden *hidden, struct arena *scratch,
			       struct prepared *out, enum prepare_outcome *outcome,
			       struct str *reason, uint64_t *chunks, struct err *err)
{
	struct preparing p = {deps, options, source, item, hidden, source->url};
	struct buf bytes;
	struct err problem = {ERR_OK, ""};
	bool same = false;
	if (!p.url.base_url.len)
		p.url.base_url = options->base_url;
	*out = (struct prepared){.content_id = ""};
	*outcome = PREPARE_SKIPPED;
	*reason = STR("");
	buf_init(&bytes, deps->alloc, options->max_file_bytes + 1);
	enum err_code code = ask_by_id(&p, out, chunks, &same, err);
	if (!code && !same)
		code = read_text(&p, scratch, &bytes, reason, err);
	if (code || reason->len)
		goto out;
	if (!same)
		code = ask_by_content(&p, buf_str(&bytes), out, chunks, &same, err);
	if (code)
		goto out;
	if (same) {
		*outcome = PREPARE_UNCHANGED;
		goto out;
	}
	arena_init(&out->arena, deps->alloc,
		   DOCUMENT_MEMORY_MIN + bytes.len * DOCUMENT_MEMORY_FACTOR);
	code = parse_and_chunk(&p, buf_str(&bytes), out, &problem);
	if (!code) {
		*outcome = PREPARE_READY;
	} else {
		arena_release(&out->arena);
		if (code == ERR_LIMIT) {
			*reason = arena_printf(scratch, "cannot be indexed: %s", problem.message);
			code = reason->ptr ? ERR_OK : arena_fail(scratch, err);
		} else {
			code = err_set(err, code, "%.*s: %s", STR_ARG(item->path), problem.message);
		}
	}
out:
	buf_release(&bytes);
	return code;
}
