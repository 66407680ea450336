import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { SummaryConfig } from '../../lib/config/schema.ts';
import { runContext } from '../../lib/run/context.ts';
import { type LocalWorld, type LocalWorldOptions, openLocalWorld } from '../../lib/run/local/local-world.ts';
import type { RunContext } from '../../lib/run/workload.ts';
import { parseSummary } from '../support/pipelines.ts';

export const smallPipeline = `
pipeline: accounts
kind: summary
columns:
  - {name: account_id, type: bigint}
  - {name: month, type: month}
  - {name: base_ts, type: timestamp}
  - {name: balance, type: bigint}
  - {name: soft_delete, type: string}
key: account_id
month: month
version: base_ts
history:
  - {name: balance}
delete: {column: soft_delete}
limits: {badRows: 2, badRowFraction: 1, badFiles: 1}
`;

/** The same pipeline later: with another scalar, a history of its own and a grid over the old one. */
export const grownPipeline = smallPipeline
  .replace('columns:\n', 'columns:\n  - {name: colour, type: string}\n')
  .replace('  - {name: soft_delete', '  - {name: points, type: bigint}\n  - {name: soft_delete')
  .replace('history:\n', 'history:\n  - {name: points}\n')
  .concat(
    'historyLength: 4\ngrids: [{name: balance_grid, from: balance, placeholder: "?", separator: ","}]\n',
  );

export interface Fixture extends AsyncDisposable {
  readonly world: LocalWorld;
  readonly config: SummaryConfig;
  context(runId?: string, facts?: Readonly<Record<string, unknown>>): Promise<RunContext>;
}

/** A local world in a temporary folder, with a run that holds no claims yet. */
export async function openFixture(options: Partial<LocalWorldOptions> = {}): Promise<Fixture> {
  const folder = await mkdtemp(`${tmpdir()}/partwise-run-`);
  const world = await openLocalWorld({ root: folder, threads: 2, memoryBytes: 1e9, ...options });
  const config = await parseSummary(smallPipeline, 'small.yaml');
  return {
    world,
    config,
    context: async (runId = 'run-1', facts = {}) => {
      await world.state.runs.create({
        runId,
        pipeline: config.pipeline,
        status: 'claimed',
        attempt: 1,
        epoch: 1,
        branch: 'main',
        createdMs: 0,
        updatedMs: 0,
        endedMs: undefined,
        error: undefined,
        facts,
      });
      const run = await world.state.runs.get(runId);
      if (run === undefined) throw new Error('the run was not created');
      return runContext({ world, run, config, signal: new AbortController().signal, parallelUnits: 1 });
    },
    [Symbol.asyncDispose]: async () => {
      await world.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
