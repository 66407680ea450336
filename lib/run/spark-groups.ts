import { glueSettings } from '../config/spark.ts';
import { engineModel } from '../engine/engine-model.ts';
import type { SparkTask, SparkTaskList } from '../engine/spark.ts';
import type { Location } from '../stores/ports.ts';
import { ahead } from './ahead.ts';
import { compiledRecord, savedUnit } from './compiled-units.ts';
import { jsonBytes, layout } from './layout.ts';
import { type MachineFailure, raisedError } from './raised-error.ts';
import { groupLimitsFor } from './spark-capacity.ts';
import { type GroupLimits, spreadOverRuns } from './spark-spread.ts';
import { stageItems } from './stages.ts';
import type { RunContext, StageSummary, UnitItem } from './workload.ts';

/** An item of the Map over runs of Spark. */
export interface SparkRunItem {
  readonly run: string;
  readonly stage: string;
  readonly attempt: number;
  /** Names this run of Spark within the stage. */
  readonly group: string;
  readonly units: number;
  /** A SparkTaskList: the runner's `--specifications`. */
  readonly specifications: Location;
}

/** An item of the Map of second halves. */
export interface FinishItem extends UnitItem {
  readonly finish: true;
  readonly group: string;
}

export interface SparkGroups {
  readonly runs: number;
  readonly units: number;
  /** JSON Lines of SparkRunItem and of FinishItem; absent when there are none. */
  readonly items?: Location;
  readonly finish?: Location;
  /** Units that the plan had given to functions, the first of them with why. */
  readonly rerouted: { readonly units: number; readonly some: readonly Rerouted[] };
}

export interface Rerouted {
  readonly unit: string;
  readonly name: string;
  readonly message: string;
}

/** Each is a read or two from a store that may be far away. */
const readsAtOnce = 32;

interface Waiting {
  readonly item: UnitItem;
  readonly task: SparkTask;
  readonly bytes: number;
  readonly rerouted: MachineFailure | undefined;
}

/** Of the units that were rerouted so many are told by name. */
const toldOf = 20;

/** Groups the units of the stage that this attempt has compiled and that have no checkpoint into few runs of Spark. */
export async function groupForSpark(
  context: RunContext,
  stage: Pick<StageSummary, 'name' | 'items'>,
  limits: GroupLimits = groupLimitsFor(glueSettings(context.config), engineModel()),
): Promise<SparkGroups> {
  const { world, runId: run, attempt, folder } = context;
  const waiting = await waitingUnits(context, stage);
  const groups = spreadOverRuns(waiting, limits);
  const rerouted = reroutedOf(waiting);
  if (groups.length === 0) return { runs: 0, units: 0, rerouted };
  const runs: SparkRunItem[] = [];
  const finish: FinishItem[] = [];
  for (const [index, units] of groups.entries()) {
    const group = `g${index}`;
    const list: SparkTaskList = { formatVersion: 1, units: units.map(({ task }) => task) };
    const specifications = layout.spark(folder, stage.name, `${group}-a${attempt}.units.json`);
    await world.results.write(specifications, jsonBytes(list), { overwrite: true });
    runs.push({ run, stage: stage.name, attempt, group, units: units.length, specifications });
    finish.push(...units.map(({ item }) => ({ ...item, finish: true as const, group })));
  }
  const write = async (name: string, items: readonly unknown[]): Promise<Location> => {
    const location = layout.spark(folder, stage.name, `${name}-a${attempt}.items.jsonl`);
    const lines = items.map((item) => `${JSON.stringify(item)}\n`).join('');
    await world.results.write(location, new TextEncoder().encode(lines), { overwrite: true });
    return location;
  };
  return {
    runs: runs.length,
    units: finish.length,
    items: await write('runs', runs),
    finish: await write('finish', finish),
    rerouted,
  };
}

async function waitingUnits(
  context: RunContext,
  stage: Pick<StageSummary, 'name' | 'items'>,
): Promise<readonly Waiting[]> {
  const { world, runId } = context;
  const waiting: Waiting[] = [];
  const look = async (item: UnitItem): Promise<Waiting | undefined> => {
    const record = await compiledRecord(context, item);
    if (record === undefined) return undefined;
    if ((await world.state.checkpoints.get(runId, item.stage, item.unit)) !== undefined) return undefined;
    const { specification, report, rerouted } = await savedUnit(context, record);
    return { item, task: { specification, report }, bytes: record.bytes, rerouted };
  };
  for await (const found of ahead(stageItems(world.results, stage.items), readsAtOnce, look))
    if (found !== undefined) waiting.push(found);
  return waiting;
}

function reroutedOf(waiting: readonly Waiting[]): SparkGroups['rerouted'] {
  const all = waiting.flatMap(({ item, rerouted }) => (rerouted === undefined ? [] : [{ item, rerouted }]));
  const some = all.slice(0, toldOf).map(({ item, rerouted }) => ({
    unit: `${item.stage}/${item.unit}`,
    name: rerouted.name,
    message: raisedError(rerouted).message.slice(0, 300),
  }));
  return { units: all.length, some };
}
