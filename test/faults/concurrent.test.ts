import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bulkScenario } from '../generators/bulk.ts';
import { writeSourceFile } from '../generators/files.ts';
import { keyText, recordOf } from '../generators/records.ts';
import type { Scenario } from '../generators/scenario.ts';
import { oracleRules, smallShape } from '../generators/shape.ts';
import { type OracleRecord, rebuild } from '../oracle/summary-oracle.ts';
import { modeDocument } from '../properties/modes.ts';
import { bulkLoad } from '../summary/bulk-load.ts';
import { expectSucceeded, expectTables, openProduct } from '../summary/product.ts';
import { makeSite } from './site.ts';

const shape = smallShape;
const firstMonth = 2025 * 12 + 1;
const base = bulkScenario({ shape, seed: 41, keys: 30, months: 6, changed: 0 }).initial;

function records(month: number, keys: readonly number[], version = 10): OracleRecord[] {
  return keys.map((key) =>
    recordOf(shape, {
      key: keyText(shape, key),
      month: firstMonth + month,
      version,
      ties: [0],
      kind: 'normal',
    }),
  );
}

const newKeys = Array.from({ length: 25 }, (_, index) => 100 + index);
const oldKeys = Array.from({ length: 30 }, (_, index) => index);

/** Two batches that meet in every way that matters. */
const meetings: readonly {
  readonly name: string;
  readonly initial?: typeof base;
  readonly first: readonly OracleRecord[];
  readonly second: readonly OracleRecord[];
}[] = [
  {
    name: 'the same new keys in different months',
    first: records(12, newKeys),
    second: records(10, newKeys),
  },
  {
    name: 'the same new keys in the same month',
    first: records(12, newKeys, 10),
    second: records(12, newKeys, 11),
  },
  {
    name: 'a late month and a forward month of the same keys',
    first: records(7, oldKeys),
    second: records(13, oldKeys),
  },
  {
    name: 'corrections of different months of the same keys',
    first: records(9, oldKeys),
    second: records(11, oldKeys),
  },
  {
    name: 'the same new keys, into tables that are not there yet',
    initial: [],
    first: records(12, newKeys),
    second: records(10, newKeys),
  },
  { name: 'different keys', first: records(9, oldKeys.slice(0, 10)), second: records(9, oldKeys.slice(20)) },
];

/** A second pipeline that writes the first one's tables. */
const sharedTables = {
  summary: 'proof_summary',
  latest: 'proof_latest',
  tombstones: 'proof_tombstones',
  buckets: 3,
};

describe('two runs at once on one table', () => {
  for (const meeting of meetings) {
    for (const pause of ['planned', 'before-checkpoint:resolve', 'audited', 'before-swap']) {
      it(`hold both batches: ${meeting.name}, the second published while the first stood at ${pause}`, async () => {
        const root = await mkdtemp(join(tmpdir(), 'partwise-two-'));
        try {
          const document = {
            ...modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 3 }),
            tables: sharedTables,
          };
          let other: (() => Promise<void>) | undefined;
          await using first = await openProduct({
            shape,
            document,
            root,
            step: async (name) => {
              if (name !== pause || other === undefined) return;
              const meanwhile = other;
              other = undefined;
              await meanwhile();
            },
          });
          await using second = await openProduct({
            shape,
            document: { ...document, pipeline: 'second' },
            root,
          });
          const initial = meeting.initial ?? base;
          await bulkLoad(first, initial);
          other = async () => {
            await second.drop([{ name: 'b.parquet', format: 'parquet', seed: 2, records: meeting.second }]);
            expectSucceeded(await second.run());
          };
          await first.drop([{ name: 'a.csv', format: 'csv', seed: 1, records: meeting.first }]);
          expectSucceeded(await first.run());
          expect(other).toBeUndefined();
          await expectTables(first, rebuild(oracleRules(shape), initial, [meeting.first, meeting.second]));
        } finally {
          await rm(root, { recursive: true, force: true });
        }
      });
    }
  }
});

describe('two processes at once on one pipeline', () => {
  it('both end well, and both files are in the tables', async () => {
    const scenario: Scenario = { shape, initial: base, runs: [] };
    await using site = await makeSite(
      scenario,
      modeDocument({ strategy: 'auto', rewrite: 'auto', buckets: 3 }),
    );
    const batches = [records(12, newKeys), records(10, newKeys), records(7, oldKeys), records(13, oldKeys)];
    const results = await Promise.all(
      batches.map(async (batch, index) => {
        const path = join(site.root, `input-${index}-${randomBytes(2).toString('hex')}.csv`);
        await writeSourceFile(path, { shape, records: batch, format: 'csv', seed: index });
        return site.cli(['run', path]);
      }),
    );
    for (const result of results) expect(result.code, result.stderr).toBe(0);
    await site.visit((product) => expectTables(product, rebuild(oracleRules(shape), base, batches)));
  });
});

describe('two processes that spill at once', () => {
  it('in one working directory, on one root, both end well', async () => {
    await using site = await makeSite({ shape, initial: base, runs: [] });
    const watch = watchSpill(join(site.root, 'work'));
    const statement =
      "SELECT max(n) AS n FROM (SELECT row_number() OVER (ORDER BY hash(i)) AS n, i, repeat('x', 20) || i AS s FROM range(8000000) AS t(i)) WHERE s > 'x'";
    const results = await Promise.all([1, 2].map(() => site.cli(['sql', statement, '--memory', '256MB'])));
    for (const result of results) {
      expect(result.code, `${result.signal} ${result.stderr} ${result.stdout}`).toBe(0);
      expect(result.stdout).toContain('8000000');
    }
    expect(await watch.stop()).toBeGreaterThan(1);
  });
});

/** The most engines below the folder that had something spilled at one time. */
function watchSpill(folder: string): { stop(): Promise<number> } {
  let seen = 0;
  let stopped = false;
  const looking = (async () => {
    while (!stopped) {
      const names = await readdir(folder, { recursive: true }).catch(() => []);
      seen = Math.max(
        seen,
        new Set(names.filter((name) => /\/spill\/./.test(name)).map((name) => dirname(name))).size,
      );
      await setTimeout(25);
    }
    return seen;
  })();
  return {
    stop: () => {
      stopped = true;
      return looking;
    },
  };
}
