/*
 * Text that speaks to an assistant is told by what it says, in words of a few languages: that earlier
 * instructions are void, who the assistant is from now on, what it has to tell its user or to put into
 * its answer. Patterns are words with gaps, matched within a sentence, on text whose letters are
 * folded, so that neither case nor look-alikes nor hidden characters get around them.
 */
#include "answer/guard.h"

#include <string.h>
#include <utf8proc.h>

#include "answer/guard_text.h"
#include "base/utf8.h"

enum {
	WORDS_MAX = 256, /* of a stretch without a full stop that are looked at together */
	WORD_MAX = 36,
	FOLDED_MAX = WORDS_MAX * (WORD_MAX + 1),
	BASE64_MIN = 32,
	DECODED_MAX = 1024,
	HIDDEN_MANY = 8, /* tags or selectors that spell a message */
};

/*
 * One pattern a line: words in order; a|b: either; word*: what begins so; ~n: up to n words between; !a|b: these may not stand
 * before the next word. Words are folded to lower case.
 */
static const char *const patterns[] = {
	/* what was said before is void */
	"ignore|ignoring|disregard|disregarding|forget|override|overrides|overrule|bypass|discard|"
	"neglect|"
	"supersede|supersedes|dismiss ~4 "
	"previous|prior|preceding|foregoing|earlier|above|your|aforementioned|past ~3 "
	"instruction*|prompt*|rule*|guideline*|direction*|directive*|command*|guardrail*|"
	"restriction*|"
	"constraint*|training|programming|messages|orders",
	"ignore|disregard|forget|override|bypass|discard ~1 all|any|every|everything ~3 "
	"instruction*|prompt*|guardrail*|directive*|told|said",
	"ignore|disregard|forget|override|bypass|reveal|print|disclose|leak|repeat|expose ~3 "
	"system|developer|hidden|secret|initial|original ~1 prompt|prompts|instructions",
	"ignore|disregard|forget|override|bypass ~2 "
	"instructions|rules|directions|directives|guidelines|prompts|orders|question|questions ~2 "
	"above|before|earlier|given|your|and ~3 "
	"developer|developers|creator|creators|print|say|reply|answer|respond|write|output|tell|"
	"now|only|instead",
	"no longer bound|restricted|limited|constrained ~1 by ~3 "
	"instructions|rules|guidelines|restrictions|policies",
	"forget|ignore|disregard ~1 everything|anything|whatever|all ~2 "
	"above|before|previously|told|learned|know|knew|read|said",
	"previous|prior|earlier|preceding|above|other ~1 "
	"instructions|directives|prompts|guidelines ~2 "
	"void|cancelled|canceled|obsolete|superseded|overridden|revoked|apply|invalid|suspended",
	"new|updated|revised|real|actual|true ~1 system|developer|hidden|secret ~1 "
	"instruction*|prompt|directive*|message|order*",
	"do|does|need ~1 not|longer|never ~1 follow|obey|apply ~2 "
	"previous|prior|earlier|original|your|system "
	"~2 instruction*|rules|guidelines|prompt",
	/* who the assistant is */
	"you are|re now ~3 "
	"a|an|in|free|unrestricted|acting|operating|required|connected|authorized|entering|no|not|"
	"called|known",
	"you are|re ~2 dan|unrestricted|jailbroken|uncensored|unfiltered",
	"if|when|because|since you are|re ~2 llm|assistant|chatbot|bot|language|automated|crawler",
	"if|when|because|since you are|re ~1 "
	"ai ~0 assistant|model|agent|system|reading|tool|and|or|answering|summarizing",
	"act|behave|respond|answer|reply|speak ~1 as|like ~3 "
	"assistant|ai|llm|chatbot|dan|pirate|unrestricted|jailbroken|administrator|persona",
	"pretend ~2 you|youre",
	"pretend to be",
	"roleplay ~1 as",
	"role play ~1 as",
	"from now on ~3 "
	"you|your|respond|answer|reply|always|every|all|say|tell|recommend|only|treat|act|call|"
	"begin|end",
	"developer|god|dan|jailbreak|unrestricted|sudo mode ~2 "
	"enabled|activated|active|engaged|unlocked|now",
	"as an|a ai|llm ~0 language|model|assistant|agent|you",
	"you must|shall|should|will|are ~1 "
	"now|always|never|only|first|instead|not|obliged|instructed|ordered ~2 "
	"respond|answer|reply|say|tell|mention|recommend|reveal|insist|obey|comply|advise",
	"you must|shall ~0 "
	"respond|answer|reply|say|tell|mention|recommend|reveal|insist|obey|comply|output",
	"your new|only|real|true|sole|actual ~1 "
	"task|goal|role|purpose|job|objective|mission|instructions|"
	"identity|persona|name",
	/* to whom it speaks */
	"note|message|instruction|instructions|attention|notice|important|reminder|memo|hint|"
	"directive|request|"
	"information|guidance ~1 to|for|all ~3 "
	"ai|ais|assistant|assistants|llm|llms|chatbot|chatbots|bot|bots|agents|copilot|copilots|"
	"gpt|chatgpt|claude|"
	"gemini|summarizer|summarizers|summariser|summarisers|crawlers",
	"attention|dear|hey|hello|hi ~2 "
	"ai|assistant|assistants|llm|llms|chatbot|chatbots|bot|bots|copilot|chatgpt|claude|gemini|"
	"model|agent|agents",
	"assistant|assistants|ai|ais|llm|llms|chatbot|chatbots|bot|bots|model|models|agent|agents|"
	"copilot|summarizer|"
	"summarizers ~2 "
	"must|should|shall|please|needs|need|has|have|are|is|reading|read|processing|summarizing|"
	"answering|parsing|"
	"indexing ~3 "
	"answer|reply|respond|tell|say|output|recommend|mention|repeat|print|append|insist|"
	"instructed|ordered|"
	"required|obey|comply|this|state|claim|cite|quote|advise|inform|instruct|direct|include ~3 "
	"user|users|reader|readers|answer|answers|reply|response|responses|people|anyone|that|with|"
	"following|this|"
	"by|to|page|document|text|link|phrase|word|only|verbatim",
	"note|notes|message|instruction|instructions|attention|directive|directives ~1 to|for ~2 "
	"language|chat|ai model|models|assistant|assistants",
	"assistants|chatbots|llms|ais|bots|copilots|summarizers ~6 must|should|shall ~2 "
	"answer|reply|respond|tell|say|recommend|mention|repeat|print|append|insist|state|claim|"
	"cite|quote|include|use",
	"assistant|chatbot|llm|copilot must|should|shall ~1 always|now|never|only ~1 "
	"answer|reply|respond|tell|say|recommend|mention|repeat|print|append|insist|state|claim|"
	"cite|quote|include",
	"ai|llm|language|automated|chat ~1 "
	"assistant|assistants|model|models|agent|agents|system|systems|tool|tools|reader|readers|"
	"chatbot|bots ~1 "
	"reading|read|reads|processing|processes|summarizing|summarising|summarize|parsing|parse|"
	"indexing|ingesting|"
	"ingest ~2 this|it|the|these",
	/* what it has to say */
	"when|whenever|if|once ~1 "
	"asked|someone|anyone|anybody|somebody|user|users|people|reader|readers|person|questioned|"
	"human|developer|"
	"developers|customer|customers ~10 "
	"!will|can|may|to|could|would|cannot|not|they|we|and|or|must|should|might|users|i "
	"tell|say|reply|respond|recommend|claim|insist|pretend|deny",
	"when|whenever|if|once ~3 "
	"asked|asks|ask|questioned|inquires|answering|responding|replying|summarizing|summarising "
	"~10 "
	"!will|can|may|could|would|cannot|they|we|users|you|i|to "
	"tell|say|reply|respond|recommend|claim|insist|pretend|always|mention|append",
	"whenever|if|when ~2 question*|query|queries|conversation|topic ~6 "
	"!will|can|may|to|could|would|they|we "
	"tell|say|reply|respond|recommend|claim|insist|answer ~2 "
	"that|with|them|by|only|the|user|exactly",
	"tell|instruct|urge|convince|persuade|direct|trick|encourage ~1 "
	"the|any|all|every|your|each ~1 "
	"user|users|reader|readers|customer|customers|human|humans|visitor|visitors|asker ~1 "
	"to|that|they|about|of|how|it|this",
	/* what to put into the answer */
	"include|append|insert|embed|add|end|begin|start|prefix|finish|close|preface|conclude|"
	"prepend|put|place|"
	"mention|weave|render|copy|paste ~12 "
	"your ~1 answer|answers|response|responses|reply|replies|output|summary|completion",
	"include|append|insert|embed|add|end|begin|start|prefix|finish|close|preface|conclude|"
	"prepend|put|place|"
	"mention|weave|render ~12 every|each|all ~1 answer|answers|reply|replies|completion",
	"your ~1 answer|answers|response|responses|reply|replies|output|summary ~1 "
	"must|should|shall|has ~3 "
	"include|contain|begin|end|start|mention|state|recommend|link|consist|conclude|open|close|"
	"carry|be|finish|"
	"read",
	"every|each ~1 answer|answers|response|responses|reply|replies ~1 must|should|shall|has ~3 "
	"include|contain|begin|end|start|mention|state|recommend|link|consist|conclude|open|close|"
	"carry|finish",
	"respond|reply|answer ~1 only|exactly|solely|always|strictly|just|nothing|verbatim ~2 "
	"with|but|by|in|using|the|this|that|except|word",
	"answer|reply|respond ~1 with|by ~4 only|exclusively",
	"say|output|print|write|reply|respond|repeat|answer ~4 nothing else",
	"say|output|print|reply|respond|repeat|answer ~2 "
	"word|words|phrase|string|sentence|message|exactly|verbatim|following ~4 "
	"verbatim|exactly|instead",
	"say|reply|respond|repeat|answer|output ~1 with|the|by ~1 "
	"word|phrase|canary|passphrase|codeword",
	"not|never|without|dont ~1 "
	"tell|mention|reveal|disclose|say|telling|informing|mentioning|warning|revealing|"
	"disclosing|cite|quote|"
	"acknowledge|admit ~4 "
	"user|users|reader|readers|instruction|instructions|prompt|anyone|notice|note|directive|"
	"told",
	"keep ~1 this|these ~1 instruction|instructions|note|message|directive|rule|text ~2 "
	"secret|hidden|confidential|private|yourself",
	"reveal|print|output|show|repeat|disclose|leak|display|expose|dump|recite|send|share|tell|"
	"paste|summarize ~3 "
	"your|system|hidden|initial|developer|above|secret ~1 "
	"prompt|instructions|rules|configuration|message|directives|guidelines",
	"repeat|print|output|copy|recite ~2 everything|words|text|all|anything ~1 "
	"above|before|preceding",
	"answer|question|request|task ~1 above|below|following|user ~3 "
	"instead|ignore|irrelevant ~3 answer|say|reply|output|respond|tell|write",
	"recommend|promote|advertise|endorse ~4 to|in|for|whenever|instead ~1 "
	"every|all|any|the|your ~1 "
	"user|users|reader|readers|answer|answers|reply|response|customers",
	"system|developer|admin|security|priority ~1 override|directive|alert|notice ~4 "
	"you|your|assistant|ai|answer|respond|reply|tell|ignore|model",
	"begin|start|end|stop ~1 of ~1 system|user|assistant|admin|developer ~1 "
	"prompt|instructions|message|instruction|input|context",
	"call|invoke|run|execute|use ~2 tool|tools|function|plugin ~5 "
	"with|to|and|using ~6 "
	"user|users|conversation|history|password|token|tokens|secret|secrets|prompt",
	/* the same in other languages */
	"ignoriere*|vergiss|missachte* ~3 "
	"vorherig*|bisherig*|obig*|fruher*|vorangegangen*|alle|deine ~2 "
	"anweisung*|regeln|vorgaben|instruktion*|befehl*",
	"ignor*|oubli*|neglig* ~4 instruction*|consigne*|regle*|directive* ~3 "
	"precedent*|anterieur*|ci|dessus|initiale*",
	"ignor*|olvid*|descart* ~4 instruccion*|ordenes|reglas|indicaciones ~3 "
	"anterior*|previas|previos|arriba",
	"ignor*|dimentic* ~4 istruzion*|regole|indicazion* ~3 precedent*|sopra|iniziali",
	"ignor*|esquec*|desconsider* ~4 instrucoes|instrucao|regras|ordens ~3 "
	"anterior*|acima|previas",
	"negeer|vergeet ~3 vorige|eerdere|bovenstaande|alle ~2 instructie*|opdracht*|regels",
	"игнориру*|забудь* ~3 предыдущ*|прежн*|все|выше* ~3 инструкц*|указан*|команд*|правил*",
	"sag*|antworte*|empfiehl* ~3 dem|den|jedem|allen ~1 benutzer*|nutzer*|leser*|anwender*",
	"dis|dites|reponds|repondez|recommande* ~2 a|aux|au ~2 utilisateur*|lecteur*",
	"di|dile|responde|recomienda ~3 al|a|los ~1 usuario*|lector*",
};

