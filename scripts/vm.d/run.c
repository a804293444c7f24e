// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the command as a child of PID 1 and carries its input, output, signals
 * and exit status over the port.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* The command while it runs. A descriptor that is done is -1. */
struct child {
	pid_t pid;
	int in; /* our end of its input: a pipe, or the terminal's master */
	int out, err; /* our ends of its output; on a terminal err is -1 */
	bool tty;
	char *pending; /* input that it has not taken yet */
	size_t pending_from, pending_length;
	bool exited;
	uint32_t status;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void write_port(const void *data, size_t length)
{
	const char *p = data;
	ssize_t n;

	while (length) {
		n = write(port, p, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			port = -1; /* nobody to tell */
			die("write to the host: %s", strerror(errno));
		}
		p += n;
		length -= n;
	}
}

void send_frame(enum wire_type type, const void *data, size_t length)
{
	const struct wire_head head = { .type = type, .length = length };

	write_port(&head, sizeof(head));
	write_port(data, length);
}

static void read_port(void *data, size_t length)
{
	char *p = data;
	ssize_t n;

	while (length) {
		n = read(port, p, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			port = -1; /* the host has gone, and so do we */
			die("read from the host: %s",
			    n ? strerror(errno) : "it has closed the port");
		}
		p += n;
		length -= n;
	}
}

/* The next frame; the payload has a NUL after it and belongs to the caller. */
static char *receive_frame(struct wire_head *head)
{
	char *data;

	read_port(head, sizeof(*head));
	if (head->length > WIRE_FRAME_MAX)
		die("a frame of %u bytes from the host", head->length);
	data = malloc(head->length + 1);
	if (!data)
		die("out of memory");
	read_port(data, head->length);
	data[head->length] = '\0';
	return data;
}

static const char *next_string(char **at, const char *end)
{
	char *s = *at;

	if (s >= end)
		die("the command from the host is cut short");
	*at = s + strlen(s) + 1;
	return s;
}

static char **next_strings(char **at, const char *end)
{
	size_t i, n = strtoul(next_string(at, end), NULL, 10);
	char **list = calloc(n + 1, sizeof(*list));

	if (!list)
		die("out of memory");
	for (i = 0; i < n; i++)
		list[i] = (char *)next_string(at, end);
	return list;
}

void receive_command(struct command *c)
{
	struct wire_head head;
	char *at = receive_frame(&head), *end = at + head.length;

	if (head.type != WIRE_COMMAND)
		die("frame '%c' instead of a command", head.type);
	c->tty = *next_string(&at, end) == '1';
	c->input = *next_string(&at, end) == '1';
	c->rows = strtoul(next_string(&at, end), NULL, 10);
	c->columns = strtoul(next_string(&at, end), NULL, 10);
	c->cwd = next_string(&at, end);
	c->out = next_string(&at, end);
	c->modules_from = next_string(&at, end);
	c->modules_to = next_string(&at, end);
	c->argv = next_strings(&at, end);
	c->envp = next_strings(&at, end);
}

/* In the child: becomes the command or says why not, as a shell would. */
static void exec_command(const struct command *c)
{
	static const int reset[] = { SIGCHLD, SIGPIPE, SIGINT, SIGTERM,
				     SIGHUP };
	const char *program = c->argv[0];
	sigset_t none;
	size_t i;

	for (i = 0; i < sizeof(reset) / sizeof(reset[0]); i++)
		signal(reset[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(c->cwd)) {
		dprintf(2, "vm: %s: %s\n", c->cwd, strerror(errno));
		_exit(126);
	}
	/* PATH is looked up in our own environment. */
	environ = c->envp;
	execvp(program, c->argv);
	dprintf(2, "vm: %s: %s\n", program, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void start_on_terminal(const struct command *c, struct child *child)
{
	struct winsize size = { .ws_row = c->rows, .ws_col = c->columns };
	int slave, master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ioctl(master, TIOCSWINSZ, &size))
		die("pseudo terminal: %s", strerror(errno));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		die("%s: %s", ptsname(master), strerror(errno));
	child->pid = fork();
	if (child->pid < 0)
		die("fork: %s", strerror(errno));
	if (child->pid == 0) {
		if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) ||
		    dup2(slave, 0) < 0 || dup2(slave, 1) < 0 ||
		    dup2(slave, 2) < 0)
			_exit(126);
		exec_command(c);
	}
	close(slave);
	child->tty = true;
	child->in = master;
	child->out = master;
	child->err = -1;
}

static void start_on_pipes(const struct command *c, struct child *child)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(err, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	child->pid = fork();
	if (child->pid < 0)
		die("fork: %s", strerror(errno));
	if (child->pid == 0) {
		if (setsid() < 0 || dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 ||
		    dup2(err[1], 2) < 0)
			_exit(126);
		exec_command(c);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	child->in = in[1];
	child->out = out[0];
	child->err = err[0];
	/* The command may take less than we have: never wait for it here. */
	if (fcntl(child->in, F_SETFL, O_NONBLOCK))
		die("fcntl: %s", strerror(errno));
	if (!c->input)
		close_fd(&child->in); /* an empty input, not a missing one */
}

/* End of the input: nothing more comes, or nobody takes it. */
static void end_input(struct child *c)
{
	if (!c->tty)
		close_fd(&c->in);
	c->in = -1;
}

/* Give the command what it takes; ask for more once it has taken all. */
static void push_input(struct child *c)
{
	ssize_t n = write(c->in, c->pending + c->pending_from,
			  c->pending_length - c->pending_from);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		end_input(c);
	else
		c->pending_from += n;
	if (n >= 0 && c->pending_from < c->pending_length)
		return;
	free(c->pending);
	c->pending = NULL;
	send_frame(WIRE_TAKEN, NULL, 0);
}

static void take_input(struct child *c, char *data, size_t length)
{
	free(c->pending);
	c->pending = NULL;
	if (!length || c->in < 0) {
		free(data);
		end_input(c);
		return;
	}
	c->pending = data;
	c->pending_from = 0;
	c->pending_length = length;
}

static void take_frame(struct child *c)
{
	struct wire_head head;
	char *data = receive_frame(&head);
	uint32_t value[2] = { 0 };

	memcpy(value, data,
	       head.length < sizeof(value) ? head.length : sizeof(value));
	switch (head.type) {
	case WIRE_INPUT:
		take_input(c, data, head.length);
		return;
	case WIRE_SIGNAL:
		kill(-c->pid, value[0]);
		break;
	case WIRE_SIZE:
		if (c->tty && c->out >= 0)
			ioctl(c->out, TIOCSWINSZ,
			      &(struct winsize){ .ws_row = value[0],
						 .ws_col = value[1] });
		break;
	default:
		die("frame '%c' from the host", head.type);
	}
	free(data);
}

/* One read of the command's output; closes the descriptor at its end. */
static void carry(struct child *c, int *fd, enum wire_type type)
{
	static char data[WIRE_DATA_MAX];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0)
		send_frame(type, data, n);
	if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
		return;
	close_fd(fd); /* a terminal ends with EIO */
	if (c->tty)
		c->in = -1;
}

/* PID 1 inherits every orphan. Returns false when there is no child left. */
static bool reap(struct child *c)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != c->pid)
			continue;
		c->exited = true;
		c->status = WIFEXITED(status) ? WEXITSTATUS(status) :
						128 + WTERMSIG(status);
	}
	return pid == 0;
}

