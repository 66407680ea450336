import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cancelRun, planPipeline, resumeRun, runPipeline } from '../../lib/run/local/local.ts';
import { type Fixture, openFixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

const header = 'account_id,month,base_ts,balance,soft_delete';

async function dropped(rows: readonly string[]): Promise<string> {
  const path = `${fixture.world.rootPath}/drop.csv`;
  await writeFile(path, `${header}\n${rows.join('\n')}\n`);
  return path;
}

test('a resume that fails on a damaged manifest says so, not what had failed before', async () => {
  const { world, config } = fixture;
  const bad = Array.from({ length: 5 }, (_, key) => `${key},not a month,2026-01-01,1,`);
  const { run } = await runPipeline({ world, config, paths: [await dropped(bad)] });
  expect(run?.error?.name).toBe('ErrorBudgetExceededError');
  const runId = run?.runId ?? '';
  await writeFile(`${world.rootPath}/results/runs/${runId}/run.json`, 'garbage');
  await expect(resumeRun({ world, config, runId })).rejects.toMatchObject({
    name: 'CorruptStateError',
    message: expect.stringMatching(/run\.json is damaged/),
  });
  await cancelRun({ world, runId });
  expect((await world.state.runs.get(runId))?.status).toBe('cancelled');
});

test('a damaged plan is named and leads to the doctor; the run can still be cancelled', async () => {
  const { world, config } = fixture;
  const { run } = await planPipeline({ world, config, paths: [await dropped(['1,2026-01,2026-01-01,1,'])] });
  const runId = run?.runId ?? '';
  await writeFile(`${world.rootPath}/results/runs/${runId}/plan/plan-0.json`, '{"formatVersion": 1, ');
  const resumed = await resumeRun({ world, config, runId }).then(
    (outcome) => outcome.run?.error,
    (error: unknown) => error,
  );
  expect(resumed).toMatchObject({
    name: 'CorruptStateError',
    message: expect.stringMatching(/plan-0\.json is damaged/),
  });
  await cancelRun({ world, runId });
  expect((await world.state.runs.get(runId))?.status).toBe('cancelled');
});