/* The same, where words are not set apart by spaces: both in one sentence. */
static const char *const glued[][2] = {
	{"忽略", "指令"}, {"忽略", "指示"}, {"忽略", "提示"}, {"无视", "指令"},
	{"無視", "指示"}, {"無視", "命令"}, {"忘记", "指令"}, {"이전", "무시"},
};

/* Borders of messages: no page has them in its prose, and a quote of one is of no use. */
static const char *const borders[] = {
	"<|im_start|>",
	"<|im_end|>",
	"<|system|>",
	"<|assistant|>",
	"<|user|>",
	"<|eot_id|>",
	"<|start_header_id|>",
	"<|endoftext|>",
	"[INST]",
	"[/INST]",
	"<<SYS>>",
	"<start_of_turn>",
	"<end_of_turn>",
	"<tool_call>",
	"</tool_call>",
	"<tool_response>",
	"[TOOL_CALLS]",
	"### Instruction:",
	"### Response:",
	"### System:",
	"[SYSTEM]",
	"<function_calls>",
	"<|end|>",
	"BEGIN_SYSTEM",
};

struct sentence {
	char text[FOLDED_MAX];
	struct str words[WORDS_MAX];
	size_t count, used;
};

/* ---- words ---- */

/* Letters that look like Latin ones, after case folding: Cyrillic, Greek, small capitals. */
static const struct {
	int32_t from;
	char to;
} look_alikes[] = {
	{0x131, 'i'},  {0x251, 'a'},  {0x261, 'g'},  {0x262, 'g'},  {0x26a, 'i'},  {0x274, 'n'},
	{0x280, 'r'},  {0x28f, 'y'},  {0x299, 'b'},  {0x29f, 'l'},  {0x3b1, 'a'},  {0x3b5, 'e'},
	{0x3b9, 'i'},  {0x3ba, 'k'},  {0x3bd, 'v'},  {0x3bf, 'o'},  {0x3c1, 'p'},  {0x3c4, 't'},
	{0x3c5, 'u'},  {0x430, 'a'},  {0x432, 'b'},  {0x435, 'e'},  {0x43a, 'k'},  {0x43c, 'm'},
	{0x43e, 'o'},  {0x440, 'p'},  {0x441, 'c'},  {0x442, 't'},  {0x443, 'y'},  {0x445, 'x'},
	{0x455, 's'},  {0x456, 'i'},  {0x458, 'j'},  {0x4bb, 'h'},  {0x501, 'd'},  {0x1d00, 'a'},
	{0x1d04, 'c'}, {0x1d05, 'd'}, {0x1d07, 'e'}, {0x1d0b, 'k'}, {0x1d0d, 'm'}, {0x1d0f, 'o'},
	{0x1d18, 'p'}, {0x1d1b, 't'}, {0x1d1c, 'u'}, {0x1d20, 'v'}, {0x1d21, 'w'}, {0xa731, 's'},
};

