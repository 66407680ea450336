import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { smallPipeline } from '../run/fixture.ts';
import { newHome } from './harness.ts';

const header = 'account_id,month,base_ts,balance,soft_delete';

it('--from-month orders the units of this plan, and is refused when it is no month', async () => {
  await using home = await newHome();
  await mkdir(`${home.path}/pipelines`);
  await writeFile(`${home.path}/pipelines/accounts.yaml`, smallPipeline);
  await writeFile(`${home.path}/a.csv`, `${header}\n1,2025-12,2026-02-01,5,\n1,2026-01,2026-02-01,6,\n`);
  await writeFile(`${home.path}/b.csv`, `${header}\n1,2025-12,2026-03-01,7,\n`);
  expect((await home.run('run', 'a.csv')).code).toBe(0);
  const refused = await home.run('plan', 'b.csv', '--from-month', '2026-13');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("--from-month needs a month YYYY-MM, not '2026-13'");
  const planned = await home.run('plan', 'b.csv', '--from-month', '2026-01');
  expect(planned.stdout).toMatch(/apply +2 /);
  const [, runId = ''] = /^plan (\S+)/m.exec(planned.stdout) ?? [];
  const again = await home.run('run', '--plan', runId, '--from-month', '2026-01');
  expect(again.code).toBe(2);
  expect((await home.run('run', '--plan', runId)).code).toBe(0);
});
