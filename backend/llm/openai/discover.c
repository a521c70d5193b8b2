#include "base/buf.h"
#include "llm/openai/internal.h"
#include "llm/openai/models.h"
#include "llm/openai/reply.h"
#include "net/retry.h"

/*
 * LIST_BYTES: of a list of models. OPTIONAL_MS, OPTIONAL_TRIES: for what the settings do without.
 */
enum {
	LIST_BYTES = 1 << 20,
	OPTIONAL_MS = 500,
	OPTIONAL_TRIES = 3,
	WAIT_MS = 10,
	READ_BYTES = 4096
};

struct search {
	struct openai *o;
	int64_t deadline_us;
	const atomic_bool *cancelled;
	bool again;
};

static int64_t left_ms(const struct search *search)
{
	int64_t left = (search->deadline_us - clock_monotonic_us(search->o->options.clock)) / 1000;
	return left > 0 ? left : 0;
}

/* The whole answer to a GET; any status is ERR_OK. */
static enum err_code get(struct search *search, const char *url, struct buf *body, long *status,
			 struct err *err)
{
	struct stream *stream;
	char bytes[READ_BYTES];
	size_t got;
	const struct stream_request request = {.url = url, .cancelled = search->cancelled};
	enum stream_event event;
	buf_clear(body);
	search->again = true;
	enum err_code code = stream_start(search->o->client, &request, &stream, err);
	if (code)
		return code;
	do {
		event = stream_read(stream, bytes, sizeof(bytes), left_ms(search), &got);
	} while (event == STREAM_BYTES && buf_append(body, (struct str){bytes, got}));
	if (event == STREAM_BYTES)
		code = buf_ok(body, "its list of models", err);
	else if (event == STREAM_CANCELLED)
		code = err_set(err, ERR_CANCELLED, "cancelled");
	else if (event == STREAM_LATE)
		code = err_set(err, ERR_UNAVAILABLE, "it does not list its models in time");
	else if (event == STREAM_BROKEN)
		code = err_set(err, ERR_UNAVAILABLE, "%s", stream_problem(stream, &search->again));
	*status = stream_status(stream);
	stream_free(stream);
	return code;
}

/* Asks at one place; *there: it is the API. */
static enum err_code ask(struct search *search, const char *url, struct arena *arena,
			 struct model_info *info, bool *there, struct err *err)
{
	struct buf body;
	long status = 0;
	*there = false;
	buf_init(&body, search->o->alloc, LIST_BYTES);
	enum err_code code = get(search, url, &body, &status, err);
	if (!code && status == 200) {
		code = models_read(buf_str(&body), str_c(search->o->options.model), arena, info,
				   err);
		*there = !code;
		if (code == ERR_FORMAT)
			code = ERR_OK; /* another API, as KServe's own is below /v1 */
	} else if (!code && (status == 401 || status == 403 || status == 429 || status >= 500)) {
		code = reply_problem(status, STR(""), &search->again, err);
	}
	buf_release(&body);
	return code;
}

/* llama-server lists the window of the training; the one it runs with may be smaller. */
static void ask_props(struct search *search, struct model_info *info)
{
	struct buf body;
	long status = 0;
	buf_init(&body, search->o->alloc, LIST_BYTES);
	if (!get(search, search->o->address.props, &body, &status, NULL) && status == 200) {
		size_t window = models_read_props(buf_str(&body));
		if (window)
			info->context = window;
	}
	buf_release(&body);
}

static enum err_code nowhere(struct search *search, struct err *err)
{
	search->again = false;
	if (search->o->address.count > 1)
		return err_set(err, ERR_UNAVAILABLE,
			       "no models are listed at /openai/v1/models or /v1/models: give "
			       "kserve_url with its path");
	return err_set(err, ERR_UNAVAILABLE, "it lists no models: name one in llm_model");
}

/* Takes over what was found. With the lock held. */
static void keep(struct openai *o, const struct model_info *info, size_t place)
{
	o->place = place;
	atomic_store(&o->base.model, info->id.ptr);
	if (info->context && info->context < o->options.context_tokens)
		atomic_store(&o->base.context_tokens, info->context);
	log_info(o->options.log, "llm", "server=%s model=%s context_tokens=%zu", o->address.host,
		 info->id.ptr, atomic_load(&o->base.context_tokens));
}

static enum err_code search_places(struct search *search, struct err *err)
{
	struct openai *o = search->o;
	struct model_info info = {.id = STR("")};
	bool there = false;
	enum err_code code = ERR_OK;
	size_t place = 0;
	/* The client's arena is nobody else's while discovery runs. */
	for (; place < o->address.count && !code; place++) {
		code = ask(search, o->address.places[place].models, &o->arena, &info, &there, err);
		if (there)
			break;
	}
	if (code)
		return code;
	if (!there || !info.id.len)
		return nowhere(search, err);
	if (info.llama)
		ask_props(search, &info);
	pthread_mutex_lock(&o->lock);
	keep(o, &info, place);
	pthread_mutex_unlock(&o->lock);
	return ERR_OK;
}

/* Waits while another caller asks. True when this one has to. */
static enum err_code take_turn(struct search *search, bool *mine, struct err *err)
{
	struct openai *o = search->o;
	enum err_code code = ERR_OK;
	for (;;) {
		pthread_mutex_lock(&o->lock);
		enum discovery now = o->discovery;
		*mine = now == DISCOVERY_OPEN;
		if (*mine) {
			o->discovery = DISCOVERY_RUNS;
			o->discoveries++;
		}
		pthread_mutex_unlock(&o->lock);
		if (now != DISCOVERY_RUNS || code)
			return ERR_OK;
		if (!left_ms(search))
			return err_set(err, ERR_UNAVAILABLE, "it does not list its models in time");
		code = retry_wait(WAIT_MS, search->cancelled, err);
		if (code)
			return code;
	}
}

enum err_code openai_discover(struct openai *o, int64_t deadline_us, const atomic_bool *cancelled,
			      bool *again, struct err *err)
{
	struct search search = {
		.o = o, .deadline_us = deadline_us, .cancelled = cancelled, .again = true};
	bool optional = o->address.count == 1 && o->options.model[0], mine = false;
	enum err_code code = take_turn(&search, &mine, err);
	*again = true;
	if (code || !mine)
		return code;
	int64_t soon = clock_monotonic_us(o->options.clock) + OPTIONAL_MS * 1000;
	if (optional && soon < search.deadline_us)
		search.deadline_us = soon;
	code = search_places(&search, err);
	*again = search.again;
	pthread_mutex_lock(&o->lock);
	bool done = !code || (optional && (!search.again || o->discoveries >= OPTIONAL_TRIES));
	o->discovery = done ? DISCOVERY_DONE : DISCOVERY_OPEN;
	pthread_mutex_unlock(&o->lock);
	return optional && code != ERR_CANCELLED && code != ERR_NOMEM ? ERR_OK : code;
}
