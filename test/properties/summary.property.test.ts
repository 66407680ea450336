import fc from 'fast-check';
import { describe, it } from 'vitest';
import { scenarios } from '../generators/arbitraries.ts';
import { bulkScenario } from '../generators/bulk.ts';
import { smallShape, wideShape } from '../generators/shape.ts';
import { campaign, modes } from './modes.ts';
import { play, playDying } from './play.ts';

describe('the tables equal the rebuild from every record ever accepted', () => {
  it('whatever the files, batches, order, duplicates, deletes and gaps, and however the work is done', async () => {
    await fc.assert(fc.asyncProperty(scenarios(), modes, play), campaign(10));
  });

  it('when stale records apply, batch by batch', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios({ onStale: 'apply', maxRecords: 30 }), modes, play),
      campaign(4),
    );
  });

  it('when runs die at any step, also while they recover', async () => {
    const deaths = fc.array(fc.option(fc.nat(40)), { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(scenarios({ maxRecords: 30, maxFiles: 4 }), modes, deaths, playDying),
      campaign(6),
    );
  });

  it('with the old systems’ shapes on 20 arrays of 36 months', async () => {
    await play(bulkScenario({ shape: wideShape, seed: 7, keys: 60, months: 14, changed: 0.25 }), {
      strategy: 'auto',
      rewrite: 'auto',
      buckets: 4,
    });
  });

  it('with many keys and both ways of rewriting in one run', async () => {
    const scenario = bulkScenario({
      shape: { ...smallShape, historyLength: 12 },
      seed: 8,
      keys: 600,
      months: 18,
      changed: 0.1,
    });
    await play(scenario, { strategy: 'partitionwise', rewrite: 'auto', buckets: 2 });
  });
});
