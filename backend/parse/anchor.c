#include "parse/anchor.h"

#include <utf8proc.h>

#include "base/buf.h"
#include "base/utf8.h"

struct anchor_entry {
	struct str id;
	uint64_t next; /* number to try when the id is wanted again */
};

void anchor_set_init(struct anchor_set *set, struct arena *arena)
{
	*set = (struct anchor_set){.arena = arena};
}

/* The entry of `id`, or the free one where it would go. The table is never full. */
static struct anchor_entry *find_entry(struct anchor_entry *entries, size_t capacity, struct str id)
{
	size_t at = (size_t)str_hash(id) & (capacity - 1);

	while (entries[at].id.ptr && !str_eq(entries[at].id, id))
		at = (at + 1) & (capacity - 1);
	return &entries[at];
}

static enum err_code grow(struct anchor_set *set, struct err *err)
{
	size_t capacity = set->capacity ? set->capacity * 2 : 64;
	struct anchor_entry *entries = arena_array(set->arena, capacity, sizeof(*entries));

	if (!entries)
		return arena_fail(set->arena, err);
	for (size_t i = 0; i < set->capacity; i++)
		if (set->entries[i].id.ptr)
			*find_entry(entries, capacity, set->entries[i].id) = set->entries[i];
	set->entries = entries;
	set->capacity = capacity;
	return ERR_OK;
}

enum err_code anchor_take(struct anchor_set *set, struct str id, struct err *err)
{
	struct anchor_entry *entry;
	enum err_code code = ERR_OK;

	if (set->count * 4 >= set->capacity * 3)
		code = grow(set, err);
	if (code != ERR_OK)
		return code;
	entry = find_entry(set->entries, set->capacity, id);
	if (!entry->id.ptr) {
		entry->id = id;
		entry->next = 1;
		set->count++;
	}
	return ERR_OK;
}

static bool is_letter_or_digit(int32_t cp)
{
	utf8proc_category_t category = utf8proc_category(cp);

	return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
	       category == UTF8PROC_CATEGORY_ND;
}

static void sanitize(struct str raw, struct buf *out)
{
	size_t at = 0, size;
	int32_t cp;

	while (at < raw.len) {
		size = utf8_decode(raw, at, &cp);
		if (size == 0) {
			at++;
			continue;
		}
		at += size;
		if (cp == '-' || cp == ' ' || cp == '\t')
			buf_append_byte(out, '-');
		else if (cp == '_' || is_letter_or_digit(cp))
			buf_append_codepoint(out, utf8proc_tolower(cp));
	}
	if (out->len == 0)
		buf_append(out, STR("heading"));
}

enum err_code anchor_make(struct anchor_set *set, struct str raw, struct str *out, struct err *err)
{
	const struct alloc *alloc = set->arena->alloc;
	struct anchor_entry *entry;
	enum err_code code;
	struct buf buf;
	size_t base;

	/* lower-casing can lengthen a code point, but never beyond 4 bytes */
	buf_init(&buf, alloc, raw.len * 4 + 64);
	sanitize(raw, &buf);
	code = buf_ok(&buf, "heading id", err);
	if (code != ERR_OK)
		goto out;
	base = buf.len;
	entry = set->capacity ? find_entry(set->entries, set->capacity, buf_str(&buf)) : NULL;
	/*
	 * The set only grows, so numbers found taken once stay taken: starting from `next` gives
	 * what starting from 1 would, in constant time.
	 */
	while (entry && entry->id.ptr) {
		uint64_t number = entry->next++;

		buf.len = base;
		if (!buf_printf(&buf, "-%llu", (unsigned long long)number)) {
			code = buf_ok(&buf, "heading id", err);
			goto out;
		}
		if (!find_entry(set->entries, set->capacity, buf_str(&buf))->id.ptr)
			break;
	}
	*out = arena_str(set->arena, buf_str(&buf));
	code = out->ptr ? anchor_take(set, *out, err) : arena_fail(set->arena, err);
out:
	buf_release(&buf);
	return code;
}

static bool id_char(char c)
{
	return (unsigned char)c >= 0x80 || ascii_alnum((unsigned char)c) || c == '-' || c == '_' ||
	       c == ':' || c == '.';
}

/* True when `list` (without braces) reads as attributes; *id gets what "#…" or "id=…" names. */
static bool parse_attributes(struct str list, struct str *id)
{
	struct str rest = str_trim(list), word;
	bool any = false;

	while (str_cut(&rest, ' ', &word)) {
		size_t at = 1;

		word = str_trim(word);
		if (word.len == 0)
			continue;
		any = true;
		if (str_starts(word, STR("id="))) {
			*id = str_slice(word, 3, word.len);
			if (id->len >= 2 && id->ptr[0] == '"' && id->ptr[id->len - 1] == '"')
				*id = str_slice(*id, 1, id->len - 1);
			continue;
		}
		if (str_find(word, STR("="), 1) != STR_NPOS)
			continue;
		if (word.ptr[0] != '#' && word.ptr[0] != '.')
			return false;
		while (at < word.len && id_char(word.ptr[at]))
			at++;
		if (at != word.len || at == 1)
			return false;
		if (word.ptr[0] == '#')
			*id = str_slice(word, 1, at);
	}
	return any;
}

void anchor_split_attributes(struct str raw, struct str *text, struct str *id)
{
	struct str trimmed = str_trim(raw), found = {NULL, 0};
	size_t open = trimmed.len;

	*text = trimmed;
	*id = found;
	if (trimmed.len < 2 || trimmed.ptr[trimmed.len - 1] != '}')
		return;
	while (open > 0 && trimmed.ptr[open - 1] != '{')
		open--;
	if (open == 0 || !parse_attributes(str_slice(trimmed, open, trimmed.len - 1), &found))
		return;
	*text = str_trim(str_slice(trimmed, 0, open - 1));
	*id = found;
}
