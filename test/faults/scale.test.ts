import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runScript } from './child.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-scale-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('100,000 units go through plan, audit and publish in less than 1 GB', async () => {
  // A heap that may grow is collected late where memory is plenty: what is needed shows only in one that may not.
  const env = { NODE_OPTIONS: '--max-old-space-size=640' };
  const result = await runScript('test/faults/scale-child.ts', [join(folder, 'root'), '2800', '36'], { env });
  expect(result.code, result.stderr).toBe(0);
  const report: {
    units: number;
    live: number;
    renewed: number;
    auditPassed: boolean;
    peaksMb: Record<string, number>;
  } = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '');
  console.log(result.stdout.trim());
  expect(report.units).toBeGreaterThanOrEqual(97_000);
  expect(report.live).toBe(2_800 * 36);
  expect(report.renewed).toBe(report.units);
  expect(report.auditPassed).toBe(true);
  for (const [phase, peak] of Object.entries(report.peaksMb)) expect(peak, phase).toBeLessThan(1_024);
});
