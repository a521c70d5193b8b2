/* Secrets of Kubernetes: what stands under `data` is secret whatever it looks like. */
#include "base/buf.h"
#include "base/secrets.h"

enum { DATA_MIN = 8, CONTINUED_MIN = 20 };

/* A line of YAML or of JSON that has one member a line. */
struct entry {
	size_t indent;
	struct str key, value; /* without quotes; both views of the line */
};

static struct str unquoted(struct str text)
{
	if (text.len && text.ptr[text.len - 1] == ',')
		text = str_trim(str_slice(text, 0, text.len - 1));
	if (text.len >= 2 && (text.ptr[0] == '"' || text.ptr[0] == '\'') &&
	    text.ptr[text.len - 1] == text.ptr[0])
		return str_slice(text, 1, text.len - 1);
	return text;
}

static struct entry read_entry(struct str line)
{
	struct entry entry = {.key = STR("")};
	while (entry.indent < line.len && line.ptr[entry.indent] == ' ')
		entry.indent++;
	struct str rest = str_trim(str_slice(line, entry.indent, line.len));
	size_t colon = str_find(rest, STR(":"), 0);
	entry.value = rest;
	if (colon == STR_NPOS)
		return entry;
	entry.key = unquoted(str_trim(str_slice(rest, 0, colon)));
	entry.value = str_trim(str_slice(rest, colon + 1, rest.len));
	size_t comment = str_find(entry.value, STR(" #"), 0);
	if (comment != STR_NPOS)
		entry.value = str_trim(str_slice(entry.value, 0, comment));
	entry.value = unquoted(entry.value);
	return entry;
}

static bool is_separator(struct str line)
{
	return str_starts(line, STR("---"));
}

/* From `at` to the next "---" or the end. */
static size_t manifest_end(struct str text, size_t at, bool *secret)
{
	struct str rest = str_slice(text, at, text.len), line;
	*secret = false;
	for (size_t end = at; str_cut(&rest, '\n', &line); end += line.len + 1) {
		if (end > at && is_separator(line))
			return end;
		struct entry entry = read_entry(line);
		if (str_eq(entry.key, STR("kind")) && str_eq(entry.value, STR("Secret")))
			*secret = true;
	}
	return text.len;
}

static bool is_secret_value(const struct entry *entry, bool plain)
{
	if (secrets_is_placeholder(entry->value))
		return false;
	if (!entry->key.len)
		return secrets_is_base64(entry->value, CONTINUED_MIN);
	return plain ? secrets_is_random(entry->value) : secrets_is_base64(entry->value, DATA_MIN);
}

static void mask_lines(struct str manifest, struct buf *out, uint64_t *count)
{
	struct str rest = manifest, line;
	size_t section = 0; /* indent of `data:` */
	bool inside = false, plain = false;
	while (str_cut(&rest, '\n', &line)) {
		struct entry entry = read_entry(line);
		bool empty = !entry.key.len && !entry.value.len;
		if (inside && !empty && entry.indent <= section)
			inside = false;
		if (inside && is_secret_value(&entry, plain)) {
			size_t at = (size_t)(entry.value.ptr - line.ptr);
			buf_append(out, str_slice(line, 0, at));
			buf_append(out, STR("[masked: Kubernetes secret]"));
			buf_append(out, str_slice(line, at + entry.value.len, line.len));
			++*count;
		} else {
			buf_append(out, line);
		}
		if (rest.ptr)
			buf_append_byte(out, '\n');
		bool opens = entry.value.len == 0 || str_eq(entry.value, STR("{"));
		if (!inside && opens &&
		    (str_eq(entry.key, STR("data")) || str_eq(entry.key, STR("stringData")))) {
			inside = true;
			plain = str_eq(entry.key, STR("stringData"));
			section = entry.indent;
		}
	}
}

void secrets_mask_manifest(struct str text, struct buf *out, uint64_t *count, bool *found)
{
	*found = false;
	if (str_find(text, STR("Secret"), 0) == STR_NPOS)
		return;
	for (size_t at = 0; at < text.len;) {
		bool secret;
		size_t end = manifest_end(text, at, &secret);
		if (secret)
			mask_lines(str_slice(text, at, end), out, count);
		else
			buf_append(out, str_slice(text, at, end));
		*found |= secret;
		at = end;
	}
}
