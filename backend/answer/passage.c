#include "answer/passage.h"

static bool abbreviation(struct str before)
{
	static const char *const known[] = {"e.g", "i.e", "etc", "vs", "cf", "approx", "Fig", "No"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct str word = str_c(known[i]);
		if (!str_ends(before, word))
			continue;
		if (before.len == word.len ||
		    !ascii_alnum((unsigned char)before.ptr[before.len - word.len - 1]))
			return true;
	}
	return false;
}

size_t passage_sentence(struct str text)
{
	for (size_t i = 0; i + 1 < text.len; i++) {
		char c = text.ptr[i];
		if (c != '.' && c != '!' && c != '?')
			continue;
		size_t end = i + 1;
		while (end < text.len && (text.ptr[end] == ')' || text.ptr[end] == '"'))
			end++;
		if (end >= text.len || !ascii_space((unsigned char)text.ptr[end]))
			continue;
		size_t next = end;
		while (next < text.len && ascii_space((unsigned char)text.ptr[next]))
			next++;
		/* A lower-case word goes on with the sentence. */
		if (next < text.len && text.ptr[next] >= 'a' && text.ptr[next] <= 'z')
			continue;
		if (c == '.' && abbreviation(str_slice(text, 0, i)))
			continue;
		return end;
	}
	return text.len;
}

struct splitter {
	struct unit *items;
	size_t count, capacity, paragraph;
};

static void add(struct splitter *s, enum unit_kind kind, struct str text, struct str language)
{
	if (kind != UNIT_CODE)
		text = str_trim(text);
	if (str_trim(text).len == 0 || s->count == s->capacity)
		return;
	s->items[s->count++] = (struct unit){
		.kind = kind, .text = text, .language = language, .paragraph = s->paragraph};
}

static void add_sentences(struct splitter *s, struct str line)
{
	while (line.len) {
		size_t n = passage_sentence(line);
		add(s, UNIT_SENTENCE, str_slice(line, 0, n), STR(""));
		line = str_trim(str_slice(line, n, line.len));
	}
}

static size_t fence_length(struct str line)
{
	size_t n = 0;
	while (n < line.len && line.ptr[n] == '`')
		n++;
	return n >= 3 ? n : 0;
}

/* The code between a fence of `fence` backticks and the next line of as many; false without one. */
static bool take_code(struct str *rest, size_t fence, struct str *code)
{
	const char *begin = rest->ptr;
	struct str line, after = *rest;
	while (str_cut(&after, '\n', &line)) {
		if (fence_length(line) != fence || str_trim(line).len != fence)
			continue;
		*code = (struct str){begin, line.ptr > begin ? (size_t)(line.ptr - begin - 1) : 0};
		*rest = after;
		return true;
	}
	return false;
}

enum err_code passage_split(struct str text, struct str heading, struct arena *arena,
			    struct unit_list *out, struct err *err)
{
	struct splitter s = {0};
	for (size_t i = 0; i < text.len; i++)
		s.capacity += text.ptr[i] == '.' || text.ptr[i] == '!' || text.ptr[i] == '?' ||
			      text.ptr[i] == '\n';
	s.capacity++;
	s.items = arena_array(arena, s.capacity, sizeof(*s.items));
	if (!s.items)
		return arena_fail(arena, err);
	struct str rest = text, line, code;
	bool fences = true;
	if (heading.len && str_starts(text, heading))
		rest = str_slice(text, heading.len, text.len);
	while (str_cut(&rest, '\n', &line)) {
		size_t fence = fence_length(line);
		s.paragraph++;
		struct str trimmed = str_trim(line);
		if (fence && fences && rest.ptr) {
			/* Looked for once without success: never again, which keeps time linear. */
			fences = take_code(&rest, fence, &code);
			if (fences) {
				struct str language = str_trim(str_slice(line, fence, line.len));
				add(&s, UNIT_CODE, code, language);
				continue;
			}
		}
		if (str_starts(trimmed, STR("- "))) {
			add(&s, UNIT_LIST_ITEM, str_slice(trimmed, 2, trimmed.len), STR(""));
		} else {
			add_sentences(&s, trimmed);
		}
	}
	*out = (struct unit_list){s.items, s.count};
	return ERR_OK;
}
