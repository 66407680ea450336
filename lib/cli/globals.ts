import type { FlagSpec } from './command.ts';

/** Flags that every command takes. */
export const globalFlags: readonly FlagSpec[] = [
  {
    name: 'pipeline',
    kind: 'text',
    value: 'FILE|NAME',
    help: 'pipeline file, or its name in pipelines/ (default: the one that init made, or the only one there)',
  },
  {
    name: 'root',
    kind: 'text',
    value: 'DIR',
    help: 'folder of the tables, runs and catalog (default: .partwise)',
  },
  {
    name: 'aws',
    kind: 'switch',
    help: 'the pipeline as it is deployed on AWS, not here; --profile and --region say so too',
  },
  { name: 'profile', kind: 'text', value: 'PROFILE', help: 'profile of ~/.aws/config to sign in with' },
  { name: 'region', kind: 'text', value: 'REGION', help: 'region of AWS (default: that of the profile)' },
  { name: 'json', kind: 'switch', help: 'one JSON document on stdout; progress stays on stderr' },
  { name: 'threads', kind: 'count', value: 'N', help: 'workers (default: the cores of this machine)' },
  {
    name: 'memory',
    kind: 'size',
    value: 'SIZE',
    help: 'memory for all workers together, such as 500MB (at most work.memory of the pipeline)',
  },
  { name: 'quiet', kind: 'switch', help: 'no progress' },
  { name: 'no-color', kind: 'switch', help: 'no colours (also: the variable NO_COLOR)' },
  { name: 'help', kind: 'switch', help: 'this help' },
];

export const versionFlag: FlagSpec = { name: 'version', kind: 'switch', help: 'print the version' };
