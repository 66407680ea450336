import { benchShape, latenessMs } from './rollup-data.ts';
import { backfill, mixedDay, pipelineYaml, type Shape } from './summary-data.ts';

/** What is measured by both engines: small enough that all of it takes some minutes, apart enough that each number of the model shows. */
export type EngineScenario = SummaryScenario | RollupScenario;

export interface SummaryScenario {
  readonly kind: 'summary';
  readonly name: string;
  readonly shape: Shape;
  readonly rewrite: 'merge-on-read' | 'copy-on-write';
  /** Fraction of the accounts whose month of a year ago is corrected, or a day of everything. */
  readonly batch: number | 'day';
  /** Whether Spark's own MERGEs are measured, too. */
  readonly merges: boolean;
}

export interface RollupScenario {
  readonly kind: 'rollup';
  readonly name: string;
  /** Of each of two batches; the second one has state to read. */
  readonly points: number;
  readonly resolutionsMs: readonly number[];
  readonly hasQuantiles: boolean;
}

const shapes: readonly Shape[] = [
  { accounts: 15_000, months: 14, historyColumns: 4, buckets: 1 },
  { accounts: 60_000, months: 14, historyColumns: 4, buckets: 1 },
  { accounts: 12_000, months: 14, historyColumns: 20, buckets: 1 },
];
const changes = [
  { batch: 0.01, rewrite: 'merge-on-read' },
  { batch: 0.2, rewrite: 'merge-on-read' },
  { batch: 0.01, rewrite: 'copy-on-write' },
] as const;

const summaries: readonly SummaryScenario[] = [
  ...shapes.flatMap((shape, at) => changes.map((change) => summary({ shape, ...change, merges: at === 1 }))),
  ...shapes
    .slice(1)
    .map((shape) => summary({ shape, batch: 'day', rewrite: 'merge-on-read', merges: false })),
  // Large enough that what Spark does before it works hardly counts.
  summary({
    shape: { accounts: 300_000, months: 14, historyColumns: 4, buckets: 1 },
    batch: 0.01,
    rewrite: 'merge-on-read',
    merges: true,
  }),
];

function summary(of: Pick<SummaryScenario, 'shape' | 'batch' | 'rewrite' | 'merges'>): SummaryScenario {
  const { shape, batch, rewrite } = of;
  const what = batch === 'day' ? 'a day' : `${100 * batch} %`;
  return {
    ...of,
    kind: 'summary',
    name: `${shape.accounts.toLocaleString('en')} accounts, ${shape.historyColumns} arrays, ${what}, ${rewrite}`,
    merges: of.merges && batch === 0.01,
  };
}

const three = [60_000, 300_000, 3_600_000];
const rollups: readonly RollupScenario[] = [
  rollup({ points: 100_000, resolutionsMs: three, hasQuantiles: false }),
  rollup({ points: 400_000, resolutionsMs: [60_000], hasQuantiles: false }),
  rollup({ points: 400_000, resolutionsMs: three, hasQuantiles: false }),
  rollup({ points: 1_200_000, resolutionsMs: three, hasQuantiles: false }),
  rollup({ points: 200_000, resolutionsMs: three, hasQuantiles: true }),
];

function rollup(of: Pick<RollupScenario, 'points' | 'resolutionsMs' | 'hasQuantiles'>): RollupScenario {
  const { points, resolutionsMs, hasQuantiles } = of;
  const lengths = resolutionsMs.length === 1 ? '1 resolution' : `${resolutionsMs.length} resolutions`;
  return {
    ...of,
    kind: 'rollup',
    name: `${points.toLocaleString('en')} points, ${lengths}${hasQuantiles ? ', quantiles' : ''}`,
  };
}

export const engineScenarios: readonly EngineScenario[] = [...summaries, ...rollups];

export function writeSummaryBatch({ shape, batch }: SummaryScenario, path: string): Promise<void> {
  return batch === 'day' ? mixedDay(shape, path) : backfill(shape, batch, path);
}

/** @param work further entries of the section `work` */
export function yamlOf(scenario: EngineScenario, work: string): string {
  return scenario.kind === 'summary'
    ? pipelineYaml(scenario.shape, scenario.rewrite, 'none', `, ${work}, strategy: partitionwise`)
    : rollupYaml(scenario, work);
}

function rollupYaml({ points, resolutionsMs, hasQuantiles }: RollupScenario, work: string): string {
  const quantiles = hasQuantiles ? '{ relativeAccuracy: 0.01, values: [0.5, 0.95, 0.99] }' : 'null';
  return `pipeline: bench
kind: rollup
points: { series: { type: bigint } }
resolutions: [${resolutionsMs.map((ms) => `${ms}ms`).join(', ')}]
batches: { start: '${new Date(benchShape(points).startMs).toISOString()}', every: 1h }
lateness: ${latenessMs}ms
quantiles: ${quantiles}
work: { ${work} }
maintenance: { auto: false }
`;
}
