/** When to try again. Ten waits, a little under a day in all; whoever has not taken a message by then has it among the dead. */
const waitsSeconds = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800];
const longestMs = 24 * 3_600_000;

export type NextTry = { readonly kind: "later"; readonly afterMs: number } | { readonly kind: "dead" };

export type Backoff = (failure: {
  /** That failed, this one included. */
  readonly attempts: number;
  readonly ageMs: number;
  readonly status: number;
}) => NextTry;

/** `random` spreads receivers that failed together over a fifth of the wait. 410 says that nobody will ever be there again. */
export const makeBackoff =
  (random: () => number = Math.random): Backoff =>
  ({ attempts, ageMs, status }) => {
    const wait = waitsSeconds[attempts - 1];
    if (wait === undefined || ageMs > longestMs || status === 410) return { kind: "dead" };
    return { kind: "later", afterMs: Math.round(wait * 1000 * (1 + random() * 0.2)) };
  };
