import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { SummaryConfig } from '../../lib/config/schema.ts';
import type { SqlRow } from '../../lib/engine/engine.ts';
import {
  addColumns,
  commitStaged,
  currentSchema,
  currentSnapshot,
  liveFiles,
  loadTable,
} from '../../lib/iceberg/index.ts';
import { runPipeline } from '../../lib/run/local/local.ts';
import { type Role, tableIdentifier } from '../../lib/summary/tables/tables.ts';
import { verifyTables } from '../../lib/summary/verify/verify.ts';
import { liveRows, type ScannedFile, scanned } from '../../lib/upkeep/live-rows.ts';
import { parseSummary } from '../support/pipelines.ts';
import { type Fixture, grownPipeline as grown, openFixture, smallPipeline } from './fixture.ts';

const modes = [
  ['partitionwise', 'merge-on-read'],
  ['partitionwise', 'copy-on-write'],
  ['unified', 'auto'],
] as const;

async function drop({ world }: Fixture, name: string, lines: readonly string[]): Promise<void> {
  const folder = `${world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/${name}`, `${lines.join('\n')}\n`);
}

async function pipeline(text: string, [strategy, rewrite]: (typeof modes)[number]): Promise<SummaryConfig> {
  return parseSummary(
    `${text}work: {strategy: ${strategy}, rewrite: ${rewrite}}\ntables: {buckets: 1}\n`,
    'p.yaml',
  );
}

async function succeed({ world }: Fixture, config: SummaryConfig) {
  const { run, plan } = await runPipeline({ world, config });
  expect(run?.error).toBeUndefined();
  expect(run?.status).toBe('succeeded');
  return plan;
}

async function stored({ world }: Fixture, config: SummaryConfig, role: Role): Promise<readonly SqlRow[]> {
  const table = await loadTable({
    store: world.warehouse,
    catalog: world.catalog,
    identifier: tableIdentifier(config, role),
  });
  const snapshotId = currentSnapshot(table)?.snapshotId;
  const files: ScannedFile[] = [];
  for await (const file of liveFiles({ store: world.warehouse, table, snapshotId }))
    files.push(scanned(file));
  await using session = await world.engine.open({
    memoryBytes: 5e8,
    threads: 1,
    workFolder: `${world.rootPath}/check`,
  });
  const rows = await liveRows({ store: world.warehouse, schema: currentSchema(table), files });
  return await session.query(
    `SELECT account_id::INTEGER AS k, month AS m, balance_history AS b, colour, points_history AS p, balance_grid AS g FROM ${rows} ORDER BY ALL`,
  );
}

