import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CorruptStateError, UnitTooLargeError, UnitUnfinishedError } from '../../lib/errors.ts';
import { isHandover, newestHandover } from '../../lib/run/units/handovers.ts';
import { inPieces } from '../../lib/run/units/pieces.ts';
import type { RunContext } from '../../lib/run/workload.ts';
import { DeathError, mortal } from '../properties/crashes.ts';
import { type Fixture, openFixture } from './fixture.ts';

/** Units whose pieces take time by a clock of their own, in functions that end. */

const pieceMs = 100;
const tooLarge = new UnitTooLargeError('the time of the function is up');

let fixture: Fixture;
let run: RunContext;
let units = 0;
const life = mortal();
const time = { nowMs: 0 };

beforeAll(async () => {
  fixture = await openFixture({ clock: { now: () => time.nowMs }, step: life.step });
  run = await fixture.context();
});
afterAll(() => fixture[Symbol.asyncDispose]());

interface Done {
  readonly piece: number;
  /** Which attempt has done it. */
  readonly attempt: string;
}

function newUnit(): { readonly stage: string; readonly unit: string } {
  units += 1;
  return { stage: 'work', unit: `u${units}` };
}

interface AttemptOptions {
  readonly item: { readonly stage: string; readonly unit: string };
  readonly pieces: number;
  /** So many pieces fit the function; one takes so long. */
  readonly fit: number;
  readonly attempt?: string;
  readonly cut?: string;
  /** Milliseconds of a piece, default all the same. */
  readonly lastsMs?: (piece: number) => number;
  readonly before?: (piece: number) => Promise<void>;
}

/** One call of a function. Its time is up when its last piece would not end any more. */
async function attemptAt(options: AttemptOptions): Promise<readonly Done[]> {
  const { item, pieces, fit, attempt = 'one', cut = 'pieces', lastsMs = () => pieceMs } = options;
  const endMs = time.nowMs + fit * pieceMs + pieceMs / 2;
  const control = new AbortController();
  return inPieces({
    context: { ...run, signal: control.signal, remainingMs: () => endMs - time.nowMs },
    item,
    cut,
    pieces: Array.from({ length: pieces }, (_, piece) => piece),
    work: async (piece) => {
      await options.before?.(piece);
      if (time.nowMs + lastsMs(piece) > endMs) {
        time.nowMs = endMs;
        control.abort(tooLarge);
        throw new Error('INTERRUPT Error: Interrupted!');
      }
      time.nowMs += lastsMs(piece);
      return { piece, attempt };
    },
  });
}

/** Attempts until one is the last, as the state machine makes them. */
async function attempts(
  options: AttemptOptions,
): Promise<{ readonly done: readonly Done[]; readonly calls: number }> {
  for (let calls = 1; ; calls += 1) {
    try {
      return { done: await attemptAt({ ...options, attempt: `a${calls}` }), calls };
    } catch (error) {
      if (!(error instanceof UnitUnfinishedError || error instanceof DeathError)) throw error;
      life.dieIn(undefined);
    }
  }
}

const numbers = (done: readonly Done[]) => done.map(({ piece }) => piece);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test('a unit of n pieces with time for k ends after n / k attempts, each piece done once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 13 }),
      async (pieces, fit) => {
        const { done, calls } = await attempts({ item: newUnit(), pieces, fit });
        expect(numbers(done)).toEqual(upTo(pieces));
        expect(calls).toBe(Math.ceil(pieces / fit));
        expect(new Set(done.map(({ attempt }) => attempt)).size).toBe(calls);
      },
    ),
    { numRuns: 60 },
  );
});

test('an attempt that dies anywhere costs what it had not handed over', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 10 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 4 }),
      async (pieces, fit, deaths) => {
        const item = newUnit();
        let calls = 0;
        for (const steps of deaths) {
          life.dieIn(steps);
          calls += 1;
          await attemptAt({ item, pieces, fit, attempt: `d${calls}` }).catch(() => undefined);
          life.dieIn(undefined);
        }
        const before = await newestHandover<Done>(run, { item, cut: 'pieces' });
        const { done, calls: more } = await attempts({ item, pieces, fit });
        expect(numbers(done)).toEqual(upTo(pieces));
        expect(done.slice(0, before?.done.length ?? 0)).toEqual(before?.done ?? []);
        expect(more).toBe(Math.max(1, Math.ceil((pieces - (before?.done.length ?? 0)) / fit)));
      },
    ),
    { numRuns: 60 },
  );
});

