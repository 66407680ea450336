import type { Dialect } from '../../engine/dialect.ts';
import { identifier } from '../../engine/sql.ts';
import { changedRun, type RegisterColumns, type SummaryShape } from '../tables/columns.ts';
import type { Tuple } from './tuples.ts';

/** A column of a row alias, quoted for DuckDB. @example of('r', 'a b') // r."a b" */
export function of(alias: string, name: string): string {
  return `${alias}.${identifier(name)}`;
}

/** The stored order tuple of a register. */
export function registerTuple(dialect: Dialect, register: RegisterColumns, alias: string): Tuple {
  return registerNames(register).map((name) => dialect.column(alias, name));
}

export function registerNames(register: RegisterColumns): readonly string[] {
  return [register.version, ...register.ties, register.hash];
}

/** System columns that say what became of the row's month: all but the run's name. */
export function storedRegisters(shape: SummaryShape): readonly string[] {
  return shape.system.map(({ name }) => name).filter((name) => name !== changedRun);
}

/** The order tuple of a prepared row. */
export function batchTuple(dialect: Dialect, shape: SummaryShape, alias: string): Tuple {
  return [
    ...[shape.version, ...shape.ties].map((column) => dialect.column(alias, column.name)),
    `${alias}.pw_hash`,
  ];
}

/** Scalars besides key and month. */
export function payload(shape: SummaryShape) {
  return shape.scalars.filter((column) => column.name !== shape.key.name && column.name !== shape.month.name);
}
