#include "answer/judge.h"
#include "answer/query.h"
#include "answer/terms.h"

enum { SOURCES = 5 };

static bool version_byte(char c)
{
	return ascii_alnum((unsigned char)c) || c == '.' || c == '-' || c == '_' || c == '/' ||
	       c == ':' || c == '@' || c == '=';
}

/* "1.8", "v2.0.3", "1.11.x", "v2": digits and dots with a 'v' in front, or with a dot inside. */
static bool is_version(struct str run)
{
	size_t at = run.len && (run.ptr[0] == 'v' || run.ptr[0] == 'V'), dots = 0, digits = 0;
	bool marked = at > 0;
	for (; at < run.len; at++) {
		if (ascii_digit((unsigned char)run.ptr[at]))
			digits++;
		else if (run.ptr[at] == '.' && at + 1 < run.len &&
			 (ascii_digit((unsigned char)run.ptr[at + 1]) || at + 2 == run.len))
			dots++;
		else if (!(run.ptr[at] == 'x' && at + 1 == run.len))
			return false;
	}
	/* an address of four numbers is no version, nor is a long number */
	return digits > 0 && digits <= 8 && dots <= 2 && (marked || dots > 0);
}

/* Without 'v' and a last ".x". */
static struct str bare(struct str version)
{
	if (version.len && !ascii_digit((unsigned char)version.ptr[0]))
		version = str_slice(version, 1, version.len);
	return str_ends(version, STR(".x")) ? str_slice(version, 0, version.len - 2) : version;
}

/* Whether the text names the version, or a finer one of it. */
static bool names(struct str text, struct str version)
{
	for (size_t at = str_find(text, version, 0); at != STR_NPOS;
	     at = str_find(text, version, at + 1)) {
		size_t end = at + version.len;
		char before = at ? text.ptr[at - 1] : ' ';
		char further = at > 1 ? text.ptr[at - 2] : ' ';
		bool opens = !ascii_digit((unsigned char)before) &&
			     !(before == '.' && ascii_digit((unsigned char)further));
		if (opens && (end == text.len || !ascii_digit((unsigned char)text.ptr[end])))
			return true;
	}
	return false;
}

/* "KFP v2" and "KFP 2.x", but not "KFP 2.1", for "KFP 2.4": what holds for the whole line of releases. */
static bool names_line(struct str text, struct str name, struct str version)
{
	size_t digits = 0;
	while (digits < version.len && ascii_digit((unsigned char)version.ptr[digits]))
		digits++;
	struct str line = str_slice(version, 0, digits);
	for (size_t at = str_find_nocase(text, name, 0); at != STR_NPOS;
	     at = str_find_nocase(text, name, at + 1)) {
		struct str rest = str_slice(text, at + name.len, text.len);
		if (!rest.len || rest.ptr[0] != ' ')
			continue;
		rest = str_slice(rest, rest.len > 1 && rest.ptr[1] == 'v' ? 2 : 1, rest.len);
		if (!str_starts(rest, line))
			continue;
		rest = str_slice(rest, line.len, rest.len);
		bool further = rest.len && ascii_alnum((unsigned char)rest.ptr[0]);
		bool finer = rest.len > 1 && rest.ptr[0] == '.' &&
			     ascii_digit((unsigned char)rest.ptr[1]);
		if (!further && !finer)
			return true;
	}
	return false;
}

static bool covers(const struct retrieve_result *r, struct str name, struct str written,
		   struct str version)
{
	const struct store_passage *p = &r->passage;
	return names_line(r->text.len ? r->text : p->text, name, version) ||
	       names(r->text.len ? r->text : p->text, version) || names(p->text, version) ||
	       names(p->title, version) || names(p->section_path, version) ||
	       names(p->path, version) || query_names_version(written, p->version);
}

/* A word that the sources have: "Katib", but not "Python" in a question to pages without it. */
static bool is_theirs(const struct retrieve_results *results, struct str word)
{
	for (size_t i = 0; i < results->count && i < SOURCES; i++) {
		const struct store_passage *p = &results->items[i].passage;
		if (str_find_nocase(p->title, word, 0) != STR_NPOS ||
		    str_find_nocase(p->section_path, word, 0) != STR_NPOS ||
		    str_find_nocase(p->path, word, 0) != STR_NPOS ||
		    str_find_nocase(p->text, word, 0) != STR_NPOS)
			return true;
	}
	return false;
}

/* The next run of bytes of names and versions, without marks at its ends; false at the end. */
static bool next_run(struct str text, size_t *at, struct str *run)
{
	while (*at < text.len && !ascii_alnum((unsigned char)text.ptr[*at]))
		++*at;
	size_t begin = *at;
	while (*at < text.len && version_byte(text.ptr[*at]))
		++*at;
	size_t end = *at;
	while (end > begin && !ascii_alnum((unsigned char)text.ptr[end - 1]))
		end--;
	*run = str_slice(text, begin, end);
	return run->len > 0;
}

/* "release", "version": what may stand between a name and its version. */
static bool is_filler(struct str word)
{
	return str_eq_nocase(word, STR("version")) || str_eq_nocase(word, STR("release")) ||
	       str_eq_nocase(word, STR("to")) || str_eq_nocase(word, STR("from"));
}

struct str judge_missing_version(struct str question, const struct retrieve_results *results)
{
	struct str run, name = {NULL, 0};
	for (size_t at = 0; next_run(question, &at, &run);) {
		/* "kfp==2.40": the name and the version in one run */
		size_t equals = str_find(run, STR("=="), 0);
		struct str version = run;
		if (equals != STR_NPOS) {
			name = str_slice(run, 0, equals);
			version = str_slice(run, equals + 2, run.len);
		}
		if (!is_version(version)) {
			if (!is_filler(run))
				name = terms_stop_word(run) ? (struct str){NULL, 0} : run;
			continue;
		}
		bool covered = !name.len || !results->count || !is_theirs(results, name);
		for (size_t i = 0; i < results->count && i < SOURCES && !covered; i++)
			covered = covers(&results->items[i], name, version, bare(version));
		if (!covered)
			return (struct str){name.ptr,
					    (size_t)(version.ptr + version.len - name.ptr)};
	}
	return STR("");
}
