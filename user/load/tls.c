// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/tls.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"

#define LIBRARY "libssl.so.3"
/* Limit of unsent output; requests fill one or two records of 16 KiB. */
#define UNSENT_MAX (128u << 10)

_Static_assert(OSC_TLS_NO_TLS ==
		       ERR_PACK(ERR_LIB_SSL, 0, SSL_R_WRONG_VERSION_NUMBER),
	       "the same");

/* All that is called, of libssl and of libcrypto, which comes with it. */
#define FUNCTIONS(F)                        \
	F(TLS_client_method)                \
	F(SSL_CTX_new)                      \
	F(SSL_CTX_free)                     \
	F(SSL_CTX_set_verify)               \
	F(SSL_CTX_set_default_verify_paths) \
	F(SSL_CTX_load_verify_file)         \
	F(SSL_CTX_set_alpn_protos)          \
	F(SSL_CTX_set_options)              \
	F(SSL_CTX_ctrl)                     \
	F(SSL_new)                          \
	F(SSL_free)                         \
	F(SSL_set_bio)                      \
	F(SSL_set_connect_state)            \
	F(SSL_set1_host)                    \
	F(SSL_get0_param)                   \
	F(SSL_ctrl)                         \
	F(SSL_do_handshake)                 \
	F(SSL_read)                         \
	F(SSL_write)                        \
	F(SSL_shutdown)                     \
	F(SSL_get_error)                    \
	F(SSL_get_rbio)                     \
	F(SSL_get_wbio)                     \
	F(SSL_get_verify_result)            \
	F(X509_VERIFY_PARAM_set1_ip_asc)    \
	F(X509_verify_cert_error_string)    \
	F(BIO_s_mem)                        \
	F(BIO_new)                          \
	F(BIO_free)                         \
	F(BIO_read)                         \
	F(BIO_write)                        \
	F(BIO_ctrl_pending)                 \
	F(ERR_get_error)                    \
	F(ERR_peek_last_error)              \
	F(ERR_clear_error)                  \
	F(ERR_reason_error_string)

#define MEMBER(f) __typeof__(&f) f;
#define NAME(f) #f,

struct functions {
	FUNCTIONS(MEMBER)
};

static struct {
	void *library;
	struct functions f; /* valid with the library */
} lib;

static const char *const names[] = { FUNCTIONS(NAME) };
_Static_assert(sizeof(lib.f) == sizeof(names), "a pointer for each name");

struct osc_tls {
	struct osc_tls_config config;
	SSL_CTX *context;
	char name[TLSEXT_MAXLEN_host_name + 1]; /* the server's */
	bool by_address; /* which is no name to be shown */
};

/* All of them; NULL, or the name of one that is not there. */
static const char *find_functions(void *library, struct functions *f)
{
	char *to = (char *)f;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *address = dlsym(library, names[i]);

		if (!address)
			return names[i];
		memcpy(to + i * sizeof(address), &address, sizeof(address));
	}
	return NULL;
}

/* Once for the process, by its first thread; what is loaded stays. */
static int load_library(struct osc_error *e)
{
	const char *missing;
	void *library;

	if (lib.library)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return osc_error_set_exit(
			e, OSC_EXIT_MISSING, ENOENT,
			"https needs OpenSSL: %s; try apt-get install libssl3",
			dlerror());
	missing = find_functions(library, &lib.f);
	if (!missing) {
		lib.library = library;
		return 0;
	}
	lib.f = (struct functions){ 0 };
	dlclose(library);
	return osc_error_set_exit(
		e, OSC_EXIT_MISSING, ENOENT,
		"https needs OpenSSL 3, and the " LIBRARY
		" here has no %s; try apt-get install libssl3",
		missing);
}

const char *osc_tls_reason(bool untrusted, int code)
{
	if (!untrusted && code == OSC_TLS_CLOSED)
		return "closed";
	if (!untrusted && code == OSC_TLS_UNREAD)
		return "unread";
	if (!lib.library)
		return NULL;
	if (untrusted)
		return lib.f.X509_verify_cert_error_string(code);
	return lib.f.ERR_reason_error_string((unsigned long)code);
}

static int library_failed(struct osc_error *e, const char *what)
{
	const char *why = lib.f.ERR_reason_error_string(lib.f.ERR_get_error());

	return osc_error_set(e, EINVAL, "%s: %s", what,
			     why ? why : "out of memory");
}

