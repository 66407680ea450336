import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runScript } from './child.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'partwise-scale-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const buckets = 2_800;
const months = 36;
const cells = buckets * months;

interface Report {
  readonly live: number;
  readonly renewed: number;
  readonly peaksMb: Readonly<Record<string, number>>;
}

/** Runs a script in a heap that may not grow: one that may is collected late where memory is plenty, and shows nothing. */
async function reportOf<T extends Report>(script: string, args: readonly (string | number)[]): Promise<T> {
  const env = { NODE_OPTIONS: '--max-old-space-size=640' };
  const result = await runScript(`test/faults/${script}`, [join(folder, 'root'), ...args.map(String)], {
    env,
  });
  expect(result.code, result.stderr).toBe(0);
  console.log(result.stdout.trim());
  const report: T = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '');
  for (const [phase, peak] of Object.entries(report.peaksMb)) expect(peak, phase).toBeLessThan(1_024);
  return report;
}

it('100,000 units go through plan, audit and publish in less than 1 GB', async () => {
  const report = await reportOf<Report & { units: number; auditPassed: boolean }>('scale-child.ts', [
    buckets,
    months,
  ]);
  expect(report.units).toBeGreaterThanOrEqual(97_000);
  expect(report.live).toBe(cells);
  expect(report.renewed).toBe(report.units);
  expect(report.auditPassed).toBe(true);
});

it('100,000 files get twice the buckets in less than 1 GB', async () => {
  const report = await reportOf<Report & { units: number[]; failed: unknown[] }>('scale-rewrite-child.ts', [
    'rebucket',
    buckets,
    months,
    1,
  ]);
  // latest has a file for each bucket, too.
  expect(report.units).toEqual([cells + buckets, cells + buckets]);
  expect(report.failed).toEqual([]);
  expect(report).toMatchObject({ live: 2 * cells, renewed: 2 * cells });
});

it('100,000 small files become 50,000 in less than 1 GB', async () => {
  const report = await reportOf<Report & { units: number[]; failed: unknown[] }>('scale-rewrite-child.ts', [
    'compact',
    buckets / 2,
    months,
    2,
  ]);
  expect(report.units).toEqual([(cells + buckets) / 2, (cells + buckets) / 2]);
  expect(report.failed).toEqual([]);
  expect(report).toMatchObject({ live: cells / 2, renewed: cells / 2 });
});
