/*
 * Chunks of a document. Both kinds are cut from a token list of the whole text; but the tokens of
 * a slice need not be the slice of the tokens (a word cut in two has other pieces), so each
 * chunk is tokenized again as it will be embedded, and shortened until it fits.
 */
#include "index/chunk.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"

#define MIN_TOKENS   16
#define WORD_STEPS   32 /* how far back a border may move to reach the start of a word */
#define HEADER_SHARE 2  /* title and path get at most 1/2 of a section chunk's tokens */

/* What the functions here share. */
struct chunker {
	const struct document *document;
	struct embedder *embedder;
	struct arena *arena;
	struct arena scratch; /* token lists that are only counted */
	enum chunk_kind kind; /* of the chunks that add_section() makes */
	size_t limit;         /* tokens per chunk, special ones included */
	size_t room;          /* the same without the special ones */
	struct str page;
	size_t *offsets; /* where each section begins in the page, and one past the last */
	struct chunk *items;
	size_t count, capacity;
	struct err *err;
};

/* A part of a section that is kept whole: a block, a line of code, or a slice of tokens. */
struct unit {
	struct str text;
	size_t tokens;
};

struct unit_list {
	struct unit *items;
	size_t count, capacity;
};

static enum err_code count_tokens(struct chunker *c, struct str text, size_t *out)
{
	struct token_list tokens;
	enum err_code code = embed_tokenize(c->embedder, text, &c->scratch, &tokens, c->err);

	*out = code == ERR_OK ? tokens.count : 0;
	arena_reset(&c->scratch);
	return code;
}

/* The text of the page; offsets (section_count + 1 of them) may be NULL. */
static struct str page_text(const struct document *document, struct arena *arena, size_t *offsets)
{
	struct buf page;
	struct str out = {NULL, 0}, title = document->title;

	buf_init(&page, arena->alloc, arena->max < SIZE_MAX / 2 ? arena->max : SIZE_MAX / 2);
	if (document->section_count && str_eq_nocase(document->sections[0].heading, title))
		title = STR("");
	buf_append(&page, title);
	for (size_t i = 0; i < document->section_count; i++) {
		struct str text = section_text(&document->sections[i], arena);

		if (!text.ptr)
			goto out;
		if (page.len && text.len)
			buf_append(&page, STR("\n\n"));
		if (offsets)
			offsets[i] = page.len;
		buf_append(&page, text);
	}
	if (offsets)
		offsets[document->section_count] = page.len;
	if (!page.failed)
		out = arena_str(arena, buf_str(&page));
out:
	buf_release(&page);
	return out;
}

struct str chunk_page_text(const struct document *document, struct arena *arena)
{
	return page_text(document, arena, NULL);
}

static enum err_code push_chunk(struct chunker *c, const struct chunk *chunk)
{
	if (c->count == c->capacity) {
		size_t capacity = c->capacity ? c->capacity * 2 : 16, bytes;
		struct chunk *items = NULL;

		if (size_mul(capacity, sizeof(*items), &bytes))
			items = alloc_resize(c->arena->alloc, c->items, bytes);
		if (!items)
			return err_set(c->err, ERR_NOMEM, "out of memory");
		c->items = items;
		c->capacity = capacity;
	}
	c->items[c->count++] = *chunk;
	return ERR_OK;
}

/* ASCII white space and punctuation part words; everything else may be within one. */
static bool is_word_byte(char byte)
{
	return (unsigned char)byte >= 0x80 || ascii_alnum((unsigned char)byte) || byte == '_';
}

static bool starts_word(struct str text, const struct token_list *tokens, size_t index)
{
	size_t at = tokens->items[index].begin;

	return at == 0 || !is_word_byte(text.ptr[at - 1]) || !is_word_byte(text.ptr[at]);
}

/* True when a border in front of this token cuts neither a code point nor another token. */
static bool may_cut(struct str text, const struct token_list *tokens, size_t index)
{
	const struct token *token = &tokens->items[index];

	return token->begin < text.len && ((unsigned char)text.ptr[token->begin] & 0xC0) != 0x80 &&
	       (index == 0 || token->begin >= tokens->items[index - 1].end);
}

