import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const demo: CommandHandler = () => {
  throw new UsageError('demo is not part of this version yet');
};
