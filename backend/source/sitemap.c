#include "source/sitemap.h"

#include <expat.h>
#include <string.h>
#include <zlib.h>

#define LOC_MAX     4096
#define PIECE       ((size_t)1 << 16)
#define GZIP_WINDOW (16 + MAX_WBITS) /* zlib: with gzip's header */

/* What the parser's callbacks share. */
struct reading {
	XML_Parser parser;
	struct arena *arena;
	struct sitemap *out;
	struct buf text; /* of the <loc> that is open */
	size_t capacity;
	unsigned depth;
	bool in_loc, is_sitemap, refused, failed;
};

/* Names may have a prefix. */
static bool is_named(const char *name, const char *wanted)
{
	const char *colon = strrchr(name, ':');

	return strcmp(colon ? colon + 1 : name, wanted) == 0;
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
	struct reading *r = ctx;

	(void)attributes;
	r->depth++;
	if (r->depth == 1) {
		r->out->is_index = is_named(name, "sitemapindex");
		r->is_sitemap = r->out->is_index || is_named(name, "urlset");
		if (!r->is_sitemap)
			XML_StopParser(r->parser, XML_FALSE);
	}
	/* deeper ones are images' and videos' */
	if (r->depth == 3 && is_named(name, "loc")) {
		r->in_loc = true;
		buf_clear(&r->text);
	}
}

static void add_loc(struct reading *r)
{
	struct str loc = str_trim(buf_str(&r->text));

	/* what is longer than the buffer is no address that we would accept */
	if (r->text.failed || loc.len == 0 || r->out->count == SITEMAP_URLS)
		return;
	if (r->out->count == r->capacity) {
		size_t capacity = r->capacity ? r->capacity * 2 : 64;
		struct str *grown = arena_array(r->arena, capacity, sizeof(*grown));

		if (grown && r->out->count)
			memcpy(grown, r->out->locs, r->out->count * sizeof(*grown));
		r->failed = r->failed || !grown;
		if (!grown)
			return;
		r->out->locs = grown;
		r->capacity = capacity;
	}
	loc = arena_str(r->arena, loc);
	r->failed = r->failed || !loc.ptr;
	if (loc.ptr)
		r->out->locs[r->out->count++] = loc;
}

static void on_end(void *ctx, const char *name)
{
	struct reading *r = ctx;

	(void)name;
	if (r->depth == 3 && r->in_loc) {
		add_loc(r);
		r->in_loc = false;
	}
	r->depth--;
}

static void on_text(void *ctx, const char *text, int len)
{
	struct reading *r = ctx;

	if (r->in_loc)
		buf_append(&r->text, (struct str){text, (size_t)len});
}

static void on_doctype(void *ctx, const char *name, const char *system, const char *public,
		       int has_subset)
{
	struct reading *r = ctx;

	(void)name;
	(void)system;
	(void)public;
	(void)has_subset;
	r->refused = true;
	XML_StopParser(r->parser, XML_FALSE);
}

enum err_code sitemap_parse(struct str xml, struct arena *arena, struct sitemap *out,
			    struct err *err)
{
	struct reading r = {.arena = arena, .out = out};
	enum XML_Status status = XML_STATUS_OK;
	enum err_code code = ERR_OK;

	*out = (struct sitemap){.count = 0};
	r.parser = XML_ParserCreate(NULL);
	if (!r.parser)
		return err_set(err, ERR_NOMEM, "out of memory");
	buf_init(&r.text, arena->alloc, LOC_MAX);
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	for (size_t at = 0; status == XML_STATUS_OK && !r.failed;) {
		struct str piece = str_slice(xml, at, at + PIECE);

		at += piece.len;
		status = XML_Parse(r.parser, piece.len ? piece.ptr : "", (int)piece.len,
				   at == xml.len);
		if (at == xml.len)
			break;
	}
	if (r.failed || XML_GetErrorCode(r.parser) == XML_ERROR_NO_MEMORY)
		code = arena->limited ? arena_fail(arena, err)
				      : err_set(err, ERR_NOMEM, "out of memory");
	else if (r.refused)
		code = err_set(err, ERR_FORMAT, "has a document type, which no sitemap needs");
	else if (r.depth && !r.is_sitemap)
		code = err_set(err, ERR_FORMAT, "is XML, but no sitemap");
	else if (status != XML_STATUS_OK)
		code = err_set(err, ERR_FORMAT, "is damaged in line %lu: %s",
			       (unsigned long)XML_GetCurrentLineNumber(r.parser),
			       XML_ErrorString(XML_GetErrorCode(r.parser)));
	XML_ParserFree(r.parser);
	buf_release(&r.text);
	return code;
}

bool sitemap_is_gzip(struct str bytes)
{
	return str_starts(bytes, STR("\x1f\x8b"));
}

enum err_code sitemap_unpack(struct str bytes, struct buf *out, struct err *err)
{
	z_stream stream;
	int status;
	enum err_code code = ERR_OK;

	memset(&stream, 0, sizeof(stream));
	if (bytes.len > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "is too long");
	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return err_set(err, ERR_NOMEM, "out of memory");
	/* zlib only reads through this pointer; its type is older than const */
	stream.next_in = (Bytef *)(uintptr_t)bytes.ptr;
	stream.avail_in = (uInt)bytes.len;
	do {
		size_t room = out->max - out->len < PIECE ? out->max - out->len : PIECE;

		if (room == 0) {
			code = err_set(err, ERR_LIMIT, "unpacks to more than %zu bytes", out->max);
			break;
		}
		if (!buf_reserve(out, room)) {
			code = buf_ok(out, "the sitemap", err);
			break;
		}
		stream.next_out = (Bytef *)(out->ptr + out->len);
		stream.avail_out = (uInt)room;
		status = inflate(&stream, Z_NO_FLUSH);
		out->len += room - stream.avail_out;
		if (status != Z_OK && status != Z_STREAM_END)
			code = status == Z_MEM_ERROR ? err_set(err, ERR_NOMEM, "out of memory")
						     : err_set(err, ERR_FORMAT, "is damaged gzip");
	} while (code == ERR_OK && status != Z_STREAM_END);
	inflateEnd(&stream);
	return code;
}