/* The border at `index`, or the next one before it where the text may be cut; always > `least`. */
static size_t token_border(struct str text, const struct token_list *tokens, size_t index,
			   size_t least)
{
	if (index >= tokens->count)
		return tokens->count;
	while (index > least + 1 && !may_cut(text, tokens, index))
		index--;
	return index;
}

/* The same, moved up to WORD_STEPS further back when a word starts there. */
static size_t word_border(struct str text, const struct token_list *tokens, size_t index,
			  size_t least)
{
	size_t border = token_border(text, tokens, index, least);

	if (border >= tokens->count)
		return border;
	for (size_t i = border; i > least && border - i < WORD_STEPS; i--)
		if (may_cut(text, tokens, i) && starts_word(text, tokens, i))
			return i;
	return border;
}

/* Which of the two a slice may end at. */
typedef size_t (*border_fn)(struct str text, const struct token_list *tokens, size_t index,
			    size_t least);

/* The text from token `from` to in front of token `to`, with all bytes between the tokens. */
static struct str slice_tokens(struct str text, const struct token_list *tokens, size_t from,
			       size_t to)
{
	size_t begin = from == 0 ? 0 : tokens->items[from].begin;
	size_t end = to >= tokens->count ? text.len : tokens->items[to].begin;

	return str_slice(text, begin, end);
}

/*
 * The longest slice from token `from` to at most `*to` that has no more than `room` tokens when
 * it is tokenized by itself: moves *to back to another border, sets *count.
 */
static enum err_code fit_slice(struct chunker *c, struct str text, const struct token_list *tokens,
			       border_fn border, size_t from, size_t *to, size_t room,
			       size_t *count)
{
	for (;;) {
		struct str slice = slice_tokens(text, tokens, from, *to);
		enum err_code code = count_tokens(c, slice, count);
		size_t over;

		if (code != ERR_OK || *count <= room)
			return code;
		over = *count - room;
		if (*to - from <= 1)
			return err_set(c->err, ERR_INTERNAL,
				       "the tokenizer cuts one token of a page into %zu", *count);
		*to = border(text, tokens, *to - from > over ? *to - over : from + 1, from);
	}
}

/* Sections that the bytes [begin, end) of the page come from. */
static void find_sections(const struct chunker *c, size_t begin, size_t end, struct chunk *chunk)
{
	size_t count = c->document->section_count, low = 0, high = count;

	if (count == 0)
		return;
	/* the last section that begins at or before `begin`; the title belongs to the first */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (c->offsets[middle] <= begin)
			low = middle;
		else
			high = middle;
	}
	chunk->first_section = chunk->last_section = low;
	while (chunk->last_section + 1 < count && c->offsets[chunk->last_section + 1] < end)
		chunk->last_section++;
}

/*
 * The KEP's chunks: windows of `room` tokens, one at every multiple of (1 - overlap) * room tokens,
 * wherever that is in a sentence or word. Only a border within a code point moves, and the end of a
 * window whose first word, cut, has more tokens by itself than it had in the page.
 */
static enum err_code add_windows(struct chunker *c, double overlap)
{
	struct token_list tokens;
	size_t from = 0, start = 0, covered = 0, ordinal = 0;
	size_t stride = (size_t)lround((1 - overlap) * (double)c->room);
	enum err_code code = embed_tokenize(c->embedder, c->page, c->arena, &tokens, c->err);

