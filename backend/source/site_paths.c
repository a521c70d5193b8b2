/* Addresses of a website: which are its pages, and what their items are called. */
#include <string.h>

#include "base/utf8.h"
#include "source/site.h"

#define PARTS_MAX 32 /* deeper paths are mostly loops of relative links */

/* Links to these are not worth a request. */
static bool is_file_of_other_kind(struct str path)
{
	static const char *const endings[] = {
		".png", ".jpg",  ".jpeg", ".gif", ".svg",  ".webp", ".ico",   ".css", ".js",
		".mjs", ".json", ".xml",  ".pdf", ".zip",  ".gz",   ".tgz",   ".bz2", ".xz",
		".tar", ".mp4",  ".webm", ".mp3", ".woff", ".ttf",  ".woff2", ".map", ".exe",
		".dmg", ".deb",  ".rpm",  ".whl", ".jar",  ".rss",  ".atom",  ".eps", ".avif"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct str ending = str_c(endings[i]);

		if (path.len > ending.len &&
		    str_eq_nocase(str_slice(path, path.len - ending.len, path.len), ending))
			return true;
	}
	return false;
}

static size_t count_parts(struct str path)
{
	size_t parts = 0;

	for (size_t i = 0; i < path.len; i++)
		parts += path.ptr[i] == '/';
	return parts;
}

static bool is_ours(const struct url *origin, const struct url *to)
{
	return url_same_host(origin, to) || url_same_host(to, origin);
}

enum err_code site_resolve(struct site_crawl *c, struct str base, struct str ref,
			   struct arena *arena, struct str *out, struct err *err)
{
	struct url origin, to;
	struct str url, bare = str_slice(c->folder, 0, c->folder.len - 1);
	struct err ignored;
	enum err_code code = url_join(base, ref, arena, &url, &ignored);

	*out = STR("");
	if (code == ERR_INVALID)
		return ERR_OK;
	if (code != ERR_OK)
		return err_set(err, code, "%s", ignored.message);
	if (!url_parse(url, &to) || !url_parse(c->origin, &origin) || !is_ours(&origin, &to))
		return ERR_OK;
	if (!str_starts(to.path, c->folder) && !(bare.len && str_eq(to.path, bare)))
		return ERR_OK;
	if (count_parts(to.path) > PARTS_MAX || is_file_of_other_kind(to.path))
		return ERR_OK;
	*out = arena_printf(arena, "%.*s%.*s%s%.*s", STR_ARG(c->origin), STR_ARG(to.path),
			    to.query.len ? "?" : "", STR_ARG(to.query));
	return out->ptr ? ERR_OK : arena_fail(arena, err);
}

/* One part of the path for people; encoded as it came when it would not be a name. */
static enum err_code append_part(struct buf *out, struct str part, struct arena *arena,
				 struct err *err)
{
	struct str name = url_decode(part, arena);

	if (!name.ptr)
		return arena_fail(arena, err);
	if (!utf8_valid(name) || str_eq(name, STR(".")) || str_eq(name, STR("..")))
		name = part;
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] == '/' || (unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
			name = part;
	if (out->len)
		buf_append_byte(out, '/');
	buf_append(out, name);
	return ERR_OK;
}

static bool has_ending(struct str path, struct str kind)
{
	static const struct {
		const char *kind, *ending;
	} endings[] = {{"html", ".html"}, {"html", ".htm"},    {"html", ".xhtml"},
		       {"md", ".md"},     {"md", ".markdown"}, {"txt", ".txt"}};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (str_eq(kind, str_c(endings[i].kind)) &&
		    str_ends(path, str_c(endings[i].ending)))
			return true;
	return false;
}

/* The query in a form that is no folder. */
static void append_query(struct buf *out, struct str query)
{
	if (query.len)
		buf_append_byte(out, '~');
	for (size_t i = 0; i < query.len; i++)
		buf_append_byte(out, query.ptr[i] == '/' ? '_' : query.ptr[i]);
}

enum err_code site_item_path(struct str url, struct str kind, struct arena *arena, struct str *out,
			     struct err *err)
{
	struct url parts;
	struct str rest, part;
	struct buf path;
	enum err_code code = ERR_OK;

	if (!url_parse(url, &parts))
		return err_set(err, ERR_INVALID, "not an address");
	buf_init(&path, arena->alloc, (size_t)4 * URL_MAX);
	rest = parts.path;
	while (code == ERR_OK && str_cut(&rest, '/', &part))
		if (part.len)
			code = append_part(&path, part, arena, err);
	if (parts.path.len == 0 || parts.path.ptr[parts.path.len - 1] == '/')
		buf_append(&path, path.len ? STR("/index") : STR("index"));
	append_query(&path, parts.query);
	if (!has_ending(buf_str(&path), kind)) {
		buf_append_byte(&path, '.');
		buf_append(&path, kind);
	}
	if (code == ERR_OK)
		code = buf_ok(&path, "the path of a page", err);
	if (code == ERR_OK) {
		*out = arena_str(arena, buf_str(&path));
		code = out->ptr ? ERR_OK : arena_fail(arena, err);
	}
	buf_release(&path);
	return code;
}
