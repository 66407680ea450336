import type { EngineSession } from '../../engine/engine.ts';
import { sideBySide } from '../../run/side-by-side.ts';
import { auditConservation } from './conservation.ts';
import type { CommonAudit } from './context.ts';
import { type Findings, findings } from './findings.ts';
import { auditOrder, auditRows, partTotals } from './rows.ts';
import { auditSample } from './sample.ts';
import { auditSketches } from './sketches.ts';
import { auditState } from './state.ts';
import { openViews } from './views.ts';

/** Checks that need nothing of each other, side by side, the longest first; their findings in the order of a reader. */
export async function auditContents(
  common: CommonAudit,
): Promise<{ readonly found: readonly Findings[]; readonly sampledSeries: number }> {
  const { context } = common;
  const [rows, order, points, sketches, state, sample] = [
    findings(),
    findings(),
    findings(),
    findings(),
    findings(),
    findings(),
  ] as const;
  let sampledSeries = 0;
  const checks: readonly ((session: EngineSession) => Promise<void>)[] = [
    async (session) => {
      sampledSeries = await auditSample({ ...common, session, findings: sample });
    },
    async (session) => {
      const one = { ...common, session, findings: rows };
      const published = await auditRows(one);
      const partBefore = await partTotals(one, 'part_before');
      const partAfter = await partTotals(one, 'part_after');
      await auditConservation({ ...one, findings: points }, { published, partBefore, partAfter });
    },
    async (session) => await auditSketches({ ...common, session, findings: sketches }),
    async (session) => await auditState({ ...common, session, findings: state }),
    async (session) => {
      const by = ['l0', 'id', 'w'];
      await auditOrder(
        { ...common, session, findings: order },
        { check: 'sorted rows', view: 'published', by },
      );
    },
  ];
  await sideBySide(
    {
      ...context,
      open: async (share) => {
        const session = await context.session('audit', share);
        await openViews({ ...common, session });
        return session;
      },
    },
    each(checks),
    async (session, check) => await check(session),
  );
  return { found: [rows, order, points, sketches, state, sample], sampledSeries };
}

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}
