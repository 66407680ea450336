import type { Definition } from '../../asl/support.ts';

export const pass = (more: Definition): Definition => ({
  Type: 'Pass',
  ...('Next' in more ? {} : { End: true }),
  ...more,
});
export const retry = (more: Definition): Definition => ({ IntervalSeconds: 1, BackoffRate: 1, ...more });
export const caught = (next: string, more: Definition = {}): Definition => ({
  ErrorEquals: ['States.ALL'],
  Next: next,
  ...more,
});
