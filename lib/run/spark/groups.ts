import { type GlueSettings, glueSettings } from '../../config/spark.ts';
import { engineModel, type ModelledStage } from '../../engine/engine-model.ts';
import type { SparkTask } from '../../engine/spark.ts';
import type { Location } from '../../stores/ports.ts';
import { ahead } from '../ahead.ts';
import type { SparkLoad } from '../engines/unit-load.ts';
import { layout } from '../layout.ts';
import { type MachineFailure, raisedError } from '../raised-error.ts';
import { inText, neighbours } from '../streams.ts';
import { stageItems } from '../units/stages.ts';
import type { RunContext, StageSummary, UnitItem } from '../workload.ts';
import { groupLimitsFor, type RunSize, runSizeFor, runsFor, workerTypeFor } from './capacity.ts';
import { compiledRecord, savedUnit } from './compiled-units.ts';
import { type GroupLimits, spreader } from './spread.ts';

/** An item of the Map over runs of Spark. */
export interface SparkRunItem extends RunSize {
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

interface GroupOptions {
  readonly job?: GlueSettings;
  /** Default: by the job's workers and its time. */
  readonly limits?: GroupLimits;
}

/** Each is a read or two from a store that may be far away. */
const readsAtOnce = 32;

/** Of the units that were rerouted so many are told by name. */
const toldOf = 20;

/** A unit that waits for Spark, a line of the list of them. */
interface Waiting {
  readonly item: UnitItem;
  readonly task: SparkTask;
  readonly load: SparkLoad;
}

/**
 * Groups the units of the stage that this attempt has compiled and that have no checkpoint into few runs of Spark, each of which
 * gets workers and time by what it has to do. Units and groups pass through: those that wait are listed in the store, and the list
 * is read once for what the runs do and once for what is finished.
 */
export async function groupForSpark(
  context: RunContext,
  stage: Pick<StageSummary, 'name' | 'items'>,
  { job = glueSettings(context.config), ...options }: GroupOptions = {},
): Promise<SparkGroups> {
  const { world, runId: run, attempt, folder } = context;
  const place = (name: string) => layout.spark(folder, stage.name, `${name}-a${attempt}.items.jsonl`);
  const list = place('waiting');
  const waiting = noTotals();
  await world.results.write(list, inText(waitingLines(context, stage, waiting)), { overwrite: true });
  const { units, rerouted } = waiting;
  if (units === 0) return { runs: 0, units, rerouted };

  const workerType = workerTypeFor(job, waiting.pieceBytes);
  const limits = options.limits ?? groupLimitsFor(job, workerType);
  const groups = () => {
    const groupOf = spreader({ coreSeconds: waiting.coreSeconds, runs: runsFor(waiting, limits) }, limits);
    return neighbours(readWaiting(context, list), ({ load }) => groupOf(load.coreSeconds));
  };
  let runs = 0;
  const warmUpSeconds = warmUpOf(stage.name);

  async function* runLines(): AsyncIterable<string> {
    for await (const { index, values } of groups()) {
      const group = groupName(index);
      const specifications = layout.spark(folder, stage.name, `${group}-a${attempt}.units.json`);
      const own = noTotals();
      await world.results.write(specifications, inText(taskList(values, own)), { overwrite: true });
      const coreSeconds = own.coreSeconds + warmUpSeconds;
      const { workers, timeoutMinutes } = runSizeFor(job, { coreSeconds, workerType });
      const size: RunSize = { workerType, workers, timeoutMinutes };
      const item: SparkRunItem = {
        run,
        stage: stage.name,
        attempt,
        group,
        units: own.units,
        specifications,
        ...size,
      };
      runs += 1;
      yield lineOf(item);
    }
  }

  async function* finishLines(): AsyncIterable<string> {
    for await (const { index, values } of groups())
      for await (const { item } of values) {
        const finish: FinishItem = { ...item, finish: true, group: groupName(index) };
        yield lineOf(finish);
      }
  }

  const items = place('runs');
  await world.results.write(items, inText(runLines()), { overwrite: true });
  const finish = place('finish');
  await world.results.write(finish, inText(finishLines()), { overwrite: true });
  return { runs, units, items, finish, rerouted };
}

/** What is kept of units that pass by. */
interface Totals {
  units: number;
  coreSeconds: number;
  pieceBytes: number;
  rerouted: SparkGroups['rerouted'];
}

function noTotals(): Totals {
  return { units: 0, coreSeconds: 0, pieceBytes: 0, rerouted: { units: 0, some: [] } };
}

function count(totals: Totals, { coreSeconds, pieceBytes }: SparkLoad): void {
  totals.units += 1;
  totals.coreSeconds += coreSeconds;
  totals.pieceBytes = Math.max(totals.pieceBytes, pieceBytes);
}

function tell(totals: Totals, { stage, unit }: UnitItem, why: MachineFailure): void {
  const { units, some } = totals.rerouted;
  const told = {
    unit: `${stage}/${unit}`,
    name: why.name,
    message: raisedError(why).message.slice(0, 300),
  };
  totals.rerouted = { units: units + 1, some: some.length < toldOf ? [...some, told] : some };
}

async function* waitingLines(
  context: RunContext,
  stage: Pick<StageSummary, 'items'>,
  totals: Totals,
): AsyncIterable<string> {
  const { world, runId } = context;
  const look = async (item: UnitItem) => {
    const record = await compiledRecord(context, item);
    if (record === undefined) return undefined;
    if ((await world.state.checkpoints.get(runId, item.stage, item.unit)) !== undefined) return undefined;
    const { specification, report, rerouted, load } = await savedUnit(context, record);
    const waiting: Waiting = { item, task: { specification, report }, load };
    return { waiting, rerouted };
  };
  for await (const found of ahead(stageItems(world.results, stage.items), readsAtOnce, look)) {
    if (found === undefined) continue;
    const { waiting, rerouted } = found;
    count(totals, waiting.load);
    if (rerouted !== undefined) tell(totals, waiting.item, rerouted);
    yield lineOf(waiting);
  }
}

async function* readWaiting({ world }: RunContext, list: Location): AsyncIterable<Waiting> {
  for await (const line of world.results.readLines(list)) if (line !== '') yield JSON.parse(line) as Waiting;
}

/** A SparkTaskList, piece by piece. */
async function* taskList(units: AsyncIterable<Waiting>, totals: Totals): AsyncIterable<string> {
  yield '{"formatVersion":1,"units":[';
  for await (const { task, load } of units) {
    yield `${totals.units === 0 ? '' : ','}${JSON.stringify(task)}`;
    count(totals, load);
  }
  yield ']}';
}

function warmUpOf(stage: string): number {
  const { stages } = engineModel();
  return stage in stages ? stages[stage as ModelledStage].spark.warmUpSeconds : 0;
}

const groupName = (index: number) => `g${index}`;
const lineOf = (item: unknown) => `${JSON.stringify(item)}\n`;
