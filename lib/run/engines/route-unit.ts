import { configuredEngine, type EngineChoice } from './choose-engine.ts';

/** Which engine runs a unit: by the configuration, else DuckDB in a function or this process wherever the unit fits. */

/** What a unit wants at once by DuckDB. */
export interface UnitNeeds {
  /** Bytes of the files that it opens. */
  readonly bytes: number;
  /** What its largest piece that cannot be cut is. @example 'a cell' */
  readonly piece: string;
  /** Of its engine for that piece. */
  readonly memoryBytes: number;
  /** For that piece, which a function has to finish. */
  readonly pieceSeconds: number;
  /** Fetched files, and what is written until it is sent. */
  readonly diskBytes: number;
}

/** What there is for one unit; Infinity where nothing ends it. */
export interface UnitRoom {
  readonly memoryBytes: number;
  readonly seconds: number;
  readonly diskBytes: number;
}

export type RouteCause = 'configured' | 'sparkAbove' | 'memory' | 'time' | 'disk' | 'deadline' | 'fits';

export interface Route {
  readonly engine: 'duckdb' | 'spark';
  readonly cause: RouteCause;
  /** For people. */
  readonly reason: string;
}

/** @param room undefined where there is no Spark to go to */
export function routeUnit(choice: EngineChoice, needs: UnitNeeds, room: UnitRoom | undefined): Route {
  const configured = configuredEngine(choice, needs.bytes);
  if (configured !== undefined) return configured;
  if (room === undefined) return { engine: 'duckdb', cause: 'fits', reason: 'there is no Spark here' };
  const spark = (cause: RouteCause, reason: string): Route => ({ engine: 'spark', cause, reason });
  if (needs.memoryBytes > room.memoryBytes)
    return spark(
      'memory',
      `${needs.piece} takes ${megabytes(needs.memoryBytes)} of memory, a unit has ${megabytes(room.memoryBytes)}`,
    );
  if (needs.pieceSeconds > room.seconds)
    return spark(
      'time',
      `${needs.piece} takes ${Math.ceil(needs.pieceSeconds)} s, a function has ${Math.floor(room.seconds)} s`,
    );
  if (needs.diskBytes > room.diskBytes)
    return spark(
      'disk',
      `its files take ${megabytes(needs.diskBytes)} of disk, a function has ${megabytes(room.diskBytes)}`,
    );
  return { engine: 'duckdb', cause: 'fits', reason: 'fits in memory, time and disk' };
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`;
}
