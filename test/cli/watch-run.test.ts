import { expect, it } from 'vitest';
import { watchRun } from '../../lib/cli/aws/watch-run.ts';
import type { ProgressEvent } from '../../lib/run/progress-event.ts';
import { addFacts } from '../../lib/run/run-facts.ts';
import { openFixture } from '../run/fixture.ts';

it('whoever watches a run elsewhere is told when Spark gets units of a stage, and why it is planned again', async () => {
  await using fixture = await openFixture();
  const { world } = fixture;
  const { runId } = await fixture.context('run-1', { objects: 1, spark: { resolve: { units: 1 } } });
  const events: ProgressEvent[] = [];
  const watch = watchRun({ world }, { event: (event) => events.push(event), finish: () => undefined });
  const look = async () => {
    const run = await world.state.runs.get(runId);
    if (run !== undefined) await watch.look(run);
    return events.splice(0).filter(({ kind }) => kind === 'note');
  };
  // What an earlier attempt has done is no news.
  expect(await look()).toEqual([]);
  await addFacts(world, runId, { spark: { resolve: { units: 1 }, apply: { units: 3 } } });
  const note = { kind: 'note', runId, stage: 'apply', text: '3 units of apply by Spark' };
  expect(await look()).toEqual([note]);
  expect(await look()).toEqual([]);
  await addFacts(world, runId, { planGeneration: 1, replanned: 'planned again' });
  await world.state.runs.update(runId, { status: 'planned' });
  expect(await look()).toEqual([{ kind: 'note', runId, text: 'planned again' }]);
});
