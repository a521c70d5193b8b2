/*
 * One pass over the text: at the start of a word it looks for tokens that their prefix gives away,
 * and at its end whether the word is a name that a secret is assigned to. No step looks further than
 * SCAN_MAX bytes ahead, and what it looked through in vain is short or looked through once.
 */
#include "base/secrets.h"

#include "base/buf.h"

enum {
	SCAN_MAX = 4096, /* of one value */
	PEM_MAX = 32768, /* of one private key */
	PEM_MIN = 40,    /* base64 characters that make a key of it, not an ellipsis */
	JWT_PART_MIN = 10,
	NAME_MAX_BYTES = 48, /* of a name, its end, that is looked at */
};

struct masker {
	struct str text;
	struct buf out;
	size_t copied; /* of the text */
	uint64_t count;
};

static void mask(struct masker *m, size_t from, size_t to, const char *kind)
{
	buf_append(&m->out, str_slice(m->text, m->copied, from));
	buf_append(&m->out, STR("[masked: "));
	buf_append(&m->out, str_c(kind));
	buf_append_byte(&m->out, ']');
	m->copied = to;
	m->count++;
}

static bool starts_at(struct str text, size_t at, const char *prefix)
{
	return str_starts(str_slice(text, at, text.len), str_c(prefix));
}

/* ---- private keys ---- */

static bool in_base64(char c)
{
	return ascii_alnum(c) || c == '+' || c == '/' || c == '=';
}

/* Lines of base64 and of headers, also as strings of JSON. */
static bool in_pem(char c)
{
	return in_base64(c) || ascii_space(c) || c == '.' || c == '(' || c == ')' || c == '\\' ||
	       c == '"' || c == '\'' || c == ',' || c == ':' || c == '-';
}