test('of two attempts at once one hands over, and nothing of the other is gone on with', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 2, max: 8 }),
      fc.integer({ min: 1, max: 3 }),
      async (scheduler, pieces, fit) => {
        const item = newUnit();
        const shortOf = (attempt: string) => {
          const done = { count: 0 };
          return inPieces({
            context: { ...run, remainingMs: () => (done.count % fit === 0 ? -1 : 1e9) },
            item,
            cut: 'pieces',
            pieces: upTo(pieces),
            work: async (piece) => {
              await scheduler.schedule(Promise.resolve(), `${attempt}${piece}`);
              done.count += 1;
              return { piece, attempt };
            },
          }).catch((error: unknown) => error);
        };
        const outcomes: unknown[] = [];
        for (let round = 0; round < pieces + 1; round += 1) {
          const both = Promise.all([shortOf(`x${round}`), shortOf(`y${round}`)]);
          outcomes.push(...(await scheduler.waitFor(both)));
          if (outcomes.some(Array.isArray)) break;
        }
        const handover = await newestHandover<Done>(run, { item, cut: 'pieces' });
        for (const outcome of outcomes) {
          if (!Array.isArray(outcome)) {
            expect(outcome).toBeInstanceOf(UnitUnfinishedError);
            continue;
          }
          expect(numbers(outcome)).toEqual(upTo(pieces));
          // All pieces of one handover are those of one attempt after another.
          for (const [index, { attempt }] of outcome.entries()) {
            const round = Math.floor(index / fit);
            expect(attempt).toMatch(new RegExp(`^[xy]${round}$`));
            expect(attempt).toBe(outcome[round * fit]?.attempt);
          }
        }
        expect(handover?.number ?? -1).toBe(Math.ceil(pieces / fit) - 2);
      },
    ),
    { numRuns: 40 },
  );
});

test('a piece that does not end in time after others is handed over around', async () => {
  const item = newUnit();
  const lastsMs = (piece: number) => (piece === 2 ? 3 * pieceMs : pieceMs);
  const { done, calls } = await attempts({ item, pieces: 4, fit: 4, lastsMs });
  expect(numbers(done)).toEqual([0, 1, 2, 3]);
  expect(calls).toBe(3);
  expect(done.map(({ attempt }) => attempt)).toEqual(['a1', 'a1', 'a2', 'a3']);
});

test('a piece that does not end in a whole function is too large, instead of being tried for ever', async () => {
  const item = newUnit();
  const lastsMs = (piece: number) => (piece === 2 ? 9 * pieceMs : pieceMs);
  const first = await attemptAt({ item, pieces: 4, fit: 4, lastsMs }).catch((error: unknown) => error);
  expect(first).toBeInstanceOf(UnitUnfinishedError);
  const control = new AbortController();
  const second = inPieces({
    context: { ...run, signal: control.signal, remainingMs: () => 0 },
    item,
    cut: 'pieces',
    pieces: upTo(4),
    work: async () => {
      control.abort(tooLarge);
      throw control.signal.reason;
    },
  });
  await expect(second).rejects.toBe(tooLarge);
  expect((await newestHandover(run, { item, cut: 'pieces' }))?.number).toBe(0);
});

test('what is stopped for another reason hands nothing over', async () => {
  const item = newUnit();
  const control = new AbortController();
  const stopped = inPieces({
    context: { ...run, signal: control.signal },
    item,
    cut: 'pieces',
    pieces: upTo(4),
    work: async (piece) => {
      if (piece === 2) control.abort(new Error('cancelled'));
      control.signal.throwIfAborted();
      return piece;
    },
  });
  await expect(stopped).rejects.toThrow('cancelled');
  expect(await newestHandover(run, { item, cut: 'pieces' })).toBeUndefined();
});

test('pieces of another cut are never taken for these', async () => {
  const item = newUnit();
  await attemptAt({ item, pieces: 8, fit: 3, cut: 'slices8' }).catch(() => undefined);
  const { done } = await attempts({ item, pieces: 4, fit: 4, cut: 'slices4' });
  expect(done.map(({ attempt }) => attempt)).toEqual(['a1', 'a1', 'a1', 'a1']);
});

test('a damaged handover is detected, never guessed', async () => {
  const item = newUnit();
  await attemptAt({ item, pieces: 4, fit: 2 }).catch(() => undefined);
  for await (const record of run.world.state.checkpoints.list(run.runId)) {
    if (!isHandover(record) || !record.unit.startsWith(`${item.unit}.`)) continue;
    await run.world.results.write(record.location, new TextEncoder().encode('{}'), { overwrite: true });
  }
  await expect(attemptAt({ item, pieces: 4, fit: 2 })).rejects.toThrow(CorruptStateError);
});

test('a unit of one piece asks the store for nothing', async () => {
  const asked: string[] = [];
  const { checkpoints } = run.world.state;
  const watched = {
    ...run.world,
    state: {
      ...run.world.state,
      checkpoints: {
        ...checkpoints,
        get: (...key: Parameters<typeof checkpoints.get>) => {
          asked.push(key.join('/'));
          return checkpoints.get(...key);
        },
      },
    },
  };
  const done = await inPieces({
    context: { ...run, world: watched },
    item: newUnit(),
    cut: 'pieces',
    pieces: [1],
    work: async (piece) => piece,
  });
  expect([done, asked]).toEqual([[1], []]);
});
