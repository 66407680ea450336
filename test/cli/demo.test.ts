import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareByMonth } from '../../lib/demo/account.ts';
import { newHome } from './harness.ts';

interface Drop {
  readonly title: string;
  readonly cases: Readonly<Record<string, number>>;
  readonly balance: readonly {
    readonly month: string;
    readonly changed: boolean;
    readonly before: unknown;
    readonly after: unknown;
  }[];
  readonly refused: readonly unknown[];
}

describe('the demo', () => {
  it('runs its six drops through the pipeline and says what each changed', async () => {
    await using home = await newHome();
    const shown = await home.json('demo', '--accounts', '400', '--months', '12');
    const drops = shown.drops as readonly Drop[];
    expect(drops.map(({ title, cases }) => [title, cases])).toEqual([
      ['first load', { caseI: 400, caseIV: 4392 }],
      ['new accounts', { caseI: 10, caseIV: 20 }],
      ['a forward month', { caseII: 410 }],
      ['a late month', expect.objectContaining({ caseIIIInsert: 8 })],
      ['corrections', expect.objectContaining({ caseIIIUpdate: 8, stale: 4 })],
      ['deletes', expect.objectContaining({ delete: 15 })],
      ['bad rows', { caseII: 300 }],
    ]);
    const changed = (index: number) =>
      drops[index]?.balance.filter((month) => month.changed).map(({ month }) => month);
    expect(changed(2)).toEqual(['2026-01']);
    expect(changed(3)).toEqual(['2025-07']);
    expect(changed(4)).toEqual(['2025-09', '2025-05']);
    expect(changed(5)).toEqual(['2025-11']);
    expect(drops[6]?.refused).toHaveLength(6);
    const root = join(home.path, 'demo-warehouse');
    expect((await home.json('verify', '--full', '--root', root)).exitCode).toBe(0);
    expect(
      (await home.run('run', join(root, 'drops/2-forward-month.parquet'), '--root', root)).stdout,
    ).toContain('nothing to do');
  });

  it('replaces only a folder that it made', async () => {
    await using home = await newHome();
    await mkdir(join(home.path, 'mine'));
    await writeFile(join(home.path, 'mine/precious'), '');
    const { code, stderr } = await home.run('demo', '--into', 'mine');
    expect([code, stderr]).toEqual([2, expect.stringContaining('was not made by the demo')]);
    expect((await home.run('demo', '--accounts', '5')).code).toBe(2);
  });

  it('compares arrays by calendar month', () => {
    const before = { month: '2025-12', history: [3, null, 1] };
    const after = { month: '2026-01', history: [4, 3, 2, 1] };
    expect(compareByMonth(before, after, 4)).toEqual([
      { month: '2026-01', before: undefined, after: 4, changed: true },
      { month: '2025-12', before: 3, after: 3, changed: false },
      { month: '2025-11', before: null, after: 2, changed: true },
      { month: '2025-10', before: 1, after: 1, changed: false },
    ]);
  });
});