	if (stride == 0)
		stride = 1;
	while (code == ERR_OK && from < tokens.count && covered < tokens.count) {
		struct chunk chunk = {.kind = CHUNK_WINDOW, .ordinal = ordinal};
		/* every window reaches beyond the one before */
		size_t to = token_border(c->page, &tokens, from + c->room,
					 covered > from ? covered : from);
		size_t begin;

		code = fit_slice(c, c->page, &tokens, token_border, from, &to, c->room,
				 &chunk.token_count);
		if (code != ERR_OK)
			break;
		chunk.text = str_trim(slice_tokens(c->page, &tokens, from, to));
		begin = (size_t)(chunk.text.ptr - c->page.ptr);
		find_sections(c, begin, begin + chunk.text.len, &chunk);
		chunk.embed_text = chunk.text;
		chunk.token_count += c->embedder->special_tokens;
		if (to > covered && chunk.text.len) {
			code = push_chunk(c, &chunk);
			ordinal++;
		}
		covered = to > covered ? to : covered;
		/* counted from the first token, so that moved borders do not add up */
		start += stride;
		from = token_border(c->page, &tokens, start, from);
		/* a window that had to be shortened must not leave a gap behind it */
		from = from < to ? from : to;
	}
	return code;
}

static enum err_code push_unit(struct chunker *c, struct unit_list *list, struct str text,
			       size_t tokens)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 16, bytes;
		struct unit *items = NULL;

		if (size_mul(capacity, sizeof(*items), &bytes))
			items = alloc_resize(c->arena->alloc, list->items, bytes);
		if (!items)
			return err_set(c->err, ERR_NOMEM, "out of memory");
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = (struct unit){text, tokens};
	return ERR_OK;
}

/* Cuts one line (or paragraph) that is too long by itself. */
static enum err_code split_line(struct chunker *c, struct str text, size_t room,
				struct unit_list *out)
{
	struct token_list tokens;
	size_t from = 0, to, count;
	enum err_code code = embed_tokenize(c->embedder, text, c->arena, &tokens, c->err);

	while (code == ERR_OK && from < tokens.count) {
		to = word_border(text, &tokens, from + room, from);
		code = fit_slice(c, text, &tokens, word_border, from, &to, room, &count);
		if (code == ERR_OK)
			code = push_unit(c, out, slice_tokens(text, &tokens, from, to), count);
		from = to;
	}
	return code;
}

/* Takes a block as it is when it fits, else its lines, else slices of those. */
static enum err_code split_block(struct chunker *c, struct str text, size_t room,
				 struct unit_list *out)
{
	struct str rest = text, line;
	size_t count;
	enum err_code code = count_tokens(c, text, &count);

	if (code != ERR_OK || count <= room)
		return code == ERR_OK ? push_unit(c, out, text, count) : code;
	while (code == ERR_OK && str_cut(&rest, '\n', &line)) {
		code = count_tokens(c, line, &count);
		if (code == ERR_OK)
			code = count <= room ? push_unit(c, out, line, count)
					     : split_line(c, line, room, out);
	}
	return code;
}

/*
 * The text without the marks of code spans, which are no part of what is said: as tokens they move
 * vectors. Fences (three and more) stay. Ptr NULL without memory.
 */
static struct str without_code_marks(struct str text, struct arena *arena)
{
	size_t kept = 0;
	char *out;

	if (str_find(text, STR("`"), 0) == STR_NPOS)
		return text;
	out = arena_get(arena, text.len);
	for (size_t i = 0, run; out && i < text.len; i += run) {
		for (run = 0; i + run < text.len && text.ptr[i + run] == '`'; run++)
			;
		bool mark = run == 1 || run == 2;
		if (!run)
			run = 1;
		if (!mark)
			memcpy(out + kept, text.ptr + i, run);
		kept += mark ? 0 : run;
	}
	return (struct str){out, kept};
}

/* Units joined by newlines; ptr NULL without memory. */
static struct str join_units(const struct unit *units, size_t count, struct arena *arena)
{
	size_t len = 0, at = 0;
	char *text;

	for (size_t i = 0; i < count; i++)
		len += units[i].text.len + 1;
	text = arena_get(arena, len);
	if (!text)
		return (struct str){NULL, 0};
	for (size_t i = 0; i < count; i++) {
		if (i)
			text[at++] = '\n';
		if (units[i].text.len)
			memcpy(text + at, units[i].text.ptr, units[i].text.len);
		at += units[i].text.len;
	}
	return (struct str){text, at};
}