static int trust(struct osc_tls *tls, struct osc_error *e)
{
	const char *file = tls->config.authorities;

	if (tls->config.insecure)
		return 0;
	lib.f.SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	if (!file) {
		if (lib.f.SSL_CTX_set_default_verify_paths(tls->context) == 1)
			return 0;
		return library_failed(e, "cannot read the authorities of this "
					 "system");
	}
	if (access(file, R_OK))
		return osc_error_set(
			e, errno,
			"--cacert: cannot read %s: %s; try another "
			"file",
			file, strerror(errno));
	if (lib.f.SSL_CTX_load_verify_file(tls->context, file) == 1)
		return 0;
	return osc_error_set(e, EINVAL,
			     "--cacert: there is no certificate in %s; try a "
			     "file of them in PEM",
			     file);
}

static bool is_address(const char *name)
{
	struct in6_addr a;

	return inet_pton(AF_INET, name, &a) == 1 ||
	       inet_pton(AF_INET6, name, &a) == 1;
}

static bool has_blank_or_control(const char *name)
{
	for (; *name; name++) {
		if ((unsigned char)*name <= ' ' || *name == 0x7f)
			return true;
	}
	return false;
}

/* The name without a zone and without a final dot (RFC 6066, 3). */
static int take_name(struct osc_tls *tls, struct osc_error *e)
{
	const char *name = tls->config.name;
	size_t size = strcspn(name, "%");

	if (size && name[size - 1] == '.')
		size--;
	if (!size || has_blank_or_control(name))
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"TLS: a server's name is not empty and has no blanks "
			"or control bytes; try another --servername");
	if (size >= sizeof(tls->name))
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"TLS: a server's name has at most %zu bytes; try a "
			"shorter --servername",
			sizeof(tls->name) - 1);
	memcpy(tls->name, name, size);
	tls->by_address = is_address(tls->name);
	return 0;
}

int osc_tls_open(const struct osc_tls_config *config, struct osc_tls **out,
		 struct osc_error *e)
{
	/* HTTP/1.1 is all we speak, whatever else the server would like. */
	static const unsigned char alpn[] = "\x08http/1.1";
	struct osc_tls *tls;
	int ret = load_library(e);

	*out = NULL;
	if (ret)
		return ret;
	tls = calloc(1, sizeof(*tls));
	if (!tls)
		return osc_error_set(e, ENOMEM,
				     "cannot set up TLS: out of memory");
	tls->config = *config;
	ret = take_name(tls, e);
	lib.f.ERR_clear_error();
	tls->context = lib.f.SSL_CTX_new(lib.f.TLS_client_method());
	if (!ret &&
	    (!tls->context || lib.f.SSL_CTX_set_alpn_protos(tls->context, alpn,
							    sizeof(alpn) - 1)))
		ret = library_failed(e, "cannot set up TLS");
	if (!ret) {
		lib.f.SSL_CTX_set_options(tls->context,
					  SSL_OP_NO_RENEGOTIATION);
		/* A connection that waits needs no buffers of 34 kB. */
		lib.f.SSL_CTX_ctrl(tls->context, SSL_CTRL_MODE,
				   SSL_MODE_RELEASE_BUFFERS, NULL);
		ret = trust(tls, e);
	}
	if (ret) {
		osc_tls_close(tls);
		return ret;
	}
	*out = tls;
	return 0;
}

void osc_tls_close(struct osc_tls *tls)
{
	if (!tls)
		return;
	lib.f.SSL_CTX_free(tls->context);
	free(tls);
}

/* Whose certificate it has to be, and who is asked for. */
static bool expect_name(const struct osc_tls *tls, SSL *ssl)
{
	const char *name = tls->name;

	if (tls->by_address)
		return lib.f.X509_VERIFY_PARAM_set1_ip_asc(
			       lib.f.SSL_get0_param(ssl), name) == 1;
	return lib.f.SSL_set1_host(ssl, name) == 1 &&
	       lib.f.SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
			      TLSEXT_NAMETYPE_host_name, (void *)name) == 1;
}

