import { identifier } from '../../engine/sql.ts';
import type { RegisterColumns, SummaryShape } from '../columns.ts';
import type { Tuple } from './tuples.ts';

/** A column of a row alias, quoted. @example of('r', 'a b') // r."a b" */
export function of(alias: string, name: string): string {
  return `${alias}.${identifier(name)}`;
}

/** The stored order tuple of a register. */
export function registerTuple(register: RegisterColumns, alias: string): Tuple {
  return [register.version, ...register.ties, register.hash].map((name) => of(alias, name));
}

export function registerNames(register: RegisterColumns): readonly string[] {
  return [register.version, ...register.ties, register.hash];
}

/** The order tuple of a prepared row. */
export function batchTuple(shape: SummaryShape, alias: string): Tuple {
  return [...[shape.version, ...shape.ties].map((column) => of(alias, column.name)), `${alias}.pw_hash`];
}

/** Scalars besides key and month. */
export function payload(shape: SummaryShape) {
  return shape.scalars.filter((column) => column.name !== shape.key.name && column.name !== shape.month.name);
}