/* "-----BEGIN RSA PRIVATE KEY-----" and what follows; returns where it ends, or `at`. */
static size_t find_pem(struct str text, size_t at)
{
	struct str head = str_slice(text, at, at + 64);
	size_t label = str_find(head, STR("PRIVATE KEY"), 0);
	size_t dashes = label == STR_NPOS ? STR_NPOS : str_find(head, STR("-----"), label);
	if (dashes == STR_NPOS)
		return at;
	size_t end = at + dashes + 5, run = 0, longest = 0, max = end + PEM_MAX;
	while (end < text.len && end < max && in_pem(text.ptr[end]) &&
	       !starts_at(text, end, "-----")) {
		run = in_base64(text.ptr[end++]) ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	if (longest < PEM_MIN)
		return at;
	if (starts_at(text, end, "-----END")) {
		size_t close = str_find(str_slice(text, end, end + 64), STR("-----"), 5);
		if (close != STR_NPOS)
			end += close + 5;
	}
	return end;
}

/* ---- tokens known by their prefix ---- */

enum alphabet { ALNUM, UPPER, WORD, URL };

static bool in_alphabet(enum alphabet alphabet, char c)
{
	switch (alphabet) {
	case ALNUM:
		return ascii_alnum(c);
	case UPPER:
		return ascii_digit(c) || (c >= 'A' && c <= 'Z');
	case WORD:
		return ascii_alnum(c) || c == '_';
	case URL:
		break;
	}
	return ascii_alnum(c) || c == '_' || c == '-';
}

static size_t run_of(struct str text, size_t at, enum alphabet alphabet, size_t max)
{
	size_t end = at;
	while (end < text.len && end - at < max && in_alphabet(alphabet, text.ptr[end]))
		end++;
	return end;
}

struct token_form {
	const char *prefix;
	enum alphabet alphabet;
	size_t min, max; /* bytes after the prefix */
	const char *kind;
};

static const struct token_form forms[] = {
	{"ghp_", WORD, 30, 255, "GitHub token"},     {"gho_", WORD, 30, 255, "GitHub token"},
	{"ghu_", WORD, 30, 255, "GitHub token"},     {"ghs_", WORD, 30, 1024, "GitHub token"},
	{"ghr_", WORD, 30, 255, "GitHub token"},     {"github_pat_", WORD, 22, 255, "GitHub token"},
	{"glpat-", URL, 20, 255, "GitLab token"},    {"gldt-", URL, 20, 255, "GitLab token"},
	{"glrt-", URL, 20, 255, "GitLab token"},     {"AKIA", UPPER, 16, 16, "AWS access key"},
	{"ASIA", UPPER, 16, 16, "AWS access key"},   {"AIza", URL, 35, 64, "Google API key"},
	{"xoxb-", URL, 10, 255, "Slack token"},      {"xoxp-", URL, 10, 255, "Slack token"},
	{"xoxa-", URL, 10, 255, "Slack token"},      {"xoxr-", URL, 10, 255, "Slack token"},
	{"xoxs-", URL, 10, 255, "Slack token"},      {"xoxe-", URL, 10, 255, "Slack token"},
	{"xapp-", URL, 10, 255, "Slack token"},      {"hf_", ALNUM, 30, 64, "Hugging Face token"},
	{"npm_", ALNUM, 36, 36, "npm token"},        {"pypi-", URL, 50, 1024, "PyPI token"},
	{"dckr_pat_", URL, 20, 255, "Docker token"}, {"sk-", URL, 32, 255, "API key"},
};

/* Three parts in base64 for URLs, the first of which is JSON: {" is eyJ. */
static size_t find_jwt(struct str text, size_t at)
{
	size_t end = at;
	for (int part = 0; part < 3; part++) {
		size_t from = part ? end + 1 : at;
		if (part && (end >= text.len || text.ptr[end] != '.'))
			return at;
		end = run_of(text, from, URL, SCAN_MAX);
		if (end - from < JWT_PART_MIN)
			return at;
	}
	return end;
}

/* The end of a token that starts at the word at `at`, or `at`. */
static size_t find_token(struct str text, size_t at, const char **kind)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct token_form *form = &forms[i];
		if (text.ptr[at] != form->prefix[0] || !starts_at(text, at, form->prefix))
			continue;
		size_t from = at + str_c(form->prefix).len;
		size_t end = run_of(text, from, form->alphabet, form->max + 1);
		if (end - from < form->min || end - from > form->max)
			continue;
		if (form->alphabet == UPPER && end < text.len && ascii_alnum(text.ptr[end]))
			continue;
		struct str body = str_slice(text, from, end);
		/* names begin with "sk-" as well */
		bool name = str_eq(str_c(form->prefix), STR("sk-")) && !secrets_is_random(body);
		if (name || secrets_is_placeholder(body))
			continue;
		*kind = form->kind;
		return end;
	}
	return at;
}

/* ---- https://user:password@host ---- */

static bool ends_user_info(char c)
{
	return ascii_space(c) || c == '/' || c == '@' || c == '"' || c == '\'' || c == '<' ||
	       c == '>' || c == '`' || c == ')' || c == '[' || c == ']';
}

/* `at` is behind "://". *from is where the password begins; returns its end, or `at`. */
static size_t find_url_password(struct str text, size_t at, size_t *from)
{
	static const char *const stand_ins[] = {"password", "pass", "passwd", "pwd",
						"token",    "user", "pw"};
	size_t end = at, colon = 0;
	for (; end < text.len && end - at < 512 && !ends_user_info(text.ptr[end]); end++)
		if (text.ptr[end] == ':' && !colon)
			colon = end;
	if (!colon || end == colon + 1 || end >= text.len || text.ptr[end] != '@')
		return at;
	struct str password = str_slice(text, colon + 1, end);
	for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++)
		if (str_eq_nocase(password, str_c(stand_ins[i])))
			return at;
	if (secrets_is_placeholder(password))
		return at;
	*from = colon + 1;
	return end;
}

/* ---- name: value ---- */

