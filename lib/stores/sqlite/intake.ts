import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { IntakeItem, IntakeStatus, IntakeStore } from '../ports.ts';
import { isNewerSequencer } from '../sequencer.ts';
import { transaction } from './transaction.ts';

const pageSize = 1_000;

export function intakeStore(database: DatabaseSync): IntakeStore {
  const known = database.prepare('SELECT 1 FROM intake WHERE pipeline = ? AND location = ? AND version = ?');
  const versions = database.prepare('SELECT * FROM intake WHERE pipeline = ? AND location = ?');
  const unclaimed = database.prepare(
    "SELECT * FROM intake WHERE pipeline = ? AND location = ? AND status IN ('pending', 'claimed', 'done')",
  );
  const insert = database.prepare('INSERT INTO intake VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)');
  const supersede = database.prepare(
    "UPDATE intake SET status = 'superseded', reason = ? WHERE pipeline = ? AND location = ? AND version = ? AND status = 'pending'",
  );
  const claimSome = database.prepare(
    `UPDATE intake SET status = 'claimed', run_id = ? WHERE status = 'pending' AND rowid IN (
       SELECT rowid FROM intake WHERE pipeline = ? AND status = 'pending' AND arrived_ms < ? ORDER BY arrived_ms, location, version LIMIT ?)`,
  );
  const held = database.prepare('SELECT count(*) AS n FROM intake WHERE run_id = ?');
  const settle = database.prepare(
    'UPDATE intake SET status = ?, reason = ?, run_id = CASE WHEN ? THEN NULL ELSE run_id END WHERE run_id = ? AND location = ? AND version = ?',
  );
  const release = database.prepare(
    "UPDATE intake SET status = 'pending', run_id = NULL WHERE run_id = ? AND status = 'claimed'",
  );

  return {
    record: async (item) =>
      transaction(database, () => {
        if (known.get(item.pipeline, item.location, item.version) !== undefined) return false;
        const others = unclaimed.all(item.pipeline, item.location).map(intakeItem);
        const outdated = others.some((other) => isNewerSequencer(other.sequencer, item.sequencer));
        insert.run(
          item.pipeline,
          item.feed,
          item.location,
          item.version,
          item.sizeBytes,
          item.sequencer,
          item.arrivedMs,
          outdated ? 'superseded' : 'pending',
          outdated ? 'a newer version of this object arrived before it' : null,
        );
        if (!outdated) {
          for (const other of others) {
            supersede.run(
              `superseded by version ${item.version}`,
              item.pipeline,
              item.location,
              other.version,
            );
          }
        }
        return true;
      }),

    versions: async (pipeline, location) => versions.all(pipeline, location).map(intakeItem),

    async *list(pipeline, filter = {}) {
      const where = ['pipeline = ?'];
      const values: string[] = [pipeline];
      if (filter.status !== undefined) {
        where.push('status = ?');
        values.push(filter.status);
      }
      if (filter.runId !== undefined) {
        where.push('run_id = ?');
        values.push(filter.runId);
      }
      const page = database.prepare(
        `SELECT * FROM intake WHERE ${where.join(' AND ')} AND (location, version) > (?, ?) ORDER BY location, version LIMIT ${pageSize}`,
      );
      for (let after: [string, string] = ['', '']; ; ) {
        const rows = page.all(...values, ...after).map(intakeItem);
        yield* rows;
        const last = rows.at(-1);
        if (last === undefined || rows.length < pageSize) return;
        after = [last.location, last.version];
      }
    },

    claim: async (pipeline, runId, limit, arrivedBeforeMs = Number.MAX_SAFE_INTEGER) =>
      transaction(database, () => {
        const before = Number(held.get(runId)?.['n']);
        if (before > 0) return before;
        claimSome.run(runId, pipeline, arrivedBeforeMs, limit);
        return Number(held.get(runId)?.['n']);
      }),

    settle: async (runId, outcomes) =>
      transaction(database, () => {
        for (const outcome of outcomes) {
          const back = outcome.status === 'pending' ? 1 : 0;
          settle.run(outcome.status, outcome.reason ?? null, back, runId, outcome.location, outcome.version);
        }
      }),

    release: async (runId) => Number(release.run(runId).changes),
  };
}

function intakeItem(row: Record<string, SQLOutputValue>): IntakeItem {
  return {
    pipeline: String(row['pipeline']),
    feed: String(row['feed']),
    location: String(row['location']),
    version: String(row['version']),
    sizeBytes: Number(row['size_bytes']),
    sequencer: String(row['sequencer']),
    arrivedMs: Number(row['arrived_ms']),
    status: String(row['status']) as IntakeStatus,
    runId: row['run_id'] === null ? undefined : String(row['run_id']),
    reason: row['reason'] === null ? undefined : String(row['reason']),
  };
}
