import { count, plural, printable } from '../report/format.ts';
import { reroutedUnits, sparkShares } from '../run/spark/share.ts';
import type { RunRecord } from '../stores/ports.ts';

/** Rerouted units that are named one by one. */
const shown = 5;

/** Which units of a run Spark was given, and which of them though the plan had not meant it; none of a run without Spark. */
export function engineLines(run: Pick<RunRecord, 'facts'>): readonly string[] {
  const shares = Object.entries(sparkShares(run));
  if (shares.length === 0) return [];
  const given = shares.map(([stage, { units }]) => `${plural(units, 'unit')} of ${stage}`);
  const rerouted = Object.values(reroutedUnits(run));
  const total = rerouted.reduce((sum, { units }) => sum + units, 0);
  const some = rerouted.flatMap((one) => one.some).slice(0, shown);
  return [
    `  by Spark: ${given.join(', ')}; all else by DuckDB`,
    ...(total === 0 ? [] : [`  given to Spark since DuckDB had no room: ${plural(total, 'unit')}`]),
    ...some.map(
      ({ unit, name, message }) => `    ${unit}: ${name}: ${printable(message.split('\n', 1)[0] ?? '')}`,
    ),
    ...(total > some.length ? [`    and ${count(total - some.length)} more`] : []),
  ];
}

/** Units that Spark was given in all stages. */
export function unitsBySpark(run: Pick<RunRecord, 'facts'>): number {
  return Object.values(sparkShares(run)).reduce((sum, { units }) => sum + units, 0);
}
