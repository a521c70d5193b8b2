#include "serve/outbox.h"

#include <string.h>

void outbox_init(struct outbox *box, const struct alloc *alloc, size_t max)
{
	*box = (struct outbox){.at = 0};
	buf_init(&box->bytes, alloc, max);
}

void outbox_release(struct outbox *box)
{
	buf_release(&box->bytes);
	box->at = 0;
}

bool outbox_empty(const struct outbox *box)
{
	return box->at == box->bytes.len;
}

bool outbox_push(struct outbox *box, struct str frame)
{
	/* Moving the rest to the front only now keeps a pop from costing more than its frame. */
	buf_consume(&box->bytes, box->at);
	box->at = 0;
	size_t before = box->bytes.len;
	buf_append(&box->bytes, (struct str){(const char *)&frame.len, sizeof(frame.len)});
	buf_append(&box->bytes, frame);
	if (!box->bytes.failed)
		return true;
	box->bytes.failed = false;
	box->bytes.len = before;
	return false;
}

bool outbox_pop(struct outbox *box, struct buf *out)
{
	if (outbox_empty(box))
		return false;
	size_t len;
	memcpy(&len, box->bytes.ptr + box->at, sizeof(len));
	if (!buf_append(out, (struct str){box->bytes.ptr + box->at + sizeof(len), len}))
		return false;
	box->at += sizeof(len) + len;
	if (outbox_empty(box)) {
		buf_clear(&box->bytes);
		box->at = 0;
	}
	return true;
}
