/* Reading safetensors: a sound file, and every kind of damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "embed/inproc/safetensors.h"
#include "support/fail_alloc.h"

struct fixture {
	char dir[64], path[96];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/docs-bot-test-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/model.safetensors", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* A file of the header, whose length field says `claimed`, and `data` bytes 0, 1, 2, … */
static void write_claiming(const struct fixture *f, const char *header, uint64_t claimed,
			   size_t data)
{
	FILE *file = fopen(f->path, "wb");
	assert_non_null(file);
	for (int i = 0; i < 8; i++)
		fputc((int)(claimed >> (8 * i) & 0xFF), file);
	fwrite(header, 1, strlen(header), file);
	for (size_t i = 0; i < data; i++)
		fputc((int)(i & 0x3F), file);
	assert_int_equal(fclose(file), 0);
}

static void write_model(const struct fixture *f, const char *header, size_t data)
{
	write_claiming(f, header, strlen(header), data);
}

static void expect_open(const struct fixture *f, enum err_code code, const char *part)
{
	struct safetensors *st = NULL;
	struct err err = {0};
	enum err_code got = safetensors_open(f->path, alloc_default(), &st, &err);
	if (got != code || !strstr(err.message, part))
		fail_msg("got %s \"%s\", expected %s with \"%s\"", err_label(got), err.message,
			 err_label(code), part);
	assert_null(st);
	assert_null(strchr(err.message, '\n'));
	/* The message is optional. */
	assert_int_equal(safetensors_open(f->path, alloc_default(), &st, NULL), code);
}

#define GOOD                                                                                       \
	"{\"__metadata__\":{\"format\":\"pt\"},"                                                   \
	"\"b\":{\"dtype\":\"I64\",\"shape\":[1,2],\"data_offsets\":[24,40]},"                      \
	"\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"                       \
	"\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[40,44]},"                         \
	"\"h\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[44,48]}}"

static void write_good(const struct fixture *f)
{
	char header[512];
	int pad = (int)((8 - strlen(GOOD) % 8) % 8);
	snprintf(header, sizeof(header), "%s%*s", GOOD, pad, "");
	write_model(f, header, 48);
}

static void test_good(void **state)
{
	struct fixture *f = *state;
	struct safetensors *st = NULL;
	struct err err = {0};
	write_good(f);
	assert_int_equal(safetensors_open(f->path, alloc_default(), &st, &err), ERR_OK);
	assert_int_equal(safetensors_count(st), 4);
	assert_true(safetensors_has(st, STR("a")));
	assert_false(safetensors_has(st, STR("__metadata__")));
	assert_false(safetensors_has(st, STR("")));

	const float *values = NULL;
	size_t shape[] = {2, 3};
	assert_int_equal(safetensors_f32(st, STR("a"), shape, 2, &values, &err), ERR_OK);
	static const unsigned char bytes[] = {20, 21, 22, 23};
	assert_memory_equal(&values[5], bytes, 4);
	assert_int_equal(safetensors_f32(st, STR("s"), shape, 0, &values, &err), ERR_OK);
	char hash[65] = "";
	safetensors_sha256(st, hash);
	assert_int_equal(strspn(hash, "0123456789abcdef"), 64);
	safetensors_close(st);
	safetensors_close(NULL);
}

static void test_lookup_refusals(void **state)
{
	struct fixture *f = *state;
	struct safetensors *st = NULL;
	struct err err = {0};
	const float *values = NULL;
	size_t shape[] = {3, 2}, pair[] = {2}, row[] = {1, 2};
	write_good(f);
	assert_int_equal(safetensors_open(f->path, alloc_default(), &st, &err), ERR_OK);
	assert_int_equal(safetensors_f32(st, STR("a"), shape, 2, &values, &err), ERR_FORMAT);
	assert_non_null(strstr(err.message, "tensor a: its shape is [2, 3]"));
	assert_non_null(strstr(err.message, "[3, 2]"));
	assert_int_equal(safetensors_f32(st, STR("a"), pair, 1, &values, &err), ERR_FORMAT);
	assert_int_equal(safetensors_f32(st, STR("h"), pair, 1, &values, &err), ERR_FORMAT);
	assert_non_null(strstr(err.message, "tensor h: its type is BF16"));
	assert_int_equal(safetensors_f32(st, STR("b"), row, 2, &values, &err), ERR_FORMAT);
	assert_int_equal(safetensors_f32(st, STR("nope"), row, 2, &values, &err), ERR_FORMAT);
	assert_non_null(strstr(err.message, "tensor nope: missing"));
	safetensors_close(st);
}

static void test_unaligned(void **state)
{
	struct fixture *f = *state;
	struct safetensors *st = NULL;
	struct err err = {0};
	const float *values = NULL;
	size_t shape[] = {1};
	char header[128];
	const char *entry = "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
	/* One byte off a multiple of four, whatever the length of the entry. */
	int pad = (int)((4 - strlen(entry) % 4) % 4) + 1;
	snprintf(header, sizeof(header), "%s%*s", entry, pad, "");
	write_model(f, header, 4);
	assert_int_equal(safetensors_open(f->path, alloc_default(), &st, &err), ERR_OK);
	assert_int_equal(safetensors_f32(st, STR("x"), shape, 1, &values, &err), ERR_FORMAT);
	assert_non_null(strstr(err.message, "aligned"));
	safetensors_close(st);
}