static bool in_name(char c)
{
	return ascii_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* What a name that ends so is assigned, NULL for other names. */
static const char *kind_of_name(struct str name)
{
	static const struct {
		const char *end, *kind;
	} ends[] = {{"password", "password"},
		    {"passwd", "password"},
		    {"passphrase", "password"},
		    {"pwd", "password"},
		    {"secret", "secret"},
		    {"token", "token"},
		    {"apikey", "API key"},
		    {"accesskey", "access key"},
		    {"accesskeyid", "access key"},
		    {"secretkey", "secret key"},
		    {"privatekey", "private key"},
		    {"accountkey", "access key"},
		    {"signingkey", "secret key"},
		    {"encryptionkey", "secret key"},
		    {"credential", "credentials"},
		    {"credentials", "credentials"},
		    {"authorization", "credentials"},
		    {"bearer", "token"},
		    {"dockerconfigjson", "registry credentials"},
		    {"dockercfg", "registry credentials"},
		    {"auth", "registry credentials"}};
	char folded[NAME_MAX_BYTES];
	size_t length = 0, from = name.len > NAME_MAX_BYTES ? name.len - NAME_MAX_BYTES : 0;
	for (size_t i = from; i < name.len; i++)
		if (ascii_alnum(name.ptr[i]))
			folded[length++] = ascii_lower(name.ptr[i]);
	struct str word = {folded, length};
	/* places in a list are no secrets */
	if (str_ends(word, STR("pagetoken")) || str_ends(word, STR("nexttoken")))
		return NULL;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (str_ends(word, str_c(ends[i].end)))
			return ends[i].kind;
	return NULL;
}

static size_t skip_blanks(struct str text, size_t at)
{
	for (int i = 0; i < 8 && at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t');
	     i++)
		at++;
	return at;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

/* Behind a name: past quotes, blanks and one of : = := =>; 0 when nothing is assigned. */
static size_t find_assigned(struct str text, struct str name, size_t at)
{
	bool flag = str_starts(name, STR("--")) || str_eq_nocase(name, STR("bearer"));
	size_t end = at;
	/* the quote that closes the name, of JSON within a string as well */
	while (end < text.len && end - at < 2 && (is_quote(text.ptr[end]) || text.ptr[end] == '\\'))
		end++;
	end = skip_blanks(text, end);
	size_t value = end;
	/* "name: PASSWORD" and on the next line "value: …", as environments of pods have it */
	while (value < text.len && value - end < 64 && ascii_space(text.ptr[value]))
		value++;
	if (starts_at(text, value, "value:"))
		return skip_blanks(text, value + 6);
	size_t sign = end;
	while (sign < text.len && sign - end < 2 &&
	       (text.ptr[sign] == ':' || text.ptr[sign] == '=' || text.ptr[sign] == '>'))
		sign++;
	if (sign == end && !(flag && end > at))
		return 0;
	end = skip_blanks(text, sign);
	static const char *const schemes[] = {"Bearer ", "bearer ", "Basic ", "basic ", "token "};
	size_t quote = end < text.len && is_quote(text.ptr[end]);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (starts_at(text, end + quote, schemes[i]))
			return end + quote + str_c(schemes[i]).len;
	return end;
}

static bool ends_value(char c)
{
	return ascii_space(c) || is_quote(c) || c == ',' || c == ';' || c == ')' || c == '(' ||
	       c == ']' || c == '[' || c == '}' || c == '{' || c == '<' || c == '>' || c == '|' ||
	       c == '\\' || c == '&' || (unsigned char)c >= 0x80;
}

/* The value at *from: within quotes what they hold, else up to what can be no part of it. */
static size_t value_end(struct str text, size_t *from)
{
	size_t end = *from;
	if (end < text.len && text.ptr[end] == '\\')
		end++;
	if (end < text.len && is_quote(text.ptr[end])) {
		char quote = text.ptr[end];
		*from = ++end;
		while (end < text.len && end - *from < SCAN_MAX && text.ptr[end] != quote &&
		       text.ptr[end] != '\n' && text.ptr[end] != '\\')
			end++;
		return end;
	}
	while (end < text.len && end - *from < SCAN_MAX && !ends_value(text.ptr[end]))
		end++;
	/* a call or an index is code, not a value */
	if (end < text.len && (text.ptr[end] == '(' || text.ptr[end] == '['))
		return *from;
	while (end > *from && (text.ptr[end - 1] == '.' || text.ptr[end - 1] == ':'))
		end--;
	return end;
}

/* "user:password" in base64, as Docker keeps it. */
static bool is_registry_auth(struct str value)
{
	return secrets_is_base64(value, 12) && value.len % 4 == 0;
}

/* The end of the secret that is assigned to the name, whose value begins at *from; or 0. */
static size_t find_value(struct str text, struct str name, size_t at, size_t *from,
			 const char **kind)
{
	*kind = kind_of_name(name);
	*from = *kind ? find_assigned(text, name, at) : 0;
	if (!*from)
		return 0;
	size_t end = value_end(text, from);
	struct str value = str_slice(text, *from, end);
	if (secrets_is_placeholder(value))
		return 0;
	bool registry = str_eq(str_c(*kind), STR("registry credentials"));
	bool secret = secrets_is_random(value) && str_find(value, STR(" "), 0) == STR_NPOS;
	if (registry && str_eq(name, STR("auth")))
		secret = is_registry_auth(value) && (value.ptr[value.len - 1] == '=' || secret);
	return secret ? end : 0;
}

/* ---- the pass ---- */

/* Looks at the word that begins at `at`; returns where to go on. */
static size_t look_at_word(struct masker *m, size_t at)
{
	const char *kind;
	size_t end = find_token(m->text, at, &kind), from;
	if (end == at && starts_at(m->text, at, "eyJ")) {
		kind = "JSON web token";
		end = find_jwt(m->text, at);
	}
	if (end > at) {
		mask(m, at, end, kind);
		return end;
	}
	end = at + 1;
	while (end < m->text.len && in_name(m->text.ptr[end]) &&
	       !(m->text.ptr[end] == '-' && starts_at(m->text, end, "-----BEGIN ")))
		end++;
	size_t stop = find_value(m->text, str_slice(m->text, at, end), end, &from, &kind);
	if (stop) {
		mask(m, from, stop, kind);
		return stop;
	}
	/* tokens may begin behind a '-' or '.' of what was read as one name */
	for (size_t i = at + 1; i < end; i++)
		if ((m->text.ptr[i - 1] == '-' || m->text.ptr[i - 1] == '.') &&
		    ascii_alnum(m->text.ptr[i]) && find_token(m->text, i, &kind) > i)
			return i;
	return end;
}

static void scan(struct masker *m)
{
	struct str text = m->text;
	for (size_t at = 0; at < text.len;) {
		size_t from, end;
		if (text.ptr[at] == '-' && starts_at(text, at, "-----BEGIN ")) {
			end = find_pem(text, at);
			if (end > at)
				mask(m, at, end, "private key");
			at = end > at ? end : at + 11;
		} else if (in_name(text.ptr[at])) {
			at = look_at_word(m, at);
		} else if (text.ptr[at] == ':' && starts_at(text, at, "://")) {
			end = find_url_password(text, at + 3, &from);
			if (end > at + 3)
				mask(m, from, end, "password");
			at = end > at + 3 ? end : at + 3;
		} else {
			at++;
		}
	}
}

enum err_code secrets_mask(struct str text, struct arena *arena, struct str *out, uint64_t *count,
			   struct err *err)
{
	struct buf manifest;
	struct masker m = {.text = text};
	size_t max = text.len < SIZE_MAX / 16 ? text.len * 8 + 256 : SIZE_MAX / 2;
	bool found;
	enum err_code code;

	buf_init(&manifest, arena->alloc, max);
	buf_init(&m.out, arena->alloc, max);
	secrets_mask_manifest(text, &manifest, &m.count, &found);
	code = buf_ok(&manifest, "masked text", err);
	if (!code && found)
		m.text = buf_str(&manifest);
	if (!code)
		scan(&m);
	if (!code && m.count)
		buf_append(&m.out, str_slice(m.text, m.copied, m.text.len));
	if (!code)
		code = buf_ok(&m.out, "masked text", err);
	*out = text;
	if (!code && m.count) {
		*out = arena_str(arena, buf_str(&m.out));
		if (!out->ptr)
			code = arena_fail(arena, err);
		else
			*count += m.count;
	}
	buf_release(&manifest);
	buf_release(&m.out);
	return code;
}
