/* base/file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"

static int setup(void **state)
{
	struct temp_dir *dir = calloc(1, sizeof(*dir));
	if (!dir)
		return -1;
	*state = dir;
	temp_dir_make(dir);
	return 0;
}

static int teardown(void **state)
{
	temp_dir_remove(*state);
	free(*state);
	return 0;
}

static enum err_code read_into(const struct temp_dir *dir, const char *name, size_t max,
			       struct buf *out, struct err *err)
{
	char path[512];
	return file_read(temp_dir_path(dir, name, path), max, out, err);
}

static void reads_what_was_written(void **state)
{
	struct buf out;
	struct err err = {ERR_OK, ""};
	temp_dir_write(*state, "a.txt", STR("one\0two"));
	temp_dir_write(*state, "empty", STR(""));
	buf_init(&out, alloc_default(), 100);
	assert_int_equal(read_into(*state, "a.txt", 100, &out, &err), ERR_OK);
	assert_int_equal(out.len, 7);
	assert_memory_equal(out.ptr, "one\0two", 8);
	/* appends */
	assert_int_equal(read_into(*state, "empty", 100, &out, &err), ERR_OK);
	assert_int_equal(read_into(*state, "a.txt", 100, &out, &err), ERR_OK);
	assert_int_equal(out.len, 14);
	buf_release(&out);
}

static void limits_are_exact(void **state)
{
	struct err err = {ERR_OK, ""};
	struct buf out;
	temp_dir_write(*state, "ten", STR("0123456789"));
	/* a file as long as the limit and the buffer is read */
	buf_init(&out, alloc_default(), 10);
	if (read_into(*state, "ten", 10, &out, &err))
		fail_msg("%s", err.message);
	assert_int_equal(out.len, 10);
	buf_release(&out);
	/* one byte more is not */
	buf_init(&out, alloc_default(), 100);
	assert_int_equal(read_into(*state, "ten", 9, &out, &err), ERR_LIMIT);
	assert_non_null(strstr(err.message, "10 bytes"));
	assert_non_null(strstr(err.message, "9"));
	buf_release(&out);
	buf_init(&out, alloc_default(), 9);
	assert_int_equal(read_into(*state, "ten", 10, &out, &err), ERR_LIMIT);
	assert_non_null(strstr(err.message, "ten"));
	buf_release(&out);
	/* limits of files whose size is not known beforehand */
	buf_init(&out, alloc_default(), 1 << 20);
	assert_int_equal(file_read("/proc/self/status", 16, &out, &err), ERR_LIMIT);
	buf_clear(&out);
	assert_int_equal(file_read("/proc/self/status", 1 << 20, &out, &err), ERR_OK);
	assert_non_null(strstr(out.ptr, "Name:"));
	buf_release(&out);
}

static void reads_large_files(void **state)
{
	size_t len = 3 * 1024 * 1024 + 17;
	char *text = malloc(len);
	struct buf out;
	struct err err = {ERR_OK, ""};
	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(i * 31 >> 3);
	temp_dir_write(*state, "large", (struct str){text, len});
	buf_init(&out, alloc_default(), len);
	if (read_into(*state, "large", len, &out, &err))
		fail_msg("%s", err.message);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.ptr, text, len);
	buf_release(&out);
	free(text);
}

static void what_is_not_a_file_is_an_error(void **state)
{
	struct buf out;
	struct err err = {ERR_OK, ""};
	char path[512];
	buf_init(&out, alloc_default(), 100);
	assert_int_equal(read_into(*state, "none", 100, &out, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "none"));
	assert_non_null(strstr(err.message, "No such file"));
	assert_int_equal(read_into(*state, "", 100, &out, &err), ERR_INVALID);
	assert_non_null(strstr(err.message, "not a regular file"));
	/* a FIFO must not hang the reader */
	assert_int_equal(mkfifo(temp_dir_path(*state, "fifo", path), 0600), 0);
	assert_int_equal(file_read(path, 100, &out, &err), ERR_INVALID);
	assert_int_equal(file_read("/dev/null", 100, &out, &err), ERR_INVALID);
	/* a loop of links */
	assert_int_equal(symlink("loop", temp_dir_path(*state, "loop", path)), 0);
	assert_int_equal(file_read(path, 100, &out, &err), ERR_IO);
	assert_int_equal(out.len, 0);
	buf_release(&out);
}

static void out_of_memory_while_reading(void **state)
{
	struct fail_alloc fail;
	struct buf out;
	struct err err = {ERR_OK, ""};
	temp_dir_write(*state, "a", STR("text"));
	fail_alloc_init(&fail, 1, false);
	buf_init(&out, &fail.alloc, 100);
	assert_int_equal(read_into(*state, "a", 100, &out, &err), ERR_NOMEM);
	buf_release(&out);
	assert_int_equal(atomic_load(&fail.live), 0);
}

