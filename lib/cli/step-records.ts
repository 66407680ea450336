import { ahead } from '../run/ahead.ts';
import { stageItems } from '../run/units/stages.ts';
import type { Plan, UnitItem, World } from '../run/workload.ts';
import type { RunRecord } from '../stores/ports.ts';
import { iso, unitRows } from './history-records.ts';

/**
 * What a run did, step by step. One statement does the rows of several cases, so time and bytes can be told per step
 * and not per case. `elapsed_ms` is the work of all units of the step, which may be at work side by side: it can be
 * more than `ended` minus `started`, and these are those of the units, which do several steps each.
 */
export const stepColumns = {
  run_id: 'VARCHAR',
  step: 'VARCHAR',
  stage: 'VARCHAR',
  units: 'BIGINT',
  rows: 'BIGINT',
  bytes: 'BIGINT',
  started: 'TIMESTAMP',
  ended: 'TIMESTAMP',
  elapsed_ms: 'BIGINT',
  status: 'VARCHAR',
  error: 'VARCHAR',
} as const;

export interface StepRow {
  readonly run_id: string;
  readonly step: string;
  readonly stage: string;
  readonly units: number;
  /** Rows that the step wrote or judged; 0 where it only reads. */
  readonly rows: number;
  /** Bytes that the step wrote; of `prepare`, bytes read. */
  readonly bytes: number;
  readonly started: string | null;
  readonly ended: string | null;
  readonly elapsed_ms: number;
  readonly status: 'done' | 'failed' | 'started';
  readonly error: string | null;
}

/** What is known of the work, summed over the checkpoints of the planned units. */
export interface Work {
  /** Rows per case. */
  readonly cases: ReadonlyMap<string, number>;
  readonly steps: ReadonlyMap<string, StepWork>;
}

interface StepWork {
  readonly stage: string;
  readonly step: string;
  units: number;
  rows: number;
  bytes: number;
  elapsedMs: number;
}

export async function workOf(world: World, run: RunRecord, plan: Plan | undefined): Promise<Work> {
  const cases = new Map<string, number>();
  const steps = new Map<string, StepWork>();
  for (const stage of plan?.stages ?? []) {
    const read = async ({ unit }: UnitItem): Promise<unknown> => {
      const record = await world.state.checkpoints.get(run.runId, stage.name, unit);
      if (record === undefined) return undefined;
      return JSON.parse(new TextDecoder().decode(await world.results.read(record.location)));
    };
    // Each is two reads from a store that may be far away.
    for await (const saved of ahead(stageItems(world.results, stage.items), 32, read)) {
      const outcome = isRecord(saved) && isRecord(saved['result']) ? saved['result']['outcome'] : undefined;
      if (!isRecord(outcome)) continue;
      addCases(cases, outcome);
      addSteps(steps, stage.name, outcome);
    }
  }
  return { cases, steps };
}

function addCases(cases: Map<string, number>, outcome: Readonly<Record<string, unknown>>): void {
  const add = (name: string, rows: unknown) => {
    if (typeof rows === 'number') cases.set(name, (cases.get(name) ?? 0) + rows);
  };
  for (const [name, rows] of Object.entries(isRecord(outcome['cases']) ? outcome['cases'] : {}))
    add(name, rows);
  for (const file of records(outcome['files']))
    add('patched', Number(file['rowsChanged'] ?? 0) - Number(file['ownRowsChanged'] ?? 0));
}

