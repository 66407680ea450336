import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dialect } from '../../lib/engine/dialect.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { duckDb } from '../../lib/engine/duckdb-dialect.ts';
import type { EngineSession } from '../../lib/engine/engine.ts';
import { spark } from '../../lib/engine/spark-dialect.ts';

let folder: string;
let session: EngineSession;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-dialect-'));
  session = await openDuckDb({ memoryBytes: 2 ** 27, threads: 1, workFolder: `${folder}/session` });
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Any text without NUL and lone surrogates, with what parsers trip over made likely. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "'",
        '"',
        '`',
        '\\',
        '$',
        '{',
        `\${x}`,
        '\\u0041',
        '%',
        '_',
        '\n',
        '\r',
        '--',
        '/*',
        ';',
      ),
      fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

describe('quoting for DuckDB', () => {
  it('brings any text back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (value) => {
        const [row] = await session.query(`SELECT encode(${duckDb.text(value)}) AS v`);
        expect(Buffer.from(row?.['v'] as Uint8Array).toString()).toBe(value);
      }),
      { numRuns: 200 },
    );
  });

  it('brings any name back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        hostile.filter((name) => name !== ''),
        async (name) => {
          const [row] = await session.query(`SELECT 1 AS ${duckDb.identifier(name)}`);
          expect(Object.keys(row ?? {})).toHaveLength(1);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('quoting for Spark', () => {
  it('leaves neither a quote, nor an escape, nor a variable of the value', () => {
    expect(spark.text("it's")).toBe("'it\\'s'");
    expect(spark.text('a\\b')).toBe("'a\\\\b'");
    expect(spark.text(`\${env:HOME}`)).toBe("'\\u0024{env:HOME}'");
    expect(spark.identifier('a`b"c')).toBe('`a``b"c`');
  });

  it('ends the literal where the value ends, whatever the value', () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const literal = spark.text(value);
        expect(literal).toMatch(/^'(?:[^'\\$]|\\[\s\S])*'$/u);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe.each([duckDb, spark])('$name', (dialect: Dialect) => {
  it('refuses NUL in a text and a name, and types that no table has', () => {
    expect(() => dialect.text('a\0b')).toThrow(/NUL/);
    expect(() => dialect.identifier('a\0b')).toThrow(/NUL/);
    expect(() => dialect.type('uuid')).toThrow(/no table of ours/);
  });
});
