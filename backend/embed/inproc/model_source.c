/* Sources of models: the hub, and a folder. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embed/inproc/model_fetch.h"

#define HUB_URL "https://huggingface.co"

enum { CONNECT_SECONDS = 5, STALL_SECONDS = 30, REDIRECTS_MAX = 8 };

struct download {
	struct fetch_out out;
	struct err *err;
	enum err_code code;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct download *d = ctx;
	size_t len = size * count;
	d->code = fetch_out_write(&d->out, bytes, len, d->err);
	return d->code ? 0 : len;
}

/* Called at least once a second, also while nothing arrives. */
static int on_tick(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
	struct download *d = ctx;
	(void)now;
	(void)up_total;
	(void)up;
	if (total > 0)
		d->out.total = (uint64_t)total;
	if (!d->code)
		d->code = fetch_cancelled(d->err);
	return d->code ? 1 : 0;
}

static enum err_code report(struct download *d, CURL *curl, CURLcode result, struct err *err)
{
	long status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (d->code)
		return d->code;
	if (result == CURLE_HTTP_RETURNED_ERROR)
		return err_set(err, status == 404 ? ERR_NOTFOUND : ERR_UNAVAILABLE,
			       "the hub answers %ld for %s", status, d->out.what);
	return err_set(err, ERR_UNAVAILABLE, "the hub cannot be reached: %s",
		       curl_easy_strerror(result));
}

/* Encrypted only, except on this machine (a mirror, tests). */
static const char *protocols_of(const char *base)
{
	struct str url = str_c(base);
	return str_starts(url, STR("http://127.0.0.1:")) || str_starts(url, STR("http://[::1]:"))
		       ? "http,https"
		       : "https";
}

static enum err_code download(const struct fetch *fetch, CURL *curl, const char *base,
			      const char *name, struct err *err)
{
	struct download d = {.err = err};
	struct str path = arena_printf(fetch->arena, "%s/%s", fetch->model, name);
	struct str url = arena_printf(fetch->arena, "%s/sentence-transformers/%s/resolve/main/%s",
				      base, fetch->spec->name, name);
	if (!path.ptr || !url.ptr)
		return arena_fail(fetch->arena, err);
	enum err_code code =
		fetch_out_open(&d.out, fetch, path.ptr, name, fetch_max_bytes(fetch, name), 0, err);
	if (code)
		return code;
	const char *protocols = protocols_of(base);
	curl_easy_reset(curl);
	CURLcode set = curl_easy_setopt(curl, CURLOPT_URL, url.ptr);
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
	if (!set)
		set = curl_easy_setopt(curl, CURLOPT_USERAGENT, "docs-bot/" DOCS_BOT_VERSION);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &d);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_tick);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &d);
	CURLcode result = set ? set : curl_easy_perform(curl);
	if (result)
		code = report(&d, curl, result, err);
	return fetch_out_close(&d.out, code, err);
}

enum err_code fetch_from_hub(const struct fetch *fetch, struct err *err)
{
	const char *base = getenv("HF_ENDPOINT"); /* as other clients of the hub */
	enum err_code code = ERR_OK;
	CURL *curl = curl_easy_init();
	if (!curl)
		return err_set(err, ERR_NOMEM, "out of memory for a download");
	if (!base || !*base)
		base = HUB_URL;
	for (const struct model_file *file = model_files; file->name && !code; file++) {
		code = download(fetch, curl, base, file->name, err);
		if (code == ERR_NOTFOUND && !file->required)
			code = ERR_OK;
	}
	curl_easy_cleanup(curl);
	return code;
}

static enum err_code copy_file(const struct fetch *fetch, const char *from, const char *name,
			       struct err *err)
{
	struct fetch_out out;
	struct stat info;
	struct str path = arena_printf(fetch->arena, "%s/%s", fetch->model, name);
	char *part = alloc_get(fetch->alloc, 1 << 20);
	int fd = -1;
	enum err_code code = ERR_OK;
	if (!path.ptr || !part)
		code = err_set(err, ERR_NOMEM, "out of memory");
	if (!code) {
		fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			code = err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
				       "cannot open %s: %s", from, strerror(errno));
		else if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
			code = err_set(err, ERR_IO, "%s is not a regular file", from);
	}
	if (!code) {
		code = fetch_out_open(&out, fetch, path.ptr, name, fetch_max_bytes(fetch, name),
				      (uint64_t)info.st_size, err);
		ssize_t got = 1;
		while (!code && got) {
			got = read(fd, part, 1 << 20);
			if (got < 0 && errno == EINTR)
				continue;
			code = got < 0 ? err_set(err, ERR_IO, "cannot read %s: %s", from,
						 strerror(errno))
				       : fetch_out_write(&out, part, (size_t)got, err);
		}
		code = fetch_out_close(&out, code, err);
	}
	if (fd >= 0)
		close(fd);
	alloc_free(fetch->alloc, part);
	return code;
}

enum err_code fetch_from_folder(const struct fetch *fetch, struct str folder, struct err *err)
{
	struct stat info;
	struct str nested = arena_printf(fetch->arena, "%.*s/%s/config.json", STR_ARG(folder),
					 fetch->spec->name);
	if (!nested.ptr)
		return arena_fail(fetch->arena, err);
	bool is_nested = stat(nested.ptr, &info) == 0;
	enum err_code code = ERR_OK;
	for (const struct model_file *file = model_files; file->name && !code; file++) {
		struct str path = arena_printf(fetch->arena, "%.*s/%s%s%s", STR_ARG(folder),
					       is_nested ? fetch->spec->name : "",
					       is_nested ? "/" : "", file->name);
		if (!path.ptr)
			return arena_fail(fetch->arena, err);
		code = copy_file(fetch, path.ptr, file->name, err);
		if (code == ERR_NOTFOUND && !file->required)
			code = ERR_OK;
	}
	return code;
}
