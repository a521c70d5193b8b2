#include "answer/route.h"

#include "answer/fold.h"
#include "answer/rewrite.h"
#include "answer/route_fishing.h"
#include "answer/route_phrases.h"
#include "answer/route_words.h"
#include "base/utf8.h"

/*
 * Prompt fishing is looked for in the first SCAN_BYTES and the last; everything else at the beginning and
 * the end of what was asked: in between stand logs.
 */
enum {
	SCAN_BYTES = 128 << 10,
	ASKED_WORDS = 400,
	SCRATCH_MAX = 256 << 20,
};

const char *answer_route_name(enum answer_route route)
{
	static const char *const names[] = {"docs", "knowledge", "abstained", "refused",
					    "smalltalk"};
	return names[route];
}

/* What the steps of one decision share. Words of the question are [from, to) without greetings. */
struct decision {
	struct str question;
	const struct history *history;
	struct route_rules rules;
	struct reading reading;
	size_t from, to;
	struct arena *scratch, *arena;
	struct route *out;
	struct err *err;
};

#define REPLY_SCOPE                                                                                \
	"I answer questions about the documentation that I have indexed, and I show where each "   \
	"answer comes from."

static void refuse(struct decision *d, const char *reason, const char *reply)
{
	d->out->route = ROUTE_REFUSED;
	d->out->reason = str_c(reason);
	d->out->reply = str_c(reply);
}

static void chat(struct decision *d, const char *reason, const char *reply)
{
	d->out->route = ROUTE_SMALLTALK;
	d->out->reason = str_c(reason);
	d->out->reply = str_c(reply);
}

/* --- greetings and thanks --- */

static const uint64_t friendly =
	WORD_BIT(WORD_GREET) | WORD_BIT(WORD_THANK) | WORD_BIT(WORD_PRAISE);
static const uint64_t sociable = WORD_BIT(WORD_SOCIAL) | WORD_BIT(WORD_POLITE);

/* Whether the words are nothing but friendly. */
static bool is_friendly(const struct reading *reading, size_t from, size_t to)
{
	bool any = false;
	for (size_t i = from; i < to; i++) {
		any = any || (reading->classes[i] & friendly);
		if (!(reading->classes[i] & (friendly | sociable)))
			return false;
	}
	return any;
}

static size_t clause_end(const struct reading *reading, size_t from, size_t to)
{
	size_t end = from + 1;
	while (end < to && reading->text.words[end].before == FOLD_SPACE)
		end++;
	return end < to ? end : to;
}

static size_t clause_begin(const struct reading *reading, size_t to)
{
	size_t begin = to - 1;
	while (begin > 0 && reading->text.words[begin].before == FOLD_SPACE)
		begin--;
	return begin;
}

/* Greetings in front and thanks at the end are no part of the question. */
static void trim_friendly(struct decision *d)
{
	const struct reading *r = &d->reading;
	d->from = 0;
	d->to = r->text.count;
	if (is_friendly(r, d->from, d->to)) {
		d->from = d->to;
		return;
	}
	while (d->from < d->to) {
		size_t end = clause_end(r, d->from, d->to);
		/* "Hi how do I …" */
		if (end == d->to || !is_friendly(r, d->from, end))
			break;
		d->from = end;
	}
	while (d->from + 1 < d->to &&
	       (r->classes[d->from] & (WORD_BIT(WORD_GREET) | WORD_BIT(WORD_THANK))) &&
	       !r->text.words[d->from].identifier)
		d->from++;
	while (d->to > d->from) {
		size_t begin = clause_begin(r, d->to);
		if (begin <= d->from || !is_friendly(r, begin, d->to))
			break;
		d->to = begin;
	}
}

/* The question without greetings: with the marks that belong to its first and last word. */
static struct str asked_text(const struct decision *d)
{
	const struct fold_word *words = d->reading.text.words;
	size_t begin = 0, end = d->question.len;
	if (d->from < d->to && d->from > 0) {
		begin = words[d->from].begin;
		while (begin > words[d->from - 1].end &&
		       !ascii_space((unsigned char)d->question.ptr[begin - 1]))
			begin--;
	}
	if (d->from < d->to && d->to < d->reading.text.count) {
		end = words[d->to - 1].end;
		while (end < words[d->to].begin &&
		       !ascii_space((unsigned char)d->question.ptr[end]))
			end++;
	}
	struct str text = str_trim(str_slice(d->question, begin, end));
	return text.len ? text : d->question;
}

