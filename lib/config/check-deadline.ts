import type { Problem } from './problems.ts';
import type { PipelineConfig } from './schema.ts';
import { parseDurationMs } from './sizes.ts';

/** What a run's own steps take at least, whatever there is to do, where nothing has to start first. */
const least = '10s';

/** A deadline that every run would miss chooses nothing. */
export function checkDeadline({ work }: Pick<PipelineConfig, 'work'>): readonly Problem[] {
  const { deadline } = work;
  if (deadline === undefined || parseDurationMs(deadline) >= parseDurationMs(least)) return [];
  return [
    {
      path: ['work', 'deadline'],
      message: `no run is done within ${deadline}: planning, audit and publishing take seconds, and about two minutes on AWS; allowed: ${least} and more`,
    },
  ];
}
