import { expect, it } from 'vitest';
import { writeManifest } from '../../lib/run/context.ts';
import { jsonBytes, layout } from '../../lib/run/layout.ts';
import { planRun } from '../../lib/run/plan/planning.ts';
import { writeStage } from '../../lib/run/units/stages.ts';
import type { Plan, Workload } from '../../lib/run/workload.ts';
import { openFixture } from './fixture.ts';

it.each([false, true])(
  'a plan that is made again compares the tables once (asked for: %s)',
  async (replan) => {
    await using fixture = await openFixture();
    const made = await fixture.context();
    const asked: string[] = [];
    const catalog = {
      ...fixture.world.catalog,
      current: async ({ name }: { readonly name: string }) => {
        asked.push(name);
        return undefined;
      },
    };
    const context = { ...made, world: { ...made.world, catalog } };
    const pin = {
      table: 'partwise.gone',
      snapshotId: '1',
      metadataLocation: 'file:///gone/v1.json',
      uuid: 'u',
    };
    const plan = { runId: context.runId, stages: [], pins: [pin] } as unknown as Plan;
    const workload = { rollForward: async () => undefined, plan: async () => plan } as unknown as Workload;
    await writeManifest(context.world, {
      formatVersion: 1,
      runId: context.runId,
      config: context.config,
      configDigest: '',
      mode: 'run',
    });
    await writeStage(context, 'prepare', 0, []);
    await context.world.results.write(layout.plan(context.folder, 0), jsonBytes(plan));
    await planRun({ context, workload, replan });
    expect(asked).toEqual(['gone']);
    expect((await context.world.state.runs.get(context.runId))?.facts).toMatchObject({
      planGeneration: 1,
      replanned: expect.stringContaining('partwise.gone: the table was dropped'),
    });
  },
);
