#include "embed/inproc/tokenizer.h"

#include <string.h>

#include "base/utf8.h"
#include "embed/inproc/tokenizer_settings.h"
#include "embed/inproc/unicode.h"
#include "embed/inproc/wordpiece.h"

enum { TEXT_BYTES_MAX = 64 << 20, SETTINGS_BYTES_MAX = 1 << 20, PATTERN_CHARS_MAX = 64 };

/* An added token that is looked for in the normalized text. */
struct pattern {
	int32_t id;
	size_t count;
	int32_t chars[PATTERN_CHARS_MAX];
};

struct tokenizer {
	const struct alloc *alloc;
	struct arena arena;
	struct vocab vocab;
	struct tokenizer_settings settings;
	bool starts_added[256]; /* first bytes of the added tokens of the raw text */
	struct pattern *patterns;
	size_t pattern_count, longest_pattern;
	int32_t bos, eos, unk;
};

/* The working memory of one tokenizer_encode(). */
struct encoding {
	const struct tokenizer *t;
	struct normalize_scratch normalize;
	struct word word;
	struct word_piece pieces[WORD_CHARS_MAX];
	/* Normalized code points that may still turn out to begin a pattern. */
	struct normal_char ahead[PATTERN_CHARS_MAX];
	size_t ahead_count;
	struct token *tokens;
	size_t count, capacity;
	bool failed; /* out of memory: further tokens are dropped */
};

static void put_token(struct encoding *e, int32_t id, uint32_t begin, uint32_t end)
{
	if (e->failed)
		return;
	if (e->count == e->capacity) {
		size_t capacity = e->capacity ? 2 * e->capacity : 256, size;
		struct token *tokens = NULL;
		if (size_mul(capacity, sizeof(*tokens), &size))
			tokens = alloc_resize(e->t->alloc, e->tokens, size);
		if (!tokens) {
			e->failed = true;
			return;
		}
		e->tokens = tokens;
		e->capacity = capacity;
	}
	e->tokens[e->count++] = (struct token){id, begin, end};
}

static void end_word(struct encoding *e)
{
	if (e->word.count == 0)
		return;
	size_t count = word_split(&e->t->vocab, &e->word, e->t->unk, e->pieces);
	for (size_t i = 0; i < count; i++)
		put_token(e, e->pieces[i].id, e->pieces[i].begin, e->pieces[i].end);
	word_clear(&e->word);
}

static void put_char(struct encoding *e, struct normal_char c)
{
	if (unicode_is_space(c.cp)) {
		end_word(e);
		return;
	}
	bool alone = unicode_is_punctuation(c.cp);
	if (alone)
		end_word(e);
	word_append(&e->word, c, e->t->settings.max_word_chars);
	if (alone)
		end_word(e);
}

/* The longest pattern at the head of ahead[], or NULL. */
static const struct pattern *pattern_ahead(const struct encoding *e)
{
	const struct pattern *best = NULL;
	for (size_t i = 0; i < e->t->pattern_count; i++) {
		const struct pattern *p = &e->t->patterns[i];
		size_t n = 0;
		if (p->count > e->ahead_count || (best && best->count >= p->count))
			continue;
		while (n < p->count && p->chars[n] == e->ahead[n].cp)
			n++;
		if (n == p->count)
			best = p;
	}
	return best;
}

/* Takes a pattern or one code point off the head of ahead[]. */
static void take_ahead(struct encoding *e)
{
	const struct pattern *p = pattern_ahead(e);
	size_t taken = p ? p->count : 1;
	if (p) {
		end_word(e);
		put_token(e, p->id, e->ahead[0].begin, e->ahead[taken - 1].end);
	} else {
		put_char(e, e->ahead[0]);
	}
	e->ahead_count -= taken;
	memmove(e->ahead, e->ahead + taken, e->ahead_count * sizeof(e->ahead[0]));
}

