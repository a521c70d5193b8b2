#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err_code fail_errno(const char *what, const char *path, struct err *err)
{
	int number = errno;
	enum err_code code = number == ENOENT                       ? ERR_NOTFOUND
			     : number == ENOSPC || number == EDQUOT ? ERR_FULL
								    : ERR_IO;
	return err_set(err, code, "cannot %s %s: %s", what, path, strerror(number));
}

/* Opens a regular file for reading; its size in *size. */
static enum err_code open_regular(const char *path, int *fd, size_t *size, struct err *err)
{
	/* Non-blocking, so that a FIFO in a documentation folder cannot hang the run. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return fail_errno("open", path, err);
	struct stat info;
	if (fstat(*fd, &info) != 0) {
		enum err_code code = fail_errno("read", path, err);
		close(*fd);
		return code;
	}
	if (!S_ISREG(info.st_mode)) {
		close(*fd);
		return err_set(err, ERR_INVALID, "%s is not a regular file", path);
	}
	*size = (size_t)info.st_size;
	return ERR_OK;
}

enum err_code file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	int fd;
	size_t size, total = 0;
	enum err_code code = open_regular(path, &fd, &size, err);
	if (code)
		return code;
	if (size > max) {
		close(fd);
		return err_set(err, ERR_LIMIT, "%s has %zu bytes, more than the limit of %zu", path,
			       size, max);
	}
	while (!code) {
		/* What stands behind the expected end of a file that grew needs no room kept free. */
		char more[4096];
		size_t step = total < size ? size - total : sizeof(more);
		if (step > 1 << 20)
			step = 1 << 20;
		if (total < size && !buf_reserve(out, step)) {
			code = buf_ok(out, path, err);
			break;
		}
		ssize_t got = read(fd, total < size ? out->ptr + out->len : more, step);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			code = fail_errno("read", path, err);
		if (got <= 0)
			break;
		if ((size_t)got > max - total) {
			code = err_set(err, ERR_LIMIT, "%s has more than %zu bytes", path, max);
		} else if (total < size) {
			out->len += (size_t)got;
			out->ptr[out->len] = '\0';
		} else if (!buf_append(out, (struct str){more, (size_t)got})) {
			code = buf_ok(out, path, err);
		}
		total += (size_t)got;
	}
	close(fd);
	return code;
}

static bool write_all(int fd, struct str text)
{
	while (text.len) {
		ssize_t put = write(fd, text.ptr, text.len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		text = str_slice(text, (size_t)put, text.len);
	}
	return true;
}

enum err_code file_write_atomic(const char *path, struct str text, struct err *err)
{
	char temporary[PATH_MAX];
	int len = snprintf(temporary, sizeof(temporary), "%s.%ld.tmp", path, (long)getpid());
	if (len < 0 || (size_t)len >= sizeof(temporary))
		return err_set(err, ERR_LIMIT, "path too long: %s", path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_errno("create", temporary, err);
	bool ok = write_all(fd, text) && fsync(fd) == 0;
	enum err_code code = ok ? ERR_OK : fail_errno("write", temporary, err);
	if (close(fd) != 0 && !code)
		code = fail_errno("write", temporary, err);
	if (!code && rename(temporary, path) != 0)
		code = fail_errno("rename to", path, err);
	if (code)
		unlink(temporary);
	return code;
}

enum err_code file_make_dirs(const char *path, struct err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof(part))
		return err_set(err, ERR_INVALID, "not a usable folder name: '%.200s'", path);
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char kept = part[i];
		part[i] = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return fail_errno("create folder", part, err);
		part[i] = kept;
	}
	struct stat info;
	if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
		return err_set(err, ERR_IO, "%s is not a folder", path);
	return ERR_OK;
}

enum err_code file_map(const char *path, struct file_map *map, struct err *err)
{
	int fd;
	size_t size;
	struct stat info;
	*map = (struct file_map){NULL, 0, 0};
	enum err_code code = open_regular(path, &fd, &size, err);
	if (code)
		return code;
	if (size == 0) {
		close(fd);
		return err_set(err, ERR_FORMAT, "%s is empty", path);
	}
	void *ptr = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (ptr == MAP_FAILED || fstat(fd, &info) != 0) {
		code = fail_errno("map", path, err);
		if (ptr != MAP_FAILED)
			munmap(ptr, size);
	} else {
		int64_t ns = info.st_mtim.tv_sec * INT64_C(1000000000) + info.st_mtim.tv_nsec;
		*map = (struct file_map){ptr, size, ns};
	}
	close(fd);
	return code;
}

void file_unmap(struct file_map *map)
{
	if (map->ptr)
		munmap((void *)(uintptr_t)map->ptr, map->len);
	*map = (struct file_map){NULL, 0, 0};
}

void file_map_forget(const struct file_map *map)
{
	/* Only a hint: when it fails, the pages stay. */
	if (map->ptr)
		(void)madvise((void *)(uintptr_t)map->ptr, map->len, MADV_DONTNEED);
}

static void hex(const unsigned char digest[32], char out[65])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < 32; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[64] = '\0';
}

void sha256_hex(const void *data, size_t len, char out[65])
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL);
	hex(digest, out);
}

enum err_code file_sha256(const char *path, char out[65], struct err *err)
{
	int fd;
	size_t size;
	enum err_code code = open_regular(path, &fd, &size, err);
	if (code)
		return code;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE] = {0}, part[16384];
	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		code = err_set(err, ERR_NOMEM, "out of memory while hashing %s", path);
	while (!code) {
		ssize_t got = read(fd, part, sizeof(part));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			code = fail_errno("read", path, err);
		if (got <= 0)
			break;
		EVP_DigestUpdate(md, part, (size_t)got);
	}
	if (!code) {
		EVP_DigestFinal_ex(md, digest, NULL);
		hex(digest, out);
	}
	EVP_MD_CTX_free(md);
	close(fd);
	return code;
}
