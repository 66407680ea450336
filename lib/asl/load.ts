import { createHash } from 'node:crypto';
import type { Machine, MapState, State, StateMachine } from './definition.ts';
import {
  arrayField,
  choiceField,
  fieldsOf,
  invalid,
  numberField,
  stringField,
  unsupported,
} from './fields.ts';
import { loadState } from './load-state.ts';
import { isRecord } from './payload.ts';

export interface LoadOptions {
  /** Name in the context object; default `StateMachine`. */
  readonly name?: string;
  /**
   * Values for `${key}` in the definition's strings, as CloudFormation's DefinitionSubstitutions. One that is not
   * given is refused.
   */
  readonly substitutions?: Readonly<Record<string, string>>;
}

const MACHINE_FIELDS = ['Comment', 'StartAt', 'States', 'Version', 'TimeoutSeconds', 'QueryLanguage'];
const NAME_LIMIT = 80;

/**
 * Checks and compiles a definition (https://states-language.net/).
 * @throws InvalidDefinitionError it breaks the States Language; `details.path` says where
 * @throws UnsupportedDefinitionError a field, a value or a state type that this interpreter does not implement
 */
export function loadStateMachine(definition: unknown, options: LoadOptions = {}): StateMachine {
  const substituted = substitute(definition, options.substitutions ?? {}, '$');
  const fields = fieldsOf(substituted, '$', MACHINE_FIELDS);
  if (fields['QueryLanguage'] !== 'JSONata') {
    choiceField(fields, 'QueryLanguage', '$', ['JSONata', 'JSONPath']);
    throw unsupported('$.QueryLanguage', 'JSONPath mode (the default) is not implemented; say "JSONata"');
  }
  if (fields['Version'] !== undefined && fields['Version'] !== '1.0')
    throw unsupported('$.Version', 'only 1.0 is known');
  const machine = loadMachine(fields, '$', new Set());
  return {
    ...machine,
    name: options.name ?? 'StateMachine',
    digest: createHash('sha256').update(JSON.stringify(substituted)).digest('hex'),
    timeoutSeconds: numberField(fields, 'TimeoutSeconds', '$', { min: 1 }),
    resources: resourcesOf(machine),
  };
}

/** `names` holds every state name so far: they are unique over the whole definition. */
export function loadMachine(
  fields: { readonly [key: string]: unknown },
  path: string,
  names: Set<string>,
): Machine {
  const startAt = stringField(fields, 'StartAt', path);
  const definitions = fields['States'];
  if (!isRecord(definitions) || Object.keys(definitions).length === 0)
    throw invalid(`${path}.States`, 'at least one state is expected');
  const states = new Map<string, State>();
  for (const [name, definition] of Object.entries(definitions)) {
    const statePath = `${path}.States.${name}`;
    if (name === '' || [...name].length > NAME_LIMIT)
      throw invalid(statePath, `a state's name has 1 to ${NAME_LIMIT} characters`);
    if (names.has(name)) throw invalid(statePath, 'another state of this definition has the same name');
    names.add(name);
    states.set(name, loadState({ name, definition, path: statePath, names }));
  }
  checkTransitions({ startAt, states }, path);
  return { startAt, states };
}

export function loadBranches(
  fields: { readonly [key: string]: unknown },
  path: string,
  names: Set<string>,
): readonly Machine[] {
  const branches = arrayField(fields, 'Branches', path);
  if (branches.length === 0) throw invalid(`${path}.Branches`, 'at least one branch is expected');
  return branches.map((branch, index) => {
    const branchPath = `${path}.Branches[${index}]`;
    return loadMachine(fieldsOf(branch, branchPath, ['Comment', 'StartAt', 'States']), branchPath, names);
  });
}

function checkTransitions(machine: Machine, path: string): void {
  if (!machine.states.has(machine.startAt))
    throw invalid(`${path}.StartAt`, `there is no state ${machine.startAt} here`);
  const reached = new Set<string>();
  const open = [machine.startAt];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    const state = machine.states.get(name);
    for (const target of state === undefined ? [] : targetsOf(state)) {
      if (!machine.states.has(target))
        throw invalid(`${path}.States.${name}`, `there is no state ${target} here to go to`);
      open.push(target);
    }
  }
  const unreached = [...machine.states.keys()].find((name) => !reached.has(name));
  if (unreached !== undefined) throw invalid(`${path}.States.${unreached}`, 'no state leads here');
}

function targetsOf(state: State): readonly string[] {
  switch (state.type) {
    case 'Choice':
      return [
        ...state.choices.map((rule) => rule.next),
        ...(state.fallback === undefined ? [] : [state.fallback.next]),
      ];
    case 'Task':
    case 'Map':
    case 'Parallel':
      return [
        ...(state.next === undefined ? [] : [state.next]),
        ...state.catchers.map((catcher) => catcher.next),
      ];
    case 'Pass':
    case 'Wait':
      return state.next === undefined ? [] : [state.next];
    case 'Succeed':
    case 'Fail':
      return [];
  }
}

function resourcesOf(machine: Machine): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = ({ states }: Machine): void => {
    for (const state of states.values()) {
      if (state.type === 'Task') found.add(state.resource);
      if (state.type === 'Map') visit(state.processor);
      if (state.type === 'Parallel') state.branches.forEach(visit);
    }
  };
  visit(machine);
  return found;
}

/** Whether a Map of the machine, nested ones included, reads or writes objects. */
export function usesObjects(machine: Machine): boolean {
  const needs = (map: MapState): boolean =>
    map.itemReader !== undefined || map.resultWriter?.arguments !== undefined;
  return [...machine.states.values()].some((state) => {
    if (state.type === 'Map') return needs(state) || usesObjects(state.processor);
    return state.type === 'Parallel' && state.branches.some(usesObjects);
  });
}

function substitute(value: unknown, values: Readonly<Record<string, string>>, path: string): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(/\$\{([A-Za-z0-9_]+)\}/g, (_, key: string) => {
      const found = Object.hasOwn(values, key) ? values[key] : undefined;
      if (found === undefined) throw invalid(path, `no value is given for the substitution \${${key}}`);
      return found;
    });
  }
  if (Array.isArray(value))
    return value.map((element, index) => substitute(element, values, `${path}[${index}]`));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, substitute(member, values, `${path}.${key}`)]),
  );
}
