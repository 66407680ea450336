import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newSite, rowsOf, type Site } from './rollup/kill-site.ts';

const until = '2026-01-01T00:10:00Z';
const arrive = ['--arrived', '2026-01-01T00:01:00Z', '--until', until];

/** Where the process ends, and where it ends again while it recovers; #n is the n-th time. */
const deaths: readonly (readonly [first: string, again?: string])[] = [
  ['leased'],
  ['claimed', 'unit:prepare'],
  ['manifest'],
  ['before-checkpoint:prepare', 'planned'],
  ['unit:repair', 'before-checkpoint:repair'],
  ['after-checkpoint:repair', 'state-committed'],
  ['audited', 'state-written'],
  ['before-swap', 'after-swap'],
  ['published'],
  ['settled'],
];

describe('repairs whose process is killed', () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  let site: Site;
  let undisturbed: unknown;
  beforeAll(async () => {
    site = await newSite(folders);
    expect((await site('run', 'first.csv', ...arrive)).code).toBe(0);
    await site.save();
    const ran = await site('repair', 'points', '--also', 'second.csv');
    expect(ran.code, ran.stderr).toBe(0);
    undisturbed = await rowsOf(site);
  });

  for (const [first, again] of deaths) {
    it(`end with the same rows after kill -9 at ${first}${again === undefined ? '' : `, and again at ${again}`}`, async () => {
      await site.restore();
      const words = ['repair', 'points', '--also', 'second.csv'];
      const killed = await site.at(first, ...words);
      expect(killed.signal, killed.stderr).toBe('SIGKILL');
      if (again !== undefined) {
        const killedAgain = await site.at(again, ...words);
        expect(killedAgain.signal, killedAgain.stderr).toBe('SIGKILL');
      }
      const ran = await site(...words);
      expect(ran.code, ran.stderr).toBe(0);
      expect(await rowsOf(site)).toEqual(undisturbed);
      // A batch is in nobody's way either, and the file is not taken twice.
      const next = await site('run', '--until', '2026-01-01T00:15:00Z');
      expect(next.code, next.stderr).toBe(0);
      const verified = await site('verify', '--full');
      expect(verified.code, verified.stdout).toBe(0);
    });
  }
});
