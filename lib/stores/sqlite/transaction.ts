import type { DatabaseSync } from 'node:sqlite';

/** Runs `action` in one write transaction; waits for other processes as long as the connection's time-out says. */
export function transaction<T>(database: DatabaseSync, action: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = action();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