const text = (rows: readonly SqlRow[]) =>
  rows.map((row) =>
    JSON.stringify(Object.values(row), (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
  );

describe('a pipeline that gains a scalar, a history and a grid', () => {
  for (const mode of modes) {
    it(`adds them to its tables with the run's data, and stored months are unknown in them (${mode.join(', ')})`, async () => {
      await using fixture = await openFixture();
      const before = await pipeline(`${smallPipeline}historyLength: 4\n`, mode);
      await drop(fixture, 'a.csv', [
        'account_id,month,base_ts,balance,soft_delete',
        ...[1, 2, 3].flatMap((key) =>
          [1, 2, 3].map((month) => `${key},2026-0${month},2026-04-01,${key * 10 + month},`),
        ),
      ]);
      await succeed(fixture, before);

      const after = await pipeline(grown, mode);
      expect((await verifyTables(fixture.world, after, { full: true })).passed).toBe(true);
      await drop(fixture, 'b.csv', [
        'account_id,month,base_ts,balance,soft_delete,colour,points',
        '1,2026-02,2026-05-01,77,,red,5',
        '2,2026-04,2026-05-01,24,,blue,6',
        '4,2026-03,2026-05-01,43,,green,7',
      ]);
      const plan = await succeed(fixture, after);
      expect(plan?.explanation).toEqual(
        expect.arrayContaining([
          'summary gains colour, points, points_history, balance_grid; NULL in the rows stored so far',
        ]),
      );
      expect(text(await stored(fixture, after, 'summary'))).toEqual([
        '[1,"2026-01",[11,null,null,null],null,null,null]',
        '[1,"2026-02",[77,11,null,null],"red",[5,null,null,null],"77,11,?,?"]',
        '[1,"2026-03",[13,77,11,null],null,[null,5,null,null],"13,77,11,?"]',
        '[2,"2026-01",[21,null,null,null],null,null,null]',
        '[2,"2026-02",[22,21,null,null],null,null,null]',
        '[2,"2026-03",[23,22,21,null],null,null,null]',
        '[2,"2026-04",[24,23,22,21],"blue",[6,null,null,null],"24,23,22,21"]',
        '[3,"2026-01",[31,null,null,null],null,null,null]',
        '[3,"2026-02",[32,31,null,null],null,null,null]',
        '[3,"2026-03",[33,32,31,null],null,null,null]',
        '[4,"2026-03",[43,null,null,null],"green",[7,null,null,null],"43,?,?,?"]',
      ]);
      expect(text(await stored(fixture, after, 'latest'))).toEqual([
        '[1,"2026-03",[13,77,11,null],null,[null,5,null,null],"13,77,11,?"]',
        '[2,"2026-04",[24,23,22,21],"blue",[6,null,null,null],"24,23,22,21"]',
        '[3,"2026-03",[33,32,31,null],null,null,null]',
        '[4,"2026-03",[43,null,null,null],"green",[7,null,null,null],"43,?,?,?"]',
      ]);
      expect(
        (await verifyTables(fixture.world, after, { full: true })).checks.filter((one) => !one.passed),
      ).toEqual([]);

      await drop(fixture, 'c.csv', [
        'account_id,month,base_ts,balance,soft_delete,colour,points',
        '3,2026-01,2026-06-01,31,,pink,9',
        '1,2026-02,2026-06-01,77,4,red,5',
        '2,2025-12,2026-06-01,20,,grey,3',
      ]);
      await succeed(fixture, after);
      expect(text(await stored(fixture, after, 'summary')).filter((row) => /^\[[123],/.test(row))).toEqual([
        '[1,"2026-01",[11,null,null,null],null,null,null]',
        '[1,"2026-02",[77,11,null,null],"red",[5,null,null,null],"77,11,?,?"]',
        '[1,"2026-03",[13,null,11,null],null,[null,null,null,null],"13,?,11,?"]',
        '[2,"2025-12",[20,null,null,null],"grey",[3,null,null,null],"20,?,?,?"]',
        '[2,"2026-01",[21,20,null,null],null,[null,3,null,null],"21,20,?,?"]',
        '[2,"2026-02",[22,21,20,null],null,[null,null,3,null],"22,21,20,?"]',
        '[2,"2026-03",[23,22,21,20],null,[null,null,null,3],"23,22,21,20"]',
        '[2,"2026-04",[24,23,22,21],"blue",[6,null,null,null],"24,23,22,21"]',
        '[3,"2026-01",[31,null,null,null],"pink",[9,null,null,null],"31,?,?,?"]',
        '[3,"2026-02",[32,31,null,null],null,[null,9,null,null],"32,31,?,?"]',
        '[3,"2026-03",[33,32,31,null],null,[null,null,9,null],"33,32,31,?"]',
      ]);
      expect(
        (await verifyTables(fixture.world, after, { full: true })).checks.filter((one) => !one.passed),
      ).toEqual([]);
    });
  }

  it('adds them to latest too when the run changes nothing in it', async () => {
    await using fixture = await openFixture();
    const mode = modes[0];
    await drop(fixture, 'a.csv', [
      'account_id,month,base_ts,balance,soft_delete',
      '1,2026-01,2026-04-01,5,',
      '1,2026-09,2026-10-01,6,',
    ]);
    await succeed(fixture, await pipeline(`${smallPipeline}historyLength: 4\n`, mode));
    const after = await pipeline(grown, mode);
    await drop(fixture, 'b.csv', [
      'account_id,month,base_ts,balance,soft_delete,colour,points',
      '1,2026-01,2026-05-01,7,,red,5',
    ]);
    await succeed(fixture, after);
    expect(text(await stored(fixture, after, 'latest'))).toEqual([
      '[1,"2026-09",[6,null,null,null],null,null,null]',
    ]);
  });
});

it('a run is planned again when somebody else added one of its columns meanwhile, under another id', async () => {
  const mode = modes[0];
  let meddle: (() => Promise<void>) | undefined;
  await using fixture = await openFixture({
    step: async (name) => {
      if (name === 'audited') await meddle?.();
    },
  });
  const { world } = fixture;
  await drop(fixture, 'a.csv', ['account_id,month,base_ts,balance,soft_delete', '1,2026-01,2026-04-01,5,']);
  const before = await pipeline(`${smallPipeline}historyLength: 4\n`, mode);
  await succeed(fixture, before);
  const after = await pipeline(grown, mode);
  await drop(fixture, 'b.csv', [
    'account_id,month,base_ts,balance,soft_delete,colour,points',
    '1,2026-02,2026-05-01,7,,red,5',
  ]);
  const source = { store: world.warehouse, catalog: world.catalog };
  const identifier = tableIdentifier(after, 'summary');
  meddle = async () => {
    meddle = undefined;
    const table = await loadTable({ ...source, identifier });
    const columns = [{ name: 'balance_grid', type: 'string' }] as const;
    const staged = await addColumns({ store: world.warehouse, table, clock: world.clock, columns });
    await commitStaged({ ...source, staged: [staged] });
  };
  const { run } = await runPipeline({ world, config: after });
  expect(run?.error).toBeUndefined();
  expect(run?.facts['planGeneration']).toBe(1);
  expect(text(await stored(fixture, after, 'summary'))).toEqual([
    '[1,"2026-01",[5,null,null,null],null,null,null]',
    '[1,"2026-02",[7,5,null,null],"red",[5,null,null,null],"7,5,?,?"]',
  ]);
  expect((await verifyTables(world, after, { full: true })).passed).toBe(true);
});

it('a run at work goes on when somebody else adds a column meanwhile that is none of its own', async () => {
  let meddle: (() => Promise<void>) | undefined;
  await using fixture = await openFixture({
    step: async (name) => {
      if (name === 'after-checkpoint:resolve') await meddle?.();
    },
  });
  const { world } = fixture;
  const config = await pipeline(`${smallPipeline}historyLength: 4\n`, modes[0]);
  await drop(fixture, 'a.csv', ['account_id,month,base_ts,balance,soft_delete', '1,2026-01,2026-04-01,5,']);
  await succeed(fixture, config);
  await drop(fixture, 'b.csv', ['account_id,month,base_ts,balance,soft_delete', '1,2026-01,2026-05-01,7,']);
  const source = { store: world.warehouse, catalog: world.catalog };
  const identifier = tableIdentifier(config, 'summary');
  let isAdded = false;
  meddle = async () => {
    meddle = undefined;
    const table = await loadTable({ ...source, identifier });
    const columns = [{ name: 'foreign', type: 'string' }] as const;
    const staged = await addColumns({ store: world.warehouse, table, clock: world.clock, columns });
    await commitStaged({ ...source, staged: [staged] });
    isAdded = true;
  };
  const plan = await succeed(fixture, config);
  expect(isAdded).toBe(true);
  expect(plan?.stages.map(({ name }) => name)).toContain('apply');
  const table = await loadTable({ ...source, identifier });
  expect(currentSnapshot(table)?.summary['total-records']).toBe('1');
  expect(currentSchema(table).fields.map(({ name }) => name)).toContain('foreign');
});

it('a history over a column that was stored without one is refused by name', async () => {
  await using fixture = await openFixture();
  const mode = modes[0];
  await drop(fixture, 'a.csv', ['account_id,month,base_ts,balance,soft_delete', '1,2026-01,2026-04-01,5,']);
  await succeed(fixture, await pipeline(smallPipeline, mode));
  await drop(fixture, 'b.csv', ['account_id,month,base_ts,balance,soft_delete', '1,2026-02,2026-04-01,5,']);
  const after = await pipeline(
    smallPipeline.replace('history:\n', 'history:\n  - {name: soft_delete}\n'),
    mode,
  );
  await expect(runPipeline({ world: fixture.world, config: after })).rejects.toThrow(
    /soft_delete_history is not in it and soft_delete is: give the history a new column of its own/,
  );
});
