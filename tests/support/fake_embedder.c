#include "support/fake_embedder.h"

#include <math.h>
#include <string.h>

#define PIECE_BYTES 6

static bool word_byte(unsigned char byte)
{
	return byte >= 0x80 || ascii_alnum(byte) || byte == '_';
}

/* End of the piece that starts at `at`: never inside a code point. */
static size_t piece_end(struct str text, size_t at, size_t word_end)
{
	size_t end = at + PIECE_BYTES < word_end ? at + PIECE_BYTES : word_end;

	while (end < word_end && ((unsigned char)text.ptr[end] & 0xC0) == 0x80)
		end++;
	return end;
}

/* The token at or after `at`; false at the end of the text. */
static bool next_token(struct str text, size_t at, struct token *out)
{
	size_t end, word_end;

	while (at < text.len && ascii_space((unsigned char)text.ptr[at]))
		at++;
	if (at == text.len)
		return false;
	word_end = at;
	while (word_end < text.len && word_byte((unsigned char)text.ptr[word_end]) &&
	       word_end < at + 2 * PIECE_BYTES)
		word_end++;
	end = word_end > at ? piece_end(text, at, word_end) : at + 1;
	out->begin = (uint32_t)at;
	out->end = (uint32_t)end;
	out->id = (int32_t)(str_hash(str_slice(text, at, end)) & 0x7FFF);
	return true;
}

static enum err_code fake_tokenize(struct embedder *e, struct str text, struct arena *arena,
				   struct token_list *out, struct err *err)
{
	struct token token = {0};
	size_t count = 0;

	while (next_token(text, token.end, &token))
		count++;
	out->count = count;
	out->items = arena_array(arena, count ? count : 1, sizeof(*out->items));
	if (!out->items)
		return arena_fail(arena, err);
	token = (struct token){0};
	for (size_t i = 0; next_token(text, token.end, &token); i++)
		out->items[i] = token;
	return ERR_OK;
}

static size_t count_tokens(struct str text)
{
	struct token token = {0};
	size_t count = 0;

	while (next_token(text, token.end, &token))
		count++;
	return count;
}

static void embed_one(struct str text, float *vector)
{
	double norm = 0;
	size_t at = 0;

	memset(vector, 0, FAKE_EMBEDDER_DIMENSION * sizeof(*vector));
	while (at < text.len) {
		uint64_t hash = 1469598103934665603u;
		size_t begin = at;

		while (at < text.len && word_byte((unsigned char)text.ptr[at])) {
			hash ^= (unsigned char)ascii_lower(text.ptr[at++]);
			hash *= 1099511628211u;
		}
		if (at == begin) {
			at++;
			continue;
		}
		vector[(hash >> 32) % FAKE_EMBEDDER_DIMENSION] += 1.0f;
	}
	for (size_t i = 0; i < FAKE_EMBEDDER_DIMENSION; i++)
		norm += (double)vector[i] * (double)vector[i];
	if (norm == 0) {
		vector[0] = 1.0f;
		return;
	}
	for (size_t i = 0; i < FAKE_EMBEDDER_DIMENSION; i++)
		vector[i] = (float)((double)vector[i] / sqrt(norm));
}

static enum err_code fake_embed(struct embedder *e, const struct str *texts, size_t count,
				float *vectors, struct err *err)
{
	struct fake_embedder *fake = (struct fake_embedder *)e;

	for (size_t i = 0; i < count; i++) {
		size_t tokens = count_tokens(texts[i]) + e->special_tokens;

		if (tokens > e->max_tokens)
			return err_set(err, ERR_LIMIT, "text of %zu tokens, the model takes %zu",
				       tokens, e->max_tokens);
		if (atomic_fetch_add(&fake->embedded, 1) >= fake->fail_after)
			return err_set(err, ERR_UNAVAILABLE, "fake embedder told to fail");
		embed_one(texts[i], vectors + i * FAKE_EMBEDDER_DIMENSION);
	}
	return ERR_OK;
}

static void fake_close(struct embedder *e)
{
}

static const struct embedder_ops fake_ops = {
	.tokenize = fake_tokenize,
	.embed = fake_embed,
	.close = fake_close,
};

void fake_embedder_init(struct fake_embedder *fake)
{
	*fake = (struct fake_embedder){
		.embedder = {.ops = &fake_ops,
			     .model = "fake-embedder",
			     .sha256 = "00000000000000000000000000000000"
				       "00000000000000000000000000000000",
			     .precision = "f32",
			     .cache_key = "fake-embedder",
			     .dimension = FAKE_EMBEDDER_DIMENSION,
			     .max_tokens = 512,
			     .special_tokens = 2},
		.fail_after = SIZE_MAX,
	};
}
