import { createHash } from 'node:crypto';
import { joinLocation } from '../stores/location.ts';
import type { Location } from '../stores/ports.ts';

/** Where a run keeps its artefacts in the results store. Everything below is written once. */
export const layout = {
  runFolder: (resultsRoot: Location, runId: string) => joinLocation(resultsRoot, 'runs', runId),
  manifest: (folder: Location) => joinLocation(folder, 'run.json'),
  plan: (folder: Location, generation: number) => joinLocation(folder, 'plan', `plan-${generation}.json`),
  specs: (folder: Location, stage: string, generation: number) =>
    joinLocation(folder, 'plan', `${stage}-${generation}.specs.jsonl`),
  items: (folder: Location, stage: string, generation: number) =>
    joinLocation(folder, 'plan', `${stage}-${generation}.items.jsonl`),
  checkpoint: (folder: Location, stage: string, unit: string, tag: string) =>
    joinLocation(folder, 'checkpoints', stage, `${unit}-${tag}.json`),
  /** Specifications, reports and small outputs of units for Spark, and the lists of its runs. */
  spark: (folder: Location, stage: string, name: string) => joinLocation(folder, 'spark', stage, name),
  audit: (folder: Location, tag: string) => joinLocation(folder, `audit-${tag}.json`),
} as const;

export function sha256(value: string | Uint8Array): string {
  return createHash('sha256').update(value).digest('hex');
}

const encoder = new TextEncoder();

/** The bytes of a JSON artefact. bigint is refused by JSON.stringify: say it as text. */
export function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}
