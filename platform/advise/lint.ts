/** `error`: somebody reads or writes what he should not. `warn`: it will go wrong, or does so slowly. `info`: worth a look. */
export type AdviceLevel = "error" | "warn" | "info";

export type AdviceLint = {
  /** Names it in answers, in the docs, and for ever. */
  readonly id: string;
  readonly level: AdviceLevel;
  /** What is so, in a line. */
  readonly title: string;
  /** A select of `object`, `detail` and `fix` (SQL) over the tables of `prelude.ts`: a row for each thing that is so. */
  readonly sql: string;
  /** It goes by what happened in the database, which a copy of it does not know. */
  readonly needsHistory?: true;
};