static void on_normal_char(void *ctx, struct normal_char c)
{
	struct encoding *e = ctx;
	if (e->t->pattern_count == 0) {
		put_char(e, c);
		return;
	}
	if (e->ahead_count == e->t->longest_pattern)
		take_ahead(e);
	e->ahead[e->ahead_count++] = c;
}

/* Text between two added tokens: normalized for itself, as the published tokenizers do. */
static void encode_segment(struct encoding *e, struct str text, size_t from, size_t to)
{
	normalize_text(&e->t->settings.normalize, text, from, to, &e->normalize, on_normal_char, e);
	while (e->ahead_count)
		take_ahead(e);
	end_word(e);
}

/* The longest added token at text[at]; NULL when there is none. */
static const struct added_token *added_at(const struct tokenizer *t, struct str text, size_t at)
{
	const struct added_token *best = NULL;
	if (!t->starts_added[(unsigned char)text.ptr[at]])
		return NULL;
	struct str rest = str_slice(text, at, text.len);
	for (size_t i = 0; i < t->settings.added_count; i++) {
		const struct added_token *added = &t->settings.added[i];
		if (!added->normalized && str_starts(rest, added->content) &&
		    (!best || added->content.len > best->content.len))
			best = added;
	}
	return best;
}

static void encode_text(struct encoding *e, struct str text)
{
	size_t segment = 0;
	for (size_t at = 0; at < text.len;) {
		const struct added_token *added = added_at(e->t, text, at);
		if (!added) {
			at++;
			continue;
		}
		encode_segment(e, text, segment, at);
		segment = at + added->content.len;
		/* White space that such a token strips belongs to no other token anyway. */
		put_token(e, added->id, (uint32_t)at, (uint32_t)segment);
		at = segment;
	}
	encode_segment(e, text, segment, text.len);
}

enum err_code tokenizer_encode(const struct tokenizer *t, struct str text, struct arena *arena,
			       struct token_list *out, struct err *err)
{
	*out = (struct token_list){NULL, 0};
	if (text.len > TEXT_BYTES_MAX)
		return err_set(err, ERR_LIMIT,
			       "a text of %zu bytes is longer than the limit of %d MiB: split it",
			       text.len, TEXT_BYTES_MAX >> 20);
	if (!utf8_valid(text))
		return err_set(err, ERR_INVALID, "the text is not valid UTF-8: convert it first");
	struct encoding *e = alloc_get(t->alloc, sizeof(*e));
	if (!e)
		return err_set(err, ERR_NOMEM, "out of memory for tokens");
	e->t = t;
	e->ahead_count = e->count = e->capacity = 0;
	e->tokens = NULL;
	e->failed = false;
	word_clear(&e->word);
	encode_text(e, text);
	enum err_code code = ERR_OK;
	if (e->failed)
		code = err_set(err, ERR_NOMEM, "out of memory for the tokens of %zu bytes",
			       text.len);
	if (!code && e->count) {
		out->items = arena_array(arena, e->count, sizeof(*e->tokens));
		if (!out->items)
			code = arena_fail(arena, err);
	}
	if (!code && e->count) {
		memcpy(out->items, e->tokens, e->count * sizeof(*e->tokens));
		out->count = e->count;
	}
	alloc_free(t->alloc, e->tokens);
	alloc_free(t->alloc, e);
	return code;
}

struct pattern_writer {
	struct pattern *pattern;
	bool overlong;
};

static void on_pattern_char(void *ctx, struct normal_char c)
{
	struct pattern_writer *w = ctx;
	if (w->pattern->count == PATTERN_CHARS_MAX)
		w->overlong = true;
	else
		w->pattern->chars[w->pattern->count++] = c.cp;
}

