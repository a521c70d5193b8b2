#include "answer/guard_host.h"

#include <string.h>

#include "base/utf8.h"
#include "net/url.h"

enum { LABEL_MAX = 63 };

static char char_at(struct str text, size_t at)
{
	return at < text.len ? text.ptr[at] : '\0';
}

static bool is_code(enum guard_context context)
{
	return context == GUARD_CODE || context == GUARD_SPAN;
}

static bool in_label(char c)
{
	return ascii_alnum(c) || c == '-' || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

/* ---- hosts ---- */

static struct str last_label(struct str host)
{
	size_t from = host.len;
	while (from > 0 && host.ptr[from - 1] != '.')
		from--;
	return str_slice(host, from, host.len);
}

/* "example.org", and "x.example.org". */
static bool is_within(struct str host, struct str domain)
{
	if (host.len == domain.len)
		return str_eq_nocase(host, domain);
	return host.len > domain.len && host.ptr[host.len - domain.len - 1] == '.' &&
	       str_eq_nocase(str_slice(host, host.len - domain.len, host.len), domain);
}

/* Names that are for examples (RFC 2606, RFC 6761), and those that never leave a network. */
static bool is_reserved(struct str host)
{
	static const char *const domains[] = {
		"example.com", "example.org", "example.net", "example", "invalid",  "test",
		"localhost",   "local",       "internal",    "svc",     "lan",      "home.arpa",
		"intranet",    "corp",        "private",     "cluster", "localnet",
	};
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		if (is_within(host, str_c(domains[i])))
			return true;
	return false;
}

/* Four numbers with dots, each up to 255. */
static bool parse_ipv4(struct str host, unsigned octets[4])
{
	struct str rest = host, part;
	size_t n = 0;
	uint64_t value;
	while (str_cut(&rest, '.', &part)) {
		bool octal = part.len > 1 && part.ptr[0] == '0';
		if (n == 4 || part.len > 3 || octal || !str_to_u64(part, &value) || value > 255)
			return false;
		octets[n++] = (unsigned)value;
	}
	return n == 4;
}

/* RFC 1918, loopback, link-local, carrier-grade NAT, documentation (RFC 5737), "any". */
static bool is_private(const unsigned o[4])
{
	return o[0] == 10 || o[0] == 127 || o[0] == 0 || (o[0] == 192 && o[1] == 168) ||
	       (o[0] == 172 && o[1] >= 16 && o[1] < 32) || (o[0] == 169 && o[1] == 254) ||
	       (o[0] == 100 && o[1] >= 64 && o[1] < 128) ||
	       (o[0] == 192 && o[1] == 0 && o[2] == 2) ||
	       (o[0] == 198 && o[1] == 51 && o[2] == 100) ||
	       (o[0] == 203 && o[1] == 0 && o[2] == 113);
}

/* "2130706433", "0x7f.1", "010.1.1.1": numbers that only a resolver takes for an address. */
static bool is_number(struct str host)
{
	struct str last = last_label(host);
	uint64_t value;
	return str_to_u64(last, &value) ||
	       (last.len > 2 && last.ptr[0] == '0' && ascii_lower(last.ptr[1]) == 'x');
}

static enum guard_verdict judge_ipv6(struct str host)
{
	static const char *const own[] = {"::1", "::", "fe80:", "fc", "fd", "2001:db8"};
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		struct str prefix = str_c(own[i]);
		bool whole = prefix.len <= 3 && prefix.ptr[0] == ':';
		if (str_eq_nocase(whole ? host : str_slice(host, 0, prefix.len), prefix))
			return GUARD_NO_HOST;
	}
	return GUARD_FOREIGN;
}

/* "<host>", "${HOST}", "{name}.example", "%s": what a reader is to fill in. */
static bool is_placeholder(char c)
{
	return c == '<' || c == '>' || c == '{' || c == '}' || c == '$' || c == '*' || c == '(' ||
	       c == ')' || c == '[' || c == ']' || c == '|';
}

/* The part behind the last placeholder: "${x}.evil.com" is evil.com's. */
static struct str fixed_part(struct str host)
{
	size_t from = host.len;
	while (from > 0 && !is_placeholder(host.ptr[from - 1]))
		from--;
	if (from == 0)
		return host;
	while (from < host.len && host.ptr[from] == '.')
		from++;
	return str_slice(host, from, host.len);
}

static struct str without_www(struct str host)
{
	struct str www = STR("www.");
	return str_eq_nocase(str_slice(host, 0, www.len), www) ? str_slice(host, www.len, host.len)
							       : host;
}