int osc_tls_begin(struct osc_tls *tls, struct osc_tls_session *s)
{
	BIO *in = lib.f.BIO_new(lib.f.BIO_s_mem());
	BIO *out = lib.f.BIO_new(lib.f.BIO_s_mem());
	SSL *ssl = lib.f.SSL_new(tls->context);

	if (!in || !out || !ssl || !expect_name(tls, ssl)) {
		lib.f.BIO_free(in);
		lib.f.BIO_free(out);
		lib.f.SSL_free(ssl);
		return -ENOMEM;
	}
	/* They are the session's now. */
	lib.f.SSL_set_bio(ssl, in, out);
	lib.f.SSL_set_connect_state(ssl);
	s->ssl = ssl;
	return 0;
}

void osc_tls_end(struct osc_tls_session *s)
{
	if (s->ssl)
		lib.f.SSL_free(s->ssl);
	free(s->out);
	*s = (struct osc_tls_session){ 0 };
}

void osc_tls_forget_sent(struct osc_tls_session *s)
{
	if (!s->sent)
		return;
	memmove(s->out, s->out + s->sent, s->size - s->sent);
	s->size -= s->sent;
	s->sent = 0;
}

/*
 * What the library wants to send goes to the end of what waits. What is sent
 * stays: an engine may yet learn that some of it was not. Returns 0 or a code.
 */
static int fetch_output(struct osc_tls_session *s)
{
	BIO *out = lib.f.SSL_get_wbio(s->ssl);
	size_t n = lib.f.BIO_ctrl_pending(out);
	char *more;

	if (!n)
		return 0;
	if (s->size - s->sent + n > UNSENT_MAX)
		return OSC_TLS_UNREAD;
	if (s->size + n > s->room) {
		more = realloc(s->out, s->size + n);
		if (!more)
			return ERR_R_MALLOC_FAILURE;
		s->out = more;
		s->room = s->size + n;
	}
	if (lib.f.BIO_read(out, s->out + s->size, (int)n) != (int)n)
		return ERR_R_MALLOC_FAILURE;
	s->size += n;
	return 0;
}

/* What `ret` of the library means. */
static enum osc_tls_state outcome(struct osc_tls_session *s, int ret, int *code)
{
	int why = lib.f.SSL_get_error(s->ssl, ret);
	long verified = lib.f.SSL_get_verify_result(s->ssl);
	unsigned long error = lib.f.ERR_peek_last_error();

	/* Also what it says to the server of an error. */
	*code = fetch_output(s);
	if (*code)
		return OSC_TLS_FAILED;
	if (ret > 0)
		return OSC_TLS_DONE;
	if (why == SSL_ERROR_WANT_READ)
		return OSC_TLS_WAITS;
	if (why == SSL_ERROR_ZERO_RETURN)
		return OSC_TLS_ENDED;
	/* Library and reason; what is beyond them is of the system's errors. */
	*code = (int)(error & INT_MAX);
	if (error !=
		    ERR_PACK(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED) ||
	    verified == X509_V_OK)
		return OSC_TLS_FAILED;
	*code = (int)verified;
	return OSC_TLS_UNTRUSTED;
}

enum osc_tls_state osc_tls_handshake(struct osc_tls_session *s, int *code)
{
	lib.f.ERR_clear_error();
	return outcome(s, lib.f.SSL_do_handshake(s->ssl), code);
}

int osc_tls_feed(struct osc_tls_session *s, const char *data, size_t size)
{
	BIO *in = lib.f.SSL_get_rbio(s->ssl);

	return lib.f.BIO_write(in, data, (int)size) == (int)size ? 0 : -ENOMEM;
}

enum osc_tls_state osc_tls_read(struct osc_tls_session *s, char *data,
				size_t *size, int *code)
{
	int ret;

	lib.f.ERR_clear_error();
	ret = lib.f.SSL_read(s->ssl, data, (int)*size);
	*size = ret > 0 ? (size_t)ret : 0;
	return outcome(s, ret, code);
}

enum osc_tls_state osc_tls_write(struct osc_tls_session *s, const char *data,
				 size_t size, int *code)
{
	lib.f.ERR_clear_error();
	return outcome(s, lib.f.SSL_write(s->ssl, data, (int)size), code);
}

void osc_tls_notify_close(struct osc_tls_session *s)
{
	int code;

	lib.f.ERR_clear_error();
	(void)outcome(s, lib.f.SSL_shutdown(s->ssl), &code);
}