static int32_t look_alike(int32_t cp)
{
	for (size_t i = 0; i < sizeof(look_alikes) / sizeof(look_alikes[0]); i++)
		if (cp == look_alikes[i].from)
			return look_alikes[i].to;
	return cp;
}

/* Appends the folded forms of the character: compatible, without case and marks. */
static size_t fold(int32_t cp, bool latin, char *out, size_t room)
{
	utf8proc_int32_t folded[8];
	int boundary = UTF8PROC_BOUNDCLASS_START;
	size_t n = 0;
	utf8proc_ssize_t count =
		utf8proc_decompose_char(cp, folded, 8,
					UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
						UTF8PROC_IGNORE | UTF8PROC_STRIPMARK,
					&boundary);
	for (utf8proc_ssize_t i = 0; i < count && i < 8 && n + 4 < room; i++)
		n += utf8_encode(latin ? look_alike(folded[i]) : folded[i], out + n);
	return n;
}

static bool is_letter(int32_t cp)
{
	if (cp < 0x80)
		return ascii_alnum((int)cp);
	utf8proc_category_t category = utf8proc_category(cp);
	return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO) ||
	       category == UTF8PROC_CATEGORY_SO;
}

/* Names with '_' are one word: they are of code. */
static bool in_word(int32_t cp)
{
	return is_letter(cp) || cp == '@' || cp == '$' || cp == '_';
}

