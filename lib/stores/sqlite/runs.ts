import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { CorruptStateError } from '../../errors.ts';
import type { Clock, RunRecord, RunStatus, RunStore } from '../ports.ts';
import { transaction } from './transaction.ts';

export function runStore(database: DatabaseSync, clock: Clock): RunStore {
  const insert = database.prepare(
    'INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const select = database.prepare('SELECT * FROM runs WHERE run_id = ?');
  const replace = database.prepare(
    'UPDATE runs SET status = ?, attempt = ?, epoch = ?, branch = ?, updated_ms = ?, ended_ms = ?, error = ?, facts = ? WHERE run_id = ?',
  );
  const all = database.prepare('SELECT * FROM runs ORDER BY created_ms DESC, run_id DESC LIMIT ?');
  const some = database.prepare(
    'SELECT * FROM runs WHERE pipeline = ? ORDER BY created_ms DESC, run_id DESC LIMIT ?',
  );
  const find = (runId: string) => {
    const row = select.get(runId);
    return row === undefined ? undefined : runRecord(row);
  };

  return {
    create: async (record) =>
      insert.run(
        record.runId,
        record.pipeline,
        record.status,
        record.attempt,
        record.epoch,
        record.branch,
        record.createdMs,
        record.updatedMs,
        record.endedMs ?? null,
        json(record.error),
        JSON.stringify(record.facts),
      ).changes === 1,
    get: async (runId) => find(runId),
    list: async (pipeline, limit = 1_000) =>
      (pipeline === undefined ? all.all(limit) : some.all(pipeline, limit)).map(runRecord),
    update: async (runId, change) =>
      transaction(database, () => {
        const before = find(runId);
        if (before === undefined)
          throw new CorruptStateError(`there is no run ${runId}`, { next: 'partwise runs' });
        const after: RunRecord = { ...before, updatedMs: clock.now(), ...change };
        replace.run(
          after.status,
          after.attempt,
          after.epoch,
          after.branch,
          after.updatedMs,
          after.endedMs ?? null,
          json(after.error),
          JSON.stringify(after.facts),
          runId,
        );
        return after;
      }),
  };
}

function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function runRecord(row: Record<string, SQLOutputValue>): RunRecord {
  return {
    runId: String(row['run_id']),
    pipeline: String(row['pipeline']),
    status: String(row['status']) as RunStatus,
    attempt: Number(row['attempt']),
    epoch: Number(row['epoch']),
    branch: String(row['branch']),
    createdMs: Number(row['created_ms']),
    updatedMs: Number(row['updated_ms']),
    endedMs: row['ended_ms'] === null ? undefined : Number(row['ended_ms']),
    error: row['error'] === null ? undefined : JSON.parse(String(row['error'])),
    facts: JSON.parse(String(row['facts'])),
  };
}
