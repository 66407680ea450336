import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const runs: CommandHandler = () => {
  throw new UsageError('runs is not part of this version yet');
};
