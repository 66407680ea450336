import { type PlannedUnit, unitId } from '../../run/units/stages.ts';
import type { CheckSpec, RollupSpec } from '../types.ts';

/**
 * The units of the stage `check`: the audit of a large batch, neighbouring units of the work together as long as they have
 * no more points than `unitPoints`. None for a batch that one process audits.
 */
export function planChecks(work: readonly PlannedUnit[], unitPoints: number): readonly PlannedUnit[] {
  const total = work.reduce((sum, { rows }) => sum + rows, 0);
  if (total <= unitPoints) return [];
  const groups: PlannedUnit[][] = [];
  let points = 0;
  for (const unit of work) {
    const group = groups.at(-1);
    if (group === undefined || points + unit.rows > unitPoints) {
      groups.push([unit]);
      points = unit.rows;
    } else {
      group.push(unit);
      points += unit.rows;
    }
  }
  return groups.map((units): PlannedUnit => {
    const specification: CheckSpec = {
      units: units.map((unit) => {
        const { firstPart, lastPart, parts, hash } = unit.specification as RollupSpec;
        return { unit: unitId(unit), firstPart, lastPart, parts, ...(hash === undefined ? {} : { hash }) };
      }),
      share: units.reduce((sum, { rows }) => sum + rows, 0) / total,
    };
    return {
      label: `c${String(specification.units[0]?.firstPart ?? 0).padStart(4, '0')}`,
      rows: units.reduce((sum, { rows }) => sum + rows, 0),
      bytes: units.reduce((sum, { bytes }) => sum + bytes, 0),
      specification,
    };
  });
}
