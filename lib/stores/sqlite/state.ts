import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock, StateStore } from '../ports.ts';
import { checkpointStore } from './checkpoints.ts';
import { intakeStore } from './intake.ts';
import { leaseSchema, leaseStore } from './leases.ts';
import { runStore } from './runs.ts';

const schema = `
CREATE TABLE IF NOT EXISTS intake (
  pipeline TEXT NOT NULL, feed TEXT NOT NULL, location TEXT NOT NULL, version TEXT NOT NULL,
  size_bytes INTEGER NOT NULL, sequencer TEXT NOT NULL, arrived_ms REAL NOT NULL,
  status TEXT NOT NULL, run_id TEXT, reason TEXT,
  PRIMARY KEY (pipeline, location, version));
CREATE INDEX IF NOT EXISTS intake_by_status ON intake (pipeline, status, arrived_ms, location);
CREATE INDEX IF NOT EXISTS intake_by_run ON intake (run_id);
CREATE TABLE IF NOT EXISTS runs (
  run_id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, status TEXT NOT NULL, attempt INTEGER NOT NULL, epoch INTEGER NOT NULL,
  branch TEXT NOT NULL, created_ms REAL NOT NULL, updated_ms REAL NOT NULL, ended_ms REAL, error TEXT, facts TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS runs_by_pipeline ON runs (pipeline, created_ms);
CREATE TABLE IF NOT EXISTS checkpoints (
  run_id TEXT NOT NULL, stage TEXT NOT NULL, unit TEXT NOT NULL, attempt INTEGER NOT NULL, location TEXT NOT NULL, digest TEXT NOT NULL,
  started_ms REAL NOT NULL, ended_ms REAL NOT NULL, row_count INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (run_id, stage, unit)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unit_notes (
  run_id TEXT NOT NULL, stage TEXT NOT NULL, unit TEXT NOT NULL, attempt INTEGER NOT NULL,
  started_ms REAL NOT NULL, ended_ms REAL, error TEXT,
  PRIMARY KEY (run_id, stage, unit, attempt)) WITHOUT ROWID;
`;

/** The state of runs in one SQLite file, safe for several processes on one machine. */
export async function openSqliteState(options: {
  readonly path: string;
  readonly clock: Clock;
}): Promise<StateStore> {
  await mkdir(dirname(options.path), { recursive: true });
  const database = new DatabaseSync(options.path, { timeout: 30_000 });
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = FULL');
  database.exec(schema);
  database.exec(leaseSchema);
  return {
    intake: intakeStore(database),
    runs: runStore(database, options.clock),
    checkpoints: checkpointStore(database),
    leases: leaseStore(database, options.clock),
    close: async () => database.close(),
  };
}
