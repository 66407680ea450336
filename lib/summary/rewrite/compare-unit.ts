import { CorruptStateError } from '../../errors.ts';
import { dataFileFromJson, type PartitionSpec } from '../../iceberg/index.ts';
import { readCheckpoint } from '../../run/units/checkpoints.ts';
import type { Plan, UnitItem, UnitResult } from '../../run/workload.ts';
import { engineShare } from '../audit/audit.ts';
import { digestOf } from '../audit/digest.ts';
import { findings } from '../audit/findings.ts';
import { stateFileOf } from '../audit/state.ts';
import { unitTable } from '../files/tables-io.ts';
import { inUnitRoom } from '../files/unit-room.ts';
import { placeOf } from '../plan/files.ts';
import { monthText } from '../sql/months.ts';
import { summaryShape } from '../tables/columns.ts';
import type { SummaryContext } from '../types.ts';
import { compareRows, type NewFile } from './compare.ts';
import { rewriteFacts } from './target.ts';
import {
  type CompareOutcome,
  type CompareSpec,
  compareStage,
  type RewriteOutcome,
  rewriteStage,
} from './types.ts';

/** Reads once more what a unit of `rewrite` has read, and what it has written, by statements of its own. */
export async function compareUnit(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: CompareSpec,
): Promise<UnitResult> {
  const { role, to } = spec;
  const { schema } = await unitTable(context, plan, role);
  const target = rewriteFacts(plan).specs[role];
  const before = spec.files.map((file) =>
    stateFileOf(
      role,
      file,
      file.deletes.map(({ location }) => location),
    ),
  );
  const after = await writtenBy(context, spec, target);
  const found = findings();
  const attempt = async (share = {}) => {
    await using session = await context.session(`${item.stage}-${item.unit}`, {
      memoryBytes: Math.floor(context.memoryBytes * engineShare),
      ...share,
    });
    return await compareRows({
      world: context.world,
      session,
      shape: summaryShape(context.config),
      schema,
      role,
      to,
      before,
      after,
      findings: found,
      what: `unit ${spec.unit}`,
    });
  };
  const rows = await inUnitRoom({
    context,
    item,
    attempt,
    withLess: context.threads === 1 ? undefined : () => attempt({ threads: 1 }),
  });
  const outcome: CompareOutcome = {
    stage: compareStage,
    role,
    changes: [],
    digest: digestOf(before.map((file) => ({ kind: 'before', role, file }))),
    rows,
    checks: found.parts(),
  };
  return { rows, bytes: 0, outcome };
}

/** What the unit's checkpoint says that it has written. @throws CorruptStateError when it has none */
async function writtenBy(
  context: SummaryContext,
  { unit, role }: CompareSpec,
  target: PartitionSpec | undefined,
): Promise<readonly NewFile[]> {
  const record = await context.world.state.checkpoints.get(context.runId, rewriteStage, unit);
  if (record === undefined)
    throw new CorruptStateError(`unit ${unit} of stage ${rewriteStage} has no checkpoint`, {
      safe: 'the tables are untouched',
      next: `partwise resume ${context.runId}`,
    });
  const { changes } = (await readCheckpoint(context, record)).outcome as RewriteOutcome;
  return changes.flatMap(({ added }) =>
    added.map((json) => newFile(role, dataFileFromJson(json), target, context.config.month)),
  );
}

function newFile(
  role: CompareSpec['role'],
  file: ReturnType<typeof dataFileFromJson>,
  target: PartitionSpec | undefined,
  month: string,
): NewFile {
  const specs = target === undefined ? [] : [target];
  const place = placeOf({ file }, specs, role === 'summary' ? month : undefined);
  const { location, rows } = file;
  return { location, rows, bucket: place.bucket, month: role === 'summary' ? monthText(place.month) : '' };
}
