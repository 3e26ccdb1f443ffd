/**
 * API keys of the platform (`ndb_...`), as the data API knows them. The portal says whom one speaks for and what it may do with a
 * database's data; the ledger is the portal's.
 *
 * 1. An answer is believed for `freshMs`: a key that was revoked opens nothing after that.
 * 2. While nobody answers, what was known stays believed for an hour, and never beyond the key's own end.
 * 3. What opens nothing is remembered for a moment too, so that guessing asks the portal little.
 * 4. Only digests of keys stand in memory.
 */
import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock, Secret } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { keysUnchecked } from "./errors.ts";

/** What a key may do with the data of one database. */
export type KeyAccess = {
  readonly id: string;
  readonly name: string;
  readonly user: string;
  readonly access: "read" | "write" | "admin";
  readonly expiresAt: string | null;
};

export type Keys = {
  /** undefined: it opens nothing here. @throws NEB773 when nobody can say. */
  find(key: string, id: DatabaseId): Promise<KeyAccess | undefined>;
};

export type KeysOptions = {
  /** Asks the portal; throws when it does not answer. */
  readonly ask: (key: string, id: DatabaseId) => Promise<KeyAccess | undefined>;
  readonly clock: Clock;
  readonly freshMs?: number;
};

type Known = { readonly access: KeyAccess | undefined; readonly askedMs: number };

const staleMs = 3_600_000;
const refusedMs = 5_000;
/** While the portal is away it is not asked for each request. */
const pauseMs = 2_000;

export function makeKeys({ ask, clock, freshMs = 15_000 }: KeysOptions): Keys {
  const known = new LRUCache<string, Known>({ max: 20_000 });
  const asking = new Map<string, Promise<KeyAccess | undefined>>();
  let awayUntilMs = Number.NEGATIVE_INFINITY;

  const learn = (digest: string, key: string, id: DatabaseId): Promise<KeyAccess | undefined> => {
    const running = asking.get(digest);
    if (running !== undefined) return running;
    const askedMs = clock.monotonicMs();
    const question = ask(key, id)
      .then((access) => {
        known.set(digest, { access, askedMs });
        return access;
      })
      .finally(() => asking.delete(digest));
    asking.set(digest, question);
    return question;
  };

  const inTime = (access: KeyAccess | undefined): KeyAccess | undefined =>
    access?.expiresAt == null || Date.parse(access.expiresAt) > clock.now() ? access : undefined;

  return {
    async find(key, id) {
      const digest = hash("sha256", `${id} ${key}`, "base64");
      const before = known.get(digest);
      const nowMs = clock.monotonicMs();
      const age = before === undefined ? Number.POSITIVE_INFINITY : nowMs - before.askedMs;
      if (before !== undefined && age < (before.access === undefined ? refusedMs : freshMs))
        return inTime(before.access);
      const stale = before?.access !== undefined && age < staleMs ? before.access : undefined;
      if (stale !== undefined && nowMs < awayUntilMs) return inTime(stale);
      try {
        return inTime(await learn(digest, key, id));
      } catch (cause) {
        awayUntilMs = clock.monotonicMs() + pauseMs;
        if (stale !== undefined) return inTime(stale);
        throw keysUnchecked(`nobody says what the key may do with ${id}`, { cause });
      }
    },
  };
}

export type PortalOptions = {
  readonly url: string;
  /** Shared with the portal by the data folder: nobody else may ask it about keys. */
  readonly secret: Secret;
  /** Rows (asked with the key itself) or files (asked with its public id). Default: data. */
  readonly about?: "data" | "files";
  readonly timeoutMs?: number;
};

/** The question as HTTP: `GET /api/v1/data-access`, `GET /api/v1/files-access`. */
export const askPortal =
  ({ url, secret, about = "data", timeoutMs = 5_000 }: PortalOptions): KeysOptions["ask"] =>
  async (key, id) => {
    const [domain = "", project = "", database = ""] = id.split(".");
    const response = await fetch(
      `${url}/api/v1/${about}-access?${new URLSearchParams({ domain, project, database })}`,
      {
        headers: { "x-nebula-gateway": secret.reveal(), "x-nebula-key": key },
        signal: AbortSignal.timeout(timeoutMs),
      },
    );
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the portal answered ${response.status}`);
    }
    const { access } = (await response.json()) as { access: KeyAccess | null };
    return access ?? undefined;
  };
