import type { CommandSpec } from '../command.ts';
import { adoptCommand } from './adopt.ts';
import { careCommands } from './care.ts';
import { lookCommands } from './look.ts';
import { rebuildCommand } from './rebuild.ts';
import { repairCommand } from './repair.ts';
import { compactCommand, rebucketCommand } from './rewrite.ts';
import { simulateCommand } from './simulate.ts';
import { startCommands } from './start.ts';
import { workCommands } from './work.ts';

/** Every command, in the order of the help. Specifications only: a command's code is loaded when it is typed. */
export const commands: readonly CommandSpec[] = [
  ...startCommands,
  ...workCommands,
  repairCommand,
  ...lookCommands,
  simulateCommand,
  ...careCommands,
  rebuildCommand,
  compactCommand,
  rebucketCommand,
  adoptCommand,
];