static bool is_citation(const struct guard_policy *policy, struct str host)
{
	struct url url;
	for (size_t i = 0; i < policy->citation_count; i++)
		if (url_parse(policy->citations[i], &url) &&
		    str_eq_nocase(without_www(url.host), without_www(host)))
			return true;
	return false;
}

static bool is_allowed(const struct guard_policy *policy, struct str host)
{
	if (is_citation(policy, host))
		return true;
	return policy->host_allowed && (policy->host_allowed(policy->ctx, host) ||
					policy->host_allowed(policy->ctx, without_www(host)));
}

enum guard_verdict guard_judge_host(const struct guard_policy *policy, struct str host)
{
	char folded[GUARD_HOST_MAX];
	unsigned octets[4];
	if (host.len && host.ptr[0] == '[')
		return judge_ipv6(str_slice(host, 1, host.len));
	struct str fixed = fixed_part(host), head = host;
	bool placeholder = fixed.len < host.len;
	head.len = 0;
	while (head.len < host.len && !is_placeholder(host.ptr[head.len]))
		head.len++;
	/* "evil.com<x>", which some readers end before the '<' */
	if (placeholder && head.len && ascii_alnum(head.ptr[head.len - 1]) &&
	    guard_judge_host(policy, head) == GUARD_FOREIGN)
		return GUARD_FOREIGN;
	while (fixed.len && fixed.ptr[fixed.len - 1] == '.')
		fixed.len--;
	if (fixed.len == 0)
		return GUARD_NO_HOST;
	if (fixed.len > sizeof(folded))
		return GUARD_FOREIGN;
	for (size_t i = 0; i < fixed.len; i++) {
		/* homographs, percent-encoding, control characters */
		if ((unsigned char)fixed.ptr[i] >= 0x7f || fixed.ptr[i] <= ' ' ||
		    fixed.ptr[i] == '%')
			return GUARD_FOREIGN;
		folded[i] = ascii_lower(fixed.ptr[i]);
	}
	struct str name = {folded, fixed.len};
	if (parse_ipv4(name, octets) && !placeholder)
		return is_private(octets) ? GUARD_NO_HOST : GUARD_FOREIGN;
	if (is_allowed(policy, name))
		return GUARD_ALLOWED;
	if (is_number(name))
		return placeholder ? GUARD_NO_HOST : GUARD_FOREIGN;
	struct str tld = last_label(name);
	bool single = tld.len == name.len;
	if (single || is_reserved(name) || !guard_is_public_tld(tld))
		return GUARD_NO_HOST;
	return GUARD_FOREIGN;
}

/* ---- addresses with a scheme ---- */

/* Scripts, and documents within the address; also what only a program on the reader's machine opens. */
static const char *const script_schemes[] = {"javascript", "vbscript",    "livescript", "data",
					     "file",       "view-source", "filesystem", "jscript",
					     "mocha",      "blob",        "mhtml"};

/* Where the part behind "//" names a bucket, a volume or a model, which nothing follows by a click. */
static const char *const storage_schemes[] = {
	"s3",         "s3a",   "gs",    "minio", "pvc",   "hf",
	"abfs",       "abfss", "wasbs", "hdfs",  "dbfs",  "model-registry",
	"mlpipeline", "unix",  "kfp",   "cache", "secret"};

static bool one_of(struct str word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(word, str_c(list[i])))
			return true;
	return false;
}

#define ONE_OF(word, list) one_of(word, list, sizeof(list) / sizeof((list)[0]))

static bool in_scheme(char c)
{
	return ascii_alnum(c) || c == '+' || c == '-' || c == '.';
}

/* The scheme that ends before the ':' at `colon`. */
static struct str scheme_before(struct str text, size_t least, size_t colon)
{
	size_t from = colon;
	while (from > least && colon - from < 24 && in_scheme(text.ptr[from - 1]))
		from--;
	while (from < colon && !ascii_alpha(text.ptr[from]))
		from++;
	return str_slice(text, from, colon);
}

static bool ends_address(char c)
{
	unsigned char u = (unsigned char)c;
	return u <= ' ' || c == '"' || c == '<' || c == '>' || c == '`' || c == '^';
}

