#include "index/url.h"

#include <utf8proc.h>

#include "base/buf.h"
#include "base/utf8.h"

/* What RFC 3986 lets stand in a path, '/' included, but for the sub-delimiters. */
static bool is_plain(unsigned char c)
{
	return ascii_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '/';
}

static void append_encoded(struct buf *out, struct str path)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.ptr[i];

		if (is_plain(c)) {
			buf_append_byte(out, (char)c);
			continue;
		}
		buf_append_byte(out, '%');
		buf_append_byte(out, digits[c >> 4]);
		buf_append_byte(out, digits[c & 15]);
	}
}

static bool hugo_keeps(int32_t cp)
{
	utf8proc_category_t category;

	if (cp < 0x80)
		return ascii_alnum(cp) || cp == '.' || cp == '/' || cp == '_' || cp == '#' ||
		       cp == '+' || cp == '~' || cp == '-' || cp == '@';
	category = utf8proc_category(cp);
	return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME) ||
	       category == UTF8PROC_CATEGORY_ND;
}

/* Lower case, white space as one '-', other punctuation dropped. */
static void append_hugo_path(struct buf *out, struct str path)
{
	size_t at = 0, size;
	int32_t cp;

	while (at < path.len) {
		size = utf8_decode(path, at, &cp);
		if (size == 0) {
			at++;
			continue;
		}
		at += size;
		if (cp < 0x80 && ascii_space(cp)) {
			if (out->len && out->ptr[out->len - 1] != '-')
				buf_append_byte(out, '-');
		} else if (hugo_keeps(cp)) {
			buf_append_codepoint(out, utf8proc_tolower(cp));
		}
	}
}

static size_t last_part(struct str path)
{
	size_t slash = path.len;

	while (slash > 0 && path.ptr[slash - 1] != '/')
		slash--;
	return slash;
}

static struct str without_extension(struct str path)
{
	size_t slash = last_part(path);

	for (size_t i = path.len; i > slash + 1; i--)
		if (path.ptr[i - 1] == '.')
			return str_slice(path, 0, i - 1);
	return path;
}

/* Without the last part's extension; empty or ending in '/' when it is a folder's index. */
static struct str page_path(struct str path)
{
	struct str page = without_extension(path);
	size_t slash = last_part(path);
	struct str name = str_slice(page, slash, page.len);

	if (str_eq(name, STR("_index")) || str_eq(name, STR("index")))
		return str_slice(path, 0, slash);
	return page;
}

static struct str without_slashes(struct str url)
{
	while (url.len && url.ptr[url.len - 1] == '/')
		url.len--;
	return url;
}

static bool is_absolute(struct str url)
{
	return str_starts(url, STR("https://")) || str_starts(url, STR("http://"));
}

/* Without the folder of contents, and of its default language, of a Hugo site. */
static bool cut_content_root(struct str *path)
{
	static const char *const roots[] = {"content/en/", "content/"};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		if (str_starts(*path, str_c(roots[i]))) {
			*path = str_slice(*path, str_c(roots[i]).len, path->len);
			return true;
		}
	}
	return false;
}

enum url_style url_style_of(const struct url_rules *rules, const struct url_page *page)
{
	bool based = without_slashes(rules->base_url).len > 0;
	bool repository = is_absolute(rules->web_url);
	struct str path = page->path;

	switch (rules->style) {
	case URL_HUGO:
		return based ? URL_HUGO : URL_NONE;
	case URL_GITHUB:
		return repository ? URL_GITHUB : URL_NONE;
	case URL_SITE:
		return page->own.len || based ? URL_SITE : URL_NONE;
	case URL_NONE:
		return URL_NONE;
	case URL_AUTO:
		break;
	}
	if (page->own.len)
		return URL_SITE;
	if (based)
		return cut_content_root(&path) ? URL_HUGO : URL_SITE;
	return repository ? URL_GITHUB : URL_NONE;
}

static void append_hugo(struct buf *url, struct buf *scratch, const struct url_page *page)
{
	struct str path = page->path;

	if (page->url.len) {
		path = page->url;
		while (path.len && path.ptr[0] == '/')
			path = str_slice(path, 1, path.len);
		append_encoded(url, path);
		return;
	}
	cut_content_root(&path);
	struct str name = without_extension(path);
	name = str_slice(name, last_part(name), name.len);
	bool section = str_eq(name, STR("_index"));
	path = page_path(path);
	if (page->slug.len && !section) {
		path = without_slashes(path);
		append_hugo_path(scratch, str_slice(path, 0, last_part(path)));
		append_hugo_path(scratch, page->slug);
	} else {
		append_hugo_path(scratch, path);
	}
	if (scratch->len && scratch->ptr[scratch->len - 1] != '/')
		buf_append_byte(scratch, '/');
	append_encoded(url, buf_str(scratch));
}

enum err_code url_for_document(const struct url_rules *rules, const struct url_page *page,
			       struct arena *arena, struct str *out, struct err *err)
{
	enum url_style style = url_style_of(rules, page);
	struct str base = without_slashes(rules->base_url);
	struct str web = without_slashes(rules->web_url);
	struct buf url, scratch;
	enum err_code code;

	buf_init(&url, arena->alloc,
		 base.len + web.len + page->own.len + page->slug.len * 12 + rules->ref.len * 3 +
			 (page->path.len + page->url.len) * 12 + 32);
	buf_init(&scratch, arena->alloc, (page->path.len + page->slug.len) * 4 + 16);
	if (style == URL_SITE && page->own.len) {
		buf_append(&url, page->own);
	} else if (style == URL_HUGO && is_absolute(page->url)) {
		buf_append(&url, page->url);
	} else if (style == URL_HUGO) {
		buf_append(&url, base);
		buf_append_byte(&url, '/');
		append_hugo(&url, &scratch, page);
	} else {
		buf_append(&url, style == URL_GITHUB ? web
				 : style == URL_SITE ? base
						     : STR("/pages"));
		buf_append_byte(&url, '/');
		if (style == URL_GITHUB) {
			buf_append(&url, STR("blob/"));
			append_encoded(&url, rules->ref.len ? rules->ref : STR("HEAD"));
			buf_append_byte(&url, '/');
		}
		append_encoded(&url, page->path);
	}
	code = buf_ok(&scratch, "URL", err);
	if (code == ERR_OK)
		code = buf_ok(&url, "URL", err);
	if (code == ERR_OK) {
		*out = arena_str(arena, buf_str(&url));
		code = out->ptr ? ERR_OK : arena_fail(arena, err);
	}
	buf_release(&scratch);
	buf_release(&url);
	return code;
}

enum err_code url_line_fragment(uint32_t first, uint32_t last, struct arena *arena, struct str *out,
				struct err *err)
{
	*out = STR("");
	if (!first)
		return ERR_OK;
	*out = last > first ? arena_printf(arena, "L%u-L%u", first, last)
			    : arena_printf(arena, "L%u", first);
	return out->ptr ? ERR_OK : arena_fail(arena, err);
}

bool url_style_parse(struct str name, enum url_style *out)
{
	static const char *const names[] = {[URL_AUTO] = "auto",
					    [URL_HUGO] = "hugo",
					    [URL_GITHUB] = "github",
					    [URL_SITE] = "site",
					    [URL_NONE] = "none"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_eq(name, str_c(names[i]))) {
			*out = (enum url_style)i;
			return true;
		}
	}
	return false;
}
