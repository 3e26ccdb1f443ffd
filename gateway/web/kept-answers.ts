/**
 * Answers that are kept, where a declaration says for how long (`api.cache`).
 *
 * 1. An answer is kept for who asked: role, claims, path, query and every header that the database can see are its key.
 * 2. What is written through this gateway ends what is kept of its table; where other tables are embedded, any write of the database
 *    does. An answer that was being made meanwhile is kept under the old number, and so never found.
 * 3. What others write (SQL, triggers, cascades, another gateway) is seen when the time is over, not before.
 */
import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Answer, Asked, Caller } from "./types.ts";

export type KeptAnswers = {
  keyOf(id: DatabaseId, relation: string, asked: Asked, caller: Caller): string;
  get(key: string): Answer | undefined;
  put(key: string, answer: Answer, seconds: number): void;
  /** `schema.table` each; `*`: anything. */
  wrote(id: DatabaseId, relations: readonly string[]): void;
};

/** Change nothing in an answer. Whatever else a client sends, a policy may read. */
const unseen: ReadonlySet<string> = new Set([
  ...["accept-encoding", "accept-language", "connection", "content-length", "date", "host", "if-none-match"],
  ...["keep-alive", "te", "traceparent", "tracestate", "user-agent", "x-client-info", "authorization", "apikey"],
  ...["origin", "referer", "cache-control", "pragma", "priority"],
]);

export function makeKeptAnswers(mostBytes = 32 * 2 ** 20): KeptAnswers {
  const kept = new LRUCache<string, Answer>({
    maxSize: mostBytes,
    maxEntrySize: Math.floor(mostBytes / 16),
    sizeCalculation: ({ body }) => body.length + 1_000,
  });
  const numbers = new Map<string, number>();
  const numberOf = (name: string) => numbers.get(name) ?? 0;
  const bump = (name: string) => numbers.set(name, numberOf(name) + 1);
  return {
    keyOf(id, relation, { path, query, headers }, { role, claims }) {
      const seen = Object.entries(headers)
        .filter(([name]) => !unseen.has(name) && !name.startsWith("sec-"))
        .sort(([a], [b]) => (a < b ? -1 : 1));
      const embeds = /\(|%28/i.test(query);
      const number = embeds ? `${numberOf(`${id} any`)}` : `${numberOf(`${id} ${relation}`)}.${numberOf(`${id} *`)}`;
      const parts = JSON.stringify([id, number, role, claims, path, query, seen]);
      return hash("sha256", parts, "base64");
    },
    get: (key) => kept.get(key),
    put: (key, answer, seconds) => void kept.set(key, answer, { ttl: seconds * 1000 }),
    wrote(id, relations) {
      if (relations.length === 0) return;
      bump(`${id} any`);
      for (const relation of relations) bump(`${id} ${relation}`);
    },
  };
}
