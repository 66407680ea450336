import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { planPipeline, runPipeline } from '../../lib/run/local/local.ts';
import { readSpecification, stageItems } from '../../lib/run/units/stages.ts';
import { monthText } from '../../lib/summary/sql/months.ts';
import type { ApplySpec } from '../../lib/summary/types.ts';
import { parseSummary } from '../support/pipelines.ts';
import { openFixture, smallPipeline } from './fixture.ts';

const months = ['2025-10', '2025-11', '2025-12', '2026-01', '2026-02'];

it('the units of the month and later ones stand first in the item list, bucket by bucket; all are there', async () => {
  await using fixture = await openFixture();
  const { world } = fixture;
  const configOf = (work: string) =>
    parseSummary(`${smallPipeline}tables: {buckets: 2}\nwork: {strategy: partitionwise${work}}\n`, 'p.yaml');
  const folder = `${world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  const drop = (name: string, version: string) => {
    const keys = Array.from({ length: 10 }, (_, key) => key);
    const rows = months.flatMap((month) => keys.map((key) => `${key},${month},${version},5,`));
    return writeFile(
      `${folder}/${name}`,
      `account_id,month,base_ts,balance,soft_delete\n${rows.join('\n')}\n`,
    );
  };
  await drop('a.csv', '2026-03-01');
  await runPipeline({ world, config: await configOf('') });
  await drop('b.csv', '2026-04-01');
  const { plan } = await planPipeline({ world, config: await configOf(", fromMonth: '2025-12'") });

  const units: (readonly string[])[] = [];
  const items = plan?.stages.find((stage) => stage.name === 'apply')?.items ?? '';
  for await (const item of stageItems(world.results, items)) {
    const { groups } = (await readSpecification(world.results, item)) as ApplySpec;
    units.push(groups.map((group) => `${group.bucket} ${monthText(group.month)}`));
  }
  const inBuckets = (some: readonly string[]) =>
    [0, 1].flatMap((bucket) => some.map((month) => `${bucket} ${month}`));
  expect(units).toEqual([inBuckets(months.slice(2)), inBuckets(months.slice(0, 2))]);
  expect(plan?.explanation).toContain('apply starts with the units of 2025-12 and later months');
});
