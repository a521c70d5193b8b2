/*
 * Any bytes as a stream of events: the same events however the bytes are cut, within the bounds. The
 * first byte says into which pieces.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/sse.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { EVENT_MAX = 4096 };

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_sse: %s\n", what);
	abort();
}

/* A hash of all events; *broken: the stream was refused. */
static uint64_t read_all(struct str stream, size_t step, bool *broken)
{
	struct sse sse;
	uint64_t hash = 0;
	*broken = false;
	sse_init(&sse, alloc_default(), EVENT_MAX);
	for (size_t at = 0; at < stream.len && !*broken; at += step) {
		struct str rest = str_slice(stream, at, at + step);
		struct sse_event event;
		for (bool whole = true; whole && !*broken;) {
			struct err err = {ERR_OK, ""};
			enum err_code code = sse_next(&sse, &rest, &event, &whole, &err);
			require(!code || code == ERR_LIMIT, "another error than the limit");
			*broken = code != ERR_OK;
			require(!(whole && *broken), "an event with an error");
			if (!whole)
				continue;
			require(event.data.len <= EVENT_MAX && event.type.len, "bounds");
			hash = hash * 31 + str_hash(event.data) * 7 + str_hash(event.type) * 3 +
			       str_hash(event.id);
		}
		require(*broken || !rest.len, "bytes are left over");
	}
	sse_release(&sse);
	return hash;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	bool broken, also;
	if (size < 2)
		return 0;
	struct str stream = {(const char *)data + 1, size - 1};
	uint64_t whole = read_all(stream, stream.len, &broken);
	uint64_t cut = read_all(stream, 1 + data[0] % 16, &also);
	require(whole == cut && broken == also, "pieces make a difference");
	return 0;
}
