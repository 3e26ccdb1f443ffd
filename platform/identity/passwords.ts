import { hash, parseOptions, verify } from "@node-rs/argon2";
import pLimit from "p-limit";
import { tooManyAttempts } from "./account-errors.ts";
import { normalisePassword } from "./password-rules.ts";

/**
 * Passwords as argon2id, OWASP's parameters.
 *
 * 1. Unknown accounts cost what known ones do: `verify(null, ...)` works through a hash of its own and says no.
 * 2. At most `atOnce` hashes run (19 MiB and a thread each); at most `waiting` wait; who comes later is told to wait (NEB666).
 */
export type Passwords = {
  hash(password: string): Promise<string>;
  /** `stale`: it was right, and stands under other parameters than today's. */
  verify(stored: string | null, password: string): Promise<{ readonly right: boolean; readonly stale: boolean }>;
};

export type Cost = { readonly memoryCost: number; readonly timeCost: number; readonly parallelism: number };

/** OWASP's first recommendation for argon2id: 19 MiB, 2 passes, 1 lane. */
export const owaspCost: Cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

const argon2id = 2;

export function makePasswords(
  cost: Cost = owaspCost,
  { atOnce = 2, waiting = 60 }: { readonly atOnce?: number; readonly waiting?: number } = {},
): Passwords {
  const turn = pLimit(atOnce);
  const options = { ...cost, algorithm: argon2id };
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (turn.pendingCount >= waiting)
      throw tooManyAttempts("too many sign-ins at once", { fields: { retryAfterSeconds: 2 } });
    return turn(work);
  };
  let stranger: Promise<string> | undefined;
  const dummy = () => {
    stranger ??= turn(() => hash("nobody has this password", options));
    return stranger;
  };
  return {
    hash: (password) => inTurn(() => hash(normalisePassword(password), options)),
    async verify(stored, password) {
      const against = stored ?? (await dummy());
      const right = await inTurn(() => verify(against, normalisePassword(password)));
      if (stored === null || !right) return { right: false, stale: false };
      return { right, stale: isStale(stored, cost) };
    },
  };
}

function isStale(stored: string, { memoryCost, timeCost, parallelism }: Cost): boolean {
  const found = parseOptions(stored);
  return (
    Number(found.algorithm) !== argon2id ||
    found.memoryCost !== memoryCost ||
    found.timeCost !== timeCost ||
    found.parallelism !== parallelism
  );
}
