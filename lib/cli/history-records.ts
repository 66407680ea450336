import { isAppliedTo } from '../run/publish/branches.ts';
import { workedMs } from '../run/run-facts.ts';
import { isCompiled, sparkUnits } from '../run/spark/compiled-units.ts';
import { isHandover } from '../run/units/handovers.ts';
import type { CheckpointRecord, RunRecord, StateStore, UnitFailure } from '../stores/ports.ts';

/** Runs, units and cases as records, for `sql` and `status`. Times are ISO texts in UTC without a zone. */

export const runColumns = {
  run_id: 'VARCHAR',
  pipeline: 'VARCHAR',
  status: 'VARCHAR',
  branch: 'VARCHAR',
  on_main: 'BOOLEAN',
  attempt: 'INTEGER',
  started: 'TIMESTAMP',
  ended: 'TIMESTAMP',
  elapsed_ms: 'BIGINT',
  error: 'VARCHAR',
  message: 'VARCHAR',
  facts: 'VARCHAR',
} as const;

export function runRow(run: RunRecord): Readonly<Record<keyof typeof runColumns, unknown>> {
  return {
    run_id: run.runId,
    pipeline: run.pipeline,
    status: run.status,
    branch: run.branch,
    on_main: isAppliedTo(run, 'main'),
    attempt: run.attempt,
    started: iso(run.createdMs),
    ended: iso(run.endedMs),
    elapsed_ms: run.endedMs === undefined ? null : Math.round(workedMs(run, run.endedMs)),
    error: run.error?.name ?? null,
    message: run.error?.message ?? null,
    facts: JSON.stringify(run.facts),
  };
}

export const unitColumns = {
  run_id: 'VARCHAR',
  stage: 'VARCHAR',
  unit: 'VARCHAR',
  attempt: 'INTEGER',
  status: 'VARCHAR',
  engine: 'VARCHAR',
  started: 'TIMESTAMP',
  ended: 'TIMESTAMP',
  elapsed_ms: 'BIGINT',
  rows: 'BIGINT',
  bytes: 'BIGINT',
  error: 'VARCHAR',
} as const;

export interface UnitRow {
  readonly run_id: string;
  readonly stage: string;
  readonly unit: string;
  readonly attempt: number;
  /** `done`: its checkpoint stands. `started`: no end was noted, so it runs now or its process died. */
  readonly status: 'done' | 'failed' | 'started';
  /** Who has done it; null before. */
  readonly engine: 'duckdb' | 'spark' | null;
  readonly started: string | null;
  readonly ended: string | null;
  readonly elapsed_ms: number | null;
  readonly rows: number;
  readonly bytes: number;
  readonly error: string | null;
}

/** Units with a checkpoint, then the attempts that have none, streamed. */
export async function* unitRows(state: StateStore, runId: string): AsyncIterable<UnitRow> {
  const bySpark = new Map<string, Awaited<ReturnType<typeof sparkUnits>>>();
  for await (const record of state.checkpoints.list(runId)) {
    if (isHandover(record) || isCompiled(record)) continue;
    const isSparks = bySpark.get(record.stage) ?? (await sparkUnits(state, runId, record.stage));
    bySpark.set(record.stage, isSparks);
    yield doneRow(record, isSparks(record) ? 'spark' : 'duckdb');
  }
  for await (const note of state.checkpoints.notes(runId)) {
    if (note.error !== undefined) yield openRow(note, 'failed');
    else if (
      note.endedMs === undefined &&
      (await state.checkpoints.get(runId, note.stage, note.unit)) === undefined
    ) {
      yield openRow(note, 'started');
    }
  }
}

function doneRow(record: CheckpointRecord, engine: UnitRow['engine']): UnitRow {
  return {
    run_id: record.runId,
    stage: record.stage,
    unit: record.unit,
    attempt: record.attempt,
    status: 'done',
    engine,
    started: iso(record.startedMs),
    ended: iso(record.endedMs),
    elapsed_ms: Math.round(record.endedMs - record.startedMs),
    rows: record.rows,
    bytes: record.bytes,
    error: null,
  };
}

function openRow(note: UnitFailure, status: 'failed' | 'started'): UnitRow {
  return {
    run_id: note.runId,
    stage: note.stage,
    unit: note.unit,
    attempt: note.attempt,
    status,
    engine: null,
    started: iso(note.startedMs),
    ended: iso(note.endedMs),
    elapsed_ms: note.endedMs === undefined ? null : Math.round(note.endedMs - note.startedMs),
    rows: 0,
    bytes: 0,
    error: note.error ?? null,
  };
}

/** UTC without a zone, to the millisecond. */
export function iso(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : new Date(epochMs).toISOString().slice(0, 23).replace('T', ' ');
}
