#include "answer/guard_command.h"

static bool one_of(struct str word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(word, str_c(list[i])))
			return true;
	return false;
}

#define ONE_OF(word, list) one_of(word, list, sizeof(list) / sizeof((list)[0]))

/* Their arguments are addresses, also without a scheme. */
static const char *const fetchers[] = {
	"curl",
	"wget",
	"aria2c",
	"iwr",
	"irm",
	"invoke-webrequest",
	"invoke-restmethod",
	"nc",
	"ncat",
	"socat",
	"scp",
	"rsync",
	"ssh",
	"sftp",
	"telnet",
	"oras",
	"crane",
	"skopeo",
};

/* The word behind decides whether they fetch: "docker run", "git clone". */
static const char *const tools[] = {"docker", "podman", "nerdctl", "crictl", "ctr", "git", "go"};
static const char *const fetching[] = {"run",     "pull",   "clone",     "create", "get",
				       "install", "remote", "submodule", "image"};

/* They fetch what is named by an address with a scheme. */
static const char *const installers[] = {
	"pip",
	"pip3",
	"pipx",
	"uv",
	"conda",
	"mamba",
	"micromamba",
	"npm",
	"npx",
	"yarn",
	"pnpm",
	"gem",
	"cargo",
	"brew",
	"apt",
	"apt-get",
	"yum",
	"dnf",
	"apk",
	"dpkg",
	"rpm",
	"snap",
	"choco",
	"helm",
	"kubectl",
	"oc",
	"kustomize",
	"terraform",
	"ansible-galaxy",
	"bash",
	"sh",
	"zsh",
	"dash",
	"python",
	"python3",
	"perl",
	"ruby",
	"node",
	"php",
	"source",
	"eval",
	"exec",
	"iex",
	"invoke-expression",
	"powershell",
	"pwsh",
	"docker",
	"podman",
	"git",
	"go",
	"add-apt-repository",
	"apt-key",
	"poetry",
	"pdm",

	"argocd",
	"flux",

	"easy_install",
};

static const char *const shells[] = {
	"sh",      "bash",   "zsh",  "dash", "ksh", "fish", "python",
	"python3", "perl",   "ruby", "node", "php", "iex",  "invoke-expression",
	"sudo",    "source", "eval", "."};

static const char *const decoders[] = {
	"base64",    "base32",           "xxd",    "openssl", "uudecode",
	"b64decode", "frombase64string", "gunzip", "zcat",    "rev"};

bool guard_begins_command(struct str word)
{
	static const char *const first[] = {"curl",
					    "wget",
					    "iwr",
					    "irm",
					    "iex",
					    "nc",
					    "ncat",
					    "socat",
					    "aria2c",
					    "base64",
					    "powershell",
					    "invoke-webrequest",
					    "invoke-expression",
					    "eval"};
	return ONE_OF(word, first) || str_find(word, STR("/dev/tcp/"), 0) != STR_NPOS;
}

static bool in_word(char c)
{
	return ascii_alnum(c) || c == '-' || c == '_' || c == '.' || c == '/' ||
	       (unsigned char)c >= 0x80;
}

/* The next word of a shell: what stands between blanks, quotes and the signs of the shell. */
static bool next_word(struct str line, size_t *at, struct str *word)
{
	size_t from = *at;
	while (from < line.len && !in_word(line.ptr[from]))
		from++;
	size_t end = from;
	while (end < line.len && in_word(line.ptr[end]))
		end++;
	*word = str_slice(line, from, end);
	*at = end;
	return end > from;
}

/* Without the folder and ".exe": "/usr/bin/curl" is curl. */
static struct str program(struct str word)
{
	size_t from = word.len;
	while (from > 0 && word.ptr[from - 1] != '/')
		from--;
	word = str_slice(word, from, word.len);
	if (word.len > 4 && str_eq_nocase(str_slice(word, word.len - 4, word.len), STR(".exe")))
		word.len -= 4;
	return word;
}

static bool names_foreign(const struct guard_policy *policy, struct str text,
			  enum guard_context context)
{
	struct guard_address address;
	for (size_t at = 0; guard_find_address(policy, text, at, context, &address);
	     at = address.to > at ? address.to : at + 1) {
		if (address.verdict != GUARD_FOREIGN)
			continue;
		struct str found = str_slice(text, address.from, address.to);
		/* of a name that only a fetcher follows, the others say nothing */
		if (context == GUARD_COMMAND || str_find(found, STR(":"), 0) != STR_NPOS ||
		    str_find(found, STR("@"), 0) != STR_NPOS)
			return true;
	}
	return false;
}

/* "| sh", "|sudo bash", "$(", "<(": whether what is in front of `at`, or within it, is run. */
static bool feeds_shell(struct str line)
{
	for (size_t i = 0; i < line.len; i++) {
		struct str word;
		size_t at = i + 1;
		bool pipe = line.ptr[i] == '|' || (i == 0);
		if (pipe && next_word(line, i ? &at : &(size_t){0}, &word) &&
		    ONE_OF(program(word), shells))
			return true;
	}
	return false;
}

bool guard_is_foreign_command(const struct guard_policy *policy, struct str line)
{
	struct str word, after;
	bool decodes = false, runs = false;
	if (str_find(line, STR("/dev/tcp/"), 0) != STR_NPOS)
		return true;
	for (size_t at = 0; next_word(line, &at, &word);) {
		struct str name = program(word);
		size_t next = at;
		bool is_tool = ONE_OF(name, tools) && next_word(line, &next, &after) &&
			       ONE_OF(after, fetching);
		struct str rest = str_slice(line, is_tool ? next : at, line.len);
		if ((is_tool || ONE_OF(name, fetchers)) &&
		    names_foreign(policy, rest, GUARD_COMMAND))
			return true;
		bool installs = ONE_OF(name, installers);
		if (installs && names_foreign(policy, rest, GUARD_CODE))
			return true;
		bool shell = ONE_OF(name, shells);
		decodes |= ONE_OF(name, decoders);
		runs |= shell;
		/* "powershell -enc …" */
		if (str_eq_nocase(name, STR("powershell")) || str_eq_nocase(name, STR("pwsh")))
			if (str_find_nocase(rest, STR("-enc"), 0) != STR_NPOS ||
			    str_find_nocase(rest, STR("-e "), 0) != STR_NPOS)
				return true;
	}
	return decodes && runs && feeds_shell(line);
}
