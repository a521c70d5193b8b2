/*
 * The filter of answers on any bytes, in pieces that the first byte chooses: what comes out is the same
 * as in one piece, is UTF-8, and holds no image, script or address of a host that is not allowed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "answer/guard.h"
#include "base/utf8.h"

static bool allowed(void *ctx, struct str host)
{
	(void)ctx;
	return str_eq(host, STR("ok.org"));
}

static const struct str citations[] = {{"https://docs.site.org/a", 23}};
static const struct guard_policy policy = {NULL, allowed, citations, 1};

static void filter(struct str text, size_t piece, struct buf *out)
{
	struct guard_filter *f;
	struct err err;
	if (guard_open(&policy, alloc_default(), &f, &err))
		abort();
	for (size_t at = 0; at < text.len; at += piece)
		if (guard_push(f, str_slice(text, at, at + piece), out, &err))
			abort();
	if (guard_finish(f, out, &err))
		abort();
	guard_close(f);
}

static void must_not_hold(struct str out, const char *word)
{
	if (str_find_nocase(out, str_c(word), 0) != STR_NPOS)
		abort();
}

/* The host, and not one that only begins or ends so, or a part of a path. */
static void must_not_end_in(struct str out, struct str host)
{
	for (size_t at = 0; (at = str_find_nocase(out, host, at)) != STR_NPOS; at += host.len) {
		char next = at + host.len < out.len ? out.ptr[at + host.len] : ' ';
		char before = at ? out.ptr[at - 1] : ' ';
		/* s3://bucket, oci://image: names that nothing follows */
		struct str head = str_slice(out, at > 6 ? at - 6 : 0, at);
		if (before == ':' && !str_ends(head, STR("http:")) &&
		    !str_ends(head, STR("https:")))
			continue;
		if (host.ptr[0] == 'w' && (ascii_alnum(before) || strchr("/.-_@$%", before)))
			continue;
		if (!ascii_alnum(next) && !strchr("-._@%", next) && (unsigned char)next < 0x80)
			abort();
	}
}

/* "![x](" and "![x][" on one line. */
static void must_not_hold_images(struct str out)
{
	struct str rest = out, line;
	while (str_cut(&rest, '\n', &line)) {
		size_t at = str_find(line, STR("!["), 0);
		size_t close = at == STR_NPOS ? at : str_find(line, STR("]("), at);
		/* with a backtick in between it stands in code */
		if (close != STR_NPOS && !memchr(line.ptr + at, '`', close - at))
			abort();
	}
}

/* https://HOST must be of an allowed host, of one that leads nowhere, or of none. */
static void check_hosts(struct str out)
{
	struct str scheme = STR("https://");
	for (size_t at = 0; (at = str_find_nocase(out, scheme, at)) != STR_NPOS; at += scheme.len) {
		size_t from = at + scheme.len, end = from;
		while (end < out.len &&
		       (ascii_alnum(out.ptr[end]) || out.ptr[end] == '.' || out.ptr[end] == '-'))
			end++;
		struct str host = str_slice(out, from, end);
		while (host.len && host.ptr[host.len - 1] == '.')
			host.len--;
		bool evil = str_ends(host, STR(".com")) && !str_ends(host, STR("example.com"));
		char next = end < out.len ? out.ptr[end] : ' ';
		if (evil && (next == '/' || next == ' ' || next == '\n'))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 20000)
		return 0;
	struct str text = {(const char *)data + 1, size - 1};
	struct buf whole, pieces;
	buf_init(&whole, alloc_default(), 1 << 24);
	buf_init(&pieces, alloc_default(), 1 << 24);
	filter(text, SIZE_MAX / 4, &whole);
	filter(text, 1 + data[0] % 64, &pieces);
	struct str out = buf_str(&whole);
	if (!str_eq(out, buf_str(&pieces)) || !utf8_valid(out))
		abort();
	must_not_hold(out, "javascript:");
	must_not_hold(out, "<script");
	must_not_hold(out, "\x1b");
	must_not_end_in(out, STR("//evil.com"));
	must_not_end_in(out, STR("www.evil.com"));
	must_not_hold_images(out);
	check_hosts(out);
	(void)guard_is_injection(text);
	buf_release(&whole);
	buf_release(&pieces);
	return 0;
}
