import type { MapState } from '../definition.ts';
import { ErrorName, StateFailure } from '../errors.ts';
import { jsonBytes, PAYLOAD_LIMIT_BYTES, payloadTooLarge } from '../payload.ts';
import { type ChildResult, createResultExport, type ResultExport, transformed } from '../result-writer.ts';
import { evaluate, type Visit } from '../thread.ts';
import type { ChildrenPosition, Json, ResultFile } from '../types.ts';

/** Where the results of a Map Run's children go. */
export interface Results {
  readonly exports: boolean;
  add(index: number, result: ChildResult): Promise<void>;
  close(): Promise<void>;
  /** The state's result, or why there is none. */
  result(total: number): Json | StateFailure;
  outputs(): { readonly [index: string]: Json };
  files(): readonly ResultFile[];
  /** False when outputs were dropped: then a redrive starts the Map anew. */
  redrivable(): boolean;
}

/** @throws StateFailure States.ResultWriterFailed, States.QueryEvaluationError */
export async function openResults(
  state: MapState,
  visit: Visit,
  mapRunArn: string,
  resume: ChildrenPosition | undefined,
): Promise<Results> {
  const writer = state.resultWriter;
  if (writer?.arguments === undefined) return resultsInMemory(state, resume);
  const { objects } = visit.thread.execution.services;
  if (objects === undefined)
    throw new StateFailure(ErrorName.ResultWriterFailed, 'no object access is given to this execution');
  const location = await evaluate(writer.arguments, visit);
  return exported(
    createResultExport({ writer, location, objects, mapRunArn, earlier: resume?.mapRun?.resultFiles ?? [] }),
  );
}

function exported(target: ResultExport): Results {
  let result: Json = null;
  return {
    exports: true,
    add: (_, child) => target.add(child),
    async close() {
      result = await target.finish();
    },
    result: () => result,
    outputs: () => ({}),
    files: target.files,
    redrivable: () => true,
  };
}

/** Once the result is over the payload limit it can only fail, so nothing more is kept then. */
function resultsInMemory(state: MapState, resume: ChildrenPosition | undefined): Results {
  const elements = new Map<number, readonly Json[]>(
    Object.entries(resume?.outputs ?? {}).map(([index, value]) => [Number(index), value as readonly Json[]]),
  );
  const transformation = state.resultWriter?.transformation ?? 'COMPACT';
  let bytes = 2;
  for (const kept of elements.values()) bytes += jsonBytes(kept);
  return {
    exports: false,
    async add(index, child) {
      const made = transformed({ transformation }, child);
      bytes += jsonBytes(made);
      if (bytes > PAYLOAD_LIMIT_BYTES) elements.clear();
      else elements.set(index, made);
    },
    async close() {},
    result(total) {
      if (bytes > PAYLOAD_LIMIT_BYTES)
        throw payloadTooLarge(`The result of the state '${state.name}'`, bytes);
      return Array.from({ length: total }, (_, index) => elements.get(index) ?? []).flat();
    },
    outputs: () => Object.fromEntries([...elements].map(([index, made]) => [index, made as Json])),
    files: () => [],
    redrivable: () => bytes <= PAYLOAD_LIMIT_BYTES,
  };
}
