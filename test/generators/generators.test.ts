import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rebuild } from '../oracle/summary-oracle.ts';
import { scenarios } from './arbitraries.ts';
import { bulkScenario } from './bulk.ts';
import { fileFormats, writeSourceFile } from './files.ts';
import { recordOf } from './records.ts';
import { batchesOf } from './scenario.ts';
import { oracleRules, smallShape, wideShape } from './shape.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-generators-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('bulk-loaded rows', () => {
  it('are consistent: rebuilding them from themselves changes nothing', () => {
    fc.assert(
      fc.property(scenarios(), ({ shape, initial }) => {
        const rows = rebuild(oracleRules(shape), initial, []).summary;
        const made = initial.map(({ normal, arrays }) => ({ key: normal.key, month: normal.month, arrays }));
        const order = (a: { key: string; month: number }, b: { key: string; month: number }) =>
          a.key < b.key ? -1 : a.key > b.key ? 1 : a.month - b.month;
        expect(rows.map(({ key, month, arrays }) => ({ key, month, arrays }))).toEqual(made.sort(order));
      }),
      { numRuns: 50 },
    );
  });
});

describe('the oracle', () => {
  it('does not care how records are cut into runs or ordered, unless stale records apply', () => {
    fc.assert(
      fc.property(scenarios(), fc.nat(), (scenario, seed) => {
        const rules = oracleRules(scenario.shape);
        const batches = batchesOf(scenario);
        const all = batches.flat();
        const turned = all.flatMap((_, index) => all[(index + seed) % all.length] ?? []);
        const expected = rebuild(rules, scenario.initial, batches);
        expect(rebuild(rules, scenario.initial, [all])).toEqual(expected);
        expect(
          rebuild(
            rules,
            scenario.initial,
            turned.map((record) => [record]),
          ),
        ).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the bulk generator', () => {
  for (const shape of [smallShape, wideShape]) {
    it(`makes the hard shapes with ${shape.history.length} arrays, the same ones for one seed`, () => {
      const options = { shape, seed: 3, keys: 120, months: 14, changed: 0.2 };
      const scenario = bulkScenario(options);
      expect(bulkScenario(options)).toEqual(scenario);
      const tables = rebuild(oracleRules(shape), scenario.initial, batchesOf(scenario));
      const deadKeys = tables.latest.filter((row) => !row.alive);
      expect(deadKeys.length).toBeGreaterThan(0);
      expect(tables.tombstones.length).toBeGreaterThan(0);
      expect(tables.summary.length).toBeGreaterThan(scenario.initial.length);
      expect(tables.latest.length).toBeGreaterThan(120 * 0.85);
      expect(new Set(scenario.runs.flat().map((file) => file.format)).size).toBe(fileFormats.length);
    });
  }
});

describe('source files', () => {
  const readers = {
    csv: 'read_csv',
    'csv.gz': 'read_csv',
    jsonl: 'read_json',
    parquet: 'read_parquet',
  } as const;
  for (const format of fileFormats) {
    it(`hold the records as ${format}`, async () => {
      const records = Array.from({ length: 60 }, (_, index) =>
        recordOf(smallShape, {
          key: `k${index}`,
          month: 24_312 + (index % 7),
          version: index,
          ties: [index % 3 === 0 ? null : index],
          kind: index % 5 === 0 ? 'delete' : 'normal',
        }),
      );
      const path = join(folder, `records.${format}`);
      await writeSourceFile(path, { shape: smallShape, records, format, seed: 11 });
      const instance = await DuckDBInstance.create(':memory:', {
        threads: '1',
        temp_directory: join(folder, 'spill'),
      });
      const connection = await instance.connect();
      const options = format.startsWith('csv') ? ', all_varchar = true, header = true' : '';
      const reader = await connection.runAndReadAll(
        `SELECT acct, CAST(balance AS VARCHAR), CAST(status AS VARCHAR), CAST(opened AS VARCHAR) FROM ${readers[format]}('${path}'${options}) ORDER BY CAST(substr(acct, 2) AS INT)`,
      );
      expect(reader.getRows()).toEqual(
        records.map(({ key, values }) => [key, values.balance, values.status, values.opened]),
      );
      connection.closeSync();
      instance.closeSync();
    });
  }
});