/* Readies the added tokens for searching: a byte map for the raw text, patterns for the other. */
static enum err_code prepare_added(struct tokenizer *t, struct err *err)
{
	enum err_code code = ERR_OK;
	struct normalize_scratch *scratch = alloc_get(t->alloc, sizeof(*scratch));
	t->patterns = alloc_zero(t->alloc, t->settings.added_count + 1, sizeof(*t->patterns));
	if (!scratch || !t->patterns)
		code = err_set(err, ERR_NOMEM, "out of memory for the added tokens");
	for (size_t i = 0; i < t->settings.added_count && !code; i++) {
		const struct added_token *added = &t->settings.added[i];
		struct pattern_writer w = {&t->patterns[t->pattern_count], false};
		if (!added->normalized) {
			t->starts_added[(unsigned char)added->content.ptr[0]] = true;
			continue;
		}
		w.pattern->id = added->id;
		normalize_text(&t->settings.normalize, added->content, 0, added->content.len,
			       scratch, on_pattern_char, &w);
		if (w.overlong)
			code = err_set(err, ERR_UNSUPPORTED,
				       "the added token '%.*s' is longer than %d characters",
				       STR_ARG(str_slice(added->content, 0, 64)),
				       PATTERN_CHARS_MAX);
		if (w.pattern->count == 0)
			continue;
		if (w.pattern->count > t->longest_pattern)
			t->longest_pattern = w.pattern->count;
		t->pattern_count++;
	}
	alloc_free(t->alloc, scratch);
	return code;
}

static enum err_code find_special(const struct tokenizer *t, struct str name, const char *what,
				  const char *path, int32_t *id, struct err *err)
{
	*id = vocab_find(&t->vocab, name);
	if (*id >= 0)
		return ERR_OK;
	return err_set(err, ERR_FORMAT,
		       "%s has no %s token '%.*s': fetch the model again "
		       "(docs-bot model fetch --force)",
		       path, what, STR_ARG(str_slice(name, 0, 64)));
}

static enum err_code open_parts(struct tokenizer *t, const char *dir, struct err *err)
{
	struct str path = arena_printf(&t->arena, "%s/vocab.txt", dir);
	if (!path.ptr)
		return arena_fail(&t->arena, err);
	enum err_code code = vocab_open(&t->vocab, path.ptr, t->alloc, err);
	if (!code)
		code = tokenizer_settings_read(&t->settings, dir, &t->vocab, &t->arena, err);
	if (!code)
		code = find_special(t, t->settings.unk, "unknown-word", path.ptr, &t->unk, err);
	if (!code)
		code = find_special(t, t->settings.bos, "first", path.ptr, &t->bos, err);
	if (!code)
		code = find_special(t, t->settings.eos, "last", path.ptr, &t->eos, err);
	return code ? code : prepare_added(t, err);
}

enum err_code tokenizer_open(const char *dir, const struct alloc *alloc, struct tokenizer **out,
			     struct err *err)
{
	*out = NULL;
	struct tokenizer *t = alloc_zero(alloc, 1, sizeof(*t));
	if (!t)
		return err_set(err, ERR_NOMEM, "out of memory for the tokenizer");
	t->alloc = alloc;
	arena_init(&t->arena, alloc, SETTINGS_BYTES_MAX);
	enum err_code code = open_parts(t, dir, err);
	if (code)
		tokenizer_close(t);
	else
		*out = t;
	return code;
}

void tokenizer_close(struct tokenizer *t)
{
	if (!t)
		return;
	alloc_free(t->alloc, t->patterns);
	vocab_release(&t->vocab);
	arena_release(&t->arena);
	alloc_free(t->alloc, t);
}

size_t tokenizer_vocab_size(const struct tokenizer *t)
{
	return t->vocab.count;
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
	return t->bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
	return t->eos;
}

int32_t tokenizer_unk(const struct tokenizer *t)
{
	return t->unk;
}

struct str tokenizer_piece(const struct tokenizer *t, int32_t id)
{
	return id < 0 || (size_t)id >= t->vocab.count ? STR("") : t->vocab.pieces[id];
}
