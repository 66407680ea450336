import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const maintain: CommandHandler = () => {
  throw new UsageError('maintain is not part of this version yet');
};
