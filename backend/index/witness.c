#include "index/witness.h"

enum {
	HOST_MAX = 253,
	SHINGLE = 3, /* words that are hashed together */
	CONTEXT = 6, /* words before a link that tell copies of it */
	PRINT_BINS = STORE_PRINT_SIZE / 2,
	WORD_MIN = 3,
};

static bool in_host(char c)
{
	return ascii_alnum(c) || c == '-' || c == '.';
}

static bool in_word(char c)
{
	return ascii_alpha(c) || (unsigned char)c >= 0x80;
}

/* A finalizer of 64 bits (MurmurHash3's), so that all bits of the sum depend on all bits of the words. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* The last words that were read, newest first. */
struct window {
	uint64_t words[CONTEXT];
	size_t count;
};

static void remember(struct window *w, uint64_t word)
{
	for (size_t i = CONTEXT - 1; i > 0; i--)
		w->words[i] = w->words[i - 1];
	w->words[0] = word;
	w->count++;
}

static uint64_t hash_of(const struct window *w, size_t count)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < count && i < w->count; i++)
		hash = mix(hash + w->words[i] + i + 1);
	return hash;
}

/* One-permutation MinHash (Li, Owen, Zhang 2012): each bin keeps the least of its hashes, 16 bits. */
static void add_shingle(uint16_t bins[PRINT_BINS], const struct window *w)
{
	if (w->count < SHINGLE)
		return;
	uint64_t hash = hash_of(w, SHINGLE);
	size_t bin = hash % PRINT_BINS;
	uint16_t value = (uint16_t)(hash >> 48);
	if (value < bins[bin])
		bins[bin] = value;
}

static uint64_t word_at(struct str text, size_t *at)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t from = *at;
	while (*at < text.len && in_word(text.ptr[*at])) {
		hash ^= (unsigned char)ascii_lower(text.ptr[*at]);
		hash *= UINT64_C(0x100000001b3);
		(*at)++;
	}
	return *at - from >= WORD_MIN ? mix(hash) : 0;
}

/* The host of the address whose "://" is at `at`: lower case, empty when it is none. */
static struct str host_at(struct str text, size_t at, struct arena *arena)
{
	size_t from = at + 3, end = from;
	/* a user in front of the host, up to 128 bytes */
	for (size_t i = from; i < text.len && i - from < 128; i++) {
		char c = text.ptr[i];
		if (c == '@')
			from = end = i + 1;
		if (!ascii_alnum(c) && c != '-' && c != '.' && c != '_' && c != ':' && c != '@')
			break;
	}
	bool dot = false;
	while (end < text.len && end - from <= HOST_MAX && in_host(text.ptr[end]))
		dot |= text.ptr[end++] == '.';
	while (end > from && text.ptr[end - 1] == '.')
		end--;
	if (!dot || end == from || end - from > HOST_MAX)
		return (struct str){"", 0};
	char *folded = arena_get(arena, end - from + 1);
	if (!folded)
		return (struct str){NULL, 0};
	for (size_t i = from; i < end; i++)
		folded[i - from] = ascii_lower(text.ptr[i]);
	return (struct str){folded, end - from};
}

static bool is_web(struct str text, size_t colon)
{
	struct str before = str_slice(text, 0, colon);
	struct str last = str_slice(before, colon > 5 ? colon - 5 : 0, colon);
	return str_eq_nocase(last, STR("https")) ||
	       str_eq_nocase(str_slice(before, colon > 4 ? colon - 4 : 0, colon), STR("http"));
}

static enum err_code add_link(struct witness *out, struct str text, size_t at,
			      const struct window *w, struct arena *arena, struct err *err)
{
	if (out->link_count == WITNESS_HOSTS_MAX || !is_web(text, at))
		return ERR_OK;
	struct str host = host_at(text, at, arena);
	if (!host.ptr)
		return arena_fail(arena, err);
	for (size_t i = 0; i < out->link_count; i++)
		if (str_eq(out->links[i].host, host))
			return ERR_OK;
	if (host.len)
		out->links[out->link_count++] = (struct store_link){host, hash_of(w, CONTEXT) >> 1};
	return ERR_OK;
}

enum err_code witness_of(struct str text, struct arena *arena, struct witness *out, struct err *err)
{
	uint16_t bins[PRINT_BINS];
	struct window window = {.count = 0};
	enum err_code code = ERR_OK;
	*out = (struct witness){.link_count = 0};
	out->links = arena_array(arena, WITNESS_HOSTS_MAX, sizeof(*out->links));
	if (!out->links)
		return arena_fail(arena, err);
	for (size_t i = 0; i < PRINT_BINS; i++)
		bins[i] = UINT16_MAX;
	for (size_t at = 0; at < text.len && !code;) {
		if (in_word(text.ptr[at])) {
			uint64_t word = word_at(text, &at);
			if (!word)
				continue;
			remember(&window, word);
			add_shingle(bins, &window);
		} else {
			if (text.ptr[at] == ':' &&
			    str_starts(str_slice(text, at, text.len), STR("://")))
				code = add_link(out, text, at, &window, arena, err);
			at++;
		}
	}
	for (size_t i = 0; i < PRINT_BINS; i++) {
		out->print[2 * i] = (unsigned char)(bins[i] & 0xff);
		out->print[2 * i + 1] = (unsigned char)(bins[i] >> 8);
	}
	return code;
}
