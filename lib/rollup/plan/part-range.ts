import type { Dialect } from '../../engine/dialect.ts';
import { localRows } from '../../run/row-groups.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';
import { partOf, type Spreading } from '../sql/points.ts';
import type { RollupState, StateFile } from '../state/state.ts';
import type { PointSource } from '../types.ts';

/** The series of the parts [firstPart, lastPart] of so many. */
export interface PartRange extends Spreading {
  readonly firstPart: number;
  readonly lastPart: number;
}

/** All parts. */
export function allParts({ parts, hash }: Spreading): PartRange {
  return { firstPart: 0, lastPart: parts - 1, parts, ...(hash === undefined ? {} : { hash }) };
}

export function isWhole({ firstPart, lastPart, parts }: PartRange): boolean {
  return firstPart === 0 && lastPart === parts - 1;
}

/** A prepared file for who reads these parts only. The file as it came is not ordered by part. */
export function pointsPath(
  store: ObjectStore,
  source: Pick<PointSource, 'columns' | 'location'>,
  range: PartRange,
): Promise<string> {
  return source.columns === undefined
    ? partsPath(store, source.location, range)
    : store.localPath(source.location);
}

/** A file that has a column `part` and is ordered by it, for who reads these parts only. */
export function partsPath(store: ObjectStore, location: Location, range: PartRange): Promise<string> {
  const { firstPart: first, lastPart: last } = range;
  return isWhole(range)
    ? store.localPath(location)
    : localRows(store, location, { column: 'part', first, last });
}

/** SQL: whether a row is of these parts, by `part`, or by the series when it has none. */
export function inParts(range: PartRange, part: 'part' | undefined, dialect?: Dialect): string {
  if (isWhole(range)) return 'true';
  return `${part ?? partOf('id', range, dialect)} BETWEEN ${range.firstPart} AND ${range.lastPart}`;
}

/** Points of these parts, and those of them that are refused for their time. */
export function pointsIn(
  { parts }: Pick<PointSource, 'parts'>,
  range: PartRange,
): { readonly points: number; readonly refused: number } {
  const inside = parts.filter(([part]) => part >= range.firstPart && part <= range.lastPart);
  return {
    points: inside.reduce((sum, [, points]) => sum + points, 0),
    refused: inside.reduce((sum, [, , refused]) => sum + refused, 0),
  };
}

/** Bytes of what a unit reads: its share of the source objects, and state. */
export function unitBytes(
  sources: readonly Pick<PointSource, 'parts' | 'sizeBytes'>[],
  unit: PartRange & Pick<RollupState, 'hot' | 'tails' | 'part'>,
): number {
  const arriving = sources.map((source) => {
    const total = source.parts.reduce((sum, [, points]) => sum + points, 0);
    return total === 0 ? 0 : ((source.sizeBytes ?? 0) * pointsIn(source, unit).points) / total;
  });
  const state = [...unit.hot, ...unit.tails, ...unit.part].map(({ sizeBytes }) => sizeBytes);
  return Math.ceil([...arriving, ...state].reduce((sum, bytes) => sum + bytes, 0));
}

/** Files that may hold series of these parts. */
export function overlapping(files: readonly StateFile[], range: PartRange): readonly StateFile[] {
  return files.filter((file) => file.firstPart <= range.lastPart && file.lastPart >= range.firstPart);
}

/** A state that was divided by another hash: any of its files may hold series of any part. */
export function readableBy(state: RollupState, probe: string): RollupState {
  if (state.hashProbe === probe) return state;
  const everywhere = { firstPart: 0, lastPart: state.parts - 1 };
  const spread = (files: RollupState['hot']) => files.map((file) => ({ ...file, ...everywhere }));
  return { ...state, hot: spread(state.hot), tails: spread(state.tails), part: spread(state.part) };
}
