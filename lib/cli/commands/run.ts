import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const run: CommandHandler = () => {
  throw new UsageError('run is not part of this version yet');
};
