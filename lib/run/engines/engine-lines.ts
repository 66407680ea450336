import { plural } from '../../report/format.ts';
import type { EngineFacts } from './engine-facts.ts';

/** For people: a line for who runs the units and why, one for each price; no more, however many units there are. */
export function engineLines({ stages, causes, price }: EngineFacts): readonly string[] {
  if (stages.length === 0) return [];
  const reasons = causes.map((one) => (causes.length === 1 ? one.reason : `${one.units}: ${one.reason}`));
  const told = causes.length === 0 ? stages : stages.filter(({ sparkUnits }) => sparkUnits > 0);
  const parts = told.map(({ stage, units, sparkUnits }) => `${sparkUnits} of ${units} units of ${stage}`);
  const why = causes.length === 0 ? 'each fits, or is not asked for' : reasons.join('; ');
  return [
    `engine: ${parts.join(' and ')} by Spark (${why}), all else by DuckDB`,
    ...(price?.functions === undefined ? [] : [`  ${functionsLine(price.functions)}`]),
    ...(price?.spark ?? []).map((one) => `  ${sparkLine(one)}`),
  ];
}

type Price = NonNullable<EngineFacts['price']>;

function functionsLine({ units, seconds, usd }: NonNullable<Price['functions']>): string {
  return `functions: ${plural(units, 'unit')}, about ${minutes(seconds)} and $${usd.toFixed(2)} (reckoned)`;
}

function sparkLine(one: Price['spark'][number]): string {
  const { stage, runs, workers, workerType, cores, seconds, dpuHours, usd, functionUsd } = one;
  return `Spark: ${stage} in ${plural(runs, 'run')} on Glue of ${workers} ${workerType} (${cores} cores), about ${minutes(seconds)} and ${dpuHours.toFixed(1)} DPU-hours, $${usd.toFixed(2)}; in functions it would be $${functionUsd.toFixed(2)} (reckoned)`;
}

function minutes(seconds: number): string {
  return `${Math.ceil(seconds / 60)} min`;
}
