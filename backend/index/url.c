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

/* Without the last part's extension; empty or ending in '/' when it is a folder's index. */
static struct str page_path(struct str path)
{
	size_t slash = path.len, dot = path.len;
	struct str name;

	while (slash > 0 && path.ptr[slash - 1] != '/')
		slash--;
	for (size_t i = path.len; i > slash + 1; i--)
		if (path.ptr[i - 1] == '.') {
			dot = i - 1;
			break;
		}
	name = str_slice(path, slash, dot);
	if (str_eq(name, STR("_index")) || str_eq(name, STR("index")))
		return str_slice(path, 0, slash);
	return str_slice(path, 0, dot);
}

enum err_code url_for_document(struct str base_url, struct str path, struct arena *arena,
			       struct str *out, struct err *err)
{
	static const char *const roots[] = {"content/en/", "content/"};
	struct buf url, page;
	enum err_code code;
	bool hugo = false;

	buf_init(&url, arena->alloc, base_url.len + path.len * 12 + 16);
	buf_init(&page, arena->alloc, path.len * 4 + 16);
	while (base_url.len && base_url.ptr[base_url.len - 1] == '/')
		base_url.len--;
	buf_append(&url, base_url.len ? base_url : STR("/pages"));
	buf_append_byte(&url, '/');
	for (size_t i = 0; base_url.len && !hugo && i < 2; i++) {
		hugo = str_starts(path, str_c(roots[i]));
		if (hugo)
			path = page_path(str_slice(path, str_c(roots[i]).len, path.len));
	}
	if (hugo) {
		append_hugo_path(&page, path);
		if (page.len && page.ptr[page.len - 1] != '/')
			buf_append_byte(&page, '/');
		path = buf_str(&page);
	}
	append_encoded(&url, path);
	code = buf_ok(&page, "URL", err);
	if (code == ERR_OK)
		code = buf_ok(&url, "URL", err);
	if (code == ERR_OK) {
		*out = arena_str(arena, buf_str(&url));
		code = out->ptr ? ERR_OK : arena_fail(arena, err);
	}
	buf_release(&page);
	buf_release(&url);
	return code;
}
