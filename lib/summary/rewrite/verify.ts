import { sideBySide } from '../../run/side-by-side.ts';
import type { AuditReport, Plan } from '../../run/workload.ts';
import { auditSessions } from '../audit/audit.ts';
import { findings } from '../audit/findings.ts';
import { type BucketSpool, openBucketSpool } from '../audit/spool.ts';
import type { SpoolLine, StateFile, TableState } from '../audit/state.ts';
import { summaryShape } from '../tables/columns.ts';
import { type Role, roles } from '../tables/tables.ts';
import type { SummaryContext } from '../types.ts';
import { compareRows, type NewFile } from './compare.ts';
import { divisor } from './spread.ts';
import { rewriteFacts } from './target.ts';

interface RewrittenOptions {
  readonly context: SummaryContext;
  readonly plan: Plan;
  readonly tables: Readonly<Record<Role, TableState>>;
  /** The files before the run, and what it changed, by bucket: of either number. */
  readonly spool: BucketSpool<SpoolLine>;
}

/** The rows of all files that a rewrite has replaced against those of the files that replaced them, class by class. */
export async function verifyRewritten(options: RewrittenOptions): Promise<AuditReport> {
  const { context, plan, tables, spool } = options;
  const { from, to } = rewriteFacts(plan);
  const modulus = divisor(from, to);
  const found = findings();
  // Buckets before and after are the same number modulo this.
  await using classes = await openBucketSpool<BucketLine>(`${context.world.workRoot}/${context.runId}`);
  for await (const [bucket, lines] of spool.buckets())
    for (const line of lines) await classes.add(bucket % modulus, { bucket, line });
  const shape = summaryShape(context.config);
  let rows = 0;
  await sideBySide(auditSessions(context), classes.buckets(), async (session, [at, lines]) => {
    for (const role of roles) {
      const { before, after } = filesOf(role, lines);
      if (before.length + after.length === 0) continue;
      rows += await compareRows({
        world: context.world,
        session,
        shape,
        schema: tables[role].schema,
        role,
        to,
        before,
        after,
        findings: found,
        what: `buckets ${at} of ${modulus}`,
      });
    }
  });
  return found.report({ rows });
}

interface BucketLine {
  readonly bucket: number;
  readonly line: SpoolLine;
}

/** What went and what came; files that stayed are the same on both sides. */
function filesOf(
  role: Role,
  lines: readonly BucketLine[],
): { readonly before: readonly StateFile[]; readonly after: readonly NewFile[] } {
  const own = lines.filter(({ line }) => line.role === role);
  const removed = new Set(own.flatMap(({ line }) => (line.kind === 'removed' ? [line.location] : [])));
  return {
    before: own.flatMap(({ line }) =>
      line.kind === 'before' && removed.has(line.file.location) ? [line.file] : [],
    ),
    after: own.flatMap(({ bucket, line }) =>
      line.kind === 'added' ? [{ ...line.file, bucket, month: line.file.month }] : [],
    ),
  };
}
