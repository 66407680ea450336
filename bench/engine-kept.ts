import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { cache, threads } from './base.ts';
import type { EngineLimit, EngineMeasurements, EngineUnit, SparkStart } from './engine-measurements.ts';

/** What is measured of each scenario by itself, kept until the whole is: a pass that was stopped goes on where it was. */

const folder = `${cache}/engines-kept/measured`;

/** A part of the whole: a scenario by an engine, or its MERGEs. */
export interface KeptPart {
  readonly load: number;
  readonly units: readonly EngineUnit[];
  readonly starts: readonly SparkStart[];
  readonly merges: EngineMeasurements['merges'];
  readonly limits: readonly EngineLimit[];
}

export type PartKind = EngineUnit['engine'] | 'merges';

export async function keepPart(scenario: string, kind: PartKind, part: Partial<KeptPart>): Promise<void> {
  const whole: KeptPart = { load: loadavg()[0] ?? 0, units: [], starts: [], merges: [], limits: [], ...part };
  await mkdir(folder, { recursive: true });
  await writeFile(pathOf(scenario, kind), JSON.stringify(whole));
}

export async function keptPart(scenario: string, kind: PartKind): Promise<KeptPart | undefined> {
  try {
    return JSON.parse(await readFile(pathOf(scenario, kind), 'utf8')) as KeptPart;
  } catch {
    return undefined;
  }
}

export async function forgetParts(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

export function togetherOf(parts: readonly KeptPart[]): EngineMeasurements {
  return {
    formatVersion: 3,
    load: parts.reduce((most, { load }) => Math.max(most, load), 0),
    cores: threads,
    units: parts.flatMap(({ units }) => units),
    sparkStarts: parts.flatMap(({ starts }) => starts),
    merges: parts.flatMap(({ merges }) => merges),
    limits: parts.flatMap(({ limits }) => limits),
  };
}

function pathOf(scenario: string, kind: PartKind): string {
  return `${folder}/${scenario.replaceAll(/[^a-z0-9]+/gi, '-')}.${kind}.json`;
}