static bool asks_identity(const struct decision *d)
{
	struct phrase_match match;
	return phrases_find(d->rules.sets[ROUTE_PHRASES_IDENTITY], &d->reading, d->from, d->to,
			    &match) &&
	       match.from == d->from && match.to == d->to;
}

static bool try_smalltalk(struct decision *d)
{
	const struct reading *r = &d->reading;
	uint64_t seen = 0;
	if (r->text.count == 0) {
		/* an emoji, and nothing else */
		bool symbols = false;
		for (size_t i = 0; i < d->question.len; i++)
			symbols = symbols || (unsigned char)d->question.ptr[i] >= 0xe2;
		if (symbols)
			chat(d, "no words", "What would you like to know? " REPLY_SCOPE);
		return symbols;
	}
	if (d->from < d->to) {
		if (!asks_identity(d))
			return false;
		chat(d, "asks about the assistant",
		     "I am docs-bot, an assistant for documentation. " REPLY_SCOPE
		     " Ask me how to install, configure or use something, or give me an error "
		     "message.");
		return true;
	}
	for (size_t i = 0; i < r->text.count; i++)
		seen |= r->classes[i];
	if (seen & WORD_BIT(WORD_THANK))
		chat(d, "thanks", "You are welcome! Ask me whenever something else comes up.");
	else if (seen & WORD_BIT(WORD_GREET))
		chat(d, "a greeting", "Hello! " REPLY_SCOPE " What would you like to know?");
	else
		chat(d, "no question", "All right. What else would you like to know?");
	return true;
}

/* --- what is refused --- */

static bool means_follow(const struct decision *d, size_t at)
{
	static const char *const means[] = {"from",  "when",   "if",   "after", "before", "without",
					    "using", "via",    "by",   "while", "during", "every",
					    "until", "unless", "once", "with",  "through"};
	const struct folded *text = &d->reading.text;
	for (at++; at < d->to && text->words[at].before != FOLD_SENTENCE; at++)
		for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++)
			if (str_eq(text->words[at].text, str_c(means[i])))
				return true;
	return false;
}

static bool try_action(struct decision *d)
{
	struct phrase_match match;
	for (size_t at = d->from;
	     phrases_find(d->rules.sets[ROUTE_PHRASES_ACTION], &d->reading, at, d->to, &match);
	     at = match.from + 1) {
		if ((match.phrase->flags & PHRASE_UNLESS_MEANS) && means_follow(d, match.from))
			continue;
		refuse(d, match.phrase->label,
		       "I cannot change anything in a cluster: I only answer from the "
		       "documentation. Ask "
		       "me how to do it, and I will show you the steps.");
		return true;
	}
	return false;
}

/* How much of the question is about computing, and how much about the rest of the world. */
struct evidence {
	unsigned technical, technical_weak; /* words */
	unsigned strong, weak;
	uint64_t topics;
};

static bool said_before(const struct reading *r, size_t from, size_t at)
{
	size_t first = at > from + 40 ? at - 40 : from;
	for (size_t i = first; i < at; i++)
		if (str_eq(r->text.words[i].text, r->text.words[at].text))
			return true;
	return false;
}

static struct evidence weigh(const struct reading *r, size_t from, size_t to)
{
	const uint64_t technical = WORD_BIT(WORD_TECH) | WORD_BIT(WORD_COMPONENT) |
				   WORD_BIT(WORD_KUBERNETES) | WORD_BIT(WORD_PYTHON) |
				   WORD_BIT(WORD_DOCKER);
	struct evidence e = {0};
	for (size_t i = from; i < to; i++) {
		uint64_t classes = r->classes[i];
		if (r->text.words[i].identifier || (classes & technical))
			e.technical++;
		else if (classes & WORD_BIT(WORD_TECH_WEAK))
			e.technical_weak++;
		if (said_before(r, from, i))
			continue;
		/* WORD_OFF and the topics behind it */
		if (classes >> WORD_OFF)
			e.strong++;
		else if (classes & WORD_BIT(WORD_OFF_WEAK))
			e.weak++;
		e.topics |= classes >> WORD_OFF << WORD_OFF;
	}
	return e;
}

