import { UsageError } from '../../errors.ts';
import type { CommandHandler } from '../command.ts';

export const resume: CommandHandler = () => {
  throw new UsageError('resume is not part of this version yet');
};
