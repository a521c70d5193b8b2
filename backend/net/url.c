#include "net/url.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define PARAMETERS_MAX 64

static bool is_scheme_char(int c)
{
	return ascii_alnum(c) || c == '+' || c == '-' || c == '.';
}

/* Length of "scheme:" without the colon, or 0. */
static size_t scheme_length(struct str text)
{
	size_t i = 0;

	if (text.len == 0 || !ascii_alpha(text.ptr[0]))
		return 0;
	while (i < text.len && is_scheme_char(text.ptr[i]))
		i++;
	return i < text.len && text.ptr[i] == ':' ? i : 0;
}

static size_t find_any(struct str text, size_t from, const char *set)
{
	while (from < text.len && !(text.ptr[from] && strchr(set, text.ptr[from])))
		from++;
	return from;
}

/* What follows the authority. */
static void split_tail(struct str tail, struct url *out)
{
	size_t path = find_any(tail, 0, "?#"), query;

	out->path = str_slice(tail, 0, path);
	out->query = out->fragment = (struct str){"", 0};
	query = path;
	if (path < tail.len && tail.ptr[path] == '?') {
		query = find_any(tail, path + 1, "#");
		out->query = str_slice(tail, path + 1, query);
	}
	if (query < tail.len)
		out->fragment = str_slice(tail, query + 1, tail.len);
}

static bool split_authority(struct url *out)
{
	struct str rest = out->authority;
	uint64_t port = 0;

	out->has_userinfo = false;
	for (size_t i = rest.len; i > 0 && !out->has_userinfo; i--)
		if (rest.ptr[i - 1] == '@') {
			out->has_userinfo = true;
			rest = str_slice(rest, i, rest.len);
		}
	if (rest.len && rest.ptr[0] == '[') {
		size_t end = find_any(rest, 0, "]");

		if (end == rest.len)
			return false;
		out->host = str_slice(rest, 1, end);
		rest = str_slice(rest, end + 1, rest.len);
		if (rest.len && rest.ptr[0] != ':')
			return false;
	} else {
		size_t end = find_any(rest, 0, ":");

		out->host = str_slice(rest, 0, end);
		rest = str_slice(rest, end, rest.len);
	}
	if (rest.len > 1 &&
	    (!str_to_u64(str_slice(rest, 1, rest.len), &port) || port == 0 || port > 65535))
		return false;
	out->port = (unsigned)port;
	if (!port && str_eq_nocase(out->scheme, STR("http")))
		out->port = 80;
	if (!port && str_eq_nocase(out->scheme, STR("https")))
		out->port = 443;
	return true;
}

bool url_parse(struct str text, struct url *out)
{
	size_t scheme = scheme_length(text), end;

	*out = (struct url){.port = 0};
	if (!scheme || !str_starts(str_slice(text, scheme, text.len), STR("://")))
		return false;
	out->scheme = str_slice(text, 0, scheme);
	end = find_any(text, scheme + 3, "/?#");
	out->authority = str_slice(text, scheme + 3, end);
	split_tail(str_slice(text, end, text.len), out);
	return split_authority(out);
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return str_eq_nocase(a->scheme, b->scheme) && str_eq_nocase(a->host, b->host) &&
	       a->port == b->port;
}

bool url_same_host(const struct url *from, const struct url *to)
{
	if (url_same_origin(from, to))
		return true;
	return str_eq_nocase(from->host, to->host) && str_eq_nocase(from->scheme, STR("http")) &&
	       str_eq_nocase(to->scheme, STR("https")) && from->port == 80 && to->port == 443;
}