function addSteps(
  steps: Map<string, StepWork>,
  stage: string,
  outcome: Readonly<Record<string, unknown>>,
): void {
  const laps = isRecord(outcome['elapsedMs']) ? outcome['elapsedMs'] : {};
  const stepOf = (name: string) => {
    const step = steps.get(name) ?? { stage, step: name, units: 0, rows: 0, bytes: 0, elapsedMs: 0 };
    steps.set(name, step);
    return step;
  };
  for (const [name, elapsed] of Object.entries(laps)) {
    const step = stepOf(name);
    step.units += 1;
    step.elapsedMs += Number(elapsed);
  }
  const stored = stage === 'rewrite' ? stage : 'apply';
  const inserted = new Set(records(outcome['inserted']).map((file) => String(file['location'])));
  for (const change of records(outcome['changes'])) {
    for (const file of [...records(change['added']), ...records(change['addedDeletes'])]) {
      const ofSummary = inserted.has(String(file['location'])) ? 'inserts' : stored;
      const step = stepOf(change['role'] === 'summary' ? ofSummary : String(change['role']));
      step.bytes += Number(file['sizeBytes'] ?? 0);
      if (step.step !== 'apply') step.rows += file['content'] === 'data' ? Number(file['rows'] ?? 0) : 0;
    }
  }
  for (const file of records(outcome['files'])) stepOf('apply').rows += Number(file['rowsChanged'] ?? 0);
  if (Number(outcome['changeSetRows'] ?? 0) > 0) stepOf('changes').rows += Number(outcome['changeSetRows']);
  const judged = isRecord(outcome['cases']) ? Object.entries(outcome['cases']) : [];
  for (const [name, rows] of judged) if (name !== 'revived') stepOf('judge').rows += Number(rows);
}

/** In the order of the run: prepare, the steps of its units, audit and publish. */
export async function stepRows(world: World, run: RunRecord, work: Work): Promise<readonly StepRow[]> {
  const stages = new Map<string, StageSpan>();
  for await (const unit of unitRows(world.state, run.runId)) {
    const span = stages.get(unit.stage) ?? newSpan();
    stages.set(unit.stage, span);
    addUnit(span, unit);
  }
  const rows: StepRow[] = [];
  const add = (step: StepWork) => rows.push(stepRow(run, step, stages.get(step.stage) ?? newSpan()));
  const prepare = stages.get('prepare');
  if (prepare !== undefined) add({ stage: 'prepare', step: 'prepare', ...prepare });
  for (const step of work.steps.values()) add(step);
  for (const name of ['audit', 'publish']) {
    const times = isRecord(run.facts['times']) ? run.facts['times'][name] : undefined;
    if (!isRecord(times)) continue;
    const [startedMs, endedMs] = [Number(times['startedMs']), Number(times['endedMs'])];
    const span = { ...newSpan(), started: iso(startedMs), ended: iso(endedMs) };
    rows.push(
      stepRow(
        run,
        { stage: name, step: name, units: 1, rows: 0, bytes: 0, elapsedMs: endedMs - startedMs },
        span,
      ),
    );
  }
  return rows;
}

interface StageSpan {
  units: number;
  rows: number;
  bytes: number;
  elapsedMs: number;
  started: string | null;
  ended: string | null;
  open: boolean;
  error: string | null;
}

function newSpan(): StageSpan {
  return { units: 0, rows: 0, bytes: 0, elapsedMs: 0, started: null, ended: null, open: false, error: null };
}

type Unit = typeof unitRows extends (...args: never) => AsyncIterable<infer U> ? U : never;

function addUnit(span: StageSpan, unit: Unit): void {
  if (unit.status === 'done') span.units += 1;
  span.rows += unit.rows;
  span.bytes += unit.bytes;
  span.elapsedMs += unit.elapsed_ms ?? 0;
  if (unit.started !== null && (span.started === null || unit.started < span.started))
    span.started = unit.started;
  if (unit.ended !== null && (span.ended === null || unit.ended > span.ended)) span.ended = unit.ended;
  span.open ||= unit.status === 'started';
  span.error ??= unit.error;
}

function stepRow(run: RunRecord, step: StepWork, span: StageSpan): StepRow {
  const failed = run.status !== 'succeeded' && span.error !== null;
  return {
    run_id: run.runId,
    step: step.step,
    stage: step.stage,
    units: step.units,
    rows: step.rows,
    bytes: step.bytes,
    started: span.started,
    ended: span.ended,
    elapsed_ms: Math.round(step.elapsedMs),
    status: failed ? 'failed' : span.open && run.status !== 'succeeded' ? 'started' : 'done',
    error: failed ? span.error : null,
  };
}

function records(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