static void test_file_damage(void **state)
{
	struct fixture *f = *state;
	expect_open(f, ERR_NOTFOUND, "model.safetensors");
	fclose(fopen(f->path, "wb"));
	expect_open(f, ERR_FORMAT, "empty");
	FILE *file = fopen(f->path, "wb");
	fputs("short", file);
	fclose(file);
	expect_open(f, ERR_FORMAT, "too short");
	write_claiming(f, "{}", 2000, 0);
	expect_open(f, ERR_FORMAT, "truncated");
	write_claiming(f, "{}", (uint64_t)SAFETENSORS_HEADER_MAX + 1, 0);
	expect_open(f, ERR_FORMAT, "not a safetensors file");
	write_claiming(f, "{}", UINT64_MAX, 0);
	expect_open(f, ERR_FORMAT, "not a safetensors file");
	write_claiming(f, "", 0, 0);
	expect_open(f, ERR_FORMAT, "header");
	write_good(f);
	assert_int_equal(truncate(f->path, 8 + 300), 0);
	expect_open(f, ERR_FORMAT, "truncated");
}

static void test_header_damage(void **state)
{
	static const struct {
		const char *header, *part;
		size_t data;
	} cases[] = {
		{"{", "header: not valid JSON", 0},
		{"{\"a\":1,\"a\":2}", "header: not valid JSON", 0},
		{"[]", "not a JSON object", 0},
		{"{}", "names no tensor", 0},
		{"{\"__metadata__\":{}}", "names no tensor", 0},
		{"{\"t\":1}", "tensor t: its header entry", 0},
		{"{\"t\":{}}", "tensor t: \"dtype\"", 0},
		{"{\"t\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}",
		 "tensor t: \"dtype\"", 4},
		{"{\"t\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}",
		 "tensor t: \"dtype\"", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", "tensor t: \"data_offsets\"", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
		 "tensor t: \"data_offsets\"", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}",
		 "tensor t: \"data_offsets\"", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0.0,4.0]}}",
		 "tensor t: \"data_offsets\"", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
		 "tensor t: its data ends before", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
		 "tensor t: its data ends at byte 8, the file has 4", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,"
		 "9223372036854775807]}}",
		 "tensor t: its data ends at byte", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",
		 "tensor t: its shape needs 8 bytes, its offsets give 4", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "tensor t: \"shape\"", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
		 "tensor t: \"shape\"", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}"
		 "}",
		 "tensor t: \"shape\"", 4},
		/* 2^62 * 4 wraps to 0 in 64 bits */
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,"
		 "0]}}",
		 "tensor t: the shape is absurdly large", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
		 "\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
		 "tensor u: its data overlaps", 6},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
		 "\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
		 "its data overlaps", 4},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
		 "\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
		 "tensor u: there is a hole", 12},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
		 "3 bytes after the last tensor", 7},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_model(f, cases[i].header, cases[i].data);
		expect_open(f, ERR_FORMAT, cases[i].part);
	}
}

/* A name is anything that JSON can write; the message about it stays one line of valid text. */
static void test_odd_names(void **state)
{
	struct fixture *f = *state;
	char name[141], header[512];
	for (size_t i = 0; i + 1 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[sizeof(name) - 1] = '\0';
	snprintf(header, sizeof(header),
		 "{\"ab\\n%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", name);
	write_model(f, header, 4);
	struct safetensors *st = NULL;
	struct err err = {0};
	assert_int_equal(safetensors_open(f->path, alloc_default(), &st, &err), ERR_FORMAT);
	assert_non_null(strstr(err.message, "tensor ab \xc3\xa9"));
	assert_true(utf8_valid(str_c(err.message)));
}

/* Every single changed byte of a sound header must be survived, whatever the verdict. */
static void test_flipped_bytes(void **state)
{
	struct fixture *f = *state;
	char header[] = GOOD;
	size_t refused = 0;
	for (size_t i = 0; i < sizeof(header) - 1; i++) {
		char kept = header[i];
		header[i] = (char)(kept ^ 0x11);
		write_model(f, header, 48);
		header[i] = kept;
		struct safetensors *st = NULL;
		struct err err = {0};
		enum err_code code = safetensors_open(f->path, alloc_default(), &st, &err);
		if (code != ERR_OK) {
			assert_int_equal(code, ERR_FORMAT);
			assert_null(st);
			refused++;
		}
		safetensors_close(st);
	}
	/* Most bytes are syntax, types, shapes or offsets. */
	assert_true(refused > sizeof(header) * 3 / 4);
}

static void test_no_memory(void **state)
{
	struct fixture *f = *state;
	write_good(f);
	enum err_code code = ERR_NOMEM;
	size_t at = 1;
	for (; code != ERR_OK && at < 100; at++) {
		struct fail_alloc fail;
		struct safetensors *st = NULL;
		struct err err = {0};
		fail_alloc_init(&fail, at, false);
		code = safetensors_open(f->path, &fail.alloc, &st, &err);
		assert_true(code == ERR_OK || code == ERR_NOMEM);
		safetensors_close(st);
		assert_int_equal(fail.live, 0);
	}
	assert_int_equal(code, ERR_OK);
	assert_true(at > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lookup_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unaligned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_header_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flipped_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
