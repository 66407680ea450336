import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const plan: CommandHandler = () => {
  throw new UsageError('plan is not part of this version yet');
};
