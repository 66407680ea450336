import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runBoth } from './both-interpreters.ts';
import { deviations } from './deviations.ts';
import { randomMachine } from './random-machines.ts';
import { openSecondInterpreter, type SecondInterpreter } from './second-interpreter.ts';
import { sharedMachines } from './shared-machines.ts';
import { sharedMaps } from './shared-maps.ts';

/** Our interpreter and moto's, which share no code but the definition: RELIABILITY, state machine. */
let second: SecondInterpreter;
beforeAll(async () => {
  second = await openSecondInterpreter();
});
afterAll(() => second[Symbol.asyncDispose]());

describe('both interpreters agree', () => {
  it.each(Object.entries({ ...sharedMachines, ...sharedMaps }))('%s', async (_, machine) => {
    const { ours, theirs } = await runBoth(second, machine);
    expect(ours).toEqual(theirs);
  });
});

it('both interpreters agree on machines that nobody wrote', async () => {
  const seed = Number(process.env.PARTWISE_SEED ?? '20260101');
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(randomMachine, async (machine) => {
      const { ours, theirs } = await runBoth(second, machine);
      expect(ours).toEqual(theirs);
      seen.add(`${ours.status} ${ours.error ?? ''}`);
      for (const type of JSON.stringify(machine.definition).matchAll(/"Type":"(\w+)"/g))
        seen.add(type[1] ?? '');
      if (ours.waitsSeconds.length > 0) seen.add('waits');
    }),
    { seed, numRuns: 120 },
  );
  expect([...seen].sort()).toEqual(
    [
      ...['Choice', 'Fail', 'Map', 'Parallel', 'Pass', 'Succeed', 'Task', 'Wait', 'waits'],
      ...['FAILED E1', 'FAILED E2', 'FAILED Ended', 'SUCCEEDED '],
    ].sort(),
  );
});

describe('where they differ, ours is as the service is', () => {
  it.each(Object.entries(deviations))('%s', async (_, { machine, ours, theirs, why }) => {
    const both = await runBoth(second, machine);
    expect(both.ours, why).toMatchObject(ours);
    // Once the other one is mended, the machine belongs to those that both agree on.
    expect(both.theirs).toMatchObject(theirs);
  });
});
