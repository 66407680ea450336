/** `look`: nothing is broken, but a person may want to act. `wrong`: something does not work or is damaged. */
export interface Finding {
  readonly status: 'ok' | 'look' | 'wrong';
  readonly name: string;
  readonly detail: string;
  readonly next?: string;
}