/* Digits and signs that stand for letters within a word: "1gn0re". */
static char leet(char c)
{
	static const char from[] = "013457@$", to[] = "oieastas";
	const char *found = c ? strchr(from, c) : NULL;
	return found ? to[found - from] : c;
}

/* The word that begins at *at, folded, in `out`; *at moves behind it. */
static struct str read_word(struct str text, size_t *at, char out[WORD_MAX])
{
	size_t n = 0, i = *at, length;
	size_t letters = 0, ascii = 0, digits = 0;
	int32_t cp;
	for (size_t end = i; (length = utf8_decode(text, end, &cp)) > 0; end += length) {
		if (!in_word(cp) && !(guard_is_hidden(cp) && cp != '\n'))
			break;
		letters += is_letter(cp) && !(cp < 0x80 && ascii_digit((int)cp));
		ascii += cp < 0x80 && ascii_alpha((int)cp);
		digits += cp < 0x80 && cp != '_' && !ascii_alpha((int)cp);
	}
	bool mixed = digits > 0 && letters >= 2;
	for (; (length = utf8_decode(text, i, &cp)) > 0; i += length) {
		if (guard_is_hidden(cp) && cp != '\n')
			continue;
		if (!in_word(cp))
			break;
		if (cp < 0x80 && n < WORD_MAX)
			out[n++] = mixed ? leet(ascii_lower((char)cp)) : ascii_lower((char)cp);
		else if (n + 4 < WORD_MAX)
			n += fold(cp, ascii > 0, out + n, WORD_MAX - n);
	}
	*at = i > *at ? i : *at + 1;
	return (struct str){out, n};
}

