#include "support/store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/vec.h"

void fixture_path(char out[512], const char *dir, const char *name)
{
	(void)snprintf(out, 512, "%s/%s", dir, name);
}

void fixture_vector(float *out, size_t dimension, uint32_t seed)
{
	uint32_t state = seed * 2654435761U + 12345U;

	for (size_t i = 0; i < dimension; i++) {
		state = state * 1664525U + 1013904223U;
		out[i] = (float)(state >> 8) / (float)(1U << 24) - 0.5F;
	}
	vec_normalize(out, dimension);
}

void fixture_document(struct fixture_document *out, const char *source, const char *path,
		      const char *hash, const char *const *headings, const char *const *texts,
		      size_t count, uint32_t seed)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		fixture_vector(out->vectors[i], FIXTURE_DIMENSION, seed + (uint32_t)i);
		out->sections[i] = (struct store_section){
			.heading = str_c(headings[i]),
			.anchor = str_c(headings[i]),
			.path = str_c(headings[i]),
			.text = str_c(texts[i]),
			.level = 2,
		};
		out->chunks[i] = (struct store_chunk){
			.unit = STORE_SECTION,
			.ordinal = (uint32_t)i,
			.first_section = (uint32_t)i,
			.last_section = (uint32_t)i,
			.text = str_c(texts[i]),
			.vector = out->vectors[i],
		};
	}
	fixture_vector(out->vectors[count], FIXTURE_DIMENSION, seed + 1000);
	out->chunks[count] = (struct store_chunk){
		.unit = STORE_WINDOW,
		.last_section = count ? (uint32_t)count - 1 : 0,
		.text = STR("window"),
		.vector = out->vectors[count],
	};
	out->document = (struct store_document){
		.source = str_c(source),
		.path = str_c(path),
		.title = STR("Pagetitle"),
		.description = STR("A describing line"),
		.url = STR("https://example.org/page/"),
		.type = STR("doc"),
		.content_hash = str_c(hash),
		.sections = out->sections,
		.section_count = count,
		.chunks = out->chunks,
		.chunk_count = count ? count + 1 : 0,
	};
}
