import { ErrorName, StateFailure } from '../errors.ts';
import { type NumberLimits, numberProblem } from '../fields.ts';
import type { Template } from '../jsonata.ts';
import { evaluate, type Visit } from '../thread.ts';

/** @throws StateFailure States.QueryEvaluationError when the expression gives no such number */
export async function evaluateNumber(
  template: Template | undefined,
  visit: Visit,
  field: string,
  limits: NumberLimits,
): Promise<number | undefined> {
  if (template === undefined) return undefined;
  const value = await evaluate(template, visit);
  const problem = numberProblem(value, limits);
  if (problem === undefined && typeof value === 'number') return value;
  throw new StateFailure(
    ErrorName.QueryEvaluationError,
    `The field '${field}' of the state '${visit.state.name}': ${problem ?? 'a number is expected'}, not ${JSON.stringify(value)}`,
  );
}
