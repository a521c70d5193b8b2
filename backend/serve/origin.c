#include "serve/origin.h"

bool origin_allowed(struct str allowed, struct str origin, struct str host)
{
	if (!origin.len)
		return true;
	size_t scheme = str_find(origin, STR("://"), 0);
	if (scheme != STR_NPOS && host.len &&
	    str_eq_nocase(str_slice(origin, scheme + 3, origin.len), host))
		return true;
	struct str entry;
	while (str_cut(&allowed, ',', &entry)) {
		entry = str_trim(entry);
		if (str_eq(entry, STR("*")) || (entry.len && str_eq_nocase(entry, origin)))
			return true;
	}
	return false;
}