/* Where the address that goes on at `at` ends: marks that close a sentence belong to the sentence. */
static size_t address_end(struct str text, size_t at)
{
	size_t end = at, open = 0;
	for (; end < text.len && !ends_address(text.ptr[end]); end++) {
		char c = text.ptr[end];
		if (c == '(' || c == '[' || c == '{')
			open++;
		else if ((c == ')' || c == ']' || c == '}') && open == 0)
			break;
		else if (c == ')' || c == ']' || c == '}')
			open--;
	}
	while (end > at && strchr(".,;:!?'*_|\\", text.ptr[end - 1]))
		end--;
	return end;
}

/* Judges "user@host:port" up to the path. A user is only there to mislead, but git's and placeholders. */
static enum guard_verdict judge_authority(const struct guard_policy *policy, struct str authority)
{
	size_t at = authority.len, end;
	while (at > 0 && authority.ptr[at - 1] != '@')
		at--;
	struct str user = str_slice(authority, 0, at ? at - 1 : 0);
	struct str host = str_slice(authority, at, authority.len);
	if (char_at(host, 0) == '[') {
		end = str_find(host, STR("]"), 0);
		host = str_slice(host, 0, end);
	} else {
		/* the port, but not the ':' of "${HOST:-x}" */
		end = host.len;
		while (end > 0 && (ascii_alnum(host.ptr[end - 1]) ||
				   is_placeholder(host.ptr[end - 1]) || host.ptr[end - 1] == '_'))
			end--;
		if (end > 0 && host.ptr[end - 1] == ':')
			host = str_slice(host, 0, end - 1);
	}
	/* "evil.com+x": what no host has in it ends it for some readers */
	for (end = 0; end < host.len; end++)
		if (!in_label(host.ptr[end]) && !is_placeholder(host.ptr[end]) &&
		    host.ptr[end] != '.' && host.ptr[end] != '%' && host.ptr[end] != ':')
			break;
	host = str_slice(host, 0, end);
	enum guard_verdict verdict = guard_judge_host(policy, host);
	bool names_host =
		str_find(user, STR("."), 0) != STR_NPOS || str_find(user, STR("%"), 0) != STR_NPOS;
	return verdict == GUARD_ALLOWED && names_host ? GUARD_FOREIGN : verdict;
}

/* The authority that begins at `at`, which some readers end at a backslash and some do not. */
static enum guard_verdict judge_at(const struct guard_policy *policy, struct str text, size_t at,
				   size_t *to)
{
	size_t end = at, open = 0;
	while (end < text.len && text.ptr[end] > ' ' && !strchr("/\\?#\"'`,;", text.ptr[end])) {
		char c = text.ptr[end];
		if (c == '(' || c == '[' || c == '{' || c == '<')
			open++;
		if (c == ')' || c == ']' || c == '}' || c == '>') {
			if (open == 0)
				break;
			open--;
		}
		end++;
	}
	/* letters beyond ASCII are > ' ' only as unsigned */
	while (end < text.len && (unsigned char)text.ptr[end] >= 0x80) {
		end++;
		while (end < text.len && (unsigned char)text.ptr[end] > ' ' &&
		       !strchr("/\\?#\"'`,;()[]{}<>", text.ptr[end]))
			end++;
	}
	struct str authority = str_slice(text, at, end);
	while (authority.len && strchr(".:!*_", authority.ptr[authority.len - 1]))
		authority.len--;
	bool more = strchr("/\\?#", char_at(text, end)) && char_at(text, end);
	*to = more ? address_end(text, end) : at + authority.len;
	enum guard_verdict verdict = judge_authority(policy, authority);
	/* what stands within it may be one: "http://a!javascript:x" */
	if (verdict == GUARD_NO_HOST)
		*to = at;
	/* "https://kubeflow.org\@evil.com" */
	bool second = char_at(text, end) == '\\' &&
		      str_find(str_slice(text, end, *to), STR("@"), 0) != STR_NPOS;
	return verdict == GUARD_ALLOWED && second ? GUARD_FOREIGN : verdict;
}

static bool begins_mime(struct str rest)
{
	size_t i = 0;
	while (i < rest.len && i < 32 && (ascii_alnum(rest.ptr[i]) || rest.ptr[i] == '-'))
		i++;
	return (i > 2 && char_at(rest, i) == '/') || char_at(rest, 0) == ',' ||
	       char_at(rest, 0) == ';';
}

