#include "embed/inproc/unicode.h"

#include <utf8proc.h>

static bool in_ranges(const struct unicode_range *ranges, size_t count, int32_t cp)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cp > ranges[middle].last)
			low = middle + 1;
		else if (cp < ranges[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}

bool unicode_is_space(int32_t cp)
{
	if (cp < 0x80)
		return cp == ' ' || (cp >= '\t' && cp <= '\r');
	return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
	       cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

bool unicode_is_removed(int32_t cp)
{
	if (cp < 0x80)
		return (cp < ' ' && cp != '\t' && cp != '\n' && cp != '\r') || cp == 0x7f;
	return in_ranges(unicode_removed, unicode_removed_count, cp);
}

bool unicode_is_nonspacing(int32_t cp)
{
	return cp >= 0x300 && in_ranges(unicode_nonspacing, unicode_nonspacing_count, cp);
}

bool unicode_is_punctuation(int32_t cp)
{
	if (cp < 0x80)
		return (cp >= '!' && cp <= '/') || (cp >= ':' && cp <= '@') ||
		       (cp >= '[' && cp <= '`') || (cp >= '{' && cp <= '~');
	return in_ranges(unicode_punctuation, unicode_punctuation_count, cp);
}

/* The blocks of BERT's reference tokenizer; 2B920 (instead of 2B820) is the published quirk. */
bool unicode_is_cjk(int32_t cp)
{
	if (cp < 0x3400)
		return false;
	return (cp >= 0x4e00 && cp <= 0x9fff) || cp <= 0x4dbf || (cp >= 0xf900 && cp <= 0xfaff) ||
	       (cp >= 0x20000 && cp <= 0x2a6df) || (cp >= 0x2a700 && cp <= 0x2b73f) ||
	       (cp >= 0x2b740 && cp <= 0x2b81f) || (cp >= 0x2b920 && cp <= 0x2ceaf) ||
	       (cp >= 0x2f800 && cp <= 0x2fa1f);
}

/* utf8proc knows marks of newer Unicode versions; to the tokenizers those are starters. */
int unicode_combining_class(int32_t cp)
{
	if (cp < 0x300 || (!unicode_is_nonspacing(cp) &&
			   !in_ranges(unicode_nonstarters, unicode_nonstarters_count, cp)))
		return 0;
	return utf8proc_get_property(cp)->combining_class;
}

size_t unicode_decompose(int32_t cp, int32_t out[UNICODE_DECOMPOSE_MAX])
{
	out[0] = cp;
	if (cp < 0xc0 ||
	    (cp > 0xffff && !in_ranges(unicode_decomposed, unicode_decomposed_count, cp)))
		return 1;
	int boundary = 0;
	utf8proc_ssize_t count = utf8proc_decompose_char(
		cp, out, UNICODE_DECOMPOSE_MAX, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
	if (count < 1 || count > UNICODE_DECOMPOSE_MAX) {
		out[0] = cp;
		return 1;
	}
	return (size_t)count;
}

/* Upper-case letters of Unicode 16, which older versions of utf8proc do not know. */
static int32_t lower_of_unicode_16(int32_t cp)
{
	if (cp >= 0x10d50 && cp <= 0x10d65)
		return cp + 0x20;
	if (cp == 0x1c89 || cp == 0xa7cc || cp == 0xa7da)
		return cp + 1;
	return cp == 0xa7cb ? 0x264 : cp == 0xa7dc ? 0x19b : cp;
}

size_t unicode_lower(int32_t cp, int32_t out[2])
{
	if (cp == 0x130) {
		out[0] = 'i';
		out[1] = 0x307;
		return 2;
	}
	out[0] = utf8proc_tolower(cp);
	if (out[0] == cp)
		out[0] = lower_of_unicode_16(cp);
	return 1;
}
