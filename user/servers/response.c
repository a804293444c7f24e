// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/response.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HELLO "Hello, world\n"
#define HELLO_LEN (sizeof(HELLO) - 1)

/* Lines of 64 characters, one page: read-only, so that children share it. */
#define LINE "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"
#define LINES_8 LINE LINE LINE LINE LINE LINE LINE LINE
#define LINES_64 LINES_8 LINES_8 LINES_8 LINES_8 LINES_8 LINES_8 LINES_8 LINES_8

static const char pattern[] = LINES_64;

#define PATTERN_LEN (sizeof(pattern) - 1)
_Static_assert(PATTERN_LEN == 4096, "the pattern is a page");

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 417, "Expectation Failed" },
	{ 431, "Request Header Fields Too Large" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Error";
}

static char *two_digits(char *p, int n)
{
	*p++ = (char)('0' + n / 10);
	*p++ = (char)('0' + n % 10);
	return p;
}

/*
 * IMF-fixdate. Not gmtime_r: its first call in a process reads the time zone
 * file, which each forked child would do again.
 */
static void format_date(char out[30], time_t t)
{
	static const char days[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t day = t / 86400;
	int second = (int)(t % 86400);
	/* Civil date from days (H. Hinnant): eras of 400 years from March. */
	int64_t z = day + 719468;
	int64_t era = z / 146097;
	int doe = (int)(z - era * 146097);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;
	int month = mp < 10 ? mp + 3 : mp - 9;
	int year = (int)(yoe + era * 400) + (month <= 2);
	char *p = out;

	memcpy(p, days + day % 7 * 3, 3);
	p += 3;
	*p++ = ',';
	*p++ = ' ';
	p = two_digits(p, doy - (153 * mp + 2) / 5 + 1);
	*p++ = ' ';
	memcpy(p, months + (month - 1) * 3, 3);
	p += 3;
	*p++ = ' ';
	p = two_digits(p, year / 100);
	p = two_digits(p, year % 100);
	*p++ = ' ';
	p = two_digits(p, second / 3600);
	*p++ = ':';
	p = two_digits(p, second / 60 % 60);
	*p++ = ':';
	p = two_digits(p, second % 60);
	memcpy(p, " GMT", 5);
}

void osc_response_tick(struct osc_response_cache *c)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec == c->second)
		return;
	c->second = now.tv_sec;
	c->hello_len = 0;
	format_date(c->date, now.tv_sec);
}

static void put(struct osc_output *out, const char *data, size_t len)
{
	memcpy(out->data + out->len, data, len);
	out->len += len;
}

static void put_text(struct osc_output *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_number(struct osc_output *out, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put(out, digits + at, sizeof(digits) - at);
}

void osc_response_write(struct osc_output *out, struct osc_response_cache *c,
			const struct osc_response *r)
{
	put_text(out, "HTTP/1.1 ");
	put_number(out, (uint64_t)r->status);
	put_text(out, " ");
	put_text(out, reason_of(r->status));
	put_text(out, "\r\nServer: osconcepts\r\nDate: ");
	put(out, c->date, 29);
	put_text(out, "\r\nContent-Type: text/plain\r\nContent-Length: ");
	put_number(out, r->body_len);
	if (r->status == 405)
		put_text(out, "\r\nAllow: GET, HEAD");
	if (r->status == 503)
		put_text(out, "\r\nRetry-After: 1");
	if (r->close)
		put_text(out, "\r\nConnection: close");
	else if (r->keep_alive)
		put_text(out, "\r\nConnection: keep-alive");
	put_text(out, "\r\n\r\n");
	if (r->body && !r->head_only)
		put(out, r->body, r->body_len);
}

void osc_response_hello(struct osc_output *out, struct osc_response_cache *c,
			bool close, bool keep_alive, bool head_only)
{
	const struct osc_response r = {
		.status = 200,
		.body = HELLO,
		.body_len = HELLO_LEN,
		.close = close,
		.keep_alive = keep_alive,
		.head_only = head_only,
	};
	bool plain = !close && !keep_alive && !head_only;
	size_t start = out->len;

	if (plain && c->hello_len) {
		put(out, c->hello, c->hello_len);
		return;
	}
	osc_response_write(out, c, &r);
	if (plain && out->len - start <= sizeof(c->hello)) {
		c->hello_len = out->len - start;
		memcpy(c->hello, out->data + start, c->hello_len);
	}
}

void osc_response_error(struct osc_output *out, struct osc_response_cache *c,
			int status, bool close, bool keep_alive, bool head_only)
{
	const char *reason = reason_of(status);
	char text[64];
	size_t len = strlen(reason);

	memcpy(text, reason, len);
	text[len++] = '\n';
	osc_response_write(out, c,
			   &(struct osc_response){
				   .status = status,
				   .body = text,
				   .body_len = len,
				   .close = close,
				   .keep_alive = keep_alive,
				   .head_only = head_only,
			   });
}

void osc_response_continue(struct osc_output *out)
{
	put_text(out, "HTTP/1.1 100 Continue\r\n\r\n");
}

off_t osc_response_file_at(uint64_t total, uint64_t left)
{
	return (off_t)((total - left) % PATTERN_LEN);
}

int osc_response_pattern(struct iovec iov[OSC_RESPONSE_IOV], uint64_t total,
			 uint64_t left)
{
	size_t offset = (size_t)osc_response_file_at(total, left);
	int n = 0;

	for (; n < OSC_RESPONSE_IOV && left; n++) {
		size_t len = PATTERN_LEN - offset;

		if (len > left)
			len = left;
		iov[n].iov_base = (char *)pattern + offset;
		iov[n].iov_len = len;
		left -= len;
		offset = 0;
	}
	return n;
}

int osc_response_file(void)
{
	int fd = memfd_create("response", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t n = 0;
	int err;

	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < OSC_RESPONSE_PAGES + PATTERN_LEN;
	     at += PATTERN_LEN) {
		n = write(fd, pattern, PATTERN_LEN);
		if (n != (ssize_t)PATTERN_LEN)
			goto err_close;
	}
	n = fcntl(fd, F_ADD_SEALS,
		  F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	if (!n)
		return fd;
err_close:
	err = n < 0 ? errno : ENOSPC;
	close(fd);
	return -err;
}
