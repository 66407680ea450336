import type { MapState } from '../definition.ts';
import { ErrorName, StateFailure } from '../errors.ts';
import { type Item, itemsOf, readItems, readLocation } from '../item-reader.ts';
import { checkPayload, jsonBytes } from '../payload.ts';
import { evaluate, type Visit } from '../thread.ts';
import type { Json } from '../types.ts';
import { evaluateNumber } from './numbers.ts';

/** What one child of a Map gets. */
export interface ChildInput {
  readonly index: number;
  /** Undefined for a child that has succeeded already: its input is not made again. */
  readonly input: Json | undefined;
  readonly mapItem: { readonly [key: string]: Json };
}

/**
 * The children of a Map in order, made one at a time: from `items`, or read and limited to MaxItems; selected, batched.
 * @throws StateFailure States.ItemReaderFailed, States.QueryEvaluationError, States.DataLimitExceeded
 */
export async function* childInputs(
  state: MapState,
  visit: Visit,
  items: readonly Item[] | undefined,
  hasSucceeded: (index: number) => boolean,
): AsyncGenerator<ChildInput> {
  const source = items ?? itemsRead(state, visit);
  const skip = state.itemBatcher === undefined ? hasSucceeded : () => false;
  const selected = selectedItems(state, visit, source, skip);
  yield* state.itemBatcher === undefined ? selected : batches(state, visit, selected);
}

/** A Map's items when it has no ItemReader; undefined when it has. @throws StateFailure States.QueryEvaluationError */
export async function itemsInMemory(state: MapState, visit: Visit): Promise<readonly Item[] | undefined> {
  if (state.itemReader !== undefined) return undefined;
  const value = state.items === undefined ? visit.input : await evaluate(state.items, visit);
  try {
    return [...itemsOf(value, 'STATE_DATA')];
  } catch {
    throw new StateFailure(
      ErrorName.QueryEvaluationError,
      `The items of the state '${state.name}' must be an array or an object`,
    );
  }
}

async function* itemsRead({ itemReader }: MapState, visit: Visit): AsyncGenerator<Item> {
  if (itemReader === undefined) return;
  const { objects } = visit.thread.execution.services;
  if (objects === undefined) {
    throw new StateFailure(ErrorName.ItemReaderFailed, 'no object access is given to this execution');
  }
  const location = readLocation(await evaluate(itemReader.arguments, visit));
  const limits = { min: 1, max: 100_000_000 };
  const most = await evaluateNumber(itemReader.maxItems, visit, 'MaxItems', limits);
  let count = 0;
  for await (const item of readItems(itemReader, location, objects)) {
    yield item;
    count += 1;
    if (count === most) return;
  }
}

async function* selectedItems(
  state: MapState,
  visit: Visit,
  items: Iterable<Item> | AsyncIterable<Item>,
  skip: (index: number) => boolean,
): AsyncGenerator<ChildInput> {
  let index = 0;
  for await (const item of items) {
    const mapItem = {
      Index: index,
      Value: item.value,
      ...(item.key === undefined ? {} : { Key: item.key }),
      Source: item.source,
    };
    yield { index, mapItem, input: skip(index) ? undefined : await inputOf(state, visit, item, mapItem) };
    index += 1;
  }
}

async function inputOf(
  state: MapState,
  visit: Visit,
  item: Item,
  mapItem: { readonly [key: string]: Json },
): Promise<Json> {
  const plain = item.key === undefined ? item.value : { Key: item.key, Value: item.value };
  const input =
    state.itemSelector === undefined ? plain : await evaluate(state.itemSelector, visit, { mapItem });
  return checkPayload(input, `The item ${String(mapItem['Index'])} of the state '${state.name}'`);
}

async function* batches(
  state: MapState,
  visit: Visit,
  items: AsyncIterable<ChildInput>,
): AsyncGenerator<ChildInput> {
  const { itemBatcher: batcher } = state;
  if (batcher === undefined) return;
  const maxItems =
    (await evaluateNumber(batcher.maxItems, visit, 'MaxItemsPerBatch', { min: 1 })) ??
    Number.MAX_SAFE_INTEGER;
  const maxBytes =
    (await evaluateNumber(batcher.maxBytes, visit, 'MaxInputBytesPerBatch', { min: 1, max: 262_144 })) ??
    262_144;
  const common =
    batcher.batchInput === undefined ? {} : { BatchInput: await evaluate(batcher.batchInput, visit) };
  const emptyBytes = jsonBytes({ ...common, Items: [] });
  let index = 0;
  let batch: Json[] = [];
  let bytes = emptyBytes;
  const take = (): ChildInput => {
    const child = { index, input: { ...common, Items: batch }, mapItem: { Index: index } };
    index += 1;
    batch = [];
    bytes = emptyBytes;
    return child;
  };
  for await (const { input = null } of items) {
    const itemBytes = jsonBytes(input) + 1;
    if (batch.length > 0 && (batch.length >= maxItems || bytes + itemBytes > maxBytes)) yield take();
    if (emptyBytes + itemBytes > maxBytes + 1)
      throw new StateFailure(
        ErrorName.DataLimitExceeded,
        `an item does not fit a batch of ${maxBytes} bytes`,
      );
    batch.push(input);
    bytes += itemBytes;
  }
  if (batch.length > 0) yield take();
}