static const char *topic_name(uint64_t topics)
{
	static const struct {
		enum word_class topic;
		const char *name;
	} names[] = {{WORD_WEATHER, "off topic: the weather"},
		     {WORD_FOOD, "off topic: food"},
		     {WORD_SPORT, "off topic: sports"},
		     {WORD_MEDIA, "off topic: films, music and games"},
		     {WORD_TRAVEL, "off topic: travel"},
		     {WORD_POLITICS, "off topic: politics"},
		     {WORD_MONEY, "off topic: money"},
		     {WORD_HEALTH, "off topic: health"},
		     {WORD_LOVE, "off topic: relationships"},
		     {WORD_SCHOOL, "off topic: general knowledge"},
		     {WORD_HOME, "off topic: home and family"},
		     {WORD_BELIEF, "off topic: belief"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (topics & WORD_BIT(names[i].topic))
			return names[i].name;
	return "off topic";
}

static bool has_sign(struct str text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (text.ptr[i] == '*' || text.ptr[i] == '+' || text.ptr[i] == '/' ||
		    text.ptr[i] == '^' || text.ptr[i] == '=')
			return true;
	return false;
}

/* "What is 17 * 23?": numbers and what joins them. */
static bool is_arithmetic(const struct reading *r, struct str text, size_t from, size_t to)
{
	static const char *const joins[] = {
		"what",  "is",      "whats", "calculate", "compute", "solve", "times",  "plus",
		"minus", "divided", "by",    "the",       "result",  "of",    "x",      "equals",
		"sum",   "how",     "much",  "and",       "square",  "root",  "percent"};
	static const char *const operators[] = {"times", "plus", "minus",   "divided",
						"x",     "root", "percent", "sum"};
	size_t numbers = 0;
	bool joined = false;
	for (size_t i = from; i < to; i++) {
		struct str word = r->text.words[i].text;
		/* "17 * 23" */
		joined = joined || (i > from && has_sign(text, r->text.words[i - 1].end,
							 r->text.words[i].begin));
		for (size_t j = 0; j < sizeof(operators) / sizeof(operators[0]); j++)
			joined = joined || str_eq(word, str_c(operators[j]));
		bool known = ascii_digit((unsigned char)word.ptr[0]);
		numbers += known;
		for (size_t j = 0; j < sizeof(joins) / sizeof(joins[0]) && !known; j++)
			known = str_eq(word, str_c(joins[j]));
		if (!known)
			return false;
	}
	return numbers >= 2 && joined;
}

/* Whether all words are of these classes or numbers, and one of `marker`. */
static bool is_all_of(const struct reading *r, size_t from, size_t to, uint64_t classes,
		      uint64_t marker)
{
	bool marked = false;
	for (size_t i = from; i < to; i++) {
		bool number = ascii_digit((unsigned char)r->text.words[i].text.ptr[0]);
		if (!number && !(r->classes[i] & (classes | marker)))
			return false;
		marked = marked || (r->classes[i] & marker);
	}
	return marked;
}

static const uint64_t unspecific = WORD_BIT(WORD_STOP) | WORD_BIT(WORD_PLAIN);

/* Web pages and version control: no subject of this program, and nothing else is asked about. */
static bool is_other_craft(const struct reading *r, size_t from, size_t to)
{
	bool git = false, style = false;
	for (size_t i = from; i < to; i++) {
		struct str word = r->text.words[i].text;
		git = git || str_eq(word, STR("git"));
		style = style || str_eq(word, STR("css")) || str_eq(word, STR("div")) ||
			str_eq(word, STR("flexbox"));
	}
	return (git && is_all_of(r, from, to, unspecific, WORD_BIT(WORD_GIT))) ||
	       (style && is_all_of(r, from, to, unspecific, WORD_BIT(WORD_STYLE)));
}

/* "How do I …", "where can we …": somebody wants to do it with the software, whatever it is about. */
static bool asks_to_do(const struct reading *r, size_t from, size_t to)
{
	for (size_t i = from; i + 1 < to && i < from + 4; i++) {
		struct str next = r->text.words[i + 1].text;
		struct str word = r->text.words[i].text;
		if ((str_eq(word, STR("do")) || str_eq(word, STR("can")) ||
		     str_eq(word, STR("how"))) &&
		    (str_eq(next, STR("i")) || str_eq(next, STR("we")) || str_eq(next, STR("to"))))
			return true;
	}
	return false;
}

/* The reason why words [from, to) are off topic, NULL when nothing speaks for it. */
static const char *find_off_topic(const struct decision *d, size_t from, size_t to)
{
	const struct reading *r = &d->reading;
	struct evidence e = weigh(r, from, to);
	struct phrase_match match;
	if (phrases_find(d->rules.sets[ROUTE_PHRASES_OFF], r, from, to, &match) &&
	    !((match.phrase->flags & PHRASE_UNLESS_HOWTO) && route_asks_howto(r, match.from) &&
	      e.technical))
		return match.phrase->label;
	if (!e.technical && e.technical_weak < 2 &&
	    phrases_find(d->rules.sets[ROUTE_PHRASES_TRIVIA], r, from, to, &match))
		return match.phrase->label;
	if (!e.technical && e.strong * 2 > e.technical_weak)
		return topic_name(e.topics);
	if (!e.technical && !e.technical_weak && e.weak >= 2)
		return "off topic";
	/* one such word, and nothing that could be the name of a thing */
	if (!e.technical && !e.technical_weak && e.weak == 1 && !asks_to_do(r, from, to) &&
	    is_all_of(r, from, to, unspecific | sociable | WORD_BIT(WORD_COUNTRY),
		      WORD_BIT(WORD_OFF_WEAK)))
		return "off topic";
	if (is_arithmetic(r, d->question, from, to))
		return "mathematics";
	if (is_other_craft(r, from, to))
		return "web design or version control in general";
	return NULL;
}

/* Whether a sentence asks or wants something, by its first words. */
static bool asks(const struct reading *r, size_t from, size_t to)
{
	static const char *const leads[] = {
		"how",   "what", "whats",   "which",     "who",  "whos", "where",     "when",
		"why",   "can",  "could",   "should",    "is",   "are",  "do",        "does",
		"did",   "will", "would",   "tell",      "give", "show", "recommend", "suggest",
		"write", "plan", "explain", "translate", "solve"};
	for (size_t i = from; i < to && i < from + 4; i++)
		for (size_t j = 0; j < sizeof(leads) / sizeof(leads[0]); j++)
			if (str_eq(r->text.words[i].text, str_c(leads[j])))
				return true;
	return false;
}

#define REPLY_OFF_TOPIC                                                                            \
	"That is nothing that I can help with: I am here for questions about the documentation "   \
	"that I have indexed."

/* The whole, or the one sentence that asks ("Thanks for the help with X! Which restaurant …"). */
static bool try_off_topic(struct decision *d)
{
	const struct reading *r = &d->reading;
	const char *reason = find_off_topic(d, d->from, d->to);
	size_t asking = 0, from = d->from, to = d->from, last_from = 0, last_to = 0;
	while (!reason && from < d->to) {
		for (to = from + 1; to < d->to && r->text.words[to].before != FOLD_SENTENCE; to++)
			;
		if (asks(r, from, to)) {
			asking++;
			last_from = from;
			last_to = to;
		}
		from = to;
	}
	if (!reason && asking == 1)
		reason = find_off_topic(d, last_from, last_to);
	if (reason)
		refuse(d, reason, REPLY_OFF_TOPIC);
	return reason != NULL;
}

/* --- what is answered --- */

/* Words as exceptions are called: "NameError", "FileNotFoundException". */
static bool names_exception(struct str word)
{
	return word.len > 5 && (str_ends(word, STR("error")) || str_ends(word, STR("exception")) ||
				str_ends(word, STR("backoff")));
}

/* "Send a message when a run fails": nothing has. */
static bool is_supposed(const struct decision *d, size_t at)
{
	static const char *const words[] = {"when", "if",   "whether", "in",
					    "to",   "once", "even",    "whenever"};
	const struct folded *text = &d->reading.text;
	for (size_t back = 1; back <= 4 && back <= at && text->words[at].before != FOLD_SENTENCE;
	     back++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (str_eq(text->words[at - back].text, str_c(words[i])))
				return true;
	return false;
}

static void find_sources(const struct decision *d, size_t from, size_t to, unsigned *sources,
			 const char **why)
{
	struct phrase_match match;
	for (size_t at = from;
	     phrases_find(d->rules.sets[ROUTE_PHRASES_SOURCES], &d->reading, at, to, &match);
	     at = match.from + 1) {
		unsigned more = match.phrase->flags >> PHRASE_SOURCE_SHIFT;
		if ((match.phrase->flags & PHRASE_UNLESS_SUPPOSED) && is_supposed(d, match.from))
			continue;
		*why = (more & ~*sources) ? match.phrase->label : *why;
		*sources |= more;
	}
	for (size_t i = from; i < to && !(*sources & ROUTE_ISSUE); i++)
		if (names_exception(d->reading.text.words[i].text)) {
			*sources |= ROUTE_ISSUE;
			*why = "an error";
		}
}

/* Nothing but general words and those of a subject that language models know. */
static enum err_code find_general(const struct decision *d, struct str query, bool *general,
				  const char **subject)
{
	static const struct {
		enum word_class marker;
		const char *reason;
	} subjects[] = {{WORD_KUBERNETES, "Kubernetes in general"},
			{WORD_PYTHON, "Python in general"},
			{WORD_DOCKER, "containers in general"},
			{WORD_LEARNING, "machine learning in general"},
			{WORD_LINUX, "Linux in general"}};
	struct reading reading;
	uint64_t known = unspecific | WORD_BIT(WORD_GENERAL);
	*general = false;
	enum err_code code = reading_make(d->rules.lexicon, query, d->scratch, &reading, d->err);
	if (code || reading.text.count > ASKED_WORDS)
		return code;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		known |= WORD_BIT(subjects[i].marker);
	for (size_t i = 0; i < reading.text.count; i++)
		if (reading.classes[i] & WORD_BIT(WORD_COMPONENT))
			return ERR_OK;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (is_all_of(&reading, 0, reading.text.count, known,
			      WORD_BIT(subjects[i].marker))) {
			*subject = subjects[i].reason;
			*general = true;
			break;
		}
	return ERR_OK;
}

static enum err_code answer_from_sources(struct decision *d)
{
	struct route *out = d->out;
	const char *why = "a question about the documentation";
	enum err_code code =
		rewrite_by_rules(asked_text(d), d->history, d->arena, &out->search_query, d->err);
	if (code)
		return code;
	out->route = ROUTE_DOCS;
	out->sources = ROUTE_DOC;
	bool general = false;
	if (asks(&d->reading, d->from, d->to))
		code = find_general(d, out->search_query, &general, &why);
	if (code)
		return code;
	if (general) {
		out->route = ROUTE_KNOWLEDGE;
	} else {
		size_t head = d->from + ASKED_WORDS;
		if (head >= d->to) {
			find_sources(d, d->from, d->to, &out->sources, &why);
		} else {
			find_sources(d, d->from, head, &out->sources, &why);
			head = d->to - ASKED_WORDS > head ? d->to - ASKED_WORDS : head;
			find_sources(d, head, d->to, &out->sources, &why);
		}
	}
	out->reason = str_c(why);
	return ERR_OK;
}

static enum err_code decide(struct decision *d)
{
	const char *fishing = NULL;
	enum err_code code = route_rules_make(d->scratch, &d->rules, d->err);
	if (!code)
		code = reading_make(d->rules.lexicon, d->question, d->scratch, &d->reading, d->err);
	if (!code)
		code = route_find_fishing(&d->rules, d->question, &d->reading, d->scratch, &fishing,
					  d->err);
	if (code)
		return code;
	trim_friendly(d);
	/* "What is your name?" is no secret. */
	if (fishing && asks_identity(d))
		fishing = NULL;
	if (fishing) {
		refuse(d, fishing, "I do not talk about how I am set up. " REPLY_SCOPE);
		return ERR_OK;
	}
	/* What asks for something is short, or at the beginning: the rest is what was pasted. */
	size_t to = d->to;
	if (d->to - d->from > ASKED_WORDS)
		d->to = d->from + ASKED_WORDS;
	bool decided = try_smalltalk(d) || try_action(d) || try_off_topic(d);
	d->to = to;
	return decided ? ERR_OK : answer_from_sources(d);
}

enum err_code route_decide(struct str question, const struct history *history, struct arena *arena,
			   struct route *out, struct err *err)
{
	static const struct history none = {NULL, 0};
	struct arena scratch;
	struct decision d = {.history = history ? history : &none,
			     .scratch = &scratch,
			     .arena = arena,
			     .out = out,
			     .err = err};
	*out = (struct route){.reason = STR(""), .reply = STR(""), .search_query = STR("")};
	d.question = utf8_prefix(question, SCAN_BYTES);
	arena_init(&scratch, arena->alloc, SCRATCH_MAX);
	enum err_code code = decide(&d);
	arena_release(&scratch);
	return code;
}
