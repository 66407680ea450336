import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaseHeldError } from '../../lib/errors.ts';
import type { StateStore } from '../../lib/stores/ports.ts';
import { isGone, ownProcess, type ProcessIdentity } from '../../lib/stores/sqlite/process-identity.ts';
import { openSqliteState } from '../../lib/stores/sqlite/state.ts';

let folder: string;
let path: string;
let holder: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(`${tmpdir()}/partwise-lease-`);
  path = `${folder}/state.db`;
});
afterEach(async () => {
  if (holder?.exitCode === null && holder.signalCode === null) {
    holder.kill('SIGKILL');
    await once(holder, 'exit');
  }
  holder = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function holdElsewhere(): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./lease-holder.ts', import.meta.url)), path],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  holder = child;
  const [said] = await once(child.stdout, 'data');
  expect(String(said)).toBe('held 1\n');
  return child;
}

async function withState<T>(action: (state: StateStore) => Promise<T>): Promise<T> {
  const state = await openSqliteState({ path, clock: { now: () => Date.now() } });
  try {
    return await action(state);
  } finally {
    await state.close();
  }
}

const takeOver = () => withState((state) => state.leases.acquire('p', 'run-2', 1_000));

describe('the lease of a process that was killed', () => {
  it('goes to the next one at once, under the next epoch', async () => {
    const child = await holdElsewhere();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await takeOver()).toMatchObject({ holder: 'run-2', epoch: 2 });
  });

  it('is kept while the process lives, even if it is stopped', async () => {
    const child = await holdElsewhere();
    await expect(takeOver()).rejects.toThrow(LeaseHeldError);
    child.kill('SIGSTOP');
    await expect(takeOver()).rejects.toThrow(LeaseHeldError);
  });

  it('is kept while the process lives from another one that goes by the same name', async () => {
    const again = () => withState((state) => state.leases.acquire('p', 'run-1', 1_000));
    const child = await holdElsewhere();
    await expect(again()).rejects.toMatchObject({ name: 'LeaseHeldError', details: { pid: child.pid } });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await again()).toMatchObject({ epoch: 2 });
    expect(await again()).toMatchObject({ epoch: 3 });
  });

  it('is kept when it is not known which process it was', async () => {
    const child = await holdElsewhere();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const database = new DatabaseSync(path);
    database.exec('UPDATE leases SET process = NULL');
    database.close();
    await expect(takeOver()).rejects.toThrow(LeaseHeldError);
  });

  it('is kept when a state file of an earlier version says nothing of processes', async () => {
    const database = new DatabaseSync(path);
    database.exec(
      'CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT, epoch INTEGER NOT NULL, expires_ms REAL NOT NULL)',
    );
    database.prepare('INSERT INTO leases VALUES (?, ?, ?, ?)').run('p', 'run-1', 7, Date.now() + 3_600_000);
    database.close();
    await expect(takeOver()).rejects.toThrow(LeaseHeldError);
    expect((await withState((state) => state.leases.acquire('p', 'run-1', 1_000))).epoch).toBe(8);
  });
});

describe('a process', () => {
  const own = ownProcess();
  const other = (change: Partial<ProcessIdentity>): ProcessIdentity => {
    if (own === undefined) throw new Error('this system does not say which process this is');
    return { ...own, ...change };
  };

  it('is not gone while it runs', () => {
    expect(isGone(other({}))).toBe(false);
  });

  it('is not gone when the machine, the boot or the container is another one', () => {
    expect(isGone(other({ scope: 'boot:another/pid:[1]', pid: 2 ** 22 + 1 }))).toBe(false);
  });

  it('is gone when nothing has its number', () => {
    expect(isGone(other({ pid: 2 ** 22 + 1 }))).toBe(true);
  });

  it('is gone when a later process has its number, where the start of a process can be known', () => {
    expect(isGone(other({ startTicks: '1' }))).toBe(process.platform === 'linux');
  });

  it('is not gone when it belongs to someone else, or its number makes no sense', () => {
    expect(isGone(other({ pid: 1, startTicks: undefined }))).toBe(false);
    expect(isGone(other({ pid: 0 }))).toBe(false);
  });
});
