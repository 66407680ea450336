import { GLUE_RUN } from '../../lib/run/local/local-spark.ts';

/** Job runs for machines whose pipelines have no Spark: none is ever started. */
export const noSpark = {
  [GLUE_RUN]: async () => {
    throw new Error('a pipeline without Spark has started a run of it');
  },
};
