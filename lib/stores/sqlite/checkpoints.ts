import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { CheckpointRecord, CheckpointStore } from '../ports.ts';
import { transaction } from './transaction.ts';

const pageSize = 1_000;

export function checkpointStore(database: DatabaseSync): CheckpointStore {
  const insert = database.prepare(
    'INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const select = database.prepare('SELECT * FROM checkpoints WHERE run_id = ? AND stage = ? AND unit = ?');
  const page = database.prepare(
    `SELECT * FROM checkpoints WHERE run_id = ? AND (stage, unit) > (?, ?) AND (? IS NULL OR stage = ?) ORDER BY stage, unit LIMIT ${pageSize}`,
  );
  const count = database.prepare(
    'SELECT count(*) AS n FROM checkpoints WHERE run_id = ? AND (? IS NULL OR stage = ?)',
  );
  const remove = database.prepare('DELETE FROM checkpoints WHERE run_id = ? AND stage = ? AND unit = ?');
  const note = database.prepare('INSERT OR REPLACE INTO unit_notes VALUES (?, ?, ?, ?, ?, ?, ?)');
  const notes = database.prepare(
    'SELECT * FROM unit_notes WHERE run_id = ? AND (stage, unit, attempt) > (?, ?, ?) ORDER BY stage, unit, attempt LIMIT 1000',
  );

  return {
    put: async (record) =>
      transaction(database, () => {
        insert.run(
          record.runId,
          record.stage,
          record.unit,
          record.attempt,
          record.location,
          record.digest,
          record.startedMs,
          record.endedMs,
          record.rows,
          record.bytes,
        );
        const standing = select.get(record.runId, record.stage, record.unit);
        return standing === undefined ? record : checkpointRecord(standing);
      }),
    get: async (runId, stage, unit) => {
      const row = select.get(runId, stage, unit);
      return row === undefined ? undefined : checkpointRecord(row);
    },
    async *list(runId, stage) {
      for (let after: [string, string] = [stage ?? '', '']; ; ) {
        const rows = page.all(runId, ...after, stage ?? null, stage ?? null).map(checkpointRecord);
        yield* rows;
        const last = rows.at(-1);
        if (last === undefined || rows.length < pageSize) return;
        after = [last.stage, last.unit];
      }
    },
    count: async (runId, stage) => Number(count.get(runId, stage ?? null, stage ?? null)?.['n']),
    remove: async (runId, stage, unit) => {
      remove.run(runId, stage, unit);
    },
    note: async (failure) => {
      note.run(
        failure.runId,
        failure.stage,
        failure.unit,
        failure.attempt,
        failure.startedMs,
        failure.endedMs ?? null,
        failure.error === undefined ? null : failure.error.slice(0, 2_000),
      );
    },
    async *notes(runId) {
      for (let after: [string, string, number] = ['', '', -1]; ; ) {
        const rows = notes.all(runId, ...after);
        for (const row of rows) {
          yield {
            runId,
            stage: String(row['stage']),
            unit: String(row['unit']),
            attempt: Number(row['attempt']),
            startedMs: Number(row['started_ms']),
            endedMs: row['ended_ms'] === null ? undefined : Number(row['ended_ms']),
            error: row['error'] === null ? undefined : String(row['error']),
          };
        }
        const last = rows.at(-1);
        if (last === undefined || rows.length < 1_000) return;
        after = [String(last['stage']), String(last['unit']), Number(last['attempt'])];
      }
    },
  };
}

function checkpointRecord(row: Record<string, SQLOutputValue>): CheckpointRecord {
  return {
    runId: String(row['run_id']),
    stage: String(row['stage']),
    unit: String(row['unit']),
    attempt: Number(row['attempt']),
    location: String(row['location']),
    digest: String(row['digest']),
    startedMs: Number(row['started_ms']),
    endedMs: Number(row['ended_ms']),
    rows: Number(row['row_count']),
    bytes: Number(row['bytes']),
  };
}
