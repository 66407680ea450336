import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { measureChild, type Usage } from './measure.ts';

/** How long a plan takes over many manifest entries, in a process of its own, from intake to the saved plan. */
export async function planningBench(filters: readonly string[]): Promise<void> {
  console.log('| data files | late records | wall s | peak MB | read MB | stages |');
  console.log('|--:|--:|--:|--:|--:|---|');
  for (const [buckets, records] of [
    [278, 1_000],
    [13_889, 20_000],
  ] as const) {
    const files = buckets * 36;
    if (filters.length > 0 && !filters.includes(String(files))) continue;
    const root = resolve(import.meta.dirname, `../.cache/bench/plan-${buckets}`);
    await rm(root, { recursive: true, force: true });
    await measureChild<Usage>('child-plan.ts', { root, buckets, step: 'make', records });
    const plan = await measureChild<Usage & { stages: readonly { name: string; units: number }[] }>(
      'child-plan.ts',
      { root, buckets, step: 'plan', records },
    );
    const stages = plan.stages.map(({ name, units }) => `${name} ${units}`).join(', ');
    console.log(
      `| ${[files, records, plan.wallSeconds.toFixed(2), (plan.peakBytes / 1e6).toFixed(0), (plan.readBytes / 1e6).toFixed(0), stages].join(' | ')} |`,
    );
    await rm(root, { recursive: true, force: true });
  }
}
