#include "index/version.h"

enum { TITLE_WORDS_MAX = 4 };

static bool is_separator(char c)
{
	return c == '-' || c == '_' || c == ' ';
}

static bool is_one_of(struct str word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(word, str_c(list[i])))
			return true;
	return false;
}

#define IS_ONE_OF(word, list) is_one_of(word, list, sizeof(list) / sizeof((list)[0]))

/* ---- versions ---- */

/*
 * The number in a word such as "v1.9", "1.8.0-rc.1" or "0.7": digits joined by points; what follows
 * after '-', '+' or a letter is part of it. Empty when the word is none. `dotted`: a lone "v2" is
 * none either.
 */
static struct str version_number(struct str word, bool dotted)
{
	bool prefixed = word.len > 1 && (word.ptr[0] == 'v' || word.ptr[0] == 'V');
	struct str number = str_slice(word, prefixed, word.len);
	size_t at = 0, points = 0;
	while (at < number.len && ascii_digit(number.ptr[at])) {
		while (at < number.len && ascii_digit(number.ptr[at]))
			at++;
		if (at + 1 < number.len && number.ptr[at] == '.' &&
		    (ascii_digit(number.ptr[at + 1]) || number.ptr[at + 1] == 'x')) {
			points++;
			at++;
		}
	}
	bool plain = at == number.len || (at + 1 == number.len && number.ptr[at] == 'x' && points);
	bool candidate = points && at < number.len &&
			 (number.ptr[at] == '-' || number.ptr[at] == '+' ||
			  str_starts(str_slice(number, at, number.len), STR("rc")));
	/* a number of more digits is a year, a date or a count */
	bool lone = points == 0 && (dotted || !prefixed || at == 0 || at > 2);
	if (lone || !(plain || candidate) || at > 16)
		return STR("");
	return number;
}

static bool has_word(struct str text, const char *const *list, size_t count)
{
	size_t from = 0;
	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && !is_separator(text.ptr[i]) && text.ptr[i] != '.')
			continue;
		if (is_one_of(str_slice(text, from, i), list, count))
			return true;
		from = i + 1;
	}
	return false;
}

/* The version that ends `name`, as in "release-1.7"; *before is what stands in front of it. */
static struct str version_at_end(struct str name, bool dotted, struct str *before)
{
	struct str found = version_number(name, dotted);
	*before = STR("");
	/* the leftmost that fits, so that "1.7-rc.1" stays whole */
	for (size_t i = 0; i + 1 < name.len && !found.len; i++) {
		if (!is_separator(name.ptr[i]))
			continue;
		found = version_number(str_slice(name, i + 1, name.len), dotted);
		*before = str_slice(name, 0, i);
	}
	return found;
}

static const char *const release_words[] = {"release",   "releases",   "version",
					    "versions",  "versioned",  "branch",
					    "changelog", "changelogs", "release_notes"};

static bool names_releases(struct str name)
{
	return has_word(name, release_words, sizeof(release_words) / sizeof(release_words[0]));
}

static const char *const archive_words[] = {"archive", "archived",   "old",
					    "legacy",  "deprecated", "obsolete"};

static struct str folder_version(struct str name, bool code)
{
	struct str before, found = version_at_end(name, code, &before);
	if (found.len && before.len && !names_releases(before) && !IS_ONE_OF(before, archive_words))
		return STR("");
	return found;
}

static struct str without_extension(struct str name)
{
	for (size_t i = name.len; i > 1; i--) {
		/* the point of "v1.9" begins no extension */
		if (name.ptr[i - 1] == '.')
			return i < name.len && ascii_digit(name.ptr[i]) ? name
									: str_slice(name, 0, i - 1);
	}
	return name;
}

/* Of a title: "Kubeflow 1.9", "Version: v0.7", "Kubeflow 1.8 release notes". */
static struct str title_version(struct str title)
{
	static const char *const tails[] = {"release", "notes", "changelog", "releases"};
	struct str rest = title, word, found = STR("");
	size_t words = 0;
	while (str_cut(&rest, ' ', &word)) {
		struct str number = version_number(word, true);
		if (!word.len)
			continue;
		if (found.len && !IS_ONE_OF(word, tails))
			return STR("");
		if (!found.len && ++words > TITLE_WORDS_MAX)
			return STR("");
		if (number.len && !found.len)
			found = number;
	}
	return found;
}

/* ---- archived ---- */

static struct str first_word(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (is_separator(name.ptr[i]))
			return str_slice(name, 0, i);
	return name;
}

static struct str last_word(struct str name)
{
	for (size_t i = name.len; i > 0; i--)
		if (is_separator(name.ptr[i - 1]))
			return str_slice(name, i, name.len);
	return name;
}

static bool folder_archived(struct str name)
{
	while (name.len && is_separator(name.ptr[0]))
		name = str_slice(name, 1, name.len);
	return IS_ONE_OF(first_word(name), archive_words) ||
	       IS_ONE_OF(last_word(name), archive_words);
}

/* A page called "archive" may well be about archiving. */
static bool file_archived(struct str stem)
{
	struct str word = last_word(stem);
	return IS_ONE_OF(word, archive_words) && !str_eq_nocase(word, STR("archive"));
}

static bool title_archived(struct str title)
{
	static const char *const words[] = {"legacy", "archived", "deprecated", "obsolete"};
	struct str first = first_word(title);
	if (first.len && first.ptr[first.len - 1] == ':')
		first.len--;
	if (IS_ONE_OF(first, words))
		return true;
	for (size_t i = 0; i < title.len; i++) {
		if (title.ptr[i] != '(' && title.ptr[i] != '[')
			continue;
		size_t end = i + 1;
		while (end < title.len && ascii_alpha(title.ptr[end]))
			end++;
		if (end < title.len && IS_ONE_OF(str_slice(title, i + 1, end), words))
			return true;
	}
	return false;
}

struct version_label version_of_document(struct str path, struct str title, bool code)
{
	struct version_label label = {STR(""), title_archived(title)};
	struct str rest = path, name, parent = STR(""), stem = STR("");
	while (str_cut(&rest, '/', &name)) {
		if (!rest.ptr) { /* the file itself */
			stem = without_extension(name);
			break;
		}
		struct str version = folder_version(name, code);
		if (version.len)
			label.version = version;
		label.archived |= folder_archived(name);
		parent = name;
	}
	label.archived |= file_archived(stem);
	struct str before, version = version_at_end(stem, true, &before);
	if (version.len && (!before.len || names_releases(before) || names_releases(parent)))
		label.version = version;
	if (!label.version.len)
		label.version = title_version(title);
	return label;
}
