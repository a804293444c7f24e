// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/bars.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/output.h"
#include "lib/parse.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 60
#define COLUMNS_MAX 200

static unsigned int width_of(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	unsigned int width = osc_terminal_columns(out);
	uint64_t typed;

	if (width)
		return width;
	if (columns &&
	    !osc_parse_u64("COLUMNS", columns, 1, UINT16_MAX, &typed, NULL))
		return (unsigned int)typed;
	return COLUMNS_DEFAULT;
}

struct osc_bars osc_bars_for(FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool cursor = isatty(fileno(out)) && term && *term &&
		      strcmp(term, "dumb") != 0;

	return (struct osc_bars){
		.columns = width_of(out),
		.utf8 = osc_text_is_utf8(),
		.color = cursor && !(no_color && *no_color),
		.cursor = cursor,
	};
}

static unsigned int columns_after(const struct osc_bars *bars,
				  unsigned int label)
{
	unsigned int columns = bars->columns;

	columns = columns < COLUMNS_MIN ? COLUMNS_MIN :
		  columns > COLUMNS_MAX ? COLUMNS_MAX :
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

void osc_text_fold(const char *text, unsigned int columns, FILE *out)
{
	size_t column = strspn(text, " "), indent = column + 2;
	bool begun = false;

	fprintf(out, "%*s", (int)column, "");
	text += column;
	while (*text) {
		size_t word = strcspn(text, " ");

		if (begun && column + 1 + word > columns) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (begun) {
			fputc(' ', out);
			column++;
		}
		begun = true;
		fwrite(text, 1, word, out);
		column += word;
		text += word + strspn(text + word, " ");
	}
	fputc('\n', out);
}
