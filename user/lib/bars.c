// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/bars.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/output.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_MAX 200
#define BAR_MIN 8

struct osc_bars osc_bars_for(FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool cursor = isatty(fileno(out)) && term && *term &&
		      strcmp(term, "dumb") != 0;

	return (struct osc_bars){
		.columns = osc_terminal_columns(out) ?: COLUMNS_DEFAULT,
		.utf8 = osc_text_is_utf8(),
		.color = cursor && !(no_color && *no_color),
		.cursor = cursor,
	};
}

static unsigned int columns_after(const struct osc_bars *bars,
				  unsigned int label)
{
	unsigned int columns = bars->columns;

	columns = columns < label + BAR_MIN ? label + BAR_MIN :
		  columns > COLUMNS_MAX	    ? COLUMNS_MAX :
					      columns;
	return columns - label;
}

/* In eighths of a column, or in whole ones. */
void osc_bar_draw(const struct osc_bars *bars, double part, unsigned int label,
		  FILE *out)
{
	static const char *const blocks[] = { "█", "▏", "▎", "▍",
					      "▌", "▋", "▊", "▉" };
	unsigned int parts = bars->utf8 ? 8 : 1;
	unsigned int length =
		(unsigned int)(part * columns_after(bars, label) * parts);

	if (!length)
		length = 1;
	fputs(bars->color ? "\033[36m" : "", out);
	for (unsigned int i = 0; i < length / parts; i++)
		fputs(bars->utf8 ? blocks[0] : "#", out);
	if (length % parts)
		fputs(blocks[length % parts], out);
	fputs(bars->color ? "\033[0m" : "", out);
}

void osc_spark_draw(const struct osc_bars *bars, const uint64_t *values,
		    size_t n, uint64_t most, FILE *out)
{
	enum { LEVELS = 8 };
	static const char *const blocks[LEVELS + 1] = { " ", "▁", "▂", "▃", "▄",
							"▅", "▆", "▇", "█" };
	static const char *const plain[LEVELS + 1] = { " ", ".", ":", "-", "=",
						       "+", "*", "#", "@" };

	fputs(bars->color ? "\033[36m" : "", out);
	for (size_t i = 0; i < n; i++) {
		double part =
			values[i] < most ? (double)values[i] / (double)most : 1;
		int level = values[i] ? 1 + (int)(part * (LEVELS - 1) + 0.5) :
					0;

		fputs(bars->utf8 ? blocks[level] : plain[level], out);
	}
	fputs(bars->color ? "\033[0m" : "", out);
}

/*
 * Up to the next blank at which a line may be broken: not in a command, which is
 * pasted as it stands. It is what is between quotes, or all behind "try: ".
 */
static size_t word_length(const char *start, const char *text)
{
	size_t n = *text == '\'' ? 1 : 0;
	bool quoted = n;

	if (text - start >= 5 && !memcmp(text - 5, "try: ", 5))
		return strlen(text);
	for (; text[n] && (quoted || text[n] != ' '); n++) {
		if (quoted && text[n] == '\\' && text[n + 1])
			n++;
		else if (text[n] == '\'')
			quoted = false;
	}
	/* An apostrophe has no other. */
	return quoted ? strcspn(text, " ") : n;
}

static void fold(const char *text, unsigned int columns, FILE *out)
{
	const char *start = text;
	size_t column = strspn(text, " "), indent = column + 2;
	bool begun = false;

	fprintf(out, "%*s", (int)column, "");
	text += column;
	while (*text) {
		size_t blanks = strspn(text, " ");
		size_t word = word_length(start, text + blanks);

		if (begun && column + blanks + word > columns) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			text += blanks;
			blanks = 0;
		}
		begun = true;
		fwrite(text, 1, blanks + word, out);
		column += blanks + word;
		text += blanks + word;
	}
	fputc('\n', out);
}

void osc_text_fold(const char *text, unsigned int columns, FILE *out)
{
	char *folded = NULL;
	FILE *memory = NULL;
	size_t size;

	/* One write, for others write messages to the same place. */
	if (columns && strlen(text) > columns)
		memory = open_memstream(&folded, &size);
	if (memory)
		fold(text, columns, memory);
	if (memory && !fclose(memory))
		fputs(folded, out);
	else
		fprintf(out, "%s\n", text);
	free(folded);
}

void osc_text_fold_lines(char *text, unsigned int columns, FILE *out)
{
	char *line;

	while (text && *text) {
		line = strsep(&text, "\n");
		osc_text_fold(line, columns, out);
	}
}

static void print_line(FILE *out, unsigned int columns, const char *format,
		       va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0) {
		fputs("(out of memory)\n", out);
		return;
	}
	osc_text_fold(text, columns, out);
	free(text);
}

void osc_text_line(FILE *out, unsigned int columns, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(out, columns, format, args);
	va_end(args);
}

void osc_text_say(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(out, osc_terminal_columns(out), format, args);
	va_end(args);
}
