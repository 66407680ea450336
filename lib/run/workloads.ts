import type { PipelineConfig } from '../config/schema.ts';
import { rollupWorkload } from '../rollup/index.ts';
import { summaryWorkload } from '../summary/index.ts';
import type { Workload } from './workload.ts';

const workloads: Readonly<Record<PipelineConfig['kind'], Workload>> = {
  summary: summaryWorkload,
  rollup: rollupWorkload,
};

export function workloadOf(config: Pick<PipelineConfig, 'kind'>): Workload {
  return workloads[config.kind];
}
