import { createHash } from 'node:crypto';
import { CorruptStateError } from '../../errors.ts';
import type { Location, ObjectStore } from '../../stores/ports.ts';
import { layout, sha256 } from '../layout.ts';
import type { RunContext, StageSummary, UnitItem } from '../workload.ts';

/** What a workload plans of a unit. The specification names every input of the unit, so that equal ones are equal work. */
export interface PlannedUnit {
  /** Says what the unit is about, e.g. `b0007`; letters, digits, - and _. */
  readonly label: string;
  readonly rows: number;
  readonly bytes: number;
  readonly specification: unknown;
}

export interface WrittenStage extends StageSummary {
  /** SHA-256 over all specifications. */
  readonly digest: string;
}

/**
 * Writes a stage's units as two JSON Lines objects, streaming: specifications, and the Map's items that point into
 * them. A unit's id ends in the digest of its specification: planned again with the same inputs it is the same
 * unit and its checkpoint still stands; with other inputs it is another.
 */
export async function writeStage(
  context: RunContext,
  name: string,
  generation: number,
  units: AsyncIterable<PlannedUnit> | Iterable<PlannedUnit>,
): Promise<WrittenStage> {
  const store = context.world.results;
  const specifications = layout.specs(context.folder, name, generation);
  const items = layout.items(context.folder, name, generation);
  const digest = createHash('sha256');
  const itemLines: Uint8Array[] = [];
  const encoder = new TextEncoder();
  let count = 0;
  let rows = 0;
  let bytes = 0;
  let offset = 0;

  async function* lines(): AsyncIterable<Uint8Array> {
    let buffered = '';
    for await (const unit of units) {
      const text = JSON.stringify(unit.specification);
      const length = Buffer.byteLength(text);
      const item: UnitItem = {
        run: context.runId,
        stage: name,
        unit: unitId(unit),
        specification: specifications,
        offset,
        length,
      };
      digest.update(text);
      itemLines.push(encoder.encode(`${JSON.stringify(item)}\n`));
      count += 1;
      rows += unit.rows;
      bytes += unit.bytes;
      offset += length + 1;
      buffered += `${text}\n`;
      if (buffered.length > 1 << 20) {
        yield encoder.encode(buffered);
        buffered = '';
      }
    }
    yield encoder.encode(buffered);
  }

  await store.write(specifications, lines(), { overwrite: true });
  await store.write(items, chunked(itemLines), { overwrite: true });
  return { name, units: count, rows, bytes, items, digest: digest.digest('hex') };
}

/** The id that `writeStage` gives this unit; later stages may name it in their own specifications. */
export function unitId(unit: Pick<PlannedUnit, 'label' | 'specification'>): string {
  return `${unit.label}-${sha256(JSON.stringify(unit.specification)).slice(0, 10)}`;
}

async function* chunked(lines: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let pending: Uint8Array[] = [];
  let size = 0;
  for (const line of lines) {
    pending.push(line);
    size += line.length;
    if (size > 1 << 20) {
      yield Buffer.concat(pending);
      pending = [];
      size = 0;
    }
  }
  yield Buffer.concat(pending);
}

/** The items of a stage, streamed. */
export async function* stageItems(store: ObjectStore, items: Location): AsyncIterable<UnitItem> {
  for await (const line of store.readLines(items)) if (line !== '') yield JSON.parse(line) as UnitItem;
}

/** @throws CorruptStateError when the object does not hold the specification that the item was made for */
export async function readSpecification(store: ObjectStore, item: UnitItem): Promise<unknown> {
  const text = new TextDecoder().decode(await store.readRange(item.specification, item.offset, item.length));
  if (!item.unit.endsWith(`-${sha256(text).slice(0, 10)}`)) {
    throw new CorruptStateError(`the specification of unit ${item.unit} is not the one that was planned`, {
      details: { location: item.specification, offset: item.offset },
      safe: 'the tables are untouched',
      next: `partwise cancel ${item.run}`,
    });
  }
  return JSON.parse(text);
}
