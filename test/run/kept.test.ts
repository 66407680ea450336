import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { keep } from '../../lib/run/kept.ts';
import { runPipeline } from '../../lib/run/local/local.ts';
import type { ObjectStore } from '../../lib/stores/ports.ts';
import { parseSummary } from '../support/pipelines.ts';
import { openFixture, smallPipeline } from './fixture.ts';

describe('what a process keeps', () => {
  it('is read once per owner and key, also by askers at the same time', async () => {
    const kept = keep<number>(10);
    const owners = [{}, {}] as const;
    let reads = 0;
    const load = async () => {
      reads += 1;
      return reads;
    };
    const asked = [owners[0], owners[0], owners[1], owners[0]].map((owner) => kept.get(owner, 'a', load));
    expect(await Promise.all(asked)).toEqual([1, 1, 2, 1]);
    expect(await kept.get(owners[0], 'b', load)).toBe(3);
  });

  it('is bounded: the least recently used goes', async () => {
    const kept = keep<string>(2);
    const owner = {};
    const read: string[] = [];
    const ask = (key: string) =>
      kept.get(owner, key, async () => {
        read.push(key);
        return key;
      });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await ask(key);
    expect(read).toEqual(['a', 'b', 'c', 'b']);
  });

  it('is never a failure', async () => {
    const kept = keep<string>(2);
    const owner = {};
    await expect(kept.get(owner, 'a', () => Promise.reject(new Error('once')))).rejects.toThrow('once');
    expect(await kept.get(owner, 'a', async () => 'read')).toBe('read');
  });
});

it('the manifest, the plan and the table metadata of a run are read as often for eight buckets as for one', async () => {
  const [one, eight] = [await reads(1), await reads(8)];
  expect(eight.units).toBeGreaterThan(one.units);
  expect(eight.reads).toEqual(one.reads);
  expect(one.reads['manifest']).toBeGreaterThan(0);
});

/** Reads of the second run of a table with so many buckets, by kind of object. */
async function reads(buckets: number) {
  await using fixture = await openFixture();
  const config = await parseSummary(
    `${smallPipeline}tables: {buckets: ${buckets}}\nwork: {strategy: partitionwise}\nmaintenance: {auto: false}\n`,
    'p.yaml',
  );
  const folder = `${fixture.world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  const drop = (name: string, version: string) => {
    const rows = Array.from({ length: 40 }, (_, key) => `${key},2026-01,${version},5,`);
    return writeFile(
      `${folder}/${name}`,
      `account_id,month,base_ts,balance,soft_delete\n${rows.join('\n')}\n`,
    );
  };
  await drop('a.csv', '2026-03-01');
  await runPipeline({ world: fixture.world, config });
  await drop('b.csv', '2026-04-01');
  const counts: Record<string, number> = { manifest: 0, plan: 0, metadata: 0 };
  const counting = (store: ObjectStore): ObjectStore => ({
    ...store,
    read: (location) => {
      const kind = /run\.json$/.test(location)
        ? 'manifest'
        : /plan-\d+\.json$/.test(location)
          ? 'plan'
          : /metadata\.json$/.test(location)
            ? 'metadata'
            : undefined;
      if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
      return store.read(location);
    },
  });
  const world = {
    ...fixture.world,
    results: counting(fixture.world.results),
    warehouse: counting(fixture.world.warehouse),
  };
  const { run, plan } = await runPipeline({ world, config });
  expect(run?.error).toBeUndefined();
  const units = plan?.stages.reduce((sum, stage) => sum + stage.units, 0) ?? 0;
  return { units, reads: counts };
}
