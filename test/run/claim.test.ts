import { mkdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { runPipeline } from '../../lib/run/local/local.ts';
import type { IntakeStatus } from '../../lib/stores/ports.ts';
import { parseSummary } from '../support/pipelines.ts';
import { openFixture, smallPipeline } from './fixture.ts';

async function statuses(fixture: Awaited<ReturnType<typeof openFixture>>): Promise<IntakeStatus[]> {
  const found: IntakeStatus[] = [];
  for await (const item of fixture.world.state.intake.list('accounts')) found.push(item.status);
  return found;
}

test('a deletions feed that comes, goes or changes after the tables were made is refused by name, and its files stay pending', async () => {
  await using fixture = await openFixture();
  const drop = async (name: string, closed: string) => {
    const folder = `${fixture.world.stagingPath}/accounts`;
    await mkdir(folder, { recursive: true });
    await writeFile(
      `${folder}/${name}.csv`,
      `account_id,month,base_ts,balance,soft_delete,closed_on,opened_on\n1,2026-01,2026-02-01 00:00:00,5,,${closed},\n`,
    );
  };
  const configured = async (pipeline: string, overrides?: string) =>
    parseSummary(
      `${smallPipeline.replace('pipeline: accounts', `pipeline: ${pipeline}\nsource: {prefix: accounts}`).replace('name: balance, type: bigint', 'name: balance, type: bigint}\n  - {name: closed_on, type: date}\n  - {name: opened_on, type: date')}
${overrides === undefined ? '' : `deletions: {key: account_id, date: closed_on, code: soft_delete, version: base_ts, overrides: ${overrides}}`}
`,
      'feed.yaml',
    );
  const refused = async (pipeline: string, overrides: string | undefined, message: RegExp) => {
    const config = await configured(pipeline, overrides);
    await expect(runPipeline({ world: fixture.world, config })).rejects.toThrow(message);
    const pending: string[] = [];
    for await (const item of fixture.world.state.intake.list(pipeline, { status: 'pending' }))
      pending.push(item.location);
    expect(pending).toHaveLength(1);
    expect(await fixture.world.state.leases.current(`pipeline/${pipeline}`)).toBeUndefined();
  };
  await drop('a', '2026-01-31');
  for (const [pipeline, overrides] of [['plain'], ['fed', 'closed_on']] as const) {
    const made = await runPipeline({ world: fixture.world, config: await configured(pipeline, overrides) });
    expect(made.run?.status).toBe('succeeded');
  }
  await drop('b', '2026-01-30');
  await refused(
    'plain',
    'closed_on',
    /deletions: partwise\.plain_summary was made without a deletions feed, .* not in it: pw_rec_date, .*pw_fed_version/,
  );
  await refused(
    'fed',
    undefined,
    /deletions: partwise\.fed_summary was made with one that overrides closed_on/,
  );
  await refused('fed', 'opened_on', /the pipeline is with one that overrides opened_on/);
});

test('a first load that does not fit in memory is worked off in slices of its keys, with the same rows', async () => {
  await using fixture = await openFixture({ memoryBytes: 200e6, threads: 2 });
  const folder = `${fixture.world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  const rows = Array.from(
    { length: 400_000 },
    (_, n) => `${n >> 2},2026-0${(n & 3) + 1},2026-06-01 00:00:00,${n},`,
  );
  await writeFile(`${folder}/a.csv`, `account_id,month,base_ts,balance,soft_delete\n${rows.join('\n')}\n`);
  const { run } = await runPipeline({ world: fixture.world, config: fixture.config });
  expect(run?.error).toBeUndefined();
  await using session = await fixture.world.engine.open({
    memoryBytes: 5e8,
    threads: 2,
    workFolder: `${fixture.world.rootPath}/check`,
  });
  const files = `${fixture.world.rootPath}/warehouse/partwise/accounts_summary/data/**/*.parquet`;
  const [cells] =
    await session.query(`SELECT count(DISTINCT filename) AS files, count(*) AS n, count(DISTINCT (account_id, month)) AS keys,
    count(*) FILTER (balance_history[1:4] = [balance, balance - 1, balance - 2, balance - 3]) AS full FROM read_parquet('${files}', filename = true)`);
  expect(cells).toMatchObject({ n: 400_000n, keys: 400_000n, full: 100_000n });
  expect(Number(cells?.['files'])).toBeGreaterThan(4);
});

test('columns named like the names of our own statements, and a numeric delete code, are columns like others', async () => {
  await using fixture = await openFixture();
  const config = await parseSummary(
    `
pipeline: accounts
kind: summary
columns:
  - {name: k, type: bigint}
  - {name: m, type: month}
  - {name: d, type: timestamp}
  - {name: e, type: bigint}
  - {name: n, type: int}
key: k
month: m
version: d
history: [{name: e}]
delete: {column: n}
`,
    'short.yaml',
  );
  const folder = `${fixture.world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  await writeFile(
    `${folder}/1.csv`,
    'k,m,d,e,n\n1,2026-01,2026-02-01,5,0\n1,2026-02,2026-03-01,6,0\n2,2026-01,2026-02-01,7,1\n',
  );
  expect((await runPipeline({ world: fixture.world, config })).run?.error).toBeUndefined();
  await writeFile(
    `${folder}/2.csv`,
    'k,m,d,e,n\n1,2026-01,2026-04-01,5,1\n2,2026-01,2026-01-01,8,0\n1,2025-12,2026-04-01,4,0\n',
  );
  const { run } = await runPipeline({ world: fixture.world, config });
  expect(run?.error).toBeUndefined();
  expect(run?.status).toBe('succeeded');
});

test('a column that the tables have with another type, or that left the pipeline, is refused by name, and the files stay pending', async () => {
  await using fixture = await openFixture();
  const folder = `${fixture.world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  await writeFile(
    `${folder}/a.csv`,
    'account_id,month,base_ts,balance,soft_delete\n1,2026-01,2026-02-01,5,\n',
  );
  expect((await runPipeline({ world: fixture.world, config: fixture.config })).run?.status).toBe('succeeded');
  await writeFile(
    `${folder}/b.csv`,
    'account_id,month,base_ts,balance,soft_delete\n1,2026-02,2026-03-01,5,\n',
  );
  const more = await parseSummary(
    smallPipeline
      .replace('name: balance, type: bigint', 'name: balance, type: int')
      .replace('  - {name: soft_delete, type: string}\n', '')
      .replace('delete: {column: soft_delete}\n', ''),
    'other.yaml',
  );
  await expect(runPipeline({ world: fixture.world, config: more })).rejects.toThrow(
    /balance is long there, int in the pipeline; balance_history is list of long there, list of int in the pipeline; soft_delete is in it and not in the pipeline/,
  );
  expect(await statuses(fixture)).toContain('pending');
});