/* "javascript:x" anywhere, "data:text/html", "file:/x": the ':' is at `colon`. */
static bool is_script(struct str scheme, struct str rest, enum guard_context context)
{
	struct str end = STR("javascript");
	/* also behind other letters: readers differ in where an address begins */
	if (str_eq_nocase(str_slice(scheme,
				    scheme.len - (scheme.len < end.len ? scheme.len : end.len),
				    scheme.len),
			  end) ||
	    str_eq_nocase(scheme, STR("vbscript")))
		return true;
	if (!ONE_OF(scheme, script_schemes))
		return false;
	if (str_eq_nocase(scheme, STR("data")))
		return begins_mime(rest);
	if (str_eq_nocase(scheme, STR("file")))
		return context == GUARD_PROSE && is_slash(char_at(rest, 0));
	return rest.len > 0 && !is_code(context);
}

static bool is_web(struct str scheme)
{
	static const char *const web[] = {"http", "https", "ws", "wss", "ftp"};
	return ONE_OF(scheme, web);
}

/*
 * Registries of images and packages, and the groups of Kubernetes: what stands behind them without a
 * scheme is a name, which nothing follows by itself.
 */
static bool is_name_space(struct str host)
{
	static const char *const spaces[] = {
		"k8s.io",     "kubernetes.io", "docker.io",         "gcr.io",  "ghcr.io",
		"quay.io",    "pkg.dev",       "mcr.microsoft.com", "nvcr.io", "public.ecr.aws",
		"golang.org", "gopkg.in",      "x-k8s.io",
	};
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (is_within(host, str_c(spaces[i])))
			return true;
	return false;
}

static struct str scheme_host(struct str text, size_t at)
{
	size_t end = at;
	while (end < text.len && (ascii_alnum(text.ptr[end]) || strchr("-.", text.ptr[end])))
		end++;
	return str_slice(text, at, end);
}

static bool with_scheme(const struct guard_policy *policy, struct str text, size_t least,
			size_t colon, enum guard_context context, struct guard_address *out)
{
	struct str scheme = scheme_before(text, least, colon);
	struct str rest = str_slice(text, colon + 1, text.len);
	size_t from = (size_t)(scheme.ptr - text.ptr), at = colon + 1;
	*out = (struct guard_address){.from = from};
	if (is_script(scheme, rest, context)) {
		out->script = true;
		out->verdict = GUARD_FOREIGN;
		out->to = address_end(text, at);
		return true;
	}
	if (!scheme.len)
		return false;
	size_t slashes = 0;
	while (is_slash(char_at(text, at + slashes)))
		slashes++;
	bool web = is_web(scheme);
	/* browsers also follow "https:evil.com" and "https:/\evil.com" */
	if (!(web ? slashes > 0 || ascii_alnum(char_at(text, at)) : slashes >= 2))
		return false;
	if (web && slashes == 0 &&
	    str_find(str_slice(text, at, at + GUARD_HOST_MAX), STR("."), 0) == STR_NPOS)
		return false;
	if (!web && is_name_space(scheme_host(text, at + slashes)))
		return false; /* oci://quay.io/… */
	if (!web && ONE_OF(scheme, storage_schemes))
		return false;
	out->verdict = judge_at(policy, text, at + slashes, &out->to);
	return true;
}

/* ---- bare names ---- */

/*
 * Names of two parts are also attributes, files, modules and methods. These top-level domains are rarely
 * anything but the end of a host; others count where a path, a port or a user goes with them.
 */
static bool is_plain_tld(struct str tld, enum guard_context context)
{
	static const char *const always[] = {"com", "org",  "edu", "gov",   "biz",   "xyz",
					     "top", "club", "ru",  "cn",    "onion", "site",
					     "io",  "dev",  "app", "cloud", "net",   "co"};
	static const char *const code[] = {"com", "org", "edu", "gov", "biz", "xyz", "ru", "onion"};
	switch (context) {
	case GUARD_CODE:
		return false;
	case GUARD_SPAN:
		return ONE_OF(tld, code);
	case GUARD_PROSE:
	case GUARD_COMMAND:
		break;
	}
	return ONE_OF(tld, always);
}

/* File endings that are top-level domains as well. */
static bool is_file_ending(struct str tld)
{
	static const char *const endings[] = {"py", "sh", "md",  "rs", "so", "pl", "cc",   "zip",
					      "ps", "ml", "mov", "js", "ts", "go", "java", "in"};
	return ONE_OF(tld, endings);
}

