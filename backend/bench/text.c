#include "bench/text.h"

#include <string.h>

static const char *const words[] = {
	"a",         "controller", "watches",   "the",        "cluster", "and",      "starts",
	"one",       "pod",        "for",       "each",       "step",    "of",       "pipeline;",
	"when",      "training",   "ends,",     "its",        "logs",    "are",      "kept",
	"in",        "object",     "storage",   "until",      "someone", "removes",  "them.",
	"Set",       "resource",   "limits",    "before",     "you",     "submit",   "jobs,",
	"because",   "scheduler",  "places",    "nothing",    "without", "memory",   "requests.",
	"Notebook",  "servers",    "share",     "volumes",    "with",    "deployed", "models",
	"through",   "persistent", "claims:",   "namespaces", "isolate", "users",    "but",
	"operators", "may",        "configure", "webhooks,",  "tokens",  "or",       "certificates",
	"per",       "profile.",
};

enum { WORD_COUNT = sizeof(words) / sizeof(words[0]), STRIDE = 11, TEXT_BYTES_PER_TOKEN = 24 };

/* Number of tokens of each word; they add up, since tokens never reach over white space. */
static enum err_code count_words(struct embedder *e, struct arena *arena, size_t *counts,
				 struct err *err)
{
	for (size_t i = 0; i < WORD_COUNT; i++) {
		struct token_list list;
		enum err_code code = embed_tokenize(e, str_c(words[i]), arena, &list, err);
		if (code)
			return code;
		counts[i] = list.count;
	}
	return ERR_OK;
}

static bool append_word(char *text, size_t size, size_t *len, const char *word)
{
	size_t bytes = strlen(word), gap = *len ? 1 : 0;
	if (bytes + gap > size - *len)
		return false;
	if (gap)
		text[(*len)++] = ' ';
	memcpy(text + *len, word, bytes);
	*len += bytes;
	return true;
}

enum err_code bench_text(struct embedder *e, size_t tokens, size_t seed, struct arena *arena,
			 struct str *out, struct err *err)
{
	*out = STR("");
	if (tokens <= e->special_tokens || tokens > e->max_tokens)
		return err_set(err, ERR_INVALID,
			       "a text for %s has from %zu to %zu tokens, not %zu", e->model,
			       e->special_tokens + 1, e->max_tokens, tokens);
	size_t counts[WORD_COUNT], want = tokens - e->special_tokens, have = 0, len = 0, size;
	enum err_code code = count_words(e, arena, counts, err);
	if (code)
		return code;
	char *text = size_mul(tokens, TEXT_BYTES_PER_TOKEN, &size) ? arena_get(arena, size) : NULL;
	if (!text)
		return arena_fail(arena, err);
	bool room = true;
	for (size_t i = seed * STRIDE; have < want && room; i++) {
		/* A word that is too long for the rest gives way to "a", which is one token. */
		size_t at = i % WORD_COUNT, word = counts[at] && have + counts[at] <= want ? at : 0;
		if (!counts[word])
			break;
		room = append_word(text, size, &len, words[word]);
		have += counts[word];
	}
	struct token_list check;
	code = embed_tokenize(e, (struct str){text, len}, arena, &check, err);
	if (code)
		return code;
	if (check.count != want)
		return err_set(err, ERR_UNSUPPORTED,
			       "no text of %zu tokens could be made for %s: it has %zu", tokens,
			       e->model, check.count + e->special_tokens);
	*out = (struct str){text, len};
	return ERR_OK;
}
