import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Dialect } from '../../lib/engine/dialect.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { duckDb } from '../../lib/engine/duckdb-dialect.ts';
import type { EngineSession } from '../../lib/engine/engine.ts';
import { spark } from '../../lib/engine/spark-dialect.ts';
import { text } from '../../lib/engine/sql.ts';
import { fileLocation } from '../../lib/stores/location.ts';
import { runUnit, sparkRunner } from './runner.ts';

let folder = '';
let session: EngineSession;
const runner = sparkRunner();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-numbers-'));
  session = await openDuckDb({ memoryBytes: 2 ** 28, threads: 1, workFolder: `${folder}/session` });
});
afterAll(async () => {
  await session?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const least = -(2n ** 63n);
const greatest = 2n ** 63n - 1n;
const longs = [least, least + 1n, -61n, -60n, -1n, 0n, 1n, 59n, 60n, 61n, 2n ** 53n + 1n, greatest];
/** Milliseconds: the first and the last of the years 1 to 9999, and times around midnight, a month's end and 1970. */
const times = [
  -62_135_596_800_000,
  253_402_300_799_999,
  253_402_300_800_000,
  -1,
  0,
  1,
  -86_400_001,
  951_782_400_000,
  951_868_800_000 - 1,
  1_767_225_599_999,
  1_767_225_600_000,
  -12_219_292_800_001,
];
const names = ['', 'cpu', "it's", 'série "1"', '😀', '\ud7ff\ue000', '-9223372036854775808', ' '];

const rows = longs.map((value, at) => {
  const other = longs[(at * 5 + 3) % longs.length] ?? 0n;
  return `(${at}, (${value})::BIGINT, (${other})::BIGINT, (${times[at]})::BIGINT, ${text(names[at % names.length] ?? '')}, ${at % 3})`;
});

/** Name to expression over the rows of `cases`. */
function expressions(dialect: Dialect): Readonly<Record<string, string>> {
  const { quotient, wide, timestampOf, monthOf, digestNumber, cast } = dialect;
  return {
    quotient: quotient('v', 60),
    quotient_of: quotient('v', '7'),
    remainder: 'v % 60',
    difference: cast(`(${wide('v')} - o)`, 'string'),
    time: cast(timestampOf('ms'), 'timestamp'),
    day: cast(timestampOf('ms'), 'date'),
    month: monthOf(timestampOf('ms')),
    name_number: digestNumber('name'),
    long_number: digestNumber(cast('v', 'string')),
  };
}

/** Name to aggregate, per `g`. */
function aggregates(dialect: Dialect): Readonly<Record<string, string>> {
  const { wide, wideSum, minBy, maxBy, record, sorted, collected, mapped, cast } = dialect;
  const pairs = sorted(collected(record({ v: 'v', o: 'o' })));
  return {
    total: cast(wideSum('v'), 'string'),
    more: cast(`${wide(`sum(${wide('v')} - o)`)}`, 'string'),
    first_name: minBy('name', 'v'),
    last_name: maxBy('name', 'v'),
    first_pair: `${minBy(record({ o: 'o', none: cast('NULL', 'int') }), 'v')}.o`,
    ordered: mapped(pairs, (one) => `${one}.v`),
    ordered_with: mapped(pairs, (one) => `${one}.o`),
  };
}

function select(found: Readonly<Record<string, string>>, rest: string): string {
  const items = Object.entries(found).map(([name, sql]) => `${sql} AS ${name}`);
  return `SELECT ${[...items, rest].join(', ')}`;
}

/** Constants as rows, and lists of rows taken apart. */
function unnested(dialect: Dialect): string {
  const { constants, unnested: apart } = dialect;
  const lists = {
    k: constants([-1, 0, 2_147_483_647], 'int'),
    low: constants([least, null, greatest], 'long'),
    x: constants([5e-324, 1.7976931348623157e308, 0.1], 'double'),
  };
  return `SELECT ${apart(lists)}`;
}

async function bothRows(kind: string, of: (dialect: Dialect) => string) {
  const path = `${folder}/cases.parquet`;
  const output = `${folder}/${kind}`;
  await session.execute(
    `COPY (SELECT * FROM (VALUES ${rows.join(', ')}) AS t(n, v, o, ms, name, g)) TO ${text(path)} (FORMAT parquet)`,
  );
  await runUnit(
    runner,
    {
      inputs: [{ view: 'cases', paths: [fileLocation(path)] }],
      outputs: [{ kind: 'files', select: of(spark), path: fileLocation(output) }],
    },
    { folder: `${folder}/${kind}-unit` },
  );
  await session.execute(`CREATE OR REPLACE TEMP VIEW cases AS SELECT * FROM read_parquet(${text(path)})`);
  const read = async (from: string) => ({
    rows: await session.query(`SELECT CAST(one AS VARCHAR) AS text FROM (${from}) AS one ORDER BY text`),
    types: await session.query(`SELECT column_name, column_type FROM (DESCRIBE ${from})`),
  });
  return {
    ours: await read(of(duckDb)),
    theirs: await read(`SELECT * FROM read_parquet(${text(`${output}/*.parquet`)})`),
  };
}

it('numbers, times and hashes are the same in DuckDB and in Spark, at the ends of their types', async () => {
  const { ours, theirs } = await bothRows(
    'rows',
    (dialect) => `${select(expressions(dialect), 'n')} FROM cases`,
  );
  expect(theirs).toEqual(ours);
  expect(ours.rows.length).toBe(longs.length);
});

it('exact sums, first and last values, and lists of structs are the same', async () => {
  const { ours, theirs } = await bothRows(
    'groups',
    (dialect) => `${select(aggregates(dialect), 'g')} FROM cases GROUP BY g`,
  );
  expect(theirs).toEqual(ours);
  expect(ours.rows.length).toBe(3);
});

it('constants become the same rows, to the last bit', async () => {
  const { ours, theirs } = await bothRows('constants', unnested);
  expect(theirs).toEqual(ours);
  expect(ours.rows.map((row) => row['text'])).toContainEqual(expect.stringContaining('5e-324'));
});
