import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { duckDb } from '../../lib/engine/duckdb-dialect.ts';
import type { EngineSession } from '../../lib/engine/engine.ts';
import { edited, gridText, tailFromNeighbours } from '../../lib/summary/sql/arrays.ts';
import { alive, newer, newestFirst, same } from '../../lib/summary/sql/tuples.ts';

let folder: string;
let session: EngineSession;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-arrays-'));
  session = await openDuckDb({ memoryBytes: 2 ** 27, threads: 1, workFolder: `${folder}/session` });
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function value(expression: string, from = ''): Promise<unknown> {
  const [row] = await session.query(`SELECT ${expression} AS v ${from}`);
  return row?.['v'];
}

const column = {
  name: 'b_history',
  from: 'b',
  elementSqlType: 'INTEGER',
  elementIcebergType: 'int',
} as const;

describe('replacing positions of an array', () => {
  const array = '[0, 1, 2, 3, 4, 5]';
  const edit = (position: number) => ({ position, value: (old: string) => `${old} * 10` });

  it.each([
    [[], [9, 1, 2, 3, 4, 5]],
    [[1], [9, 10, 2, 3, 4, 5]],
    [[5], [9, 1, 2, 3, 4, 50]],
    [
      [2, 4],
      [9, 1, 20, 3, 40, 5],
    ],
    [
      [1, 2, 3, 5],
      [9, 10, 20, 30, 4, 50],
    ],
  ])('sees each edit at its own position: %j', async (positions, expected) => {
    const edits = positions.map(edit);
    expect(await value(edited(duckDb, 'l', '9', edits, 6), `FROM (SELECT ${array} AS l)`)).toEqual(expected);
  });
});

describe('the array of a row that was not stored', () => {
  const tail = (sources: Parameters<typeof tailFromNeighbours>[2]) =>
    value(tailFromNeighbours(duckDb, column, sources, 5));
  const earlier = (distance: number | null, isAlive = true) => ({
    array: '[10, 11, 12, 13, 14]',
    alive: String(isAlive),
    distance: distance === null ? 'NULL::INTEGER' : String(distance),
  });
  const later = { array: '[20, 21, 22, 23, 24]', distance: '1' };

  it('is empty without neighbours', async () => {
    expect(await tail({})).toEqual([null, null, null, null]);
  });
  it('is the earlier row shifted by the gap', async () => {
    expect(await tail({ earlier: earlier(1) })).toEqual([10, 11, 12, 13]);
    expect(await tail({ earlier: earlier(3) })).toEqual([null, null, 10, 11]);
  });
  it('keeps nothing across a gap of H or more', async () => {
    expect(await tail({ earlier: earlier(5) })).toEqual([null, null, null, null]);
    expect(await tail({ earlier: earlier(400) })).toEqual([null, null, null, null]);
  });
  it('holds NULL for an earlier month that is deleted', async () => {
    expect(await tail({ earlier: earlier(2, false) })).toEqual([null, null, 11, 12]);
  });
  it('takes months between the neighbours from the later one', async () => {
    expect(await tail({ earlier: earlier(3), later })).toEqual([22, 23, 10, 11]);
    expect(await tail({ earlier: earlier(null), later })).toEqual([22, 23, 24, null]);
  });
});

describe('the order of records', () => {
  const tuple = (...parts: (number | null)[]) =>
    parts.map((part) => (part === null ? 'NULL::INTEGER' : String(part)));

  it.each([
    [tuple(2, null, 0), tuple(1, 9, 9), true],
    [tuple(1, 0, 0), tuple(1, null, 9), true],
    [tuple(1, null, 9), tuple(1, 0, 0), false],
    [tuple(1, null, 2), tuple(1, null, 1), true],
    [tuple(1, 1, 1), tuple(1, 1, 1), false],
    [tuple(1, 1, 1), tuple(null, null, null), true],
  ])(
    'compares version, tie-breaks and hash from the left, NULL oldest: %j > %j is %s',
    async (a, b, expected) => {
      expect(await value(newer(a, b))).toBe(expected);
      expect(await value(newer(b, a))).toBe(!expected && !(await value(same(a, b))));
    },
  );
  it('sorts newest first the same way', async () => {
    const rows = await session.query(
      `SELECT list(i ORDER BY ${newestFirst(['v', 't'])}) AS l FROM (VALUES (0, 1, NULL), (1, 1, 5), (2, 2, NULL)) AS x(i, v, t)`,
    );
    expect(rows[0]?.['l']).toEqual([2, 1, 0]);
  });
  it('leaves a month alive when record and delete tie but for the hash', async () => {
    expect(await value(alive(tuple(1, 1, 0), tuple(1, 1, 9)))).toBe(true);
    expect(await value(alive(tuple(1, 1, 0), tuple(1, 2, 0)))).toBe(false);
    expect(await value(alive(tuple(1, 1, 0), tuple(null, null, null)))).toBe(true);
  });
});

describe('a grid', () => {
  it('shows every entry as text and NULL as the placeholder', async () => {
    const grid = { name: 'g', history: 'h', placeholder: "'", separator: '|' };
    expect(await value(gridText(duckDb, grid, '[1, NULL, -3]'))).toBe("1|'|-3");
  });
});
