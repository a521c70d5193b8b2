/*
 * What the filter of answers makes of the text on stdin: guard_text [-n CITATIONS] [-p PIECE] [-c] [HOST…]
 * (or *.HOST: all below).
 * -c cleans it for a prompt instead. For scripts that measure and attack the filter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/guard.h"

struct hosts {
	char **names;
	size_t count;
};

static bool allowed(void *ctx, struct str host)
{
	const struct hosts *hosts = ctx;
	for (size_t i = 0; i < hosts->count; i++)
		if (str_eq(host, str_c(hosts->names[i])) ||
		    (hosts->names[i][0] == '*' && str_ends(host, str_c(hosts->names[i] + 1))))
			return true;
	return false;
}

static bool read_all(struct buf *in)
{
	char block[65536];
	size_t n;
	while ((n = fread(block, 1, sizeof(block), stdin)) > 0)
		if (!buf_append(in, (struct str){block, n}))
			return false;
	return true;
}

static enum err_code clean(struct str text, struct buf *out, struct err *err)
{
	struct arena arena;
	struct str result;
	arena_init(&arena, alloc_default(), (size_t)1 << 30);
	enum err_code code = guard_source(text, &arena, &result, err);
	if (!code)
		buf_append(out, result);
	arena_release(&arena);
	return code;
}

static enum err_code filter(const struct guard_policy *policy, struct str text, size_t piece,
			    struct buf *out, struct err *err)
{
	struct guard_filter *f;
	enum err_code code = guard_open(policy, alloc_default(), &f, err);
	for (size_t at = 0; !code && at < text.len; at += piece)
		code = guard_push(f, str_slice(text, at, at + piece), out, err);
	if (!code)
		code = guard_finish(f, out, err);
	guard_close(f);
	return code;
}

int main(int argc, char **argv)
{
	static struct str citations[64];
	size_t count = 0, piece = SIZE_MAX / 4;
	bool prompt = false;
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-c") == 0)
			prompt = true;
		else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
			count = strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "-p") == 0 && i + 1 < argc)
			piece = strtoul(argv[++i], NULL, 10);
		else
			return 2;
	}
	if (count > 64 || piece == 0)
		return 2;
	struct hosts hosts = {argv + i, (size_t)(argc - i)};
	struct guard_policy policy = {&hosts, allowed, citations, count};
	struct buf in, out;
	struct err err;
	buf_init(&in, alloc_default(), (size_t)1 << 28);
	buf_init(&out, alloc_default(), (size_t)1 << 28);
	enum err_code code = ERR_OK;
	if (!read_all(&in))
		code = err_set(&err, ERR_LIMIT, "the input is too long");
	else if (prompt)
		code = clean(buf_str(&in), &out, &err);
	else
		code = filter(&policy, buf_str(&in), piece, &out, &err);
	if (code)
		fprintf(stderr, "%s\n", err.message);
	else
		fwrite(buf_str(&out).ptr, 1, out.len, stdout);
	buf_release(&in);
	buf_release(&out);
	return code ? 1 : 0;
}