/* Adds one chunk "header\ntext"; *fits is false, and nothing added, when it is too long. */
static enum err_code add_section_chunk(struct chunker *c, size_t section, struct str header,
				       struct str text, size_t *ordinal, bool *fits)
{
	struct chunk chunk = {.kind = c->kind,
			      .ordinal = *ordinal,
			      .text = text,
			      .embed_text = text,
			      .first_section = section,
			      .last_section = section};
	enum err_code code;

	if (header.len) {
		struct unit parts[2] = {{header, 0}, {text, 0}};

		chunk.embed_text = join_units(parts, 2, c->arena);
	}
	if (chunk.embed_text.ptr)
		chunk.embed_text = without_code_marks(chunk.embed_text, c->arena);
	if (!chunk.embed_text.ptr)
		return arena_fail(c->arena, c->err);
	code = count_tokens(c, chunk.embed_text, &chunk.token_count);
	chunk.token_count += c->embedder->special_tokens;
	*fits = chunk.token_count <= c->limit;
	if (code != ERR_OK || !*fits)
		return code;
	code = push_chunk(c, &chunk);
	(*ordinal)++;
	return code;
}

/* Fills chunks with as many units as fit. */
static enum err_code pack_units(struct chunker *c, size_t section, struct str header,
				const struct unit_list *units, size_t room, size_t *ordinal)
{
	enum err_code code = ERR_OK;
	size_t first = 0;

	while (code == ERR_OK && first < units->count) {
		size_t end = first, sum = 0;
		bool fits = false;

		while (end < units->count &&
		       (end == first || sum + units->items[end].tokens <= room))
			sum += units->items[end++].tokens;
		while (code == ERR_OK && !fits && end > first) {
			struct str text = join_units(units->items + first, end - first, c->arena);

			if (!text.ptr)
				return arena_fail(c->arena, c->err);
			if (str_trim(text).len == 0)
				break;
			code = add_section_chunk(c, section, header, text, ordinal, &fits);
			end -= !fits;
		}
		if (code == ERR_OK && end == first)
			return err_set(c->err, ERR_INTERNAL,
				       "a piece of a section has more tokens than its parts");
		first = end;
	}
	return code;
}

static enum err_code split_section(struct chunker *c, size_t index, struct str header,
				   size_t header_tokens, size_t *ordinal)
{
	const struct section *section = &c->document->sections[index];
	struct unit_list units = {NULL, 0, 0};
	/* a little less than there is: joined text may have a token more than its parts */
	size_t room = c->room - header_tokens - (c->room - header_tokens) / 16;
	enum err_code code = ERR_OK;

	if (section->heading.len)
		code = split_block(c, section->heading, room, &units);
	for (size_t i = 0; i < section->block_count && code == ERR_OK; i++) {
		/* one block, written as it is in the whole section's text */
		struct section alone = {.blocks = &section->blocks[i], .block_count = 1};
		struct str text = section_text(&alone, c->arena);

		code = text.ptr ? split_block(c, text, room, &units) : arena_fail(c->arena, c->err);
	}
	if (code == ERR_OK)
		code = pack_units(c, index, header, &units, room, ordinal);
	alloc_free(c->arena->alloc, units.items);
	return code;
}

/* "title > path": what the section is about, also where its own text does not say it. */
static struct str section_header(struct chunker *c, const struct section *section)
{
	struct str title = c->document->title, path = section->path;

	if (title.len == 0 || path.len == 0)
		return title.len ? title : path;
	return arena_printf(c->arena, "%.*s > %.*s", STR_ARG(title), STR_ARG(path));
}

static enum err_code add_section(struct chunker *c, size_t index, size_t *ordinal)
{
	const struct section *section = &c->document->sections[index];
	struct str text, header;
	size_t header_tokens;
	bool fits;
	enum err_code code;

