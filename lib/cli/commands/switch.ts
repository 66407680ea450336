import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const switchBranch: CommandHandler = () => {
  throw new UsageError('switch is not part of this version yet');
};