/* "v1", "v1beta1", "v2alpha3" behind the '/': an API group. */
static bool is_api_version(struct str path)
{
	size_t i = 1;
	if (char_at(path, 0) != 'v' || !ascii_digit(char_at(path, 1)))
		return false;
	while (ascii_digit(char_at(path, i)))
		i++;
	static const char *const stages[] = {"alpha", "beta"};
	for (size_t s = 0; s < 2; s++)
		if (str_starts(str_slice(path, i, path.len), str_c(stages[s])))
			i += str_c(stages[s]).len;
	while (ascii_digit(char_at(path, i)))
		i++;
	return !in_label(char_at(path, i)) && char_at(path, i) != '/';
}

/* In code a name with a path is also the key of a label, an image or a module. */
static bool is_name_in_code(struct str text, size_t from, size_t end, size_t to)
{
	/* "nvidia.com/gpu: 1", "nvidia.com/gpu=true" */
	size_t next = to;
	while (next < text.len && strchr("\"'", text.ptr[next]))
		next++;
	char after = char_at(text, next);
	struct str address = str_slice(text, from, to);
	bool key = (after == ':' || after == '=') && !is_slash(char_at(text, next + 1));
	bool image = str_find(address, STR("@sha256:"), 0) != STR_NPOS;
	(void)end;
	return key || image;
}

static bool boundary_before(struct str text, size_t at)
{
	if (at == 0)
		return true;
	size_t before = at;
	/* "_evil.com_" is emphasized, "my_evil.com" is another name */
	while (before > 0 && text.ptr[before - 1] == '_')
		before--;
	char c = before ? text.ptr[before - 1] : ' ';
	return !in_label(c) && c != '.' && c != '/' && c != '$' && c != '%';
}

/* The port of "host:8080" or "host:8080/x", or 0 bytes. */
static size_t port_length(struct str text, size_t at)
{
	size_t n = 1;
	if (char_at(text, at) != ':')
		return 0;
	while (ascii_digit(char_at(text, at + n)) && n < 6)
		n++;
	return n > 1 && !in_label(char_at(text, at + n)) ? n : 0;
}

/* A name with dots at `from`, whose labels end at the return value; 0 when it is none. */
static size_t name_end(struct str text, size_t from)
{
	size_t end = from, dots = 0, label = 0;
	while (end < text.len) {
		if (in_label(text.ptr[end])) {
			label++;
		} else if (text.ptr[end] == '.' && label > 0 && in_label(char_at(text, end + 1))) {
			dots++;
			label = 0;
		} else {
			break;
		}
		end++;
	}
	while (end > from && (text.ptr[end - 1] == '_' || text.ptr[end - 1] == '-'))
		end--;
	return dots && label && end > from && text.ptr[end - 1] != '.' ? end : 0;
}

static bool is_mail_name(char c)
{
	return ascii_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '%' ||
	       (unsigned char)c >= 0x80;
}

/* "name@host": the name in front of the host at `host`, or `host` itself. */
static size_t mail_name_before(struct str text, size_t least, size_t host)
{
	if (host <= least || text.ptr[host - 1] != '@')
		return host;
	size_t from = host - 1;
	while (from > least && is_mail_name(text.ptr[from - 1]))
		from--;
	return from == host - 1 ? host : from;
}

/* How a bare name looks to whoever turns names into links; GUARD_NO_HOST: it does not. */
static enum guard_verdict judge_name(const struct guard_policy *policy, struct str text,
				     size_t from, size_t end, enum guard_context context, bool mail,
				     size_t *to)
{
	struct str host = str_slice(text, from, end), tld = last_label(host);
	unsigned octets[4];
	size_t port = port_length(text, end);
	size_t behind = end + port;
	/* "evil.com\x" too; "foo.com." ends a sentence */
	bool path = is_slash(char_at(text, behind)) || char_at(text, behind) == '?' ||
		    (!is_code(context) && char_at(text, behind) == '#');
	*to = path ? address_end(text, behind) : behind;
	if (parse_ipv4(host, octets)) {
		bool network = str_to_u64(str_slice(text, behind + 1, *to), &(uint64_t){0});
		return (port || (path && !network)) && !is_code(context)
			       ? guard_judge_host(policy, host)
			       : GUARD_NO_HOST;
	}
	enum guard_verdict verdict = guard_judge_host(policy, host);
	if (verdict != GUARD_FOREIGN || !guard_is_public_tld(tld))
		return verdict == GUARD_ALLOWED ? verdict : GUARD_NO_HOST;
	if (mail)
		return GUARD_FOREIGN;
	if (is_name_space(host) || (path && is_api_version(str_slice(text, behind + 1, *to))))
		return GUARD_NO_HOST;
	bool www = host.len > 4 && str_eq_nocase(str_slice(host, 0, 4), STR("www."));
	if (context == GUARD_COMMAND)
		return is_file_ending(tld) && !path && !www ? GUARD_NO_HOST : GUARD_FOREIGN;
	if (is_code(context) && !www && is_name_in_code(text, from, end, *to))
		return GUARD_NO_HOST;
	/* with a path it is followed in code as well: pasted into a browser, or fetched */
	bool spelled = is_code(context) && path && is_plain_tld(tld, GUARD_SPAN);
	if (www || spelled || is_plain_tld(tld, context))
		return GUARD_FOREIGN;
	return (path || port) && context == GUARD_PROSE && !is_file_ending(tld) ? GUARD_FOREIGN
										: GUARD_NO_HOST;
}