	text = section_text(section, c->arena);
	header = section_header(c, section);
	if (!text.ptr || !header.ptr)
		return arena_fail(c->arena, c->err);
	code = count_tokens(c, header, &header_tokens);
	if (code != ERR_OK)
		return code;
	if (header_tokens > c->room / HEADER_SHARE) {
		struct token_list tokens;
		size_t to;

		code = embed_tokenize(c->embedder, header, c->arena, &tokens, c->err);
		if (code != ERR_OK)
			return code;
		to = word_border(header, &tokens, c->room / HEADER_SHARE, 0);
		code = fit_slice(c, header, &tokens, word_border, 0, &to, c->room / HEADER_SHARE,
				 &header_tokens);
		if (code != ERR_OK)
			return code;
		header = slice_tokens(header, &tokens, 0, to);
	}
	code = add_section_chunk(c, index, header, text, ordinal, &fits);
	if (code == ERR_OK && !fits)
		code = split_section(c, index, header, header_tokens, ordinal);
	return code;
}

/* One chunk per section, or several where it is longer than `limit` tokens. */
static enum err_code add_sections(struct chunker *c, enum chunk_kind kind, size_t limit)
{
	size_t ordinal = 0;
	enum err_code code = ERR_OK;

	c->kind = kind;
	c->limit = limit;
	c->room = limit - c->embedder->special_tokens;
	for (size_t i = 0; i < c->document->section_count && code == ERR_OK; i++)
		if (c->document->sections[i].block_count)
			code = add_section(c, i, &ordinal);
	return code;
}

static enum err_code check_options(const struct chunk_options *options,
				   const struct embedder *embedder, struct err *err)
{
	if (options->tokens < MIN_TOKENS ||
	    options->tokens < embedder->special_tokens + MIN_TOKENS / 2)
		return err_set(err, ERR_INVALID,
			       "chunks of %zu tokens are too small: use at least %d",
			       options->tokens, MIN_TOKENS);
	if (options->tokens > embedder->max_tokens)
		return err_set(err, ERR_INVALID,
			       "chunks of %zu tokens are more than the model %s takes: use at most "
			       "%zu",
			       options->tokens, embedder->model, embedder->max_tokens);
	if (options->paragraph_tokens &&
	    (options->paragraph_tokens < embedder->special_tokens + MIN_TOKENS ||
	     options->paragraph_tokens > options->tokens))
		return err_set(
			err, ERR_INVALID,
			"paragraph chunks of %zu tokens are out of range: use 0 for none, or "
			"%zu to %zu",
			options->paragraph_tokens, embedder->special_tokens + MIN_TOKENS,
			options->tokens);
	/* written so that NaN is refused too */
	if (!(options->overlap >= 0 && options->overlap < 1))
		return err_set(
			err, ERR_INVALID,
			"a chunk overlap of %g is out of range: use 0 up to, not including, 1",
			options->overlap);
	return ERR_OK;
}

enum err_code chunk_document(const struct document *document, const struct chunk_options *options,
			     struct embedder *embedder, struct arena *arena, struct chunk_list *out,
			     struct err *err)
{
	struct chunker c = {.document = document,
			    .embedder = embedder,
			    .arena = arena,
			    .limit = options->tokens,
			    .err = err};
	enum err_code code;

	*out = (struct chunk_list){NULL, 0};
	code = check_options(options, embedder, err);
	if (code != ERR_OK)
		return code;
	c.room = options->tokens - embedder->special_tokens;
	arena_init(&c.scratch, arena->alloc, arena->max);
	c.offsets = arena_array(arena, document->section_count + 1, sizeof(size_t));
	if (c.offsets)
		c.page = page_text(document, arena, c.offsets);
	if (!c.page.ptr) {
		code = arena_fail(arena, err);
		goto out;
	}
	code = add_windows(&c, options->overlap);
	if (code == ERR_OK)
		code = add_sections(&c, CHUNK_SECTION, options->tokens);
	if (code == ERR_OK && options->paragraph_tokens)
		code = add_sections(&c, CHUNK_PARAGRAPH, options->paragraph_tokens);
	if (code != ERR_OK)
		goto out;
	out->items = arena_array(arena, c.count, sizeof(*out->items));
	if (!out->items) {
		code = arena_fail(arena, err);
		goto out;
	}
	if (c.count)
		memcpy(out->items, c.items, c.count * sizeof(*c.items));
	out->count = c.count;
out:
	alloc_free(arena->alloc, c.items);
	arena_release(&c.scratch);
	return code;
}