static int hex_value(int c)
{
	if (ascii_digit(c))
		return c - '0';
	c = (unsigned char)ascii_lower((char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of "%XX" at text[at], or -1. */
static int escaped_byte(struct str text, size_t at)
{
	if (at + 2 >= text.len || text.ptr[at] != '%' || hex_value(text.ptr[at + 1]) < 0 ||
	    hex_value(text.ptr[at + 2]) < 0)
		return -1;
	return hex_value(text.ptr[at + 1]) * 16 + hex_value(text.ptr[at + 2]);
}

static bool is_unreserved(int c)
{
	return ascii_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static void append_escape(struct buf *out, unsigned char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_append_byte(out, '%');
	buf_append_byte(out, digits[byte >> 4]);
	buf_append_byte(out, digits[byte & 15]);
}

/* One spelling of every byte; `allowed` are the reserved ones that stand for themselves. */
static void append_encoded(struct buf *out, struct str text, const char *allowed)
{
	for (size_t i = 0; i < text.len; i++) {
		int byte = escaped_byte(text, i);
		unsigned char c = (unsigned char)text.ptr[i];

		if (byte >= 0 && is_unreserved(byte)) {
			buf_append_byte(out, (char)byte);
			i += 2;
		} else if (byte >= 0) {
			append_escape(out, (unsigned char)byte);
			i += 2;
		} else if (c == '\t' || c == '\n' || c == '\r') {
			continue; /* browsers drop them as well */
		} else if (c && (is_unreserved(c) || strchr(allowed, c))) {
			buf_append_byte(out, (char)c);
		} else {
			append_escape(out, c);
		}
	}
}

/* RFC 3986 5.2.4 on text that begins with '/', in place. */
static size_t remove_dot_segments(char *path, size_t len)
{
	size_t in = 0, out = 0;

	while (in < len) {
		size_t end = in + 1;

		while (end < len && path[end] != '/')
			end++;
		struct str part = {path + in + 1, end - in - 1};
		bool last = end == len;

		if (str_eq(part, STR(".."))) {
			while (out > 0 && path[--out] != '/')
				;
			if (last)
				path[out++] = '/';
		} else if (str_eq(part, STR("."))) {
			if (last)
				path[out++] = '/';
		} else {
			memmove(path + out, path + in, end - in);
			out += end - in;
		}
		in = end;
	}
	return out;
}

static bool is_tracking(struct str parameter)
{
	static const char *const names[] = {"gclid", "fbclid", "mc_cid", "mc_eid", "msclkid"};
	struct str rest = parameter, name;

	(void)str_cut(&rest, '=', &name);
	if (str_starts(name, STR("utm_")))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(name, str_c(names[i])))
			return true;
	return false;
}

static int compare_parameters(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* `query` is encoded already; a query of too many parameters keeps its order. */
static void append_query(struct buf *out, struct str query)
{
	struct str parameters[PARAMETERS_MAX] = {{NULL, 0}}, rest = query, part;
	size_t count = 0;

	while (query.len && str_cut(&rest, '&', &part)) {
		if (part.len == 0 || is_tracking(part))
			continue;
		if (count == PARAMETERS_MAX) {
			buf_append_byte(out, '?');
			buf_append(out, query);
			return;
		}
		parameters[count++] = part;
	}
	qsort(parameters, count, sizeof(parameters[0]), compare_parameters);
	for (size_t i = 0; i < count; i++) {
		buf_append_byte(out, i ? '&' : '?');
		buf_append(out, parameters[i]);
	}
}

static bool append_origin(struct buf *out, const struct url *url)
{
	bool secure = str_eq_nocase(url->scheme, STR("https"));
	bool v6 = str_find(url->host, STR(":"), 0) != STR_NPOS;

	if (url->host.len == 0 || url->has_userinfo)
		return false;
	buf_append(out, secure ? STR("https://") : STR("http://"));
	if (v6)
		buf_append_byte(out, '[');
	for (size_t i = 0; i < url->host.len; i++) {
		char c = ascii_lower(url->host.ptr[i]);

		if (!(ascii_alnum(c) || c == '-' || c == '.' || c == '_' || (v6 && c == ':')))
			return false;
		buf_append_byte(out, c);
	}
	if (v6)
		buf_append_byte(out, ']');
	if (url->port != (secure ? 443U : 80U))
		buf_printf(out, ":%u", url->port);
	return true;
}

/* Writes the parts of `url` in their one form. False when the origin is none of ours. */
static bool append_normal(struct buf *out, struct str path, const struct url *url,
			  struct buf *query)
{
	size_t from;

	if (!append_origin(out, url))
		return false;
	from = out->len;
	if (path.len == 0 || path.ptr[0] != '/')
		buf_append_byte(out, '/');
	append_encoded(out, path, "!$&'()*+,;=:@/");
	if (!out->failed)
		out->len = from + remove_dot_segments(out->ptr + from, out->len - from);
	append_encoded(query, url->query, "!$&'()*+,;=:@/?");
	append_query(out, buf_str(query));
	return true;
}

/* The path of a relative reference, merged with the base's (RFC 3986 5.2.3). */
static void merge_path(struct str base, struct str ref, struct buf *out)
{
	size_t end = base.len;

	while (end > 0 && base.ptr[end - 1] != '/')
		end--;
	buf_append(out, str_slice(base, 0, end));
	if (end == 0)
		buf_append_byte(out, '/');
	buf_append(out, ref);
}

static bool is_web(struct str scheme)
{
	return str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https"));
}

/* Takes `ref` apart into `url`, what it lacks comes from the base; its path goes to `path`. */
static bool resolve(struct str base_text, struct str ref, struct url *url, struct buf *path)
{
	struct url base;
	size_t scheme = scheme_length(ref), end;
	bool have_base = url_parse(base_text, &base);

	if (scheme) {
		if (!is_web(str_slice(ref, 0, scheme)) || !url_parse(ref, url))
			return false;
		buf_append(path, url->path);
		return true;
	}
	if (!have_base || !is_web(base.scheme))
		return false;
	*url = base;
	if (str_starts(ref, STR("//"))) {
		end = find_any(ref, 2, "/?#");
		url->authority = str_slice(ref, 2, end);
		split_tail(str_slice(ref, end, ref.len), url);
		buf_append(path, url->path);
		return split_authority(url);
	}
	split_tail(ref, url);
	if (url->path.len && url->path.ptr[0] == '/')
		buf_append(path, url->path);
	else if (url->path.len)
		merge_path(base.path, url->path, path);
	else
		buf_append(path, base.path);
	if (url->path.len == 0 && (ref.len == 0 || ref.ptr[0] != '?'))
		url->query = base.query;
	return true;
}

enum err_code url_join(struct str base, struct str ref, struct arena *arena, struct str *out,
		       struct err *err)
{
	struct url url;
	struct buf path, text, query;
	enum err_code code = ERR_OK;
	bool good;

	ref = str_trim(ref);
	/* escapes make a text three times as long */
	buf_init(&path, arena->alloc, 4 * URL_MAX);
	buf_init(&text, arena->alloc, 16 * URL_MAX);
	buf_init(&query, arena->alloc, 4 * URL_MAX);
	good = ref.len <= URL_MAX && base.len <= URL_MAX && resolve(base, ref, &url, &path) &&
	       append_normal(&text, buf_str(&path), &url, &query);
	if (good && !path.failed && !query.failed)
		code = buf_ok(&text, "the address", err);
	else if ((path.failed && !path.limited) || (query.failed && !query.limited))
		code = err_set(err, ERR_NOMEM, "out of memory");
	else
		code = err_set(err, ERR_INVALID, "not an address of a website");
	if (code == ERR_OK && text.len > URL_MAX)
		code = err_set(err, ERR_INVALID, "an address of more than %d bytes", URL_MAX);
	if (code == ERR_OK) {
		*out = arena_str(arena, buf_str(&text));
		if (!out->ptr)
			code = arena_fail(arena, err);
	}
	buf_release(&path);
	buf_release(&text);
	buf_release(&query);
	return code;
}

struct str url_encode(struct str text, struct arena *arena)
{
	struct buf out;
	struct str copy = {NULL, 0};

	buf_init(&out, arena->alloc, 4 * URL_MAX);
	append_encoded(&out, str_slice(text, 0, URL_MAX), "!$&'()*+,;=:@/?");
	if (!out.failed)
		copy = arena_str(arena, buf_str(&out));
	buf_release(&out);
	return copy;
}

struct str url_decode(struct str text, struct arena *arena)
{
	struct str out = arena_str(arena, text);
	char *to;
	size_t len = 0;

	if (!out.ptr)
		return out;
	to = (char *)out.ptr;
	for (size_t i = 0; i < text.len; i++) {
		int byte = escaped_byte(text, i);

		to[len++] = byte < 0 ? text.ptr[i] : (char)byte;
		i += byte < 0 ? 0 : 2;
	}
	to[len] = '\0';
	out.len = len;
	return out;
}
