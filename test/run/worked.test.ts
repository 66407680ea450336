import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { planPipeline, resumeRun, runPipeline } from '../../lib/run/local/local.ts';
import { workedMs } from '../../lib/run/run-facts.ts';
import { openFixture } from './fixture.ts';

/** A home with a file, a clock that stands still unless it is moved, and a run that can be made to fail. */
async function still() {
  const state = { nowMs: Date.UTC(2026, 0, 1), isDown: false };
  const fixture = await openFixture({
    clock: { now: () => state.nowMs },
    step: async (name) => {
      if (name === 'audited') state.nowMs += 2_000;
      if (state.isDown && name === 'audited') throw new TypeError('died');
    },
  });
  const folder = `${fixture.world.stagingPath}/accounts`;
  await mkdir(folder, { recursive: true });
  await writeFile(
    `${folder}/a.csv`,
    'account_id,month,base_ts,balance,soft_delete\n1,2026-01,2026-02-01 00:00:00,5,\n',
  );
  return { fixture, state };
}

it('the time between a plan and its run is not counted as work', async () => {
  const { fixture, state } = await still();
  await using _ = fixture;
  const planned = await planPipeline(fixture);
  state.nowMs += 3_600_000;
  const { run } = await resumeRun({ ...fixture, runId: planned.run?.runId ?? '' });
  if (run?.endedMs === undefined) throw new Error('the run has not ended');
  expect(run.attempt).toBe(1);
  expect(workedMs(run, run.endedMs)).toBe(2_000);
});

it('nor is the time between a failure and the resume', async () => {
  const { fixture, state } = await still();
  await using _ = fixture;
  state.isDown = true;
  const failed = await runPipeline(fixture);
  state.nowMs += 3_600_000;
  state.isDown = false;
  const { run } = await resumeRun({ ...fixture, runId: failed.run?.runId ?? '' });
  if (run?.endedMs === undefined) throw new Error('the run has not ended');
  expect(run.status).toBe('succeeded');
  expect(workedMs(run, run.endedMs)).toBe(4_000);
});
