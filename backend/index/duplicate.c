#include "index/duplicate.h"

#include <stdlib.h>
#include <string.h>

enum {
	SHINGLE = 3,        /* words */
	SECTION_WORDS = 40, /* fewer are too little to call two sections the same */
	PAGE_WORDS = 12,
	DISTANCE = 3, /* differing bits of 64 */
	BLOCKS = 4,   /* of 16 bits: with at most 3 bits differing, one is equal */
	BUCKETS = 1 << 16,
	CHAIN_MAX = 256, /* looked at in one bucket, so that hostile text costs no more */
};

#define EXACT UINT32_C(0x80000000)

/* ---- fingerprints ---- */

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014): FNV leaves the upper bits too regular. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static bool in_word(unsigned char c)
{
	return ascii_alnum(c) || c == '_' || c >= 0x80;
}

/* The next word of the text as a hash of its lower-case form; false at the end. */
static bool next_word(struct str text, size_t *at, uint64_t *hash, bool *number)
{
	*number = false;
	while (*at < text.len && !in_word((unsigned char)text.ptr[*at]))
		++*at;
	if (*at == text.len)
		return false;
	*hash = UINT64_C(0xcbf29ce484222325);
	for (; *at < text.len && in_word((unsigned char)text.ptr[*at]); ++*at) {
		*number |= ascii_digit(text.ptr[*at]);
		*hash = (*hash ^ (unsigned char)ascii_lower(text.ptr[*at])) *
			UINT64_C(0x100000001b3);
	}
	*hash = mix(*hash);
	return true;
}

static void add_shingle(int32_t sums[64], uint64_t hash)
{
	for (int bit = 0; bit < 64; bit++)
		sums[bit] += (hash >> bit & 1) ? 1 : -1;
}

struct duplicate_print duplicate_print_of(struct str text, bool exact)
{
	struct duplicate_print print = {0, 0, 0};
	uint64_t last[SHINGLE] = {0}, word, all = 0;
	int32_t sums[64] = {0};
	bool number;
	for (size_t at = 0; next_word(text, &at, &word, &number);) {
		/* the same number twice is another text than once */
		if (number)
			print.numbers += (uint32_t)word | 1;
		all = mix(all ^ word);
		last[0] = last[1];
		last[1] = last[2];
		last[2] = word;
		if (print.count < EXACT - 1)
			print.count++;
		if (print.count >= SHINGLE)
			add_shingle(sums, mix(last[0] + mix(last[1] + mix(last[2]))));
	}
	if (exact || print.count < SECTION_WORDS) {
		print.words = all;
		print.count |= EXACT;
		return print;
	}
	for (int bit = 0; bit < 64; bit++)
		print.words |= (uint64_t)(sums[bit] > 0) << bit;
	return print;
}

void duplicate_print_write(const struct duplicate_print *print,
			   unsigned char out[DUPLICATE_PRINT_SIZE])
{
	for (int i = 0; i < 8; i++)
		out[i] = (unsigned char)(print->words >> (8 * i));
	for (int i = 0; i < 4; i++) {
		out[8 + i] = (unsigned char)(print->numbers >> (8 * i));
		out[12 + i] = (unsigned char)(print->count >> (8 * i));
	}
}

struct duplicate_print duplicate_print_read(const unsigned char bytes[DUPLICATE_PRINT_SIZE])
{
	struct duplicate_print print = {0, 0, 0};
	for (int i = 0; i < 8; i++)
		print.words |= (uint64_t)bytes[i] << (8 * i);
	for (int i = 0; i < 4; i++) {
		print.numbers |= (uint32_t)bytes[8 + i] << (8 * i);
		print.count |= (uint32_t)bytes[12 + i] << (8 * i);
	}
	return print;
}

static uint32_t words_of(const struct duplicate_print *print)
{
	return print->count & ~EXACT;
}

bool duplicate_near(const struct duplicate_print *a, const struct duplicate_print *b)
{
	bool exact = (a->count | b->count) & EXACT;
	if (words_of(a) < SECTION_WORDS || words_of(b) < SECTION_WORDS || a->numbers != b->numbers)
		return false;
	if (exact)
		return a->count == b->count && a->words == b->words;
	return __builtin_popcountll(a->words ^ b->words) <= DISTANCE;
}

/* ---- which document comes first ---- */

static uint64_t number_at(struct str text, size_t *at)
{
	uint64_t number = 0;
	for (; *at < text.len && ascii_digit(text.ptr[*at]); ++*at)
		if (number < UINT64_MAX / 16)
			number = number * 10 + (uint64_t)(text.ptr[*at] - '0');
	return number;
}

int duplicate_compare_versions(struct str a, struct str b)
{
	size_t i = 0, j = 0;
	if (!a.len || !b.len)
		return (a.len > 0) - (b.len > 0);
	while (i < a.len && j < b.len) {
		if (ascii_digit(a.ptr[i]) && ascii_digit(b.ptr[j])) {
			uint64_t x = number_at(a, &i), y = number_at(b, &j);
			if (x != y)
				return x > y ? -1 : 1;
		} else if (a.ptr[i] != b.ptr[j]) {
			return a.ptr[i] > b.ptr[j] ? -1 : 1;
		} else {
			i++;
			j++;
		}
	}
	/* "1.9" is newer than "1.9-rc.1", and older than "1.9.1" */
	if (i == a.len && j == b.len)
		return 0;
	bool a_longer = j == b.len;
	char rest = a_longer ? a.ptr[i] : b.ptr[j];
	return (rest == '.') == a_longer ? -1 : 1;
}

