import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLocalWorld } from '../../lib/run/local/local-world.ts';
import { partwise } from '../faults/child.ts';
import type { Home } from './harness.ts';
import { balances, header, ok, warehouse } from './warehouse.ts';

/** A file that went to a branch is applied there; to main it comes with the switch, or by being run again. */

const other = `${header}9,2026-03,120,2026-04-01 00:00:00\n`;

/** `late.csv` is on branch check, and main has what was there before. */
async function branched(): Promise<Home> {
  const home = await warehouse();
  await ok(home, 'run', 'first.csv');
  await ok(home, 'run', 'late.csv', '--branch', 'check');
  return home;
}

async function moveMain(home: Home): Promise<void> {
  await writeFile(join(home.path, 'other.csv'), other);
  await ok(home, 'run', 'other.csv');
}

const months = async (home: Home) =>
  ((await balances(home)) as readonly (readonly unknown[])[])
    .map(([key, month]) => `${key} ${month}`)
    .join(', ');
const allMonths = '1 2025-12, 1 2026-01, 1 2026-02, 2 2026-01, 3 2026-01';
const doctor = async (home: Home) => (await home.run('doctor')).stdout;

describe('a file that went to a branch', () => {
  it('is applied on the branch, and can be run on main when main has moved on', async () => {
    await using home = await branched();
    await moveMain(home);
    expect((await ok(home, 'run', 'late.csv', '--branch', 'check')).stdout).toContain('applied before');
    const refused = await home.run('switch', 'check');
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('partwise run FILE')]);
    const { stdout, stderr } = await ok(home, 'run', 'late.csv');
    expect(stdout).toContain('published');
    expect(stderr).toContain('late.csv went to branch check');
    expect(await months(home)).toBe(`${allMonths}, 9 2026-03`);
    expect((await ok(home, 'run', 'late.csv')).stdout).toContain('applied before');
  });

  it('is pending again for a plan, and for another branch', async () => {
    await using home = await branched();
    expect(await home.json('plan', 'late.csv')).toMatchObject({ filesNew: 1, run: { status: 'planned' } });
    await ok(home, 'cancel', (await newest(home)).runId);
    expect((await ok(home, 'run', 'late.csv', '--branch', 'again')).stdout).toContain('to again');
  });

  it('is applied on main once the branch is switched to', async () => {
    await using home = await branched();
    expect(await doctor(home)).toContain('branch check');
    await ok(home, 'switch', 'check');
    expect((await ok(home, 'run', 'late.csv')).stdout).toContain('applied before');
    expect((await ok(home, 'runs')).stdout).toContain('check, now main');
    await ok(home, 'verify');
    expect(await doctor(home)).not.toContain('branch check');
    // The name is free again: what went to the first branch of that name is on main, on this one too.
    expect((await ok(home, 'run', 'late.csv', '--branch', 'check')).stdout).toContain('applied before');
  });

  it('waits again when the branch is given up', async () => {
    await using home = await branched();
    await moveMain(home);
    const { stdout } = await ok(home, 'cancel', '--branch', 'check');
    expect(stdout).toContain('1 file waits for the next run');
    expect((await ok(home, 'runs')).stdout).toContain('check, given up');
    expect((await home.run('show', 'latest', '--branch', 'check')).code).toBe(2);
    const given = (
      (await home.json('sql', "SELECT run_id FROM runs WHERE branch = 'check'")).rows as string[][]
    )[0];
    expect((await home.run('verify', given?.[0] ?? '')).stderr).toContain('was given up');
    expect((await home.run('cancel', '--branch', 'check')).code).toBe(2);
    expect((await home.run('cancel', '--branch', 'main')).code).toBe(2);
    await ok(home, 'run');
    expect(await months(home)).toBe(`${allMonths}, 9 2026-03`);
  });

  it('is settled by the next command when the process died between the switch and the settling', async () => {
    await using home = await branched();
    await interrupted(home, 'switched', 'switch', 'check');
    expect(await months(home)).toBe(allMonths);
    expect((await ok(home, 'run', 'late.csv')).stdout).toContain('applied before');
    await moveMain(home);
    expect(await doctor(home)).toContain('partwise switch check');
    await ok(home, 'switch', 'check');
    expect(await doctor(home)).not.toContain('branch check');
    expect(await months(home)).toBe(`${allMonths}, 9 2026-03`);
  });

  it('waits again after the same command when the process died while the branch was given up', async () => {
    await using home = await branched();
    await interrupted(home, 'dropped', 'cancel', '--branch', 'check');
    expect(await doctor(home)).toContain('partwise cancel --branch check');
    expect((await ok(home, 'cancel', '--branch', 'check')).stdout).toContain('1 file waits');
    await ok(home, 'run');
    expect(await months(home)).toBe(allMonths);
  });

  it('stays with its branch while a run on the branch has not ended', async () => {
    await using home = await branched();
    await writeFile(join(home.path, 'other.csv'), other);
    const planned = await home.json('plan', 'other.csv', '--branch', 'check');
    const { code, stderr } = await home.run('cancel', '--branch', 'check');
    expect([code, stderr]).toEqual([2, expect.stringContaining(`cancel ${runIdOf(planned)}`)]);
    const held = await home.run('run', 'other.csv');
    const goOn = `which is planned and not run yet: partwise run --plan ${runIdOf(planned)} or partwise cancel`;
    expect([held.code, held.stderr]).toEqual([1, expect.stringContaining(goOn)]);
  });
});

describe('a file that was refused', () => {
  it('is tried again when it is named again', async () => {
    await using home = await warehouse();
    await writeFile(join(home.path, 'broken.csv'), 'nothing,of,this\n1,2,3\n');
    expect((await ok(home, 'run', 'broken.csv')).stdout).toContain('refused');
    const again = await ok(home, 'run', 'broken.csv');
    expect(again.stdout).toContain('refused');
    expect(again.stderr).toContain('broken.csv was refused by');
    expect((await ok(home, 'run')).stdout).toContain('nothing to do');
  });
});

function runIdOf(document: Readonly<Record<string, unknown>>): string {
  return (document.run as { readonly runId: string }).runId;
}

async function newest(home: Home): Promise<{ readonly runId: string }> {
  const [run] = (await home.json('runs')).runs as readonly { readonly runId: string }[];
  return run ?? { runId: '' };
}

/** Runs the command line in a process that dies at the step; its lease is taken to have run out. */
async function interrupted(home: Home, step: string, ...argv: readonly string[]): Promise<void> {
  const root = join(home.path, '.partwise');
  const pipeline = join(home.path, 'pipelines/accounts.yaml');
  const died = await partwise([...argv, '--root', root, '--pipeline', pipeline], {
    env: { PARTWISE_KILL_AT: step },
  });
  expect([died.signal, died.stderr]).toEqual(['SIGKILL', '']);
  await using world = await openLocalWorld({ root });
  const lease = await world.state.leases.current('pipeline/accounts');
  if (lease !== undefined) await world.state.leases.release(lease);
}
