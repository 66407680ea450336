import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { runPipeline } from '../../lib/run/local/local.ts';
import { openFixture } from './fixture.ts';

it('a run that passes its deadline ends as any other, and it is said', async () => {
  let aheadMs = 0;
  const notes: string[] = [];
  await using fixture = await openFixture({
    clock: { now: () => Date.now() + aheadMs },
    step: async (name) => {
      if (name === 'published') aheadMs = 3_600_000;
    },
    onProgress: (event) => {
      if (event.kind === 'note') notes.push(event.text);
    },
  });
  const { world, config } = fixture;
  await mkdir(`${world.stagingPath}/accounts`, { recursive: true });
  await writeFile(
    `${world.stagingPath}/accounts/a.csv`,
    'account_id,month,base_ts,balance,soft_delete\n1,2026-01,2026-02-01 00:00:00,5,\n',
  );
  const late = { ...config, work: { ...config.work, deadline: '10s' } };
  expect((await runPipeline({ world, config: late })).run?.status).toBe('succeeded');
  expect(notes).toEqual([
    expect.stringMatching(/^late by 59 min \d\d s: the run was to be done within 10s \(work\.deadline\)$/),
  ]);
});