static void writing_replaces_the_whole_file(void **state)
{
	struct err err = {ERR_OK, ""};
	struct buf out;
	char path[512], temporary[64];
	temp_dir_path(*state, "f", path);
	assert_int_equal(file_write_atomic(path, STR("a longer first version"), &err), ERR_OK);
	assert_int_equal(file_write_atomic(path, STR("second"), &err), ERR_OK);
	buf_init(&out, alloc_default(), 100);
	assert_int_equal(file_read(path, 100, &out, &err), ERR_OK);
	assert_string_equal(out.ptr, "second");
	buf_release(&out);
	/* no temporary file stays, neither after success nor after failure */
	snprintf(temporary, sizeof(temporary), "f.%ld.tmp", (long)getpid());
	assert_false(temp_dir_exists(*state, temporary));
	assert_int_equal(
		file_write_atomic(temp_dir_path(*state, "no/such/f", path), STR("x"), &err),
		ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "no/such/f"));
	temp_dir_write(*state, "folder/inside", STR("x"));
	assert_int_equal(file_write_atomic(temp_dir_path(*state, "folder", path), STR("x"), &err),
			 ERR_IO);
	snprintf(temporary, sizeof(temporary), "folder.%ld.tmp", (long)getpid());
	assert_false(temp_dir_exists(*state, temporary));
	char long_path[8192];
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(file_write_atomic(long_path, STR("x"), &err), ERR_LIMIT);
}

static void full_disk(void **state)
{
	struct err err = {ERR_OK, ""};
	if (access("/dev/full", W_OK) != 0)
		skip();
	/* /dev/full refuses every write; the temporary name is made a link to it. */
	char path[512], name[64];
	snprintf(name, sizeof(name), "f.%ld.tmp", (long)getpid());
	assert_int_equal(symlink("/dev/full", temp_dir_path(*state, name, path)), 0);
	assert_int_equal(file_write_atomic(temp_dir_path(*state, "f", path), STR("x"), &err),
			 ERR_FULL);
	assert_non_null(strstr(err.message, "No space left"));
	assert_false(temp_dir_exists(*state, "f"));
	assert_false(temp_dir_exists(*state, name));
}

static void makes_folders(void **state)
{
	struct err err = {ERR_OK, ""};
	char path[512];
	assert_int_equal(file_make_dirs(temp_dir_path(*state, "a/b//c/", path), &err), ERR_OK);
	assert_true(temp_dir_exists(*state, "a/b/c"));
	assert_int_equal(file_make_dirs(path, &err), ERR_OK);
	assert_int_equal(file_make_dirs("/", &err), ERR_OK);
	temp_dir_write(*state, "file", STR(""));
	assert_int_equal(file_make_dirs(temp_dir_path(*state, "file", path), &err), ERR_IO);
	assert_non_null(strstr(err.message, "is not a folder"));
	assert_int_equal(file_make_dirs(temp_dir_path(*state, "file/x", path), &err), ERR_IO);
	assert_int_equal(file_make_dirs("", &err), ERR_INVALID);
	char long_path[8192];
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(file_make_dirs(long_path, &err), ERR_INVALID);
}

static void maps_files(void **state)
{
	struct file_map map;
	struct err err = {ERR_OK, ""};
	char path[512];
	temp_dir_write(*state, "m", STR("mapped"));
	temp_dir_write(*state, "empty", STR(""));
	assert_int_equal(file_map(temp_dir_path(*state, "m", path), &map, &err), ERR_OK);
	assert_int_equal(map.len, 6);
	assert_memory_equal(map.ptr, "mapped", 6);
	file_unmap(&map);
	assert_null(map.ptr);
	file_unmap(&map);
	assert_int_equal(file_map(temp_dir_path(*state, "empty", path), &map, &err), ERR_FORMAT);
	assert_int_equal(file_map(temp_dir_path(*state, "none", path), &map, &err), ERR_NOTFOUND);
	assert_null(map.ptr);
}

/* FIPS 180-2, appendix B. */
static void sha256_vectors(void **state)
{
	char out[65], path[512];
	struct err err = {ERR_OK, ""};
	sha256_hex("abc", 3, out);
	assert_string_equal(out,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_hex("", 0, out);
	assert_string_equal(out,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	char *million = malloc(1000000);
	assert_non_null(million);
	memset(million, 'a', 1000000);
	temp_dir_write(*state, "million", (struct str){million, 1000000});
	free(million);
	assert_int_equal(file_sha256(temp_dir_path(*state, "million", path), out, &err), ERR_OK);
	assert_string_equal(out,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	assert_int_equal(file_sha256(temp_dir_path(*state, "none", path), out, &err), ERR_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_was_written, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_are_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_large_files, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_a_file_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_memory_while_reading, setup, teardown),
		cmocka_unit_test_setup_teardown(writing_replaces_the_whole_file, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(makes_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(maps_files, setup, teardown),
		cmocka_unit_test_setup_teardown(sha256_vectors, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
