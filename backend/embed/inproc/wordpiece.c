#include "embed/inproc/wordpiece.h"

#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

enum { VOCAB_BYTES_MAX = 32 << 20, VOCAB_PIECES_MAX = 2 << 20 };

/* FNV-1a, byte by byte, so that all prefixes of a word are hashed in one pass. */
static uint64_t hash_more(uint64_t hash, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static const uint64_t hash_start = UINT64_C(0xcbf29ce484222325);

static uint32_t hash_end(uint64_t hash)
{
	return (uint32_t)(hash ^ hash >> 32);
}

/* The piece made of `prefix` and `rest`; its slot, or the free one where it would go. */
static struct vocab_slot *find_slot(const struct vocab *vocab, uint32_t hash, struct str prefix,
				    struct str rest)
{
	for (size_t at = hash & vocab->mask;; at = (at + 1) & vocab->mask) {
		struct vocab_slot *slot = &vocab->slots[at];
		if (slot->id < 0)
			return slot;
		if (slot->hash != hash)
			continue;
		struct str piece = vocab->pieces[slot->id];
		if (piece.len == prefix.len + rest.len &&
		    memcmp(piece.ptr, prefix.ptr, prefix.len) == 0 &&
		    memcmp(piece.ptr + prefix.len, rest.ptr, rest.len) == 0)
			return slot;
	}
}

int32_t vocab_find(const struct vocab *vocab, struct str piece)
{
	if (piece.len == 0)
		return -1;
	uint32_t hash = hash_end(hash_more(hash_start, piece.ptr, piece.len));
	return find_slot(vocab, hash, STR(""), piece)->id;
}

static bool next_line(struct str *rest, struct str *line)
{
	if (rest->len == 0 || !str_cut(rest, '\n', line))
		return false;
	if (str_ends(*line, STR("\r")))
		line->len--;
	return true;
}

static enum err_code count_pieces(struct vocab *vocab, const char *path, struct err *err)
{
	struct str text = buf_str(&vocab->text), line;
	if (!utf8_valid(text))
		return err_set(err, ERR_FORMAT,
			       "%s is not valid UTF-8: fetch the model again "
			       "(docs-bot model fetch --force)",
			       path);
	for (struct str rest = text; next_line(&rest, &line); vocab->count++) {
		size_t chars = utf8_length(line);
		if (chars > vocab->longest)
			vocab->longest = chars;
	}
	if (vocab->count == 0)
		return err_set(err, ERR_FORMAT, "%s is empty: fetch the model again", path);
	if (vocab->count > VOCAB_PIECES_MAX)
		return err_set(err, ERR_LIMIT, "%s has %zu lines, more than the limit of %d", path,
			       vocab->count, VOCAB_PIECES_MAX);
	return ERR_OK;
}

static enum err_code index_pieces(struct vocab *vocab, const char *path, struct err *err)
{
	size_t slots = 16;
	while (slots < 2 * vocab->count)
		slots *= 2;
	vocab->pieces = alloc_zero(vocab->alloc, vocab->count, sizeof(*vocab->pieces));
	vocab->slots = alloc_zero(vocab->alloc, slots, sizeof(*vocab->slots));
	if (!vocab->pieces || !vocab->slots)
		return err_set(err, ERR_NOMEM, "out of memory for the vocabulary %s", path);
	vocab->mask = slots - 1;
	for (size_t i = 0; i < slots; i++)
		vocab->slots[i].id = -1;
	struct str rest = buf_str(&vocab->text), line;
	for (size_t id = 0; next_line(&rest, &line); id++) {
		vocab->pieces[id] = line;
		if (line.len == 0)
			continue;
		uint32_t hash = hash_end(hash_more(hash_start, line.ptr, line.len));
		struct vocab_slot *slot = find_slot(vocab, hash, STR(""), line);
		if (slot->id >= 0)
			return err_set(err, ERR_FORMAT,
				       "%s: lines %d and %zu are the same: fetch the model again",
				       path, slot->id + 1, id + 1);
		*slot = (struct vocab_slot){hash, (int32_t)id};
	}
	return ERR_OK;
}

enum err_code vocab_open(struct vocab *vocab, const char *path, const struct alloc *alloc,
			 struct err *err)
{
	*vocab = (struct vocab){.alloc = alloc};
	buf_init(&vocab->text, alloc, VOCAB_BYTES_MAX);
	enum err_code code = file_read(path, VOCAB_BYTES_MAX - 1, &vocab->text, err);
	if (!code)
		code = count_pieces(vocab, path, err);
	if (!code)
		code = index_pieces(vocab, path, err);
	if (code)
		vocab_release(vocab);
	return code;
}

void vocab_release(struct vocab *vocab)
{
	if (!vocab->alloc)
		return;
	alloc_free(vocab->alloc, vocab->slots);
	alloc_free(vocab->alloc, vocab->pieces);
	buf_release(&vocab->text);
	*vocab = (struct vocab){0};
}

void word_clear(struct word *word)
{
	word->count = 0;
	word->len = 0;
	word->overlong = false;
}

void word_append(struct word *word, struct normal_char c, size_t max_chars)
{
	if (word->count == 0 && !word->overlong)
		word->begin = c.begin;
	word->end = c.end;
	if (word->count >= max_chars || word->count >= WORD_CHARS_MAX) {
		word->overlong = true;
		return;
	}
	word->chars[word->count].from = (uint32_t)word->len;
	word->chars[word->count].begin = c.begin;
	word->chars[word->count].end = c.end;
	word->len += utf8_encode(c.cp, word->bytes + word->len);
	word->count++;
}

/* Code points of the longest piece at code point `at`, its id in *id; 0 when there is none. */
static size_t longest_piece(const struct vocab *vocab, const struct word *word, size_t at,
			    int32_t *id)
{
	uint64_t hashes[WORD_CHARS_MAX + 1];
	struct str prefix = at ? STR("##") : STR("");
	size_t most = word->count - at;
	if (most > vocab->longest)
		most = vocab->longest;
	hashes[0] = hash_more(hash_start, prefix.ptr, prefix.len);
	for (size_t n = 0; n < most; n++) {
		uint32_t from = word->chars[at + n].from;
		hashes[n + 1] = hash_more(hashes[n], word->bytes + from,
					  word->chars[at + n + 1].from - from);
	}
	const char *start = word->bytes + word->chars[at].from;
	for (size_t n = most; n > 0; n--) {
		struct str rest = {start, word->chars[at + n].from - word->chars[at].from};
		*id = find_slot(vocab, hash_end(hashes[n]), prefix, rest)->id;
		if (*id >= 0)
			return n;
	}
	return 0;
}

size_t word_split(const struct vocab *vocab, struct word *word, int32_t unk,
		  struct word_piece out[WORD_CHARS_MAX])
{
	size_t count = 0, at = 0;
	word->chars[word->count].from = (uint32_t)word->len;
	while (at < word->count && !word->overlong) {
		int32_t id;
		size_t n = longest_piece(vocab, word, at, &id);
		if (n == 0)
			break;
		out[count++] =
			(struct word_piece){id, word->chars[at].begin, word->chars[at + n - 1].end};
		at += n;
	}
	if (at == word->count && !word->overlong)
		return count;
	out[0] = (struct word_piece){unk, word->begin, word->end};
	return 1;
}
