/*
 * Globs as in .gitignore, matched by simulating an automaton: every state that can be reached is
 * carried along, one step per character of the path. So the time is bounded by the product of
 * both lengths, whatever the pattern (backtracking would be exponential in its stars).
 */
#include <string.h>

#include "base/utf8.h"
#include "source/source.h"

#define GLOB_STEPS 512 /* longer patterns match nothing */

enum step_kind {
	STEP_CHAR,
	STEP_ANY,     /* ?: one character but '/' */
	STEP_STAR,    /* *: any number of them */
	STEP_DEEP,    /* **: any number of any characters */
	STEP_FOLDERS, /* "**" and '/': nothing, or whole folders */
	STEP_CLASS,
};

struct step {
	enum step_kind kind;
	int32_t codepoint;
	struct str class; /* between the brackets */
};

struct program {
	struct step steps[GLOB_STEPS];
	size_t count;
};

/* Bytes that cannot be decoded count as characters beyond Unicode, so that they match themselves. */
static size_t next_char(struct str s, size_t at, int32_t *cp)
{
	size_t size = utf8_decode(s, at, cp);

	if (size)
		return size;
	*cp = 0x110000 + (unsigned char)s.ptr[at];
	return 1;
}

/* Where the class that begins at `at` ('[') ends (']'), or STR_NPOS. */
static size_t class_end(struct str pattern, size_t at)
{
	size_t i = at + 1;

	if (i < pattern.len && (pattern.ptr[i] == '!' || pattern.ptr[i] == '^'))
		i++;
	if (i < pattern.len && pattern.ptr[i] == ']')
		i++;
	while (i < pattern.len && pattern.ptr[i] != ']')
		i += pattern.ptr[i] == '\\' ? 2 : 1;
	return i < pattern.len ? i : STR_NPOS;
}

static size_t compile_stars(struct str pattern, size_t at, struct step *step)
{
	bool starts_part = at == 0 || pattern.ptr[at - 1] == '/';
	size_t end = at;

	while (end < pattern.len && pattern.ptr[end] == '*')
		end++;
	step->kind = end - at == 1 ? STEP_STAR : STEP_DEEP;
	if (step->kind == STEP_DEEP && starts_part && end < pattern.len &&
	    pattern.ptr[end] == '/') {
		step->kind = STEP_FOLDERS;
		end++;
	}
	return end;
}

static bool compile(struct str pattern, struct program *program)
{
	size_t at = 0;

	program->count = 0;
	while (at < pattern.len) {
		struct step *step = &program->steps[program->count];
		size_t end;

		if (program->count == GLOB_STEPS)
			return false;
		program->count++;
		if (pattern.ptr[at] == '*') {
			at = compile_stars(pattern, at, step);
			continue;
		}
		if (pattern.ptr[at] == '?') {
			step->kind = STEP_ANY;
			at++;
			continue;
		}
		end = pattern.ptr[at] == '[' ? class_end(pattern, at) : STR_NPOS;
		if (end != STR_NPOS) {
			step->kind = STEP_CLASS;
			step->class = str_slice(pattern, at + 1, end);
			at = end + 1;
			continue;
		}
		if (pattern.ptr[at] == '\\' && at + 1 < pattern.len)
			at++;
		step->kind = STEP_CHAR;
		at += next_char(pattern, at, &step->codepoint);
	}
	return true;
}

static bool class_matches(struct str class, int32_t cp)
{
	bool negated = class.len && (class.ptr[0] == '!' || class.ptr[0] == '^');
	bool found = false;
	size_t at = negated;

	while (at < class.len) {
		int32_t low, high;

		if (class.ptr[at] == '\\' && at + 1 < class.len)
			at++;
		at += next_char(class, at, &low);
		high = low;
		if (at + 1 < class.len && class.ptr[at] == '-') {
			at++;
			if (class.ptr[at] == '\\' && at + 1 < class.len)
				at++;
			at += next_char(class, at, &high);
		}
		found = found || (low <= cp && cp <= high);
	}
	return found != negated && cp != '/';
}

/* Steps that may match nothing are passed over: their successors are reached as well. */
static void pass_empty(const struct program *program, bool *reached)
{
	for (size_t i = 0; i < program->count; i++) {
		enum step_kind kind = program->steps[i].kind;

		if (reached[i] && (kind == STEP_STAR || kind == STEP_DEEP || kind == STEP_FOLDERS))
			reached[i + 1] = true;
	}
}

/*
 * State i: steps before i are matched. A "folders" step that has taken a character may be left
 * only after a '/', so being inside it is kept apart in `inside`.
 */
static void advance(const struct program *program, int32_t cp, bool *reached, bool *inside)
{
	/* from the last to the first, since a step writes only to itself and its successor */
	for (size_t i = program->count; i-- > 0;) {
		const struct step *step = &program->steps[i];
		bool here = reached[i], stay = false, go = false;

		switch (step->kind) {
		case STEP_CHAR:
			go = here && cp == step->codepoint;
			break;
		case STEP_ANY:
			go = here && cp != '/';
			break;
		case STEP_CLASS:
			go = here && class_matches(step->class, cp);
			break;
		case STEP_STAR:
			stay = here && cp != '/';
			break;
		case STEP_DEEP:
			stay = here;
			break;
		case STEP_FOLDERS:
			here = here || inside[i];
			inside[i] = here;
			go = here && cp == '/';
			break;
		}
		reached[i + 1] = reached[i + 1] || go;
		reached[i] = stay;
	}
}

static bool run(const struct program *program, struct str text)
{
	bool reached[GLOB_STEPS + 1] = {true}, inside[GLOB_STEPS] = {false};
	size_t at = 0;

	pass_empty(program, reached);
	while (at < text.len) {
		int32_t cp;

		at += next_char(text, at, &cp);
		/* the end state takes no character */
		reached[program->count] = false;
		advance(program, cp, reached, inside);
		pass_empty(program, reached);
	}
	return reached[program->count];
}

bool source_glob_match(struct str pattern, struct str path)
{
	struct program program;
	bool whole = pattern.len && memchr(pattern.ptr, '/', pattern.len);

	if (pattern.len && pattern.ptr[0] == '/')
		pattern = str_slice(pattern, 1, pattern.len);
	if (!compile(pattern, &program))
		return false;
	for (size_t i = path.len; !whole && i > 0; i--)
		if (path.ptr[i - 1] == '/') {
			path = str_slice(path, i, path.len);
			break;
		}
	return run(&program, path);
}
