import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { currentSnapshot } from '../../lib/iceberg/index.ts';
import { cancelRun, resumeRun, runPipeline } from '../../lib/run/local/local.ts';
import { refuseOvertakenUnit } from '../../lib/run/plan/overtaken.ts';
import type { Plan, Workload } from '../../lib/run/workload.ts';
import { findTable } from '../../lib/summary/tables/pin-config.ts';
import { openFixture } from './fixture.ts';

/** What another process does to a run while an attempt of it is at work. */

async function running(at: string, meanwhile: (runId: string) => Promise<unknown>) {
  const fixture = await openFixture();
  const { world, config } = fixture;
  const path = `${world.stagingPath}/accounts`;
  await mkdir(path, { recursive: true });
  await writeFile(
    `${path}/a.csv`,
    'account_id,month,base_ts,balance,soft_delete\n1,2026-01,2026-02-01 00:00:00,5,\n',
  );
  let isDone = false;
  const outcome = runPipeline({
    world: {
      ...world,
      step: async (name) => {
        if (name !== at || isDone) return;
        isDone = true;
        const [run] = await world.state.runs.list(config.pipeline, 1);
        await meanwhile(run?.runId ?? '');
      },
    },
    config,
  });
  return {
    fixture,
    outcome,
    published: async () => {
      const table = await findTable(world, config, 'summary');
      return table === undefined ? 0 : Number(currentSnapshot(table)?.summary['total-records'] ?? 0);
    },
  };
}

it.each(['audited', 'before-swap'])('a run that is cancelled at %s publishes nothing', async (at) => {
  const site = await running(at, (runId) => cancelRun({ world: site.fixture.world, runId }));
  await using _ = site.fixture;
  await expect(site.outcome).rejects.toMatchObject({
    name: 'LeaseLostError',
    message: expect.stringContaining('was cancelled'),
  });
  expect(await site.published()).toBe(0);
  const { world, config } = site.fixture;
  const [run] = await world.state.runs.list(config.pipeline, 1);
  expect(run?.status).toBe('cancelled');
  const next = await runPipeline({ world, config });
  expect(next.run?.status).toBe('succeeded');
  expect(await site.published()).toBe(1);
});

it('an attempt that was overtaken by another one neither publishes nor touches the record', async () => {
  const site = await running('before-swap', (runId) =>
    resumeRun({ world: site.fixture.world, config: site.fixture.config, runId }),
  );
  await using _ = site.fixture;
  await expect(site.outcome).rejects.toMatchObject({
    name: 'LeaseLostError',
    message: expect.stringContaining('overtaken by attempt 2'),
  });
  const { world, config } = site.fixture;
  const [run] = await world.state.runs.list(config.pipeline, 1);
  expect(run).toMatchObject({ status: 'succeeded', attempt: 2 });
  expect(await site.published()).toBe(1);
});

it('units look once a minute whether another writer has overtaken them, and after a refusal each time', async () => {
  await using fixture = await openFixture();
  const { world: local, ...made } = await fixture.context();
  let nowMs = 0;
  let looks = 0;
  let isOvertaken = false;
  const catalog = { ...local.catalog, current: async () => 'file:///moved.json' };
  const context = { ...made, world: { ...local, catalog, clock: { now: () => nowMs } } };
  const plan = { pins: [{ table: 'partwise.t', metadataLocation: 'file:///v1.json' }] } as unknown as Plan;
  const workload = {
    mustBePlannable: async () => {
      looks += 1;
      if (isOvertaken) throw new ConfigError('other buckets', { safe: 'nothing was changed' });
    },
  } as unknown as Workload;
  const look = () => refuseOvertakenUnit({ context, workload, plan }, 'apply');
  await look();
  nowMs = 59_000;
  await look();
  expect(looks).toBe(1);
  nowMs = 61_000;
  isOvertaken = true;
  await expect(look()).rejects.toThrow(ConfigError);
  await expect(look()).rejects.toThrow(ConfigError);
  expect(looks).toBe(3);
});