/* ---- patterns ---- */

/* Whether the word is one of "a|b|c*". */
static bool is_one_of(struct str word, struct str list)
{
	struct str rest = list, item;
	while (str_cut(&rest, '|', &item)) {
		bool prefix = item.len > 1 && item.ptr[item.len - 1] == '*';
		if (prefix)
			item.len--;
		if (prefix ? str_starts(word, item) : str_eq(word, item))
			return true;
	}
	return false;
}

/* Whether what is left of the pattern stands at word `at` or up to `gap` words behind it. */
static bool match_from(const struct sentence *s, struct str pattern, size_t at, size_t gap)
{
	struct str forbidden = {"", 0}, element;
	for (;;) {
		if (!str_cut(&pattern, ' ', &element))
			return true;
		if (element.len == 0)
			continue;
		if (element.ptr[0] == '~') {
			uint64_t n = 0;
			if (str_to_u64(str_slice(element, 1, element.len), &n))
				gap = (size_t)n;
		} else if (element.ptr[0] == '!') {
			forbidden = str_slice(element, 1, element.len);
		} else {
			break;
		}
	}
	for (size_t i = at; i < s->count && i <= at + gap; i++) {
		if (!is_one_of(s->words[i], element))
			continue;
		if (forbidden.len && i > 0 && is_one_of(s->words[i - 1], forbidden))
			continue;
		if (!pattern.ptr || pattern.len == 0 || match_from(s, pattern, i + 1, 0))
			return true;
	}
	return false;
}

enum { PATTERNS = sizeof(patterns) / sizeof(patterns[0]) };

/* Bytes that the words of each pattern's first element begin with, by their low five bits. */
static void first_letters(uint32_t letters[PATTERNS])
{
	for (size_t p = 0; p < PATTERNS; p++) {
		struct str rest = str_c(patterns[p]), first, word;
		letters[p] = 0;
		(void)str_cut(&rest, ' ', &first);
		while (str_cut(&first, '|', &word))
			letters[p] |= UINT32_C(1) << ((unsigned char)word.ptr[0] & 31);
	}
}

static bool matches(const struct sentence *s, const uint32_t letters[PATTERNS])
{
	for (size_t i = 0; i < s->count; i++) {
		uint32_t letter = UINT32_C(1) << ((unsigned char)s->words[i].ptr[0] & 31);
		for (size_t p = 0; p < PATTERNS; p++)
			if ((letters[p] & letter) && match_from(s, str_c(patterns[p]), i, 0))
				return true;
	}
	return false;
}

