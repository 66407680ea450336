/** How far a run is, for people. */
export type ProgressEvent =
  | { readonly kind: 'run'; readonly runId: string; readonly attempt: number; readonly objects: number }
  | {
      readonly kind: 'stage';
      readonly runId: string;
      readonly stage: string;
      readonly units: number;
      readonly rows: number;
      readonly bytes: number;
    }
  | {
      readonly kind: 'unit';
      readonly runId: string;
      readonly stage: string;
      readonly unit: string;
      readonly rows: number;
      readonly bytes: number;
      readonly skipped: boolean;
      readonly elapsedMs: number;
    }
  | {
      /** The unit waits for Spark, which its stage will begin when all other units have ended. */
      readonly kind: 'compiled';
      readonly runId: string;
      readonly stage: string;
      readonly unit: string;
    }
  | {
      readonly kind: 'note';
      readonly runId: string;
      readonly text: string;
      /** The stage that Spark is at work on from now on. */
      readonly stage?: string;
    };
