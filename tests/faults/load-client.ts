/** A client of two portals: asks again, at the other one, with the same key, until it is told something. Keeps its own account. */
import { setTimeout as sleep } from "node:timers/promises";

export type Asked = {
  readonly key: string;
  readonly path: string;
  /** The operation that the client was told to follow; undefined while nobody has told it anything. */
  operation?: string;
};

export type LoadClient = {
  /** Everything that was asked for. */
  readonly asked: Asked[];
  /** What should not have been answered. */
  readonly surprises: string[];
  /** Changes something; the operation to follow, or undefined when nobody answered in time or it was refused. */
  change(method: "POST" | "PATCH", path: string, body?: unknown): Promise<string | undefined>;
  get<T>(path: string): Promise<T | undefined>;
};

const patienceMs = 10_000;

export function makeLoadClient(portals: readonly string[], token: string): LoadClient {
  const asked: Asked[] = [];
  const surprises: string[] = [];
  let turn = 0;
  const send = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    fetch(`${portals[turn++ % portals.length]}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      signal: AbortSignal.timeout(5_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => undefined);
  return {
    asked,
    surprises,
    async change(method, path, body) {
      const one: Asked = { key: crypto.randomUUID(), path };
      asked.push(one);
      const headers = { "idempotency-key": one.key, "if-match": "*", "content-type": "application/json" };
      for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(150)) {
        const response = await send(method, path, headers, body);
        if (response === undefined || response.status === 503 || response.status === 409) continue;
        if (response.status === 202) {
          const answer = (await response.json().catch(() => undefined)) as
            | { readonly operation: { readonly id: string } }
            | undefined;
          if (answer === undefined) continue; // the portal died in the middle of its answer
          one.operation = answer.operation.id;
          return one.operation;
        }
        if (response.status >= 500)
          surprises.push(`${method} ${path} was answered ${response.status}: ${await response.text()}`);
        return undefined;
      }
      return undefined;
    },
    async get<T>(path: string) {
      const response = await send("GET", path, {});
      return response?.status === 200 ? ((await response.json().catch(() => undefined)) as T | undefined) : undefined;
    },
  };
}
