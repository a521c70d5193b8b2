#include "embed/inproc/normalize.h"

#include <string.h>

#include "base/utf8.h"
#include "embed/inproc/unicode.h"

struct run {
	const struct normalize_options *options;
	struct normalize_scratch *scratch;
	normalize_sink sink;
	void *ctx;
};

static void put_lower(struct run *run, struct normal_char c)
{
	if (!run->options->lower) {
		run->sink(run->ctx, c);
		return;
	}
	int32_t lower[2];
	size_t count = unicode_lower(c.cp, lower);
	for (size_t i = 0; i < count; i++)
		run->sink(run->ctx, (struct normal_char){lower[i], c.begin, c.end});
}

/* order[] = the marks by combining class, equal ones as they came (a counting sort). */
static void order_marks(struct normalize_scratch *s)
{
	uint16_t first[257] = {0};
	for (size_t i = 0; i < s->count; i++)
		first[s->marks[i].combining_class + 1]++;
	for (size_t i = 1; i < 257; i++)
		first[i] = (uint16_t)(first[i] + first[i - 1]);
	for (size_t i = 0; i < s->count; i++)
		s->order[first[s->marks[i].combining_class]++] = (uint16_t)i;
}

/*
 * Puts out the marks after a starter. The package pairs reordered characters with origins by
 * position: each takes the next one of the text, an inserted one shares the one before.
 */
static void flush_marks(struct run *run)
{
	struct normalize_scratch *s = run->scratch;
	if (s->count == 0)
		return;
	bool kept = false;
	for (size_t i = 0; i < s->count && !kept; i++)
		kept = !unicode_is_nonspacing(s->marks[i].c.cp);
	if (kept) {
		order_marks(s);
		size_t origin = 0;
		for (size_t i = 0; i < s->count; i++) {
			const struct normalize_mark *mark = &s->marks[s->order[i]];
			if (!mark->inserted) {
				while (s->marks[origin].inserted)
					origin++;
				s->last = s->marks[origin++].c;
			}
			if (!unicode_is_nonspacing(mark->c.cp))
				put_lower(run, (struct normal_char){mark->c.cp, s->last.begin,
								    s->last.end});
		}
	}
	s->count = 0;
}

static void put_decomposed(struct run *run, struct normal_char c)
{
	struct normalize_scratch *s = run->scratch;
	int32_t parts[UNICODE_DECOMPOSE_MAX];
	size_t count = unicode_decompose(c.cp, parts);
	for (size_t i = 0; i < count; i++) {
		struct normal_char part = {parts[i], c.begin, c.end};
		int combining_class = unicode_combining_class(part.cp);
		if (combining_class == 0) {
			flush_marks(run);
			s->last = part;
			if (!unicode_is_nonspacing(part.cp))
				put_lower(run, part);
			continue;
		}
		if (s->count == NORMALIZE_MARKS_MAX)
			flush_marks(run);
		s->marks[s->count++] =
			(struct normalize_mark){part, (uint8_t)combining_class, i > 0};
	}
}

static void put_padded(struct run *run, struct normal_char c)
{
	bool pad = run->options->cjk && unicode_is_cjk(c.cp);
	struct normal_char space = {' ', c.begin, c.end};
	if (pad && run->options->strip)
		flush_marks(run);
	if (pad)
		run->sink(run->ctx, space);
	if (run->options->strip)
		put_decomposed(run, c);
	else
		put_lower(run, c);
	if (pad)
		run->sink(run->ctx, space);
}

void normalize_text(const struct normalize_options *options, struct str text, size_t from,
		    size_t to, struct normalize_scratch *scratch, normalize_sink sink, void *ctx)
{
	struct run run = {options, scratch, sink, ctx};
	scratch->count = 0;
	scratch->last = (struct normal_char){0};
	text = str_slice(text, 0, to);
	for (size_t at = from; at < text.len;) {
		struct normal_char c;
		size_t size = utf8_decode(text, at, &c.cp);
		if (size == 0)
			break;
		c.begin = (uint32_t)at;
		c.end = (uint32_t)(at + size);
		at += size;
		if (options->clean) {
			if (unicode_is_removed(c.cp))
				continue;
			if (unicode_is_space(c.cp))
				c.cp = ' ';
		}
		if (c.cp >= 0x80 || scratch->count) {
			put_padded(&run, c);
			continue;
		}
		/* ASCII decomposes to itself and needs no look at any table. */
		scratch->last = c;
		if (options->lower && c.cp >= 'A' && c.cp <= 'Z')
			c.cp += 'a' - 'A';
		sink(ctx, c);
	}
	flush_marks(&run);
}
