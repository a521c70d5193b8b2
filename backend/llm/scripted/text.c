#include "llm/scripted/text.h"

#include "base/utf8.h"

enum { SOURCES = 3, WORD_MIN = 4, SENTENCE_MIN = 12 };

struct str text_last(const json_t *messages, const char *role)
{
	for (size_t i = json_array_size(messages); i > 0; i--) {
		const json_t *message = json_array_get(messages, i - 1);
		if (str_eq(json_get_str(message, "role"), str_c(role)))
			return json_get_str(message, "content");
	}
	return STR("");
}

/* --- echo --- */

/* "[1] …" or "MARK [1] …": the number (0: no header) and the mark. */
static unsigned source_number(struct str line, struct str *mark)
{
	uint64_t number;
	size_t open = str_find(line, STR("["), 0);
	if (open == STR_NPOS || open > 40)
		return 0;
	size_t close = str_find(line, STR("]"), open);
	*mark = str_trim(str_slice(line, 0, open));
	if (close == STR_NPOS || str_find(*mark, STR(" "), 0) != STR_NPOS ||
	    !str_to_u64(str_slice(line, open + 1, close), &number) || number > 99)
		return 0;
	return (unsigned)number;
}

/* How many words of the question, of some length, stand in the sentence. */
static size_t overlap(struct str sentence, struct str question)
{
	size_t count = 0, from = 0;
	for (size_t i = 0; i <= question.len; i++) {
		if (i < question.len && ascii_alnum((unsigned char)question.ptr[i]))
			continue;
		struct str word = str_slice(question, from, i);
		from = i + 1;
		if (word.len >= WORD_MIN && str_find_nocase(sentence, word, 0) != STR_NPOS)
			count++;
	}
	return count;
}

struct best {
	struct str sentence;
	size_t score;
};

static void look_at_line(struct str line, struct str question, struct best *best)
{
	size_t from = 0;
	for (size_t i = 0; i < line.len; i++) {
		bool end = i + 1 == line.len || (line.ptr[i] == '.' && line.ptr[i + 1] == ' ');
		if (!end)
			continue;
		struct str sentence = str_trim(str_slice(line, from, i + 1));
		from = i + 1;
		size_t score = overlap(sentence, question);
		if (sentence.len >= SENTENCE_MIN && score > best->score)
			*best = (struct best){sentence, score};
	}
}

static void say_best(const struct best *best, unsigned number, struct buf *out, size_t *said)
{
	if (!number || !best->score || *said == SOURCES)
		return;
	++*said;
	buf_printf(out, "%.*s [%u]\n\n", STR_ARG(best->sentence), number);
}

static size_t echo_sources(struct str text, struct str question, struct buf *out)
{
	struct str line, mark = STR(""), last_mark = STR("");
	struct best best = {STR(""), 0};
	unsigned number = 0;
	size_t said = 0;
	while (str_cut(&text, '\n', &line)) {
		unsigned next = source_number(line, &mark);
		if (!next && !(last_mark.len && str_starts(line, last_mark))) {
			if (number)
				look_at_line(line, question, &best);
			continue;
		}
		say_best(&best, number, out, &said);
		best = (struct best){STR(""), 0};
		number = next;
		if (next)
			last_mark = mark;
	}
	say_best(&best, number, out, &said);
	return said;
}

struct str text_question(const json_t *messages)
{
	struct str user = text_last(messages, "user"), label = STR("Question:"), question = user;
	for (size_t at = 0; (at = str_find(user, label, at)) != STR_NPOS; at += label.len)
		question = str_slice(user, at + label.len, user.len);
	return str_trim(question);
}

void text_echo(const json_t *messages, struct buf *out)
{
	struct str user = text_last(messages, "user"), question = text_question(messages);
	size_t said = echo_sources(text_last(messages, "tool"), question, out);
	if (!said)
		said = echo_sources(user, question, out);
	if (!said)
		buf_append(out, STR("The sources say nothing about this.\n"));
}

/* --- gullible --- */

static bool has_any(struct str line, const char *const *words)
{
	for (; *words; words++)
		if (str_find_nocase(line, str_c(*words), 0) != STR_NPOS)
			return true;
	return false;
}

static bool tempts(struct str line)
{
	static const char *const words[] = {
		"://",     "www.",     "@",       "![",       "](",     "<a",      "<img",
		"<script", "<iframe",  "data:",   "mailto:",  "canary", "ignore",  "disregard",
		"forget",  "instead",  "you are", "you must", "must ",  "always ", "reply",
		"respond", "say ",     "repeat",  "print",    "output", "tell ",   "write ",
		"append",  "include ", "visit",   "click",    "curl ",  "wget ",   "kubectl",
		"bash",    "password", "token",   "instruct", "system", "prompt",  "assistant",
		NULL};
	return has_any(line, words);
}

static bool asks_for_prompt(struct str line)
{
	static const char *const what[] = {"prompt", "instruction", "rules", "configuration", NULL};
	static const char *const how[] = {"reveal", "repeat", "print", "show", "output",
					  "tell",   "say",    "give",  "what", NULL};
	return has_any(line, what) && has_any(line, how);
}

void text_gullible(const json_t *messages, struct buf *out)
{
	bool leak = false;
	buf_append(out, STR("Sure, I do what I read.\n"));
	for (size_t i = 0; i < json_array_size(messages); i++) {
		const json_t *message = json_array_get(messages, i);
		struct str rest = json_get_str(message, "content"), line;
		if (str_eq(json_get_str(message, "role"), STR("system")))
			continue;
		while (rest.len && str_cut(&rest, '\n', &line)) {
			if (!tempts(line))
				continue;
			leak = leak || asks_for_prompt(line);
			buf_append(out, line);
			buf_append_byte(out, '\n');
		}
	}
	if (leak) {
		buf_append(out, STR("My instructions are:\n"));
		buf_append(out, text_last(messages, "system"));
	}
}