static bool bare_name(const struct guard_policy *policy, struct str text, size_t least, size_t from,
		      size_t end, enum guard_context context, struct guard_address *out)
{
	size_t mail = mail_name_before(text, least, from);
	bool is_mail = mail < from;
	/* git@host:path is how repositories are named; commands that use it are looked at as such */
	bool git = is_mail && is_code(context) && str_eq(str_slice(text, mail, from), STR("git@"));
	*out = (struct guard_address){.from = mail};
	out->verdict = git ? GUARD_NO_HOST
			   : judge_name(policy, text, from, end, context, is_mail, &out->to);
	return out->verdict != GUARD_NO_HOST;
}

/* "//evil.com/x", "\\evil.com\x": `at` is at the first of the two. */
static bool without_scheme(const struct guard_policy *policy, struct str text, size_t at,
			   struct guard_address *out)
{
	size_t from = at + 2;
	if (!is_slash(char_at(text, at)) || !is_slash(char_at(text, at + 1)))
		return false;
	/* "oci://quay.io" was judged with its scheme */
	if (at > 0 && text.ptr[at - 1] == ':' && scheme_before(text, 0, at - 1).len)
		return false;
	size_t end = name_end(text, from);
	if (!end || !guard_is_public_tld(last_label(str_slice(text, from, end))))
		return false;
	*out = (struct guard_address){.from = at};
	out->verdict = judge_at(policy, text, from, &out->to);
	return out->verdict != GUARD_NO_HOST;
}

bool guard_find_address(const struct guard_policy *policy, struct str text, size_t at,
			enum guard_context context, struct guard_address *out)
{
	size_t least = at;
	while (at < text.len) {
		char c = text.ptr[at];
		if (is_slash(c) && without_scheme(policy, text, at, out))
			return true;
		/* behind a word that was not looked at: ".https://…" */
		if (c == ':' && with_scheme(policy, text, least, at, context, out) &&
		    out->verdict != GUARD_NO_HOST)
			return true;
		if (!in_label(c) || c == '_' || (at > least && !boundary_before(text, at))) {
			at++;
			continue;
		}
		/* the word: a scheme, a name with dots, or neither */
		size_t end = at;
		while (end < text.len &&
		       (in_label(text.ptr[end]) || text.ptr[end] == '+' || text.ptr[end] == '.'))
			end++;
		size_t name = name_end(text, at), behind = end;
		if (char_at(text, end) == ':' && with_scheme(policy, text, at, end, context, out)) {
			if (out->verdict != GUARD_NO_HOST)
				return true;
			behind = out->to > end ? out->to : end + 1;
		}
		/* also "www.evil.com://x", whose scheme is no scheme */
		if (name && bare_name(policy, text, least, at, name, context, out))
			return true;
		if (behind > end) {
			at = least = behind;
			continue;
		}
		at = name > at ? name : end > at ? end : at + 1;
	}
	return false;
}

/* ---- destinations of links ---- */

bool guard_link_allowed(const struct guard_policy *policy, struct str destination)
{
	struct str text = str_trim(destination);
	struct guard_address address;
	struct str mailto = STR("mailto:");
	if (text.len == 0 || text.ptr[0] == '#')
		return !guard_find_address(policy, text, 0, GUARD_PROSE, &address);
	if (text.len > URL_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == '\\')
			return false;
	bool mail = str_eq_nocase(str_slice(text, 0, mailto.len), mailto);
	if (mail)
		text = str_slice(text, mailto.len, text.len);
	if (!guard_find_address(policy, text, 0, GUARD_PROSE, &address))
		return false;
	if (address.from != 0 || address.verdict != GUARD_ALLOWED)
		return false;
	struct url url;
	return mail || (url_parse(text, &url) && is_web(url.scheme) && !url.has_userinfo);
}
