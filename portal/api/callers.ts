import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Principal } from "../../platform/identity/index.ts";

/**
 * Whom a credential speaks for, remembered for a second.
 *
 * 1. Nothing is believed longer than `lifeMs`, counted from before the ledger was asked: a revoked credential opens nothing a
 *    second later, also when no notification came.
 * 2. `forget` (a notification, or a change that was made here) ends it at once; what was being looked up meanwhile is not kept.
 * 3. Only who was let in is remembered, under a digest: no credential stands in memory for it.
 */
export type Callers = {
  /** Whom an Authorization header spoke for within the last second. */
  known(authorization: string): Principal | undefined;
  /** Asks `load`, once for all that ask at the same time, and remembers whom it names. */
  learn(authorization: string, load: () => Promise<Principal | undefined>): Promise<Principal | undefined>;
  forget(): void;
};

type Known = { readonly principal: Principal; readonly untilMs: number };

const lifeMs = 1000;
const most = 10_000;

/** `onForget`: whoever else remembers what the ledger says of them. */
export function makeCallers(monotonicMs: () => number, onForget: () => void = () => undefined): Callers {
  const remembered = new LRUCache<string, Known>({ max: most });
  const asked = new Map<string, Promise<Principal | undefined>>();
  let generation = 0;

  const ask = async (digest: string, load: () => Promise<Principal | undefined>) => {
    const [before, untilMs] = [generation, monotonicMs() + lifeMs];
    try {
      const principal = await load();
      if (principal !== undefined && before === generation) remembered.set(digest, { principal, untilMs });
      return principal;
    } finally {
      if (before === generation) asked.delete(digest);
    }
  };

  return {
    known(authorization) {
      const found = remembered.get(digestOf(authorization));
      return found !== undefined && monotonicMs() < found.untilMs ? found.principal : undefined;
    },
    learn(authorization, load) {
      const digest = digestOf(authorization);
      const running = asked.get(digest);
      if (running !== undefined) return running;
      const question = ask(digest, load);
      asked.set(digest, question);
      return question;
    },
    forget() {
      generation++;
      onForget();
      remembered.clear();
      asked.clear();
    },
  };
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64");