/* "i g n o r e  p r e v i o u s", "ignoreAllPrevious": letters that stand alone, or words that do not. */
static bool is_squeezed(const struct sentence *s)
{
	static const char *const words[] = {"ignore", "disregard", "instruction",
					    "prompt", "override",  "assistant"};
	char joined[WORDS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < s->count; i++) {
		struct str word = s->words[i];
		if (word.len == 1)
			joined[n++] = word.ptr[0];
		if (word.len >= 16 &&
		    (str_find(word, STR("previous"), 0) != STR_NPOS ||
		     str_find(word, STR("instruction"), 0) != STR_NPOS) &&
		    (str_starts(word, STR("ignore")) || str_starts(word, STR("disregard"))))
			return true;
	}
	for (size_t i = 0; n >= 12 && i < sizeof(words) / sizeof(words[0]); i++)
		if (str_find((struct str){joined, n}, str_c(words[i]), 0) != STR_NPOS)
			return true;
	return false;
}

/* ---- sentences ---- */

static bool add_word(struct sentence *s, struct str text, size_t *at)
{
	struct str word = read_word(text, at, s->text + s->used);
	if (!word.len)
		return true;
	s->words[s->count++] = word;
	s->used += word.len;
	return s->count < WORDS_MAX && s->used + WORD_MAX < sizeof(s->text);
}

/* A full stop with a blank behind it, an empty line, or what is between the statements of code. */
static bool ends_sentence(struct str text, size_t at)
{
	char c = text.ptr[at];
	char next = at + 1 < text.len ? text.ptr[at + 1] : '\n';
	if (strchr("={};", c))
		return true;
	return c == '\n' ? next == '\n'
			 : (c == '.' || c == '!' || c == '?') && (ascii_space(next) || next == '"');
}

static bool any_sentence(struct str text)
{
	struct sentence s = {.count = 0};
	uint32_t letters[PATTERNS];
	int32_t cp;
	first_letters(letters);
	for (size_t at = 0, from = 0; at < text.len;) {
		size_t length = utf8_decode(text, at, &cp);
		bool room = true;
		if (length && is_letter(cp))
			room = add_word(&s, text, &at);
		else if (ends_sentence(text, at++))
			room = false;
		if (room && at < text.len)
			continue;
		if (matches(&s, letters) || is_squeezed(&s))
			return true;
		/* of a long stretch the second half is looked at again with what follows */
		bool cut = s.count == WORDS_MAX;
		s.count = s.used = 0;
		if (cut) {
			size_t half = from + (at - from) / 2;
			while (half < at && ((unsigned char)text.ptr[half] & 0xc0) == 0x80)
				half++;
			at = half;
		}
		from = at;
	}
	return false;
}

static bool any_glued(struct str text)
{
	for (size_t i = 0; i < sizeof(glued) / sizeof(glued[0]); i++) {
		size_t first = str_find(text, str_c(glued[i][0]), 0);
		if (first == STR_NPOS)
			continue;
		struct str near = str_slice(text, first > 60 ? first - 60 : 0, first + 120);
		if (str_find(near, str_c(glued[i][1]), 0) != STR_NPOS)
			return true;
	}
	return false;
}

static bool any_border(struct str text)
{
	if (str_find(text, STR("<"), 0) == STR_NPOS && str_find(text, STR("["), 0) == STR_NPOS &&
	    str_find(text, STR("###"), 0) == STR_NPOS &&
	    str_find(text, STR("BEGIN_"), 0) == STR_NPOS)
		return false;
	for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++)
		if (str_find(text, str_c(borders[i]), 0) != STR_NPOS)
			return true;
	return false;
}

/* ---- what is written so that nobody reads it ---- */

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* What a run of base64 says, as far as it is text; empty when it is none. */
static struct str decode_base64(struct str run, char out[DECODED_MAX])
{
	uint32_t bits = 0;
	size_t n = 0, have = 0;
	for (size_t i = 0; i < run.len && n < DECODED_MAX; i++) {
		bits = bits << 6 | (uint32_t)base64_value(run.ptr[i]);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		unsigned char byte = (unsigned char)(bits >> have & 0xff);
		if ((byte < ' ' && byte != '\n' && byte != '\t') || byte >= 0x7f)
			return (struct str){out, 0};
		out[n++] = (char)byte;
	}
	return (struct str){out, n};
}

