import fc from 'fast-check';
import { describe, it } from 'vitest';
import { scenarios } from '../generators/arbitraries.ts';
import { campaign, modes } from './modes.ts';
import { play, playDying } from './play.ts';

describe('with a deletions feed the tables equal the rebuild from every record ever accepted', () => {
  it('whatever the files, batches and order of records, deletes and feed records', async () => {
    await fc.assert(fc.asyncProperty(scenarios({ feed: true }), modes, play), campaign(12));
  });

  it('when stale records apply, batch by batch', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios({ feed: true, onStale: 'apply', maxRecords: 30 }), modes, play),
      campaign(4),
    );
  });

  it('when runs die at any step, also while they recover', async () => {
    const deaths = fc.array(fc.option(fc.nat(40)), { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(scenarios({ feed: true, maxRecords: 30, maxFiles: 4 }), modes, deaths, playDying),
      campaign(5),
    );
  });
});
