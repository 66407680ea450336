import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSize } from '../../lib/cli/parse.ts';
import { shellWord } from '../../lib/cli/spelling.ts';
import { editDistance, nearest } from '../../lib/cli/suggest.ts';
import { csvCell, csvLine } from '../../lib/report/csv.ts';
import { bytes, count, duration, printable } from '../../lib/report/format.ts';
import { toJson } from '../../lib/report/json.ts';
import { recordLines, textTable } from '../../lib/report/table.ts';
import { cellText, listText } from '../../lib/report/value.ts';

describe('numbers', () => {
  it.each([
    [count(0), '0'],
    [count(999), '999'],
    [count(1000), '1,000'],
    [count(-1234567), '-1,234,567'],
    [count(12345678901234567890n), '12,345,678,901,234,567,890'],
    [bytes(0), '0 B'],
    [bytes(999), '999 B'],
    [bytes(1000), '1 KB'],
    [bytes(999_499), '999 KB'],
    [bytes(999_500), '1 MB'],
    [bytes(1_234_567), '1.23 MB'],
    [duration(0), '0 ms'],
    [duration(999), '999 ms'],
    [duration(1500), '1.5 s'],
    [duration(59_949), '59.9 s'],
    [duration(59_950), '1 min 00 s'],
    [duration(93_500), '1 min 34 s'],
    [duration(3_599_600), '1 h 00 min'],
    [duration(90 * 60_000), '1 h 30 min'],
  ])('%s is %s', (got, wanted) => expect(got).toBe(wanted));

  it('sizes are decimal and refuse what is no size', () => {
    expect(parseSize('900MB')).toBe(900e6);
    expect(parseSize('1.5 gb')).toBe(1.5e9);
    expect(parseSize('1024')).toBe(1024);
    for (const wrong of ['', '0', 'x', '-1MB', '1 PB', '1e3']) expect(parseSize(wrong)).toBeUndefined();
  });
});

describe('values', () => {
  it('shows arrays with _ for NULL and counts the tail', () => {
    expect(listText([5100, null, 4900, null, null])).toBe('[5100, _, 4900, 2 x _]');
    expect(listText([1n, null])).toBe('[1, _]');
    expect(listText([null, null, null])).toBe('[3 x _]');
    expect(listText([])).toBe('[]');
  });

  it('lets no data move the cursor, colour the screen or break a line', () => {
    expect(printable('a\u001b[31mb\r\nc\u202ed')).toBe('a\\u{1b}[31mb\\u{d}\\nc\\u{202e}d');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(cellText(value)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('keeps integers exact in JSON', () => {
    expect(toJson({ a: 2n ** 53n, b: 5n, c: Number.NaN, d: [1n] })).toBe(
      '{"a":"9007199254740992","b":5,"c":"NaN","d":[1]}',
    );
  });
});

describe('CSV', () => {
  it.each([
    ['=1+1', "'=1+1"],
    ['@cmd', "'@cmd"],
    ['-5', "'-5"],
    ['+x', "'+x"],
    ['\tx', "'\tx"],
    ['a"b', '"a""b"'],
    ['a,b', '"a,b"'],
    ['=a,b', '"\'=a,b"'],
    ['', ''],
    [null, ''],
    [-5, '-5'],
    [[1, null], '"[1,null]"'],
  ])('%j is written as %s', (value, wanted) => expect(csvCell(value)).toBe(wanted));

  it('reads back as one record whatever it holds', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 }), (values) => {
        const read = parseCsv(csvLine(values));
        expect(read.map((value) => value.replace(/^'(?=[=+\-@\t\r])/, ''))).toEqual(
          values.map((value) => value.replace(/^'(?=[=+\-@\t\r])/, '')),
        );
      }),
    );
  });
});

describe('tables', () => {
  it('align numbers right and cut long cells', () => {
    expect(
      textTable({
        columns: ['name', 'rows'],
        rows: [
          ['a', '1,000'],
          ['bcdefgh', 7],
        ],
        maxCellWidth: 5,
      }),
    ).toEqual(['name    rows', '-----  -----', 'a      1,000', 'bcde…      7']);
  });

  it('stand empty with their header', () => {
    expect(textTable({ columns: ['a'], rows: [] })).toEqual(['a', '-']);
  });

  it('show one row as lines', () => {
    expect(
      recordLines([
        ['id', 7n],
        ['balance_history', [1, null, null]],
      ]),
    ).toEqual(['id               7', 'balance_history  [1, 2 x _]']);
  });
});

describe('suggestions', () => {
  it('count insertions, deletions, substitutions and swaps', () => {
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('rnu', 'run')).toBe(1);
  });

  it('say nothing when nothing is near', () => {
    expect(nearest('zzz', ['run', 'show'])).toBeUndefined();
    expect(nearest('sho', ['run', 'show'])).toBe('show');
  });

  it('quote words for the shell', () => {
    expect(shellWord('a b')).toBe("'a b'");
    expect(shellWord("it's")).toBe("'it'\\''s'");
    expect(shellWord('/tmp/x-1.csv')).toBe('/tmp/x-1.csv');
  });
});

/** One record of RFC 4180. */
function parseCsv(line: string): readonly string[] {
  const cells: string[] = [];
  let rest = line;
  for (;;) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/s.exec(rest);
    if (match === null) throw new Error(`not CSV: ${JSON.stringify(rest)}`);
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    rest = rest.slice(match[0].length);
    if (match[3] !== ',') return cells;
  }
}