static bool any_encoded(struct str text)
{
	char decoded[DECODED_MAX];
	for (size_t from = 0; from < text.len;) {
		size_t end = from;
		while (end < text.len && base64_value(text.ptr[end]) >= 0)
			end++;
		if (end - from >= BASE64_MIN) {
			struct str clear = decode_base64(str_slice(text, from, end), decoded);
			if (clear.len && any_sentence(clear))
				return true;
		}
		from = end + 1;
	}
	return false;
}

/* Tags are invisible twins of ASCII; selectors carry a byte each. Nobody writes words with them in good faith. */
static bool any_hidden_message(struct str text)
{
	size_t many = 0, n;
	int32_t cp;
	if (str_find(text, STR("\xf3\xa0"), 0) == STR_NPOS &&
	    str_find(text, STR("\xef\xb8"), 0) == STR_NPOS)
		return false;
	for (size_t at = 0; at < text.len; at += n ? n : 1) {
		n = utf8_decode(text, at, &cp);
		bool carries =
			n && ((cp >= 0xe0000 && cp <= 0xe0fff) || (cp >= 0xfe00 && cp <= 0xfe0e));
		many = carries ? many + 1 : 0;
		if (many >= HIDDEN_MANY)
			return true;
	}
	return false;
}

bool guard_is_injection(struct str text)
{
	text = str_slice(text, 0, GUARD_INJECTION_MAX);
	return any_hidden_message(text) || any_border(text) || any_glued(text) ||
	       any_sentence(text) || any_encoded(text);
}

/* ---- lines ---- */

enum { LINES_TOGETHER = 3 };

static enum err_code split_lines(struct str text, struct arena *arena, struct str **out,
				 size_t *count, struct err *err)
{
	size_t lines = 1;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	*out = arena_array(arena, lines, sizeof(**out));
	if (!*out)
		return arena_fail(arena, err);
	struct str rest = text;
	*count = 0;
	while (*count < lines && str_cut(&rest, '\n', &(*out)[*count]))
		(*count)++;
	return ERR_OK;
}

/* Marks the fewest lines that speak to an assistant together, from each one on. */
static void mark_lines(const struct str *lines, size_t count, bool *speaks)
{
	for (size_t together = 1; together <= LINES_TOGETHER; together++) {
		for (size_t i = 0; i + together <= count; i++) {
			const char *begin = lines[i].ptr, *end = lines[i + together - 1].ptr;
			bool marked = false;
			for (size_t k = 0; k < together; k++)
				marked = marked || speaks[i + k];
			struct str text = {begin,
					   (size_t)(end - begin) + lines[i + together - 1].len};
			if (marked || !guard_is_injection(text))
				continue;
			for (size_t k = 0; k < together; k++)
				speaks[i + k] = true;
		}
	}
}

enum err_code guard_without_injections(struct str text, struct arena *arena, struct str *out,
				       size_t *dropped, struct err *err)
{
	struct str *lines;
	size_t count = 0;
	struct buf kept;
	bool any = false;
	*out = text;
	*dropped = 0;
	for (size_t at = 0; at < text.len && !any; at += GUARD_INJECTION_MAX / 2)
		any = guard_is_injection(str_slice(text, at, text.len));
	if (!any)
		return ERR_OK;
	enum err_code code = split_lines(text, arena, &lines, &count, err);
	bool *speaks = code ? NULL : arena_array(arena, count, sizeof(*speaks));
	if (code || !speaks)
		return code ? code : arena_fail(arena, err);
	mark_lines(lines, count, speaks);
	buf_init(&kept, arena->alloc, SIZE_MAX / 4);
	for (size_t i = 0; i < count; i++) {
		if (speaks[i] || (i > 0 && speaks[i - 1])) {
			(*dropped)++;
			continue;
		}
		buf_append(&kept, lines[i]);
		buf_append_byte(&kept, '\n');
	}
	code = buf_ok(&kept, "the text of a source", err);
	if (!code && *dropped) {
		*out = arena_str(arena, buf_str(&kept));
		code = out->ptr ? ERR_OK : arena_fail(arena, err);
	}
	buf_release(&kept);
	return code;
}
