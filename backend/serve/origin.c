#include "serve/origin.h"

static bool same_host(struct str origin, struct str host)
{
	size_t scheme = str_find(origin, STR("://"), 0);
	return scheme != STR_NPOS && host.len &&
	       str_eq_nocase(str_slice(origin, scheme + 3, origin.len), host);
}

static bool listed(struct str allowed, struct str origin)
{
	struct str entry;
	while (str_cut(&allowed, ',', &entry)) {
		entry = str_trim(entry);
		if (str_eq(entry, STR("*")) || (entry.len && str_eq_nocase(entry, origin)))
			return true;
	}
	return false;
}

bool origin_allowed(struct str allowed, struct str origin, struct str host)
{
	return !origin.len || same_host(origin, host) || listed(allowed, origin);
}

/* "[::1]:80", "10.0.0.1:80" or "localhost:80": no name that somebody's name server resolves. */
static bool no_name(struct str host)
{
	struct str rest = host, name;
	if (str_starts(host, STR("[")))
		return true;
	str_cut(&rest, ':', &name);
	bool digits = name.len > 0;
	for (size_t i = 0; i < name.len; i++)
		digits = digits && (ascii_digit(name.ptr[i]) || name.ptr[i] == '.');
	return digits || str_eq_nocase(name, STR("localhost"));
}

bool origin_trusted(struct str allowed, struct str origin, struct str host)
{
	return !origin.len || (same_host(origin, host) && no_name(host)) || listed(allowed, origin);
}
