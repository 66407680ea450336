import type { Assumptions } from './assumptions.ts';
import { billedGb, prices, storageUsd } from './prices.ts';
import type { StageVolume } from './summary-volume.ts';

export interface CostItem {
  readonly item: string;
  readonly quantity: number;
  readonly unit: string;
  readonly usd: number;
}

export interface StageTime {
  readonly name: string;
  readonly units: number;
  readonly unitSeconds: number;
  readonly wallSeconds: number;
}

export interface RunCost {
  readonly usd: number;
  readonly wallSeconds: number;
  readonly items: readonly CostItem[];
  readonly stages: readonly StageTime[];
}

/** Planning, publishing and reporting: control functions, not spread. */
const controlSeconds = 120;
const lambdaFreeDiskBytes = 512 * 2 ** 20;

/** Prices and times a run from its stages. */
export function runCost(stages: readonly StageVolume[], assumed: Assumptions): RunCost {
  const cores = assumed.memoryGb / assumed.memoryPerCoreGb;
  const timed = stages.map((stage): StageTime => {
    const work = stage.cpuSeconds / (cores * assumed.coreSpeed);
    // Not overlapped: a unit fetches, works, sends.
    const moved = (stage.bytesRead + stage.bytesWritten) / assumed.networkBytesPerSecond;
    const unitSeconds = (work + moved) / stage.units + assumed.unitOverheadSeconds;
    const rounds = Math.ceil(stage.units / assumed.concurrency);
    return { name: stage.name, units: stage.units, unitSeconds, wallSeconds: rounds * unitSeconds };
  });
  const again = 1 + assumed.retriedShare;
  const units = stages.reduce((sum, stage) => sum + stage.units, 0) * again;
  const seconds =
    timed.reduce((sum, stage) => sum + stage.units * stage.unitSeconds, 0) * again + controlSeconds;
  const read = stages.reduce((sum, stage) => sum + stage.bytesRead, 0) * again;
  const written = stages.reduce((sum, stage) => sum + stage.bytesWritten, 0) * again;
  const requests = stages.reduce((sum, stage) => sum + (stage.requests ?? 0), 0) * again;
  const gets = read / assumed.partBytes + units * assumed.readsPerUnit + requests;
  const puts = written / assumed.partBytes + units * 3;
  const transitions = units * assumed.transitionsPerUnit + assumed.transitionsPerRun;
  const gbSeconds = (seconds * assumed.memoryGb * 1e9) / billedGb;
  const diskGbSeconds = (seconds * Math.max(0, assumed.diskGb * 1e9 - lambdaFreeDiskBytes)) / billedGb;
  const writes = units * assumed.writesPerUnit;
  const reads = units * assumed.readsPerUnit;
  const logGb = (units * assumed.logBytesPerUnit) / billedGb;
  const items: CostItem[] = [
    { item: 'Lambda, time', quantity: gbSeconds, unit: 'GB-seconds', usd: gbSeconds * prices.lambdaGbSecond },
    {
      item: 'Lambda, local disk',
      quantity: diskGbSeconds,
      unit: 'GB-seconds',
      usd: diskGbSeconds * prices.lambdaDiskGbSecond,
    },
    { item: 'Lambda, requests', quantity: units, unit: 'requests', usd: units * prices.lambdaRequest },
    {
      item: 'Step Functions',
      quantity: transitions,
      unit: 'state transitions',
      usd: transitions * prices.stateTransition,
    },
    { item: 'S3, GET', quantity: gets, unit: 'requests', usd: gets * prices.s3Get },
    { item: 'S3, PUT and parts', quantity: puts, unit: 'requests', usd: puts * prices.s3Put },
    { item: 'DynamoDB, writes', quantity: writes, unit: 'request units', usd: writes * prices.dynamoWrite },
    { item: 'DynamoDB, reads', quantity: reads, unit: 'request units', usd: reads * prices.dynamoRead },
    { item: 'Glue', quantity: 0, unit: 'DPU-hours', usd: 0 },
    { item: 'Logs', quantity: logGb, unit: 'GB', usd: logGb * prices.logGb },
  ];
  return {
    usd: items.reduce((sum, { usd }) => sum + usd, 0),
    wallSeconds: timed.reduce((sum, { wallSeconds }) => sum + wallSeconds, 0) + controlSeconds,
    items,
    stages: timed,
  };
}

/** What the table itself costs in a month, and what the run adds to it until the files it replaced expire. */
export function storageItems(tableBytes: number, addedBytes: number): readonly CostItem[] {
  const table = storageUsd(tableBytes / billedGb);
  return [
    { item: 'S3, the table', quantity: tableBytes / billedGb, unit: 'GB-months', usd: table },
    {
      item: 'S3, what this run adds until old files expire',
      quantity: addedBytes / billedGb,
      unit: 'GB-months',
      usd: storageUsd((tableBytes + addedBytes) / billedGb) - table,
    },
  ];
}