static void relay(struct child *c, int signals)
{
	enum { PORT, SIGNALS, OUT, ERR, IN, NR };
	struct signalfd_siginfo info;

	while (!c->exited) {
		struct pollfd p[NR] = {
			[PORT] = { .fd = port, .events = POLLIN },
			[SIGNALS] = { .fd = signals, .events = POLLIN },
			[OUT] = { .fd = c->out, .events = POLLIN },
			[ERR] = { .fd = c->err, .events = POLLIN },
			[IN] = { .fd = c->pending ? c->in : -1,
				 .events = POLLOUT },
		};

		if (poll(p, NR, -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (p[OUT].revents)
			carry(c, &c->out, WIRE_OUTPUT);
		if (p[ERR].revents)
			carry(c, &c->err, WIRE_ERROR);
		if (p[IN].revents)
			push_input(c);
		if (p[PORT].revents)
			take_frame(c);
		if (p[SIGNALS].revents &&
		    read(signals, &info, sizeof(info)) == sizeof(info))
			reap(c);
	}
}

/* What the command left in its pipes; everybody who could write is dead. */
static void drain(struct child *c, int *fd, enum wire_type type)
{
	struct pollfd p = { .fd = *fd, .events = POLLIN };

	while (*fd >= 0 && poll(&p, 1, 0) > 0)
		carry(c, fd, type);
}

/* The machine ends with its command: whatever it left behind goes with it. */
static void kill_rest(struct child *c)
{
	int tries;

	kill(-1, SIGKILL);
	/* A task that sleeps uninterruptibly is not waited for for ever. */
	for (tries = 0; tries < 500 && reap(c); tries++)
		usleep(10000);
}

uint32_t run(const struct command *c)
{
	struct child child = { 0 };
	sigset_t mask;
	int signals;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (signals < 0)
		die("signalfd: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	if (c->tty)
		start_on_terminal(c, &child);
	else
		start_on_pipes(c, &child);
	relay(&child, signals);
	kill_rest(&child);
	drain(&child, &child.out, WIRE_OUTPUT);
	drain(&child, &child.err, WIRE_ERROR);
	return child.status;
}