static int by_preference(const void *left, const void *right)
{
	const struct duplicate_document *a = *(const struct duplicate_document *const *)left;
	const struct duplicate_document *b = *(const struct duplicate_document *const *)right;
	if (a->archived != b->archived)
		return a->archived ? 1 : -1;
	int version = duplicate_compare_versions(a->version, b->version);
	if (version)
		return version;
	if (a->path.len != b->path.len)
		return a->path.len < b->path.len ? -1 : 1;
	return str_cmp(a->path, b->path);
}

/* ---- what is kept, to be looked up ---- */

struct kept {
	struct duplicate_print print;
	const struct duplicate_document *document;
	uint32_t next[BLOCKS]; /* in its buckets; place + 1, 0: none */
};

struct kept_page {
	uint64_t hash;
	const struct duplicate_document *document;
};

struct decider {
	struct kept *kept;
	size_t kept_count;
	uint32_t *buckets; /* [BLOCKS][BUCKETS] */
	struct kept_page *pages;
	size_t page_slots; /* a power of two */
};

/* Which bucket of a block; of an exact print all its bits decide. */
static uint32_t *bucket_of(const struct decider *d, const struct duplicate_print *print, int block)
{
	size_t key = print->count & EXACT ? (size_t)(mix(print->words) & (BUCKETS - 1))
					  : (size_t)(print->words >> (16 * block) & (BUCKETS - 1));
	return &d->buckets[(size_t)block * BUCKETS + key];
}

static int blocks_of(const struct duplicate_print *print)
{
	return print->count & EXACT ? 1 : BLOCKS;
}

/* Whether another document's section is kept that says the same. */
static bool find_near(const struct decider *d, const struct duplicate_print *print,
		      const struct duplicate_document *document)
{
	for (int block = 0; block < blocks_of(print); block++) {
		uint32_t at = *bucket_of(d, print, block);
		for (int i = 0; at && i < CHAIN_MAX; i++) {
			const struct kept *kept = &d->kept[at - 1];
			if (kept->document != document && duplicate_near(&kept->print, print))
				return true;
			at = kept->next[block];
		}
	}
	return false;
}

static void keep(struct decider *d, const struct duplicate_print *print,
		 const struct duplicate_document *document)
{
	struct kept *kept = &d->kept[d->kept_count++];
	*kept = (struct kept){.print = *print, .document = document};
	for (int block = 0; block < blocks_of(print); block++) {
		uint32_t *bucket = bucket_of(d, print, block);
		kept->next[block] = *bucket;
		*bucket = (uint32_t)d->kept_count;
	}
}

static bool same_prints(const struct duplicate_document *a, const struct duplicate_document *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->prints[i].words != b->prints[i].words ||
		    a->prints[i].numbers != b->prints[i].numbers ||
		    a->prints[i].count != b->prints[i].count)
			return false;
	return true;
}

/* Whether a page with the same sections is kept; if not, this one is from now on. */
static bool find_page(struct decider *d, const struct duplicate_document *document)
{
	uint64_t hash = document->count, words = 0;
	for (size_t i = 0; i < document->count; i++) {
		hash = mix(hash ^ document->prints[i].words);
		words += words_of(&document->prints[i]);
	}
	if (words < PAGE_WORDS)
		return false;
	size_t at = hash & (d->page_slots - 1);
	for (; d->pages[at].document; at = (at + 1) & (d->page_slots - 1))
		if (d->pages[at].hash == hash && same_prints(d->pages[at].document, document))
			return true;
	d->pages[at] = (struct kept_page){hash, document};
	return false;
}

static uint64_t decide_one(struct decider *d, struct duplicate_document *document)
{
	bool page = find_page(d, document);
	uint64_t hidden = 0;
	for (size_t i = 0; i < document->count; i++) {
		const struct duplicate_print *print = &document->prints[i];
		document->hidden[i] =
			page || (words_of(print) >= SECTION_WORDS && find_near(d, print, document));
		if (document->hidden[i])
			hidden++;
		else if (words_of(print) >= SECTION_WORDS)
			keep(d, print, document);
	}
	return hidden;
}

enum err_code duplicate_decide(struct duplicate_document *documents, size_t count,
			       const struct alloc *alloc, uint64_t *hidden, struct err *err)
{
	struct decider d = {.page_slots = 64};
	struct duplicate_document **order =
		alloc_zero(alloc, count, sizeof(struct duplicate_document *));
	size_t sections = 0;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < count; i++)
		sections += documents[i].count;
	while (d.page_slots / 2 < count)
		d.page_slots *= 2;
	if (sections < UINT32_MAX) {
		d.kept = alloc_zero(alloc, sections, sizeof(*d.kept));
		d.buckets = alloc_zero(alloc, (size_t)BLOCKS * BUCKETS, sizeof(*d.buckets));
		d.pages = alloc_zero(alloc, d.page_slots, sizeof(*d.pages));
	}
	if (!order || !d.kept || !d.buckets || !d.pages) {
		code = err_set(err, ERR_NOMEM, "out of memory comparing %zu sections", sections);
		goto out;
	}
	for (size_t i = 0; i < count; i++)
		order[i] = &documents[i];
	if (count)
		qsort(order, count, sizeof(struct duplicate_document *), by_preference);
	for (size_t i = 0; i < count; i++)
		*hidden += decide_one(&d, order[i]);
out:
	alloc_free(alloc, d.pages);
	alloc_free(alloc, d.buckets);
	alloc_free(alloc, d.kept);
	alloc_free(alloc, order);
	return code;
}
