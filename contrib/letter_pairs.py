#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes src/processor/redaction/letter_pairs.h: how surprising each letter is behind each other one, counted in the
texts that are named on the command line.

    contrib/letter_pairs.py docs/*.md docs/*/*.md README.md src/*/*.h > src/processor/redaction/letter_pairs.h

A surprise is -16 ln p, p the share of the second letter among those that follow the first; each pair is counted ten
times more than it is there, so that none is impossible. Words are letters of ASCII, in lower case, with one blank
between. LETTER_SURPRISE is where the mean of a text must stay below for it to be words: the table below was tried on
path segments and on letters drawn by chance (test/data/redaction/words.txt)."""

import math
import re
import sys

LETTERS = "abcdefghijklmnopqrstuvwxyz "
SURPRISE = 65

HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* Made by contrib/letter_pairs.py: how surprising each letter is behind another, -16 ln p, letters and a blank. */
#ifndef PROCESSOR_REDACTION_LETTER_PAIRS_H
#define PROCESSOR_REDACTION_LETTER_PAIRS_H

#include <stdint.h>

#define LETTER_KINDS 27u
#define LETTER_SURPRISE %du /* the mean of words is below it */

static const uint8_t letter_pairs[LETTER_KINDS][LETTER_KINDS] = {"""


def counted(text):
    counts = {a: dict.fromkeys(LETTERS, 10) for a in LETTERS}
    plain = " ".join(re.findall("[a-z]+", text.lower()))
    for a, b in zip(plain, plain[1:]):
        counts[a][b] += 1
    return counts


def rows(counts):
    for a in LETTERS:
        total = sum(counts[a].values())
        yield [min(255, round(-16 * math.log(counts[a][b] / total))) for b in LETTERS]


def main():
    text = " ".join(open(path, encoding="utf-8").read() for path in sys.argv[1:])
    print(HEAD % SURPRISE)
    for row in rows(counted(text)):
        numbers = ", ".join(map(str, row))
        cut = numbers.rfind(", ", 0, 112)
        print(f"    {{ {numbers[:cut]},\n      {numbers[cut + 2:]} }},")
    print("};\n\n#endif")


if __name__ == "__main__":
    main()
